/*
 * metrics.h - what the handlers count. No user, no path from outside and no id
 * ever becomes a label.
 */
#ifndef WP_HANDLERS_REQUEST_METRICS_H
#define WP_HANDLERS_REQUEST_METRICS_H

#include <stdint.h>

#include "lib/auth/token.h"
#include "lib/base/err.h"
#include "lib/limit/rates.h"
#include "lib/metrics/metrics.h"

#include "handlers/request/endpoints.h"

/* Classes of status: 2xx, 4xx, 5xx. */
enum { WP_STATUS_CLASSES = 3 };

enum wp_handlers_metric {
	WP_H_REQUESTS,
	WP_H_DURATION = WP_H_REQUESTS + WP_ENDPOINT_COUNT * WP_STATUS_CLASSES,
	WP_H_SEND_ACCEPTED = WP_H_DURATION + WP_ENDPOINT_COUNT,
	WP_H_SEND_CONFLICT,
	WP_H_SEND_FULL,
	WP_H_SEND_OVERLOADED,
	WP_H_SEND_UNKNOWN,
	WP_H_SEND_CALLS,
	WP_H_PULLED,
	WP_H_ACKED,
	WP_H_LOGINS_RIGHT,
	WP_H_LOGINS_WRONG,
	WP_H_LOGINS_REFUSED,
	WP_H_HASH_REFUSED,
	WP_H_HASH_SECONDS,
	WP_H_SESSION_CREATED,
	WP_H_SESSION_ROTATED,
	WP_H_SESSION_AGAIN,
	WP_H_SESSION_KEPT,
	WP_H_SESSION_RESTORED,
	WP_H_SESSION_ENDED,
	WP_H_SESSION_REUSED,
	WP_H_REVOKED_ENTRIES,
	WP_H_REVOKED_EVICTED,
	WP_H_LIMITED,
	WP_H_LIMIT_ERRORS = WP_H_LIMITED + WP_LIMIT_COUNT,
	WP_H_AUTH_REFUSED,
	WP_H_TOKEN_HITS = WP_H_AUTH_REFUSED + WP_REFUSED_COUNT,
	WP_H_TOKEN_MISSES,
	WP_H_PROCESSES,
	WP_H_RESTARTS,
	WP_H_COUNT
};

/* The table behind the enum. Errors: as wp_metrics_new(). */
enum wp_err wp_handlers_metrics_new(struct wp_metrics **out,
				    struct wp_error *err) WP_MUST_USE;

/* Where tokens that are refused are counted. */
struct wp_auth_counts wp_handlers_auth_counts(struct wp_metrics *metrics);

/* Append all of them, and how old the keys of issuers are. */
void wp_handlers_metrics_write(const struct wp_metrics *metrics,
			       const struct wp_auth *auth, struct wp_buf *out);

/* One request is done. */
void wp_handlers_metrics_request(struct wp_metrics *metrics,
				 enum wp_endpoint_id endpoint,
				 unsigned int status, uint64_t duration_us);

#endif /* WP_HANDLERS_REQUEST_METRICS_H */
