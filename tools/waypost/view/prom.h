/*
 * prom.h - what a program of this host says of itself by GET /metrics, in the
 * text form of Prometheus.
 */
#ifndef WP_TOOLS_WAYPOST_VIEW_PROM_H
#define WP_TOOLS_WAYPOST_VIEW_PROM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
	WP_PROM_WAIT_MS = 1000, /* for all of it */
	WP_PROM_MAX_BYTES = 4 * 1024 * 1024,
	WP_PROM_BUCKETS_MAX = 40,
};

/*
 * Read a page, head and all, into out, which is emptied before.
 *
 * address:  unix:/path or host:port, numeric; as a metrics_listen
 * Errors:   WP_ERR_UNAVAIL  nobody answers there, or not in time, or not with
 *           200
 */
enum wp_err wp_prom_read(struct wp_buf *out, const char *address,
			 struct wp_error *err) WP_MUST_USE;

/*
 * The sum of all series of a metric whose labels have this text; 0: none has.
 *
 * text:   of a page, or NULL
 * label:  as it stands there: door="http"
 */
double wp_prom_sum(const char *text, const char *name, const char *label);

/* Buckets of a histogram, of all its series together. */
struct wp_prom_histogram {
	double le[WP_PROM_BUCKETS_MAX];
	double n[WP_PROM_BUCKETS_MAX]; /* up to le, since the program began */
	size_t n_buckets;
};
void wp_prom_histogram(struct wp_prom_histogram *out, const char *text,
		       const char *name, const char *label);

/*
 * What this share of the observations between before and now did not exceed,
 * as histogram_quantile() of Prometheus tells it.
 *
 * Returns:  false when there were none, or the program began anew
 */
bool wp_prom_quantile(const struct wp_prom_histogram *before,
		      const struct wp_prom_histogram *now, double share,
		      double *out);

#endif /* WP_TOOLS_WAYPOST_VIEW_PROM_H */
