/*
 * hot_thread.h - the thread that waits for Redis alone: leases, routing,
 * reaping, the inbox.
 */
#ifndef WP_WORKER_HOT_THREAD_H
#define WP_WORKER_HOT_THREAD_H

#include <stdbool.h>

#include "worker/worker.h"

struct wp_hot_thread;

/*
 * Start the thread. It ends when the table is stopping, with all leases given
 * back, or when Redis turns out to be unfit.
 */
enum wp_err wp_hot_thread_start(struct wp_hot_thread **out,
				const struct wp_worker_setup *setup,
				struct wp_error *err) WP_MUST_USE;

/* Has it ended? Then wp_hot_thread_join() does not wait. */
bool wp_hot_thread_has_ended(const struct wp_hot_thread *hot);

/*
 * Wait for its end and free it. NULL-safe.
 *
 * Errors:  WP_ERR_INVAL  it ended because Redis cannot be used as it is
 */
enum wp_err wp_hot_thread_join(struct wp_hot_thread **hot,
			       struct wp_error *err);

#endif /* WP_WORKER_HOT_THREAD_H */
