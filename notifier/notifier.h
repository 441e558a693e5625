/*
 * notifier.h - the parts of the program put together: a connection to Redis, a
 * thread for the store, our share of the partitions, who takes and who tells.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_NOTIFIER_H
#define WP_NOTIFIER_NOTIFIER_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_notifier;

struct wp_notifier_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf; /* for good: Redis and the store */
	struct wp_metrics *metrics;
	/* Nothing will make it fit: end. */
	void (*on_unfit)(void *ctx, const struct wp_error *err);
	void (*on_stopped)(void *ctx); /* behind wp_notifier_stop() */
	void *ctx;
};

/*
 * Can what is set be done at all? For a start, --check and a reload.
 *
 * Errors:  WP_ERR_INVAL  err->msg names the setting
 */
enum wp_err wp_notifier_check(const struct wp_conf *conf,
			      struct wp_error *err) WP_MUST_USE;

/*
 * Starts to connect.
 *
 * Ownership:  what setup points to is borrowed and outlives it
 * Errors:     WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_notifier_new(struct wp_notifier **out,
			    const struct wp_notifier_setup *setup,
			    struct wp_error *err) WP_MUST_USE;

/* Go by these from now on; they were checked. */
void wp_notifier_use(struct wp_notifier *notifier, const struct wp_conf *conf);

/*
 * Take no more, give back what has not begun, write down what is known, and
 * leave the list; on_stopped is told when all of it was answered.
 */
void wp_notifier_stop(struct wp_notifier *notifier);

/* Is Redis there, ours, and fit? */
bool wp_notifier_is_up(const struct wp_notifier *notifier);

/* Is nothing with the threads? Else wp_notifier_free() waits for it. */
bool wp_notifier_is_idle(const struct wp_notifier *notifier);

/* NULL-safe. */
void wp_notifier_free(struct wp_notifier **notifier);

#endif /* WP_NOTIFIER_NOTIFIER_H */
