/*
 * threads.h - the worker's two threads and the table between them, for as long
 * as one set of settings is in force.
 *
 * Threads: all calls from the one that started them.
 */
#ifndef WP_WORKER_THREADS_H
#define WP_WORKER_THREADS_H

#include <stdbool.h>

#include "worker/cold_thread.h"
#include "worker/hot_thread.h"
#include "worker/worker.h"

/* Zero before the start and after the join. */
struct wp_threads {
	struct wp_table *table;
	struct wp_hot_thread *hot;
	struct wp_cold_thread *cold;
};

/*
 * setup:  but for its table, which is made here
 * Errors: whatever stopped it; what was started is the join's to end
 */
enum wp_err wp_threads_start(struct wp_threads *threads,
			     const struct wp_worker_setup *setup,
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
