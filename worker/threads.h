/*
 * threads.h - the worker's two threads and the table between them, for as long
 * as one set of settings is in force.
 *
 * Threads: all calls from the one that started them.
 */
#ifndef WP_WORKER_THREADS_H
#define WP_WORKER_THREADS_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"
#include "worker/cold_thread.h"
#include "worker/hot_thread.h"
#include "worker/table.h"

/* Zero before the start and after the join. */
struct wp_threads {
	struct wp_table *table;
	struct wp_hot_thread *hot;
	struct wp_cold_thread *cold;
};

/*
 * conf, metrics: borrowed until the join
 * on_end:        called by each thread as it ends
 * Errors:        whatever stopped it; what was started is the join's to end
 */
enum wp_err wp_threads_start(struct wp_threads *threads,
			     const struct wp_conf *conf,
			     struct wp_metrics *metrics,
			     void (*on_end)(void *ctx), void *ctx,
			     struct wp_error *err) WP_MUST_USE;

/* Tell both to give everything back and end. Idempotent. */
void wp_threads_stop(struct wp_threads *threads);

/*
 * Have both ended? Call it after each on_end: the hot one ends by itself when
 * Redis is unfit, and takes the other one along.
 */
bool wp_threads_have_ended(struct wp_threads *threads);

/*
 * Stop them and wait for their end.
 *
 * Returns: WP_OK, or why the hot one had to end by itself
 */
enum wp_err wp_threads_join(struct wp_threads *threads, struct wp_error *err);

#endif /* WP_WORKER_THREADS_H */
