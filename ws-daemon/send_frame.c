/*
 * send_frame.c - {"type":"send"}: POST /api/send over a socket.
 *
 * The same reading, the same script, the same codes. Sends of one connection
 * travel one Redis connection, so they are accepted in their order. Nothing
 * here is logged: not the caller, not the recipient, not the id.
 */
#include "ws-daemon/send_frame.h"

#include <stdlib.h>

#include "lib/mailbox/submit.h"

enum { KEY_TEXT_MAX = 6 * WP_IDEMPOTENCY_KEY_MAX };

/* A send that Redis has not answered. */
struct send_call {
	struct wp_parts *parts;
	uint64_t number;
	struct wp_envelope envelope; /* parsing the answer wants it */
	bool has_key;
	struct wp_charge charge;
	struct wp_frame_ref ref;
};

/* What a frame asks for. */
struct send_order {
	struct wp_submit_options options;
	struct wp_submission submission;
	struct wp_buf json; /* canonical */
	struct wp_buf key;
	struct wp_charge charge;
};

/* Why a frame is not sent on, of what the socket knows. */
static const struct wp_refusal no_redis = { "unavailable",
					    "Redis cannot be reached" };
static const struct wp_refusal no_memory = { "unavailable",
					     "the server is out of memory" };

static void read_options(const struct wp_conn *conn,
			 const struct wp_client_frame *frame,
			 struct send_order *order)
{
	struct wp_submit_options *options = &order->options;

	options->sender = conn->member.user->text;
	options->has_expiry = frame->expires.data != NULL;
	if (options->has_expiry &&
	    !wp_json_integer(&frame->expires, 1, INT64_MAX,
			     &options->expires_s))
		options->expires_s = 0;
	if (frame->key.data == NULL)
		return;
	wp_json_decode(&frame->key, &order->key);
	/* One that is empty or does not fit is none that may be. */
	options->key = "";
	if (order->key.failed || order->key.len == 0)
		return;
	options->key = order->key.data;
	options->key_len = order->key.len;
}

/* Overload is answered, never absorbed (P8). */
static const struct wp_refusal *check_load(struct wp_conn *conn,
					   struct send_order *order)
{
	struct wp_parts *parts = conn->parts;
	struct wp_aredis *redis = wp_registrar_redis(parts->live.registrar);

	if (redis == NULL || !wp_aredis_is_ready(redis))
		return &no_redis;
	if (wp_inflight_take(&parts->live.inflight, &order->charge,
			     conn->member.user->hash, order->json.len))
		return NULL;
	return wp_submit_turned_away(order->options.key != NULL);
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

static void on_sent(void *ctx, const struct wp_reply *reply)
{
	struct send_call *call = ctx;
	struct wp_parts *parts = call->parts;
	struct wp_conn *conn = wp_conn_find_open(parts, call->number);
	const struct wp_send_item item = { .envelope = &call->envelope,
					   .has_key = call->has_key };
	struct wp_send_result result;

	wp_inflight_give(&parts->live.inflight, &call->charge);
	wp_send_parse(reply, &item, 1, &result);
	wp_metric_add(parts->metrics, metric_of(result.status), 1);
	if (conn != NULL)
		answer(call, conn, &result);
	free(call);
}

static enum wp_err send_on(struct wp_conn *conn,
			   const struct wp_client_frame *frame,
			   struct send_order *order)
{
	struct wp_parts *parts = conn->parts;
	struct wp_aredis *redis = wp_registrar_redis(parts->live.registrar);
	const struct wp_submission *submission = &order->submission;
	struct wp_send_item item;
	const struct wp_send_target target = {
		.conf = parts->live.conf,
		.run_id = wp_aredis_run_id(redis),
		.memory_percent = parts->live.overload.percent,
	};
	struct send_call *call = malloc(sizeof(*call));
	struct wp_cmd cmd;
	enum wp_err rc;

	if (call == NULL)
		return WP_ERR_NOMEM;
	*call = (struct send_call){
		.parts = parts,
		.number = conn->member.number,
		.envelope = submission->envelope,
		.has_key = order->options.key != NULL,
		.charge = order->charge,
	};
	wp_frame_ref_keep(&call->ref, frame);
	wp_submit_item(&item, submission, &order->options, parts->live.conf,
		       &order->json);
	wp_cmd_init(&cmd);
	wp_send_build(&cmd, &target, &item, 1);
	wp_session_ask(&conn->session);
	rc = wp_aredis_do(redis, &cmd, on_sent, call);
	if (rc != WP_OK) {
		wp_session_answer(&conn->session);
		free(call);
	} else {
		order->charge.bytes = 0; /* the call's */
	}
	wp_cmd_release(&cmd);
	return rc;
}

/* NULL when the send is on its way. */
static const struct wp_refusal *submit(struct wp_conn *conn,
				       const struct wp_client_frame *frame,
				       struct send_order *order)
{
	const struct wp_envelope_text text = { .data = frame->envelope.data,
					       .len = frame->envelope.len };
	const struct wp_refusal *refusal;

	read_options(conn, frame, order);
	if (wp_submit_read(&order->submission, &order->options, &text,
			   conn->parts->live.conf, &order->json) != WP_OK)
		return &no_memory;
	if (order->submission.refusal.code != NULL)
		return &order->submission.refusal;
	refusal = check_load(conn, order);
	if (refusal == NULL && send_on(conn, frame, order) != WP_OK)
		refusal = &no_redis;
	return refusal;
}

void wp_send_frame(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	const struct wp_conf *conf = conn->parts->live.conf;
	size_t max = (size_t)conf->mailbox.max_envelope_bytes;
	const struct wp_refusal *refusal;
	struct send_order order = { 0 };

	wp_buf_init(&order.json, wp_submit_canonical_max(max, 1));
	wp_buf_init(&order.key, KEY_TEXT_MAX);
	refusal = submit(conn, frame, &order);
	if (refusal != NULL) {
		wp_metric_add(conn->parts->metrics, WP_M_SEND_REFUSED, 1);
		wp_conn_send_error(conn, &frame->ref, refusal->code,
				   refusal->sentence);
	}
	wp_inflight_give(&conn->parts->live.inflight, &order.charge);
	wp_buf_release(&order.key);
	wp_buf_release(&order.json);
}
