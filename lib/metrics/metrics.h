/*
 * metrics.h - counters, gauges and histograms, written as Prometheus text.
 *
 * A program describes its metrics in one constant table and updates them by
 * index. Cells live in shared anonymous memory, so forked children count into
 * one set; updates are relaxed atomics (no locks, any thread, any child).
 */
#ifndef WP_LIB_METRICS_METRICS_H
#define WP_LIB_METRICS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum wp_metric_type {
	WP_COUNTER,
	WP_SPARSE_COUNTER, /* told from its first count on */
	WP_GAUGE,
	WP_LEAST_GAUGE, /* of several processes the least counts, not the sum */
	WP_LAST_GAUGE,  /* a time: of several processes the latest counts */
	WP_HISTOGRAM
};

struct wp_metric_desc {
	const char *name;   /* "waypost_http_requests_total" */
	const char *labels; /* "route=\"send\",code=\"202\"" or NULL */
	const char *help;   /* given on the first entry of a name */
	enum wp_metric_type type;
};

struct wp_metrics;

/*
 * descs:      n entries, borrowed for ever; entries of one name are adjacent
 * Ownership:  the caller's; end with wp_metrics_free()
 * Errors:     WP_ERR_SYS  no memory to map
 */
enum wp_err wp_metrics_new(struct wp_metrics **out,
			   const struct wp_metric_desc *descs, size_t n,
			   struct wp_error *err) WP_MUST_USE;
void wp_metrics_free(struct wp_metrics **metrics);

/*
 * From now on what is set, rather than added to, is kept for each process that
 * sits down in a row of its own, and told of all together: gauges as their sum,
 * or the least or the last of them, and counters as their sum.
 *
 * rows:    how many processes there may be at a time
 * Errors:  WP_ERR_SYS  no memory to map
 * Threads: before any process is forked; once
 */
enum wp_err wp_metrics_seat(struct wp_metrics *metrics, size_t rows,
			    struct wp_error *err) WP_MUST_USE;
/* In a forked process: this is its row. Nothing without wp_metrics_seat(). */
void wp_metrics_sit(struct wp_metrics *metrics, size_t row);
/* In its parent: it has ended. What it counted stays, its gauges do not. */
void wp_metrics_rise(struct wp_metrics *metrics, size_t row);

/* metrics may be NULL in all of these: nothing is counted. Who sits in a row
 * gets what it has set itself. */
void wp_metric_add(struct wp_metrics *metrics, size_t index, int64_t delta);
void wp_metric_set(struct wp_metrics *metrics, size_t index, int64_t value);
/* One observation, in microseconds; exposed in seconds, buckets 0.1 ms-10 s. */
void wp_metric_observe_us(struct wp_metrics *metrics, size_t index,
			  uint64_t us);
/* The same of n that took as long. */
void wp_metric_observe_n(struct wp_metrics *metrics, size_t index, uint64_t us,
			 int64_t n);
int64_t wp_metric_get(const struct wp_metrics *metrics, size_t index);

/* Append the text exposition format, version 0.0.4. */
void wp_metrics_write(const struct wp_metrics *metrics, struct wp_buf *out);

#endif /* WP_LIB_METRICS_METRICS_H */
