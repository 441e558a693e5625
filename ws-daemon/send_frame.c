/*
 * send_frame.c - {"type":"send"}: POST /api/send over a socket.
 *
 * The same reading, the same script, the same codes. Sends of one connection
 * travel one Redis connection, so they are accepted in their order. Nothing
 * here is logged: not the caller, not the recipient, not the id.
 */
#include "ws-daemon/send_frame.h"

#include <stdlib.h>

#include "lib/mailbox/envelope.h"
#include "lib/mailbox/send.h"

enum { CANONICAL_SLACK = 4 * 1024, KEY_TEXT_MAX = 6 * WP_IDEMPOTENCY_KEY_MAX };

/* A send that Redis has not answered. */
struct send_call {
	struct wp_parts *parts;
	uint64_t number;
	struct wp_envelope envelope; /* parsing the answer wants it */
	bool has_key;
	struct wp_charge charge;
	struct wp_frame_ref ref;
};

/* What a frame asks for, once it is understood. */
struct send_order {
	struct wp_envelope envelope;
	struct wp_buf json; /* canonical */
	struct wp_buf key;
	struct wp_charge charge;
	int64_t expires_s;
};

/* Why a frame is not sent on; code NULL when it may be. */
struct refusal {
	const char *code;
	const char *sentence;
};

static struct refusal refuse(const char *code, const char *sentence)
{
	return (struct refusal){ .code = code, .sentence = sentence };
}

static struct refusal read_envelope(const struct wp_conf *conf,
				    const struct wp_client_frame *frame,
				    struct send_order *order,
				    struct wp_error *err)
{
	const struct wp_envelope_text text = {
		.data = frame->envelope.data,
		.len = frame->envelope.len,
		.partitions = (uint32_t)conf->mailbox.partitions,
	};
	enum wp_err rc;

	if (frame->envelope.data == NULL)
		return refuse("invalid_envelope", "envelope is missing");
	if (frame->envelope.len > (size_t)conf->mailbox.max_envelope_bytes)
		return refuse("payload_too_large", "the envelope is too large");
	rc = wp_envelope_read(&order->envelope, &text, &order->json, err);
	if (rc == WP_ERR_FULL)
		return refuse("payload_too_large", "the envelope is too large");
	if (rc == WP_ERR_NOMEM)
		return refuse("unavailable", "the server is out of memory");
	if (rc != WP_OK)
		return refuse(wp_json_is_valid(frame->envelope.data,
					       frame->envelope.len)
				      ? "invalid_envelope"
				      : "invalid_json",
			      err->msg);
	return refuse(NULL, NULL);
}

static struct refusal read_options(const struct wp_conf *conf,
				   const struct wp_client_frame *frame,
				   struct send_order *order)
{
	order->expires_s = conf->mailbox.max_expiry_seconds;
	if (frame->expires.data != NULL &&
	    !wp_json_integer(&frame->expires, 1,
			     conf->mailbox.max_expiry_seconds,
			     &order->expires_s))
		return refuse("bad_request",
			      "expiresInSeconds must be an integer from 1 to "
			      "the configured maximum");
	if (frame->key.data == NULL)
		return refuse(NULL, NULL);
	wp_json_decode(&frame->key, &order->key);
	if (order->key.failed ||
	    !wp_idempotency_key_is_valid(order->key.data, order->key.len))
		return refuse("bad_request",
			      "idempotencyKey must be 1 to 128 printable ASCII "
			      "characters");
	return refuse(NULL, NULL);
}

/*
 * Overload is answered, never absorbed (P8). What has a key may have been
 * accepted before, and Redis is not asked: nothing is known of it.
 */
static struct refusal check_load(struct wp_conn *conn, struct send_order *order)
{
	struct wp_parts *parts = conn->parts;
	struct wp_aredis *redis = wp_registrar_redis(parts->live.registrar);

	if (redis == NULL || !wp_aredis_is_ready(redis))
		return refuse("unavailable", "Redis cannot be reached");
	if (wp_inflight_take(&parts->live.inflight, &order->charge,
			     conn->member.user->hash, order->json.len))
		return refuse(NULL, NULL);
	return refuse(order->key.len > 0 ? "unavailable" : "overloaded",
		      "too many sends are unanswered; repeat later");
}

static void answer(struct send_call *call, struct wp_conn *conn,
		   const struct wp_send_result *result)
{
	const struct wp_json_slice ref = wp_frame_ref_slice(&call->ref);
	struct wp_buf *out = &call->parts->scratch;
	char id[WP_MSGID_LEN + 1];

	switch (result->status) {
	case WP_SEND_ACCEPTED:
		wp_msgid_format(&result->id, id);
		wp_frame_reply(out, "accepted", &ref);
		wp_buf_printf(out, ",\"id\":\"%s\"}", id);
		break;
	case WP_SEND_CONFLICT:
		wp_frame_error(out, &ref, "idempotency_conflict",
			       "this idempotencyKey was used for another "
			       "envelope");
		break;
	case WP_SEND_FULL:
		wp_frame_error(out, &ref, "mailbox_full",
			       "too much waits for the recipient already; not "
			       "accepted");
		break;
	case WP_SEND_OVERLOADED:
		wp_frame_error(out, &ref, "overloaded",
			       "the service takes no more now; not accepted");
		break;
	case WP_SEND_UNKNOWN:
		wp_frame_error(out, &ref, "unavailable",
			       "the outcome is unknown; repeat with the same "
			       "idempotencyKey");
		break;
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
	struct wp_send_item item = {
		.envelope = &order->envelope,
		.json = order->json.data,
		.json_len = order->json.len,
		.expires_in_ms = order->expires_s * 1000,
	};
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
		.envelope = order->envelope,
		.has_key = order->key.len > 0,
		.charge = order->charge,
	};
	wp_frame_ref_keep(&call->ref, frame);
	if (order->key.len > 0)
		wp_send_set_key(&item, parts->live.conf->auth.store_secret,
				conn->member.user->text, order->key.data,
				order->key.len);
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

void wp_send_frame(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	const struct wp_conf *conf = conn->parts->live.conf;
	struct send_order order = { 0 };
	struct refusal refusal;
	struct wp_error err = { 0 };

	wp_buf_init(&order.json, 2 * (size_t)conf->mailbox.max_envelope_bytes +
					 CANONICAL_SLACK);
	wp_buf_init(&order.key, KEY_TEXT_MAX);
	refusal = read_envelope(conf, frame, &order, &err);
	if (refusal.code == NULL)
		refusal = read_options(conf, frame, &order);
	if (refusal.code == NULL)
		refusal = check_load(conn, &order);
	if (refusal.code == NULL && send_on(conn, frame, &order) != WP_OK)
		refusal = refuse("unavailable", "Redis cannot be reached");
	if (refusal.code != NULL) {
		wp_metric_add(conn->parts->metrics, WP_M_SEND_REFUSED, 1);
		wp_conn_send_error(conn, &frame->ref, refusal.code,
				   refusal.sentence);
	}
	wp_inflight_give(&conn->parts->live.inflight, &order.charge);
	wp_buf_release(&order.key);
	wp_buf_release(&order.json);
}
