/*
 * frames_in.c - what each type of client frame does, and what is answered.
 *
 * A frame whose answer comes later leaves a call, which finds its connection by
 * number, or finds that it is gone.
 */
#include "ws-daemon/frames_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/live/consumer.h"
#include "lib/mailbox/sent.h"
#include "ws-daemon/guard.h"
#include "ws-daemon/refresh_frame.h"
#include "ws-daemon/wire/client_frame.h"

static void refuse(struct wp_conn *conn, const struct wp_client_frame *frame,
		   const char *code, const char *sentence)
{
	wp_frame_error(&conn->parts->scratch, &frame->ref, code, sentence);
	wp_conn_send_scratch(conn);
}

/* Who is to be answered later, and about which frame. */
struct asker {
	struct wp_parts *parts;
	uint64_t number;
	struct wp_frame_ref ref;
};

static void keep_asker(struct asker *asker, const struct wp_conn *conn,
		       const struct wp_client_frame *frame)
{
	asker->parts = conn->parts;
	asker->number = conn->member.number;
	wp_frame_ref_keep(&asker->ref, frame);
}

/* The scratch buffer is the answer to what it asked. */
static void answer(struct wp_conn *conn)
{
	wp_session_answer(&conn->session);
	wp_conn_send_scratch(conn);
}

/* ---- {"type":"send"}: as POST /api/send, codes and sentences as well ---- */

enum { KEY_TEXT_MAX = 6 * WP_IDEMPOTENCY_KEY_MAX };

struct send_call {
	struct wp_live_send send; /* first: it knows only this */
	struct asker asker;
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

static void write_result(const struct send_call *call,
			 const struct wp_send_result *result)
{
	const struct wp_json_slice ref = wp_frame_ref_slice(&call->asker.ref);
	struct wp_buf *out = &call->asker.parts->scratch;
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
}

static void count_sent(const struct wp_parts *parts, enum wp_sent sent)
{
	wp_metric_add(parts->metrics, (size_t)WP_M_SENDS + sent, 1);
}

/* What a send that never began is counted as, by the code of its refusal. */
static enum wp_sent refused_as(const char *code)
{
	if (strcmp(code, "overloaded") == 0)
		return WP_SENT_OVERLOADED;
	return strcmp(code, "unavailable") == 0 ? WP_SENT_UNAVAILABLE
						: WP_SENT_INVALID;
}

/* Answer if anybody is still there, and end the call. */
static void on_sent(struct wp_live_send *send,
		    const struct wp_send_result *result)
{
	struct send_call *call = (struct send_call *)send;
	struct wp_parts *parts = call->asker.parts;
	struct wp_conn *conn = wp_conn_find_open(parts, call->asker.number);

	count_sent(parts, wp_sent_of(result));
	if (conn != NULL) {
		write_result(call, result);
		answer(conn);
	}
	free(call);
}

static void on_send(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	const struct wp_envelope_text text = { .data = frame->envelope.data,
					       .len = frame->envelope.len };
	struct wp_refusal refusal = { "unavailable",
				      "the server is out of memory" };
	struct wp_submit_options options = { 0 };
	struct send_call *call;
	struct wp_buf key;
	int64_t wait_ns;

	if (!wp_guard_send(conn, &wait_ns)) {
		count_sent(conn->parts, WP_SENT_LIMITED);
		wp_frame_limited(&conn->parts->scratch, &frame->ref,
				 wp_http_retry_in_s(wait_ns));
		wp_conn_send_scratch(conn);
		return;
	}
	call = calloc(1, sizeof(*call));
	if (call != NULL) {
		call->send.live = &conn->parts->live;
		call->send.done = on_sent;
		keep_asker(&call->asker, conn, frame);
	}
	wp_buf_init(&key, KEY_TEXT_MAX);
	read_options(frame, &key, &options);
	wp_session_ask(&conn->session); /* who answers need not wait for us */
	if (call == NULL || !wp_live_send_begin(&call->send, conn->member.user,
						&options, &text, &refusal)) {
		wp_session_answer(&conn->session);
		count_sent(conn->parts, refused_as(refusal.code));
		refuse(conn, frame, refusal.code, refusal.sentence);
		free(call);
	}
	wp_buf_release(&key);
}

/* ---- {"type":"ack"}: `acked` when it is deleted in both tiers ---- */

struct ack_call {
	struct wp_live_ack ack; /* first: it knows only this */
	struct asker asker;
};

/* Answer if anybody is still there, and end the call. */
static void on_acked(struct wp_live_ack *ack, bool is_done)
{
	struct ack_call *call = (struct ack_call *)ack;
	struct wp_parts *parts = call->asker.parts;
	struct wp_conn *conn = wp_conn_find_open(parts, call->asker.number);
	const struct wp_json_slice ref = wp_frame_ref_slice(&call->asker.ref);

	if (is_done)
		wp_metric_add(parts->metrics, WP_M_ACKED, (int64_t)ack->ids.n);
	else
		wp_metric_add(parts->metrics, WP_M_ACKS_FAILED, 1);
	if (conn != NULL && wp_conn_consumer(conn) != NULL && is_done)
		wp_consumer_acked(wp_conn_consumer(conn), &ack->ids);
	if (conn != NULL && is_done) {
		wp_frame_reply(&parts->scratch, "acked", &ref);
		wp_buf_add_char(&parts->scratch, '}');
	} else if (conn != NULL) {
		wp_frame_error(&parts->scratch, &ref, "unavailable",
			       "the ack may not have been stored; repeat it");
	}
	if (conn != NULL)
		answer(conn);
	free(call);
}

static void refuse_ack(struct wp_conn *conn,
		       const struct wp_client_frame *frame, enum wp_err why,
		       const char *sentence)
{
	if (why == WP_ERR_FULL || why == WP_ERR_UNAVAIL)
		wp_metric_add(conn->parts->metrics, WP_M_ACKS_FAILED, 1);
	if (why == WP_ERR_FULL)
		refuse(conn, frame, "overloaded",
		       "too many frames are unanswered; repeat later");
	else if (why == WP_ERR_UNAVAIL)
		refuse(conn, frame, "unavailable", "Redis cannot be reached");
	else
		refuse(conn, frame,
		       why == WP_ERR_INVAL ? "invalid_ack" : "unavailable",
		       sentence);
}

static void on_ack(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	struct ack_call *call = calloc(1, sizeof(*call));
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (call == NULL) {
		refuse_ack(conn, frame, WP_ERR_NOMEM,
			   "the server is out of memory");
		return;
	}
	if (wp_conn_consumer(conn) != NULL)
		wp_consumer_hear(wp_conn_consumer(conn));
	call->ack.live = &conn->parts->live;
	call->ack.done = on_acked;
	keep_asker(&call->asker, conn, frame);
	wp_session_ask(&conn->session); /* it may be answered at once */
	rc = wp_live_ack_begin(&call->ack, conn->member.user, &frame->text,
			       &err);
	if (rc == WP_OK)
		return;
	wp_session_answer(&conn->session);
	refuse_ack(conn, frame, rc, err.msg);
	free(call);
}

/* ---- the small ones ---- */

static void on_ping(struct wp_conn *conn)
{
	wp_buf_add_str(&conn->parts->scratch, "{\"type\":\"pong\"}");
	wp_conn_send_scratch(conn);
}

static void on_chat(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	const char *sentence = NULL;
	struct wp_extra *extra;
	char *chat = NULL;

	if (!frame->has_chat)
		sentence = "chatId is missing";
	else if (frame->chat.data != NULL)
		sentence = wp_chat_read(&frame->chat, &chat);
	if (sentence != NULL) {
		refuse(conn, frame, "bad_request", sentence);
		return;
	}
	extra = wp_extra_need(&conn->extra);
	if (extra == NULL || (frame->chat.data != NULL && chat == NULL)) {
		free(chat);
		refuse(conn, frame, "unavailable",
		       "the server is out of memory");
		return;
	}
	free(extra->chat);
	extra->chat = chat;
	wp_extra_tidy(&conn->extra);
	wp_registrar_update(conn->parts->live.registrar, &conn->member);
}

/* ---- all ---- */

void wp_frames_in(struct wp_conn *conn, const char *data, size_t len)
{
	struct wp_client_frame frame;
	const char *sentence = wp_client_frame_read(&frame, data, len);

	if (sentence != NULL) {
		refuse(conn, &frame, "invalid_json", sentence);
		return;
	}
	switch (frame.type) {
	case WP_FRAME_SEND:
		on_send(conn, &frame);
		break;
	case WP_FRAME_ACK:
		on_ack(conn, &frame);
		break;
	case WP_FRAME_CHAT:
		on_chat(conn, &frame);
		break;
	case WP_FRAME_PING:
		on_ping(conn);
		break;
	case WP_FRAME_REFRESH:
		wp_refresh_frame(conn, &frame);
		break;
	case WP_FRAME_WATCH:
	case WP_FRAME_UNWATCH:
		refuse(conn, &frame, "unsupported",
		       "watching users is not offered here");
		break;
	case WP_FRAME_UNKNOWN:
		refuse(conn, &frame, "unknown_type",
		       "this type of frame is not known");
		break;
	}
}
