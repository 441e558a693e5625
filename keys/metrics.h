/*
 * metrics.h - what waypost-keys counts.
 */
#ifndef WP_KEYS_METRICS_H
#define WP_KEYS_METRICS_H

#include "keys/watch.h"
#include "lib/metrics/metrics.h"

enum wp_keys_metric {
	WP_KM_FETCHED,
	WP_KM_UNCHANGED,
	WP_KM_UNREACHABLE,
	WP_KM_UNTRUSTED,
	WP_KM_FORBIDDEN,
	WP_KM_STATUS,
	WP_KM_MALFORMED,
	WP_KM_NO_KEY,
	WP_KM_UNWRITTEN,
	WP_KM_EARLY_GRANTED,
	WP_KM_EARLY_REFUSED,
	WP_KM_EARLY_UNKNOWN,
	WP_KM_ISSUERS,
	WP_KM_FAILING,
	WP_KM_SIGNING,
	WP_KM_MADE,
	WP_KEYS_METRIC_COUNT
};

/* What counts a fetch that ended so. */
enum wp_keys_metric wp_keys_metric_of(enum wp_watch_result result);

/* The table behind the enum. Errors: as wp_metrics_new(). */
enum wp_err wp_keys_metrics_new(struct wp_metrics **out,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_KEYS_METRICS_H */
