/*
 * redis.h - the connection to Redis, once it was judged.
 *
 * A thread looks whether this Redis is fit and the one of our deployment
 * (lib/mailbox/deployment.h) before anything is asked on a new connection; the
 * first time it joins, and a Redis that is unfit then is no reason to go on.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_REDIS_H
#define WP_NOTIFIER_REDIS_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/live/store_thread.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_judged;

struct wp_judged_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	struct wp_store_thread *store; /* where it is judged */
	void (*on_up)(void *ctx);
	/* All that was asked has been answered by NULL. */
	void (*on_lost)(void *ctx);
	/* It was judged for the first time, and nothing will make it fit. */
	void (*on_unfit)(void *ctx, const struct wp_error *err);
	void *ctx;
};

/*
 * Starts to connect.
 *
 * Ownership:  what setup points to is borrowed and outlives it
 * Errors:     as wp_aredis_new()
 */
enum wp_err wp_judged_new(struct wp_judged **out,
			  const struct wp_judged_setup *setup,
			  struct wp_error *err) WP_MUST_USE;
/* After wp_store_thread_stop(). Who waits gets NULL. NULL-safe. */
void wp_judged_free(struct wp_judged **judged);

bool wp_judged_is_up(const struct wp_judged *judged);
const char *wp_judged_run_id(const struct wp_judged *judged);

/* As wp_aredis_do(). Errors: also WP_ERR_UNAVAIL, while it is not up */
enum wp_err wp_judged_do(struct wp_judged *judged, const struct wp_cmd *cmd,
			 wp_reply_fn fn, void *ctx) WP_MUST_USE;

#endif /* WP_NOTIFIER_REDIS_H */
