/*
 * audit.h - slowly look for what should never be, and repair it.
 *
 * One worker, the one that reads the inbox, walks the keyspace of Redis; each
 * compares the cold store of its own partitions with the hints about it. Both
 * at a bounded rate, as a part of the cold thread.
 */
#ifndef WP_WORKER_AUDIT_H
#define WP_WORKER_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/metrics.h"
#include "worker/worker.h"

enum {
	WP_AUDIT_KINDS = WP_WM_REPAIR_HINT_IDLE - WP_WM_REPAIR_CONNECTION + 1,
};
enum { WP_AUDIT_CURSOR_MAX = 24 };

struct wp_auditor {
	struct wp_worker *w;
	struct wp_log log;

	uint64_t last_ms; /* monotonic; when budget was last handed out */
	int64_t budget;   /* keys and users that may be looked at now */

	char cursor[WP_AUDIT_CURSOR_MAX + 1]; /* of SCAN; "" is "0" */

	uint32_t partition; /* whose cold store is being looked at */
	int64_t passed;     /* partitions done with, in this run */
	struct wp_store_place users;
	char hints[WP_AUDIT_CURSOR_MAX + 1]; /* of HSCAN; "": users first */

	struct wp_log_limit limit;
	/* By kind, as the metrics are: repairs that the log has not told. */
	struct wp_log_limit told[WP_AUDIT_KINDS];
	int64_t untold[WP_AUDIT_KINDS];
};

void wp_auditor_init(struct wp_auditor *auditor, struct wp_worker *w);

/*
 * Do as much as the rate allows since the last call.
 *
 * Errors:  WP_ERR_UNAVAIL, WP_ERR_NOMEM  goes on from there some other time
 */
enum wp_err wp_auditor_run(struct wp_auditor *auditor,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_AUDIT_H */
