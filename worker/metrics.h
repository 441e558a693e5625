/*
 * metrics.h - what the worker counts.
 */
#ifndef WP_WORKER_METRICS_H
#define WP_WORKER_METRICS_H

#include "lib/metrics/metrics.h"

enum wp_worker_metric {
	WP_WM_REDIS_UP,
	WP_WM_PARTITIONS_OWNED,
	WP_WM_WORKERS,
	WP_WM_LEASES_LOST,
	WP_WM_ROUTED,
	WP_WM_DROPPED,
	WP_WM_DEAD,
	WP_WM_HELD,
	WP_WM_ROUTE_FAULTS,
	WP_WM_ROUTE_SECONDS,
	WP_WM_DOORBELLS,
	WP_WM_GATES,
	WP_WM_MIGRATED_ROWS,
	WP_WM_MIGRATION_FAILURES,
	WP_WM_MIGRATION_CONFLICTS,
	WP_WM_EXPIRED_HOT,
	WP_WM_EXPIRED_COLD,
	WP_WM_EXPIRY_WAITING,
	WP_WM_REAPED_CONNECTIONS,
	WP_WM_REAPED_INCARNATIONS,
	WP_WM_INBOX_ACCEPTED,
	WP_WM_INBOX_REJECTED,
	WP_WORKER_METRIC_COUNT
};

/* The table behind the enum. Errors: as wp_metrics_new(). */
enum wp_err wp_worker_metrics_new(struct wp_metrics **out,
				  struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_METRICS_H */
