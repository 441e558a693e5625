/*
 * sweep.h - deleting what has expired, in both tiers (docs/architecture.md
 * "Expiry").
 *
 * Belongs to the cold thread, which owns the store that it needs.
 */
#ifndef WP_WORKER_SWEEP_H
#define WP_WORKER_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/sweep_clock.h"
#include "worker/worker.h"

/* What the log has been told of the clock. */
enum wp_sweep_told {
	WP_SWEEP_TOLD_NONE,
	WP_SWEEP_TOLD_LATE,
	WP_SWEEP_TOLD_UNKNOWN,
};

struct wp_sweeper {
	struct wp_worker *w;
	struct wp_redis *redis; /* the clock is asked by it; borrowed */
	struct wp_log log;
	uint64_t next_ms; /* monotonic; 0: at once */

	/* Of the clock. */
	uint64_t look_ms;           /* when to look again, monotonic */
	uint64_t looked_ms;         /* when the look that found now_ms began */
	struct wp_sweep_clock seen; /* the record as it is in the store */
	char boot[WP_BOOT_ID_LEN];
	int64_t now_ms; /* by which to delete; WP_SWEEP_UNKNOWN */
	enum wp_sweep_told told;

	bool is_sweeping; /* the walk below has not ended */
	struct wp_store_place place;
	struct wp_log_limit limit;

	/* Of one run. */
	size_t n;    /* partitions in the list */
	size_t kept; /* of them, those that asked for another call */
};

void wp_sweeper_init(struct wp_sweeper *sweeper, struct wp_worker *w);

/* The next look is made at once, however short ago the last one was. */
void wp_sweeper_hurry(struct wp_sweeper *sweeper);

/*
 * Look at the clock, when it is time to: at each round, and before any gate is
 * opened, because messages are accepted then.
 *
 * Errors:  WP_ERR_UNAVAIL, WP_ERR_NOMEM  nobody should go on
 */
enum wp_err wp_sweeper_watch(struct wp_sweeper *sweeper,
			     struct wp_error *err) WP_MUST_USE;

/*
 * Sweep the partitions that are ours, when it is time to, by the last look. As
 * long as is_sweeping is set, another call goes on.
 *
 * Errors:  WP_ERR_UNAVAIL, WP_ERR_NOMEM  the next call goes on behind it; what
 *          was left has its turn at the next sweep
 */
enum wp_err wp_sweeper_run(struct wp_sweeper *sweeper,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_SWEEP_H */
