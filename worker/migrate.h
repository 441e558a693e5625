/*
 * migrate.h - the thread that may wait for the cold store: it moves mailboxes
 * of absent users to disk, reconciles partitions and sweeps out what expired.
 */
#ifndef WP_WORKER_MIGRATE_H
#define WP_WORKER_MIGRATE_H

#include <stdbool.h>

#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"
#include "worker/table.h"

struct wp_migrator;

/*
 * Start the thread. It ends when the table is stopping.
 *
 * conf, metrics, table: borrowed; must outlive the thread
 * on_end:  called by the thread as the last thing it does
 */
enum wp_err wp_migrator_start(struct wp_migrator **out,
			      const struct wp_conf *conf,
			      struct wp_metrics *metrics,
			      struct wp_table *table, void (*on_end)(void *ctx),
			      void *ctx, struct wp_error *err) WP_MUST_USE;

/* Has it ended? Then wp_migrator_join() does not wait. */
bool wp_migrator_has_ended(const struct wp_migrator *migrator);

/* Wait for its end and free it. NULL-safe. */
void wp_migrator_join(struct wp_migrator **migrator);

#endif /* WP_WORKER_MIGRATE_H */
