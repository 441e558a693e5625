/*
 * monitor_json.h - /health and /metrics in the forms of the notification
 * service that this daemon replaces (docs/from-notification-service.md).
 */
#ifndef WP_WS_MONITOR_JSON_H
#define WP_WS_MONITOR_JSON_H

#include <stdint.h>

#include "lib/metrics/exporter.h"

struct wp_parts;

/* What is told of: this process, or all that count in the same metrics. */
struct wp_monitor_source {
	const struct wp_metrics *metrics;
	uint64_t start_ms; /* wp_mono_ms() */
	/* Whose gauges are set before; NULL: processes set their own. */
	const struct wp_parts *parts;
};

/* For an exporter whose pages_ctx is a source. Threads: that of the parts. */
extern const struct wp_exporter_page wp_monitor_pages[];

#endif /* WP_WS_MONITOR_JSON_H */
