/*
 * revoke.c - one call of revoke.lua, and what its answer means.
 */
#include "handlers/accounts/revoke.h"

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
	const struct wp_revoke_order *order = call->state;

	if (wp_revoke_parse(reply) == WP_OK) {
		wp_resp_empty(&call->resp, order->status);
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
	const struct wp_revoke_order *order = call->state;
	const struct wp_revoke_until when = {
		.until_s = order->until_s,
		.keep_s = order->keep_s > 0 ? order->keep_s
					    : ctx->conf->auth.revocation_hours *
						      SECONDS_PER_HOUR,
	};

	if (!is_up)
		return fail(call);
	if (order->until_s == 0)
		wp_revoke_build(&ctx->cmd, order->keys, order->n, when.keep_s);
	else
		wp_revoke_until_build(&ctx->cmd, order->keys, order->n, &when);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_revoked,
			  call) != WP_OK)
		return fail(call);
	return false;
}

bool wp_call_revoke(struct wp_call *call, struct wp_revoke_order *order)
{
	call->state = order;
	return wp_call_redis(call, WP_LINE_SHORT, revoke);
}
