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

#include "lib/base/log.h"
#include "lib/mailbox/audit.h"
#include "lib/metrics/metrics.h"
#include "lib/name/urn.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"
#include "worker/metrics.h"
#include "worker/table.h"

enum {
	WP_AUDIT_KINDS = WP_WM_REPAIR_HINT_IDLE - WP_WM_REPAIR_CONNECTION + 1,
};
enum { WP_AUDIT_CURSOR_MAX = 24, WP_AUDIT_LOG_MS = 5000 };

struct wp_auditor {
	/* Borrowed; set by whoever owns the auditor. */
	const struct wp_conf *conf;
	struct wp_metrics *metrics;
	struct wp_table *table;
	struct wp_redis *redis;
	struct wp_store *store;
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

/*
 * Do as much as the rate allows since the last call.
 *
 * Errors:  WP_ERR_UNAVAIL, WP_ERR_NOMEM  goes on from there some other time
 */
enum wp_err wp_auditor_run(struct wp_auditor *auditor,
			   struct wp_error *err) WP_MUST_USE;

/* The two walks; each uses up budget, and goes on where it left off. Public for
 * tests. */
enum wp_err wp_audit_keys(struct wp_auditor *auditor,
			  struct wp_error *err) WP_MUST_USE;
enum wp_err wp_audit_cold(struct wp_auditor *auditor,
			  struct wp_error *err) WP_MUST_USE;

/* Count a repair and tell it, not more often than every few seconds; metric is
 * one of WP_WM_REPAIR_…. */
void wp_audit_tell(struct wp_auditor *auditor, size_t metric, const char *what,
		   int64_t n);

#endif /* WP_WORKER_AUDIT_H */
