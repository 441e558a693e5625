/*
 * exporter.h - a thread that answers GET /metrics for programs that have no
 * HTTP door of their own. One request per connection, bounded in bytes and
 * time; everything but GET /metrics and GET /healthz is 404.
 */
#ifndef WP_LIB_METRICS_EXPORTER_H
#define WP_LIB_METRICS_EXPORTER_H

#include "lib/base/err.h"
#include "lib/metrics/metrics.h"

struct wp_exporter;

/* address: as wp_listen(). metrics must outlive the exporter. */
enum wp_err wp_exporter_start(struct wp_exporter **out, const char *address,
			      const struct wp_metrics *metrics,
			      struct wp_error *err) WP_MUST_USE;

/* Unlink the socket, stop the thread, close. NULL-safe. */
void wp_exporter_stop(struct wp_exporter **exporter);

/* For who exits at once: take the socket's name away, no more. NULL-safe. */
void wp_exporter_unlink(struct wp_exporter *exporter);

#endif /* WP_LIB_METRICS_EXPORTER_H */
