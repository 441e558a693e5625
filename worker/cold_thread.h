/*
 * cold_thread.h - the thread that may wait for the cold store: it reconciles
 * partitions, migrates mailboxes of absent users to disk, sweeps out what has
 * expired and looks for what should never be.
 */
#ifndef WP_WORKER_COLD_THREAD_H
#define WP_WORKER_COLD_THREAD_H

#include <stdbool.h>

#include "worker/worker.h"

struct wp_cold_thread;

/* Start the thread. It ends when the table is stopping. */
enum wp_err wp_cold_thread_start(struct wp_cold_thread **out,
				 const struct wp_worker_setup *setup,
				 struct wp_error *err) WP_MUST_USE;

/* Has it ended? Then wp_cold_thread_join() does not wait. */
bool wp_cold_thread_has_ended(const struct wp_cold_thread *cold);

/* Wait for its end and free it. NULL-safe. */
void wp_cold_thread_join(struct wp_cold_thread **cold);

#endif /* WP_WORKER_COLD_THREAD_H */
