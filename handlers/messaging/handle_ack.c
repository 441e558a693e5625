/*
 * handle_ack.c - POST /api/messages/ack: the client has these messages.
 *
 * 204 means that no pull that starts from now on returns them. All ids are
 * read before the first is deleted.
 */
#include "handlers/request/call.h"

#include <stdio.h>

#include "lib/mailbox/ack.h"
#include "lib/name/box.h"

#include "handlers/request/metrics.h"

enum { RUN_ID_MAX = 64 };

struct acking {
	struct wp_box box;
	struct wp_ack_ids ids;
	struct wp_ack_walk walk;
	char run_id[RUN_ID_MAX]; /* the Redis that the hint came from */
};

static bool read_ids(struct wp_call *call, struct acking *acking)
{
	struct wp_error err;
	enum wp_err rc;

	if (!wp_call_read_json(call, WP_ACK_BODY_MAX))
		return false;
	rc = wp_ack_ids_read(&acking->ids, call->body.data, call->body.len,
			     acking->box.partition, &err);
	if (rc == WP_ERR_INVAL)
		wp_call_bad_body(call, "invalid_ack", err.msg);
	else if (rc != WP_OK)
		wp_resp_internal(&call->resp);
	return rc == WP_OK;
}

static bool respond(struct wp_call *call, bool is_done)
{
	struct acking *acking = call->state;

	if (is_done) {
		wp_resp_empty(&call->resp, 204);
		wp_metric_add(call->ctx->shared->metrics, WP_H_ACKED,
			      (int64_t)acking->ids.n);
	} else {
		wp_resp_unavailable(&call->resp,
				    "the outcome is unknown; repeat the ack");
	}
	wp_ack_ids_release(&acking->ids);
	return true;
}

/* A hint that stays costs an empty read until the next ack, no more. */
static void on_noted(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;

	if (wp_reply_type(reply) == WP_REPLY_ERROR)
		wp_ctx_log_failure(call->ctx, "ack", wp_reply_str(reply));
	if (respond(call, true))
		wp_call_end(call);
}

/* Waited for, or a process that ends with its request would never send it. */
static bool note_what_is_left(struct wp_call *call)
{
	struct acking *acking = call->state;
	struct wp_ctx *ctx = call->ctx;

	wp_ack_ask(&acking->walk, acking->run_id, &ctx->cmd);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_noted,
			  call) != WP_OK)
		return respond(call, true);
	return false;
}

/* On a thread of the store. */
static enum wp_err delete_cold(struct wp_call *call, struct wp_store *store,
			       struct wp_error *err)
{
	struct acking *acking = call->state;

	return wp_store_ack(store, &acking->walk.cold, err);
}

static bool on_cold(struct wp_call *call, enum wp_err result)
{
	struct acking *acking = call->state;

	wp_ack_stored(&acking->walk, result);
	return acking->walk.step == WP_ACK_HINT ? note_what_is_left(call)
						: respond(call, false);
}

static void on_hot(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	struct acking *acking = call->state;
	bool is_over;

	wp_ack_told(&acking->walk, reply, false);
	if (acking->walk.step == WP_ACK_FAILED)
		wp_ctx_log_failure(call->ctx, "ack",
				   reply == NULL ? "the connection to Redis "
						   "was lost"
						 : "Redis gave no usable "
						   "answer to an ack");
	if (acking->walk.step == WP_ACK_COLD)
		is_over = wp_call_store(call, delete_cold, on_cold);
	else
		is_over = respond(call, acking->walk.step == WP_ACK_DONE);
	if (is_over)
		wp_call_end(call);
}

static bool ask_hot(struct wp_call *call, bool is_up)
{
	struct acking *acking = call->state;
	struct wp_ctx *ctx = call->ctx;

	if (!is_up)
		return respond(call, false);
	(void)snprintf(acking->run_id, sizeof(acking->run_id), "%s",
		       wp_backend_run_id(ctx->backend, WP_LINE_SHORT));
	wp_ack_begin(&acking->walk, &acking->box, &acking->ids);
	acking->walk.waits = (struct wp_ack_waits){
		.metrics = ctx->shared->metrics,
		.index = WP_H_DELIVERY_SECONDS,
	};
	wp_ack_ask(&acking->walk, acking->run_id, &ctx->cmd);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_hot,
			  call) != WP_OK)
		return respond(call, false);
	return false;
}

bool wp_handle_ack(struct wp_call *call)
{
	struct acking *acking = wp_arena_alloc(&call->arena, sizeof(*acking));

	if (acking == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = acking;
	wp_box_of(&acking->box, &call->caller.user,
		  (uint32_t)call->ctx->conf->mailbox.partitions);
	if (!read_ids(call, acking))
		return true;
	/* Of nothing that is ours, nothing needs to be asked. */
	if (acking->ids.n == 0)
		return respond(call, true);
	return wp_call_redis(call, WP_LINE_SHORT, ask_hot);
}
