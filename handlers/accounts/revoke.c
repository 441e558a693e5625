/*
 * revoke.c - one call of revoke.lua, and what its answer means.
 */
#include "handlers/accounts/revoke.h"

#include "lib/base/clock.h"
#include "lib/mailbox/revoke.h"
#include "lib/store/push.h"

#include "handlers/request/push.h"

enum { MS_PER_S = 1000, SECONDS_PER_HOUR = 3600 };

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

	if (wp_revoke_parse(reply) == WP_OK && order->has_pushes) {
		(void)fail(call);
	} else if (wp_revoke_parse(reply) == WP_OK) {
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

/* On a thread of the store. */
static enum wp_err end_pushes(struct wp_call *call, struct wp_store *store,
			      struct wp_error *err)
{
	const struct wp_revoke_order *order = call->state;
	const int64_t now_s = wp_wall_ms() / MS_PER_S;
	struct wp_push_end ends[WP_REVOKE_KEYS_MAX];

	for (size_t i = 0; i < order->n; i++)
		ends[i] = wp_push_end_of(&order->keys[i],
					 order->until_s != 0 ? order->until_s
							     : now_s);
	return wp_push_end(store, ends, order->n, now_s, err);
}

/* A store that cannot be written to must let nobody stay. */
static bool on_pushes_ended(struct wp_call *call, enum wp_err result)
{
	struct wp_revoke_order *order = call->state;

	order->has_pushes = result != WP_OK;
	return wp_call_redis(call, WP_LINE_SHORT, revoke);
}

bool wp_call_revoke(struct wp_call *call, struct wp_revoke_order *order)
{
	call->state = order;
	return wp_call_store(call, end_pushes, on_pushes_ended);
}
