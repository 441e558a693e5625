/*
 * sweep.h - deleting what has expired, in both tiers (ARCHITECTURE 4.9).
 *
 * Belongs to the migration thread, which owns the store that it needs.
 */
#ifndef WP_WORKER_SWEEP_H
#define WP_WORKER_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/log.h"
#include "lib/mailbox/sweep.h"
#include "lib/metrics/metrics.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"
#include "worker/sweep_clock.h"
#include "worker/table.h"

struct wp_sweeper {
	/* Borrowed; set by whoever owns the sweeper. */
	const struct wp_conf *conf;
	struct wp_metrics *metrics;
	struct wp_table *table;
	struct wp_redis *redis;
	struct wp_store *store;
	struct wp_owned *list; /* scratch, one per partition */
	struct wp_log log;

	uint64_t next_ms; /* monotonic; 0: at once */
	struct wp_sweep_clock clock;
	bool is_waiting; /* for an operator; the log knows */
	/* The confirmation that was used up. */
	char confirmed[WP_EXPIRE_CONFIRM_MAX + 1];

	/* Of one run. */
	int64_t wall_ms; /* Redis' clock */
	size_t n;        /* partitions in the list */
	size_t kept;     /* of them, those that asked for another call */
};

/*
 * Sweep the partitions that are ours, when it is time to.
 *
 * Errors:  WP_ERR_UNAVAIL, WP_ERR_NOMEM  the next call begins again
 */
enum wp_err wp_sweeper_run(struct wp_sweeper *sweeper,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_SWEEP_H */
