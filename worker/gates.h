/*
 * gates.h - rounds over closed partitions, until each is open again.
 *
 * A part of the cold thread. What it takes to open one is gate.h's.
 */
#ifndef WP_WORKER_GATES_H
#define WP_WORKER_GATES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/log.h"
#include "lib/metrics/metrics.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"
#include "worker/table.h"

struct wp_gates {
	/* Borrowed; set by whoever owns the gates. */
	const struct wp_conf *conf;
	struct wp_metrics *metrics;
	struct wp_table *table;
	struct wp_redis *redis;
	struct wp_store *store;
	struct wp_owned *list; /* scratch, one per partition */
	struct wp_log log;

	struct wp_log_limit limit;
	uint64_t ailing_ms; /* when to try again those that failed */
	uint64_t epoch;     /* of the connection whose Redis was looked at */
};

/*
 * Reconcile what is closed, and all of it when this Redis has its memory and
 * was left for another one meanwhile; first what was not tried yet. One that
 * cannot be is told, and tried again from time to time; the others do not wait
 * for it.
 *
 * *has_opened_out: some were opened; more may have come meanwhile
 * Errors:          WP_ERR_UNAVAIL  Redis or the cold store as a whole
 */
enum wp_err wp_gates_round(struct wp_gates *gates, bool *has_opened_out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_GATES_H */
