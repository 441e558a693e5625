/*
 * ack_frame.c - {"type":"ack"}: `acked` goes out when the deletion is done in
 * both tiers.
 */
#include "ws-daemon/ack_frame.h"

#include <stdlib.h>

#include "lib/live/settle.h"

struct ack_call {
	struct wp_settle settle; /* first: it knows only this */
	struct wp_parts *parts;
	uint64_t number;
	struct wp_frame_ref ref;
};

/* Answer if anybody is still there, and end the call. */
static void on_settled(struct wp_settle *settle, bool is_done)
{
	struct ack_call *call = (struct ack_call *)settle;
	struct wp_parts *parts = call->parts;
	struct wp_conn *conn = wp_conn_find_open(parts, call->number);
	const struct wp_json_slice ref = wp_frame_ref_slice(&call->ref);

	wp_metric_add(parts->metrics, is_done ? WP_M_ACKED : WP_M_ACK_FAILED,
		      1);
	if (conn != NULL && is_done) {
		wp_frame_reply(&parts->scratch, "acked", &ref);
		wp_buf_add_char(&parts->scratch, '}');
	} else if (conn != NULL) {
		wp_frame_error(&parts->scratch, &ref, "unavailable",
			       "the ack may not have been stored; repeat it");
	}
	if (conn != NULL) {
		wp_session_answer(&conn->session);
		wp_conn_send_scratch(conn);
	}
	free(call);
}

static void refuse(struct wp_conn *conn, const struct wp_client_frame *frame,
		   enum wp_err why, const char *sentence)
{
	if (why == WP_ERR_FULL || why == WP_ERR_UNAVAIL)
		wp_metric_add(conn->parts->metrics, WP_M_ACK_FAILED, 1);
	if (why == WP_ERR_FULL)
		wp_conn_send_error(
			conn, &frame->ref, "overloaded",
			"too many frames are unanswered; repeat later");
	else if (why == WP_ERR_UNAVAIL)
		wp_conn_send_error(conn, &frame->ref, "unavailable",
				   "Redis cannot be reached");
	else
		wp_conn_send_error(conn, &frame->ref,
				   why == WP_ERR_INVAL ? "invalid_ack"
						       : "unavailable",
				   sentence);
}

void wp_ack_frame(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	struct ack_call *call = calloc(1, sizeof(*call));
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (call == NULL) {
		refuse(conn, frame, WP_ERR_NOMEM,
		       "the server is out of memory");
		return;
	}
	call->settle.live = &conn->parts->live;
	call->settle.done = on_settled;
	call->parts = conn->parts;
	call->number = conn->member.number;
	wp_frame_ref_keep(&call->ref, frame);
	wp_session_ask(&conn->session); /* it may be answered at once */
	rc = wp_settle_begin(&call->settle, conn->member.user, &frame->text,
			     &err);
	if (rc == WP_OK)
		return;
	wp_session_answer(&conn->session);
	refuse(conn, frame, rc, err.msg);
	free(call);
}
