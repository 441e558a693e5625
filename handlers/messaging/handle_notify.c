/*
 * handle_notify.c - POST /api/notify: a back end tells the clients of a user
 * who are connected, without the Redis that it would have to publish on.
 *
 * 202 means that Redis has it for every daemon. That somebody is connected is
 * not asked: it is a notification, and nobody keeps it.
 */
#include "handlers/request/call.h"

#include "lib/mailbox/notification.h"

static bool fail(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp,
			    "it may not have been told to anybody; "
			    "repeat later");
	return true;
}

static void on_published(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;

	if (wp_reply_type(reply) == WP_REPLY_INT) {
		wp_resp_empty(&call->resp, 202);
	} else {
		wp_ctx_log_failure(call->ctx, "notify",
				   reply == NULL ? "the connection to Redis "
						   "was lost"
						 : wp_reply_str(reply));
		(void)fail(call);
	}
	wp_call_end(call);
}

static bool publish(struct wp_call *call, bool is_up)
{
	struct wp_ctx *ctx = call->ctx;

	if (!is_up)
		return fail(call);
	wp_notification_build(&ctx->cmd, call->state, &call->scratch);
	if (call->scratch.failed) {
		wp_resp_internal(&call->resp);
		return true;
	}
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_published,
			  call) != WP_OK)
		return fail(call);
	return false;
}

/* Read the body; false when call->resp holds the error. */
static bool read_notification(struct wp_call *call,
			      struct wp_notification *notification)
{
	struct wp_error err;

	if (!wp_call_read_json(call, WP_NOTIFY_BODY_MAX))
		return false;
	switch (wp_notification_read(notification, call->body.data,
				     call->body.len, &err)) {
	case WP_OK:
		return true;
	case WP_ERR_FULL:
		wp_resp_error(&call->resp, 413, "payload_too_large", err.msg);
		return false;
	case WP_ERR_PROTO:
		wp_resp_error(&call->resp, 400, "invalid_json", err.msg);
		return false;
	default:
		wp_resp_error(&call->resp, 400, "invalid_notification",
			      err.msg);
		return false;
	}
}

bool wp_handle_notify(struct wp_call *call)
{
	call->state =
		wp_arena_alloc(&call->arena, sizeof(struct wp_notification));
	if (call->state == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	if (!read_notification(call, call->state))
		return true;
	return wp_call_redis(call, WP_LINE_SHORT, publish);
}
