/*
 * ack_frame.c - {"type":"ack"}: the three steps of ARCHITECTURE 4.4 without
 * ever waiting. Step 1 is a script on the command connection, step 2 a job for
 * the store thread when the hint says so, step 3 a script that nobody waits
 * for. `acked` goes out when the deletion is done in both tiers.
 */
#include <stdlib.h>

#include "lib/mailbox/ack.h"
#include "ws-daemon/frames_in.h"

struct ack_call {
	struct wp_store_job job; /* first: the store thread knows only this */
	struct wp_server *server;
	uint64_t number;
	struct wp_ack_hint hint;
	struct wp_charge charge;
	struct wp_frame_ref ref;
};

static void free_call(struct ack_call *call)
{
	wp_inflight_give(&call->server->inflight, &call->charge);
	wp_ack_ids_release(&call->job.ids);
	free(call);
}

/* Answer if anybody is still there, and end the call. */
static void finish(struct ack_call *call, bool is_done)
{
	struct wp_server *server = call->server;
	struct wp_conn *conn = wp_conn_find_open(server, call->number);
	const struct wp_json_slice ref = wp_frame_ref_slice(&call->ref);

	wp_metric_add(server->metrics, is_done ? WP_M_ACKED : WP_M_ACK_FAILED,
		      1);
	if (conn == NULL) {
		free_call(call);
		return;
	}
	if (is_done) {
		wp_frame_reply(&server->scratch, "acked", &ref);
		wp_buf_add_char(&server->scratch, '}');
	} else {
		wp_frame_error(&server->scratch, &ref, "unavailable",
			       "the ack may not have been stored; repeat it");
	}
	wp_conn_answer_scratch(conn);
	free_call(call);
}

/* Step 3 */
static void settle(struct ack_call *call)
{
	struct wp_aredis *redis = wp_registrar_redis(call->server->registrar);
	struct wp_cmd cmd;

	if (!wp_aredis_is_ready(redis))
		return; /* an old hint costs a look, nothing else */
	wp_cmd_init(&cmd);
	wp_ack_settle_build(&cmd, wp_aredis_run_id(redis), call->job.partition,
			    &call->job.user, &call->hint, call->job.is_empty,
			    &call->job.size);
	if (wp_aredis_do(redis, &cmd, NULL, NULL) != WP_OK)
		call->hint.may_clear = false;
	wp_cmd_release(&cmd);
}

static void on_stored(struct wp_store_job *job, enum wp_err result,
		      bool is_empty)
{
	struct ack_call *call = (struct ack_call *)job;

	(void)is_empty; /* the job has it, too */
	if (result == WP_OK)
		settle(call);
	finish(call, result == WP_OK);
}

static void on_deleted(void *ctx, const struct wp_reply *reply)
{
	struct ack_call *call = ctx;

	if (wp_ack_parse(reply, &call->hint) != WP_OK) {
		finish(call, false);
		return;
	}
	if (!call->hint.ask_cold) {
		finish(call, true);
		return;
	}
	call->job.done = on_stored;
	if (wp_store_thread_submit(call->server->store, &call->job) != WP_OK)
		finish(call, false);
}

static struct ack_call *new_call(const struct wp_conn *conn,
				 const struct wp_client_frame *frame)
{
	struct ack_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->server = conn->server;
	call->number = conn->member.number;
	call->job.partition = conn->member.user->partition;
	call->job.user_hash = conn->member.user->hash;
	wp_user_urn(conn->member.user, &call->job.user);
	wp_frame_ref_keep(&call->ref, frame);
	return call;
}

static enum wp_err begin(struct wp_conn *conn, struct ack_call *call)
{
	struct wp_aredis *redis = wp_registrar_redis(conn->server->registrar);
	struct wp_cmd cmd;
	enum wp_err rc;

	if (!wp_aredis_is_ready(redis))
		return WP_ERR_UNAVAIL;
	wp_cmd_init(&cmd);
	wp_ack_build(&cmd, wp_aredis_run_id(redis), call->job.partition,
		     &call->job.user, &call->job.ids);
	conn->n_unanswered++;
	rc = wp_aredis_do(redis, &cmd, on_deleted, call);
	if (rc != WP_OK)
		conn->n_unanswered--;
	wp_cmd_release(&cmd);
	return rc;
}

void wp_ack_frame(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	struct wp_error err = { 0 };
	struct ack_call *call = new_call(conn, frame);
	enum wp_err rc;

	if (call == NULL) {
		wp_refuse_frame(conn, frame, "unavailable",
				"the server is out of memory");
		return;
	}
	rc = wp_ack_ids_read(&call->job.ids, frame->text.data, frame->text.len,
			     call->job.partition, &err);
	if (rc != WP_OK) {
		wp_refuse_frame(conn, frame,
				rc == WP_ERR_INVAL ? "invalid_ack"
						   : "unavailable",
				err.msg);
		goto out;
	}
	if (call->job.ids.n == 0) { /* nothing that could be ours */
		conn->n_unanswered++;
		finish(call, true);
		return;
	}
	if (!wp_inflight_take(&conn->server->inflight, &call->charge,
			      conn->member.user->hash,
			      frame->text.len +
				      call->job.ids.n *
					      sizeof(*call->job.ids.ids))) {
		wp_metric_add(conn->server->metrics, WP_M_ACK_FAILED, 1);
		wp_refuse_frame(conn, frame, "overloaded",
				"too many frames are unanswered; repeat later");
		goto out;
	}
	if (begin(conn, call) == WP_OK)
		return; /* the callback's now */
	wp_metric_add(conn->server->metrics, WP_M_ACK_FAILED, 1);
	wp_refuse_frame(conn, frame, "unavailable", "Redis cannot be reached");
out:
	free_call(call);
}
