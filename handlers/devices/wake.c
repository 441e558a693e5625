/*
 * wake.c - one call of push_wake.lua, and what its answer means.
 */
#include "handlers/devices/wake.h"

#include "lib/mailbox/push.h"
#include "lib/mailbox/scripts.h"
#include "lib/name/box.h"

struct waking {
	const char *once; /* NULL: a device was registered, */
	bool is_new;      /* which was not known before */
	bool (*on_woken)(struct wp_call *call, bool is_done);
	void *state; /* the handler's, until it goes on */
};

static bool go_on(struct wp_call *call, bool is_done)
{
	const struct waking *waking = call->state;

	call->state = waking->state;
	return waking->on_woken(call, is_done);
}

static void on_answer(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	bool is_done = wp_script_done(reply) == WP_OK;

	if (!is_done)
		wp_ctx_log_failure(call->ctx, "push_wake",
				   reply == NULL ? "the connection to Redis "
						   "was lost"
						 : wp_reply_str(reply));
	if (go_on(call, is_done))
		wp_call_end(call);
}

static bool ask(struct wp_call *call, bool is_up)
{
	const struct waking *waking = call->state;
	struct wp_ctx *ctx = call->ctx;
	struct wp_box box;

	if (!is_up)
		return go_on(call, false);
	wp_box_of(&box, &call->caller.user,
		  (uint32_t)ctx->conf->mailbox.partitions);
	if (waking->once != NULL)
		wp_push_wake_build(&ctx->cmd, &box, waking->once);
	else
		wp_push_registered_build(&ctx->cmd, ctx->conf, &box,
					 waking->is_new);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_answer,
			  call) != WP_OK)
		return go_on(call, false);
	return false;
}

static bool wake(struct wp_call *call, const char *once, bool is_new,
		 bool (*on_woken)(struct wp_call *call, bool is_done))
{
	struct waking *waking = wp_arena_alloc(&call->arena, sizeof(*waking));

	if (waking == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	*waking = (struct waking){
		.once = once,
		.is_new = is_new,
		.on_woken = on_woken,
		.state = call->state,
	};
	call->state = waking;
	return wp_call_redis(call, WP_LINE_SHORT, ask);
}

bool wp_devices_wake(struct wp_call *call, const char *once,
		     bool (*on_woken)(struct wp_call *call, bool is_done))
{
	return wake(call, once, false, on_woken);
}

bool wp_devices_wake_registered(struct wp_call *call, bool is_new,
				bool (*on_woken)(struct wp_call *call,
						 bool is_done))
{
	return wake(call, NULL, is_new, on_woken);
}
