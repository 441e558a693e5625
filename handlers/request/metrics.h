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
#include "lib/metrics/sends.h"

#include "handlers/request/endpoints.h"

/*
 * How requests are told apart: endpoints that do the same to Redis and the
 * store are one route, with the statuses that it answers in the ordinary
 * course; any other is told as "other". The log has the endpoint itself.
 */
/* clang-format off */
#define WP_ROUTES(ROW) \
	ROW(none, WP_CODES_NONE) \
	ROW(send, WP_CODES_SEND) \
	ROW(send_batch, WP_CODES_SEND) \
	ROW(messages, WP_CODES_READ) \
	ROW(ack, WP_CODES_WRITE) \
	ROW(presence, WP_CODES_READ) \
	ROW(notify, WP_CODES_WRITE) \
	ROW(ticket, WP_CODES_READ) \
	ROW(devices, WP_CODES_CHANGE) \
	ROW(preferences, WP_CODES_WRITE) \
	ROW(register, WP_CODES_ACCOUNT) \
	ROW(login, WP_CODES_ACCOUNT) \
	ROW(refresh, WP_CODES_ACCOUNT) \
	ROW(session, WP_CODES_CHANGE) \
	ROW(admin, WP_CODES_CHANGE) \
	ROW(keys, WP_CODES_PROBE) \
	ROW(probe, WP_CODES_PROBE)

#define WP_CODES_NONE(CODE, route) \
	CODE(route, 204) CODE(route, 400) CODE(route, 404) CODE(route, 405) \
	CODE(route, 503) CODE(route, other)
#define WP_CODES_PROBE(CODE, route) \
	CODE(route, 200) CODE(route, 503) CODE(route, other)
#define WP_CODES_READ(CODE, route) \
	CODE(route, 200) CODE(route, 400) CODE(route, 401) CODE(route, 403) \
	CODE(route, 429) CODE(route, 500) CODE(route, 503) CODE(route, other)
#define WP_CODES_WRITE(CODE, route) \
	CODE(route, 200) CODE(route, 202) CODE(route, 204) CODE(route, 400) \
	CODE(route, 401) CODE(route, 403) CODE(route, 413) CODE(route, 415) \
	CODE(route, 429) CODE(route, 500) CODE(route, 503) CODE(route, other)
#define WP_CODES_SEND(CODE, route) \
	CODE(route, 202) CODE(route, 400) CODE(route, 401) CODE(route, 403) \
	CODE(route, 409) CODE(route, 413) CODE(route, 415) CODE(route, 429) \
	CODE(route, 500) CODE(route, 503) CODE(route, 507) CODE(route, other)
#define WP_CODES_ACCOUNT(CODE, route) \
	CODE(route, 200) CODE(route, 201) CODE(route, 400) CODE(route, 401) \
	CODE(route, 403) CODE(route, 409) CODE(route, 413) CODE(route, 429) \
	CODE(route, 500) CODE(route, 503) CODE(route, other)
#define WP_CODES_CHANGE(CODE, route) \
	CODE(route, 200) CODE(route, 201) CODE(route, 204) CODE(route, 400) \
	CODE(route, 401) CODE(route, 403) CODE(route, 404) CODE(route, 409) \
	CODE(route, 413) CODE(route, 429) CODE(route, 500) CODE(route, 503) \
	CODE(route, other)
/* clang-format on */

#define WP_ROUTE_ID(name, codes) WP_ROUTE_##name,
enum wp_route { WP_ROUTES(WP_ROUTE_ID) WP_ROUTE_COUNT };
#undef WP_ROUTE_ID

/* A place for each status of each route. */
#define WP_REQUESTS_ID(route, code) WP_REQUESTS_##route##_##code,
#define WP_REQUESTS_IDS(name, codes) codes(WP_REQUESTS_ID, name)
enum wp_requests { WP_ROUTES(WP_REQUESTS_IDS) WP_REQUESTS_COUNT };
#undef WP_REQUESTS_ID
#undef WP_REQUESTS_IDS

/* Whose time is told apart. */
enum wp_timed {
	WP_TIMED_SEND,
	WP_TIMED_SEND_BATCH,
	WP_TIMED_MESSAGES,
	WP_TIMED_ACK,
	WP_TIMED_LOGIN,
	WP_TIMED_OTHER,
	WP_TIMED_COUNT
};

enum wp_handlers_metric {
	WP_H_REQUESTS,
	WP_H_DURATION = WP_H_REQUESTS + WP_REQUESTS_COUNT,
	WP_H_SENDS_HTTP = WP_H_DURATION + WP_TIMED_COUNT,
	WP_H_SENDS_BATCH = WP_H_SENDS_HTTP + WP_SENT_RESULTS,
	WP_H_SEND_CALLS = WP_H_SENDS_BATCH + WP_SENT_RESULTS,
	WP_H_PULLED,
	WP_H_ACKED,
	WP_H_DELIVERY_SECONDS,
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
	WP_H_WAITING,
	WP_H_CONNECTIONS,
	WP_H_REDIS_UP,
	WP_H_REDIS_USED,
	WP_H_REDIS_MAX,
	WP_H_RESTARTS,
	WP_H_COUNT
};

/* The table behind the enum. Errors: as wp_metrics_new(). */
enum wp_err wp_handlers_metrics_new(struct wp_metrics **out,
				    struct wp_error *err) WP_MUST_USE;

/* Where tokens that are refused are counted. */
struct wp_auth_counts wp_handlers_auth_counts(struct wp_metrics *metrics);

/* Which route an endpoint is of. */
enum wp_route wp_route_of(enum wp_endpoint_id endpoint);

/* One request is done. */
void wp_handlers_metrics_request(struct wp_metrics *metrics,
				 enum wp_endpoint_id endpoint,
				 unsigned int status, uint64_t duration_us);

/*
 * One that got as far as the answer alone says. When it was to send something:
 * why it did not.
 *
 * code:  of the error; NULL when there is none
 */
void wp_handlers_metrics_unsent(struct wp_metrics *metrics,
				enum wp_endpoint_id endpoint,
				unsigned int status, const char *code);

#endif /* WP_HANDLERS_REQUEST_METRICS_H */
