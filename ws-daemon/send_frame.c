/*
 * send_frame.c - {"type":"send"}: POST /api/send over a socket, with the same
 * codes and sentences.
 */
#include "ws-daemon/send_frame.h"

#include <stdlib.h>

#include "lib/live/submit.h"

enum { KEY_TEXT_MAX = 6 * WP_IDEMPOTENCY_KEY_MAX };

struct send_call {
	struct wp_live_submit submit; /* first: it knows only this */
	struct wp_parts *parts;
	uint64_t number;
	struct wp_frame_ref ref;
};

static void read_options(const struct wp_client_frame *frame,
			 struct wp_buf *key, struct wp_submit_options *out)
{
	out->has_expiry = frame->expires.data != NULL;
	if (out->has_expiry &&
	    !wp_json_integer(&frame->expires, 1, INT64_MAX, &out->expires_s))
		out->expires_s = 0;
	if (frame->key.data == NULL)
		return;
	wp_json_decode(&frame->key, key);
	/* One that is empty or does not fit is none that may be. */
	out->key = "";
	if (key->failed || key->len == 0)
		return;
	out->key = key->data;
	out->key_len = key->len;
}

static void answer(struct send_call *call, struct wp_conn *conn,
		   const struct wp_send_result *result)
{
	const struct wp_json_slice ref = wp_frame_ref_slice(&call->ref);
	struct wp_buf *out = &call->parts->scratch;
	char id[WP_MSGID_LEN + 1];

	if (result->status == WP_SEND_ACCEPTED) {
		wp_msgid_format(&result->id, id);
		wp_frame_reply(out, "accepted", &ref);
		wp_buf_printf(out, ",\"id\":\"%s\"}", id);
	} else {
		const struct wp_refusal *verdict =
			wp_submit_verdict(result->status);

		wp_frame_error(out, &ref, verdict->code, verdict->sentence);
	}
	wp_session_answer(&conn->session);
	wp_conn_send_scratch(conn);
}

static enum wp_ws_metric metric_of(enum wp_send_status status)
{
	if (status == WP_SEND_ACCEPTED)
		return WP_M_SEND_ACCEPTED;
	return status == WP_SEND_UNKNOWN ? WP_M_SEND_UNKNOWN
					 : WP_M_SEND_REFUSED;
}

/* Answer if anybody is still there, and end the call. */
static void on_submitted(struct wp_live_submit *submit,
			 const struct wp_send_result *result)
{
	struct send_call *call = (struct send_call *)submit;
	struct wp_conn *conn = wp_conn_find_open(call->parts, call->number);

	wp_metric_add(call->parts->metrics, metric_of(result->status), 1);
	if (conn != NULL)
		answer(call, conn, result);
	free(call);
}

static struct send_call *new_call(struct wp_conn *conn,
				  const struct wp_client_frame *frame)
{
	struct send_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->submit.live = &conn->parts->live;
	call->submit.done = on_submitted;
	call->parts = conn->parts;
	call->number = conn->member.number;
	wp_frame_ref_keep(&call->ref, frame);
	return call;
}

void wp_send_frame(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	const struct wp_envelope_text text = { .data = frame->envelope.data,
					       .len = frame->envelope.len };
	struct wp_refusal refusal = { "unavailable",
				      "the server is out of memory" };
	struct wp_submit_options options = { 0 };
	struct send_call *call = new_call(conn, frame);
	struct wp_buf key;

	wp_buf_init(&key, KEY_TEXT_MAX);
	read_options(frame, &key, &options);
	wp_session_ask(&conn->session); /* who answers need not wait for us */
	if (call == NULL ||
	    !wp_live_submit_begin(&call->submit, conn->member.user, &options,
				  &text, &refusal)) {
		wp_session_answer(&conn->session);
		wp_metric_add(conn->parts->metrics, WP_M_SEND_REFUSED, 1);
		wp_conn_send_error(conn, &frame->ref, refusal.code,
				   refusal.sentence);
		free(call);
	}
	wp_buf_release(&key);
}
