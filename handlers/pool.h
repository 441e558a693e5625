/*
 * pool.h - N handler processes that are kept alive, replaced one by one on
 * SIGHUP, and drained on SIGTERM.
 *
 * The parent serves nothing itself but GET /metrics: it has no threads, and
 * nothing to lose, so it can always fork and always answer a signal.
 */
#ifndef WP_HANDLERS_POOL_H
#define WP_HANDLERS_POOL_H

#include "lib/base/err.h"
#include "lib/metrics/metrics.h"

#include "handlers/request/ctx.h"

struct wp_pool_hooks {
	/*
	 * SIGHUP: read the configuration again. Returns what new processes are
	 * to use from now on (the same object as before, changed, is fine), or
	 * NULL to go on as before.
	 */
	struct wp_shared *(*on_reload)(void *ctx);
	/* The stop begins: nobody new should find the way here. */
	void (*on_stop)(void *ctx);
	void *ctx;
};

/*
 * Run until SIGTERM or SIGINT; a second one ends the processes at once.
 *
 * shared:     what the first processes use; the pool never frees it
 * listen_fd:  made non-blocking; stays the caller's
 * Returns:    WP_OK when everybody ended as they were told, those included who
 *             did not in time; the log says so
 * Errors:     WP_ERR_UNAVAIL  one died by itself meanwhile
 *             WP_ERR_SYS      nothing could be started
 */
enum wp_err wp_pool_run(struct wp_shared *shared, int listen_fd,
			const struct wp_pool_hooks *hooks,
			struct wp_error *err) WP_MUST_USE;

#endif /* WP_HANDLERS_POOL_H */
