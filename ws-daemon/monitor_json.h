/*
 * monitor_json.h - /health and /metrics in the forms of the notification
 * service that this daemon replaces (docs/from-notification-service.md).
 */
#ifndef WP_WS_MONITOR_JSON_H
#define WP_WS_MONITOR_JSON_H

#include "lib/metrics/exporter.h"

/* For an exporter whose ctx is a struct wp_parts. */
extern const struct wp_exporter_page wp_monitor_pages[];

#endif /* WP_WS_MONITOR_JSON_H */
