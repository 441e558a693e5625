/*
 * monitor.h - GET /metrics of all processes together, answered by their parent.
 */
#ifndef WP_HANDLERS_MONITOR_H
#define WP_HANDLERS_MONITOR_H

#include "lib/base/err.h"
#include "lib/metrics/exporter.h"

#include "handlers/procs.h"

/*
 * Listen where handlers.metrics_listen says; *out stays NULL when it is "".
 *
 * procs:      borrowed, as is what it points to at the time of an answer
 * Ownership:  the caller's; end with wp_exporter_stop()
 * Errors:     as wp_exporter_open()
 */
enum wp_err wp_procs_monitor(struct wp_exporter **out, struct wp_procs *procs,
			     struct wp_error *err) WP_MUST_USE;

#endif /* WP_HANDLERS_MONITOR_H */
