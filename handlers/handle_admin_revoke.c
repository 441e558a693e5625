/*
 * handle_admin_revoke.c - POST /api/admin/revoke: a back end says whose tokens
 * are good no longer.
 *
 * 204 when Redis has it; who is let in is judged by that from then on
 * (docs/architecture.md "Revocation"). Anything else may be repeated: what was
 * revoked twice is revoked.
 */
#include "handlers/call.h"

#include "lib/auth/revoke_order.h"
#include "lib/mailbox/revoke.h"

enum { SECONDS_PER_HOUR = 3600 };

static bool fail(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp, "it may not be revoked yet; repeat "
					 "later");
	return true;
}

static void on_revoked(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;

	if (wp_revoke_parse(reply) == WP_OK) {
		wp_resp_empty(&call->resp, 204);
	} else {
		wp_ctx_log_failure(call->ctx, "revoke",
				   reply == NULL ? "the connection to Redis "
						   "was lost"
						 : wp_reply_str(reply));
		(void)fail(call);
	}
	wp_call_end(call);
}

static bool revoke(struct wp_call *call, bool is_up)
{
	struct wp_ctx *ctx = call->ctx;

	if (!is_up)
		return fail(call);
	wp_revoke_build(&ctx->cmd, call->state, 1,
			ctx->conf->auth.revocation_hours * SECONDS_PER_HOUR);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_revoked,
			  call) != WP_OK)
		return fail(call);
	return false;
}

/* Read the body; false when call->resp holds the error. */
static bool read_order(struct wp_call *call, struct wp_revoked_key *key)
{
	struct wp_error err;

	if (!wp_call_read_json(call, WP_ADMIN_BODY_MAX))
		return false;
	switch (wp_revoke_order_read(key, call->body.data, call->body.len,
				     &err)) {
	case WP_OK:
		return true;
	case WP_ERR_INVAL:
		wp_call_bad_body(call, "bad_request", err.msg);
		return false;
	default:
		wp_resp_internal(&call->resp);
		return false;
	}
}

bool wp_handle_admin_revoke(struct wp_call *call)
{
	call->state =
		wp_arena_alloc(&call->arena, sizeof(struct wp_revoked_key));
	if (call->state == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	if (!read_order(call, call->state))
		return true;
	return wp_call_redis(call, WP_LINE_SHORT, revoke);
}
