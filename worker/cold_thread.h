/*
 * cold_thread.h - the thread that may wait for the cold store: it reconciles
 * partitions, migrates mailboxes of absent users to disk, sweeps out what has
 * expired and looks for what should never be.
 */
#ifndef WP_WORKER_COLD_THREAD_H
#define WP_WORKER_COLD_THREAD_H

#include <stdbool.h>

#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"
#include "worker/table.h"

struct wp_cold_thread;

/*
 * Start the thread. It ends when the table is stopping.
 *
 * conf, metrics, table: borrowed; must outlive the thread
 * on_end:  called by the thread as the last thing it does
 */
enum wp_err wp_cold_thread_start(struct wp_cold_thread **out,
				 const struct wp_conf *conf,
				 struct wp_metrics *metrics,
				 struct wp_table *table,
				 void (*on_end)(void *ctx), void *ctx,
				 struct wp_error *err) WP_MUST_USE;

/* Has it ended? Then wp_cold_thread_join() does not wait. */
bool wp_cold_thread_has_ended(const struct wp_cold_thread *cold);

/* Wait for its end and free it. NULL-safe. */
void wp_cold_thread_join(struct wp_cold_thread **cold);

#endif /* WP_WORKER_COLD_THREAD_H */
