/*
 * metrics.c - names and sentences of the handlers' metrics.
 */
#include "handlers/request/metrics.h"

#define SENDS "waypost_http_sends_total"
#define CACHE "waypost_auth_verified_cache_total"
#define SESSIONS "waypost_http_sessions_total"
#define LOGINS "waypost_http_logins_total"

/* Which of them counts requests of an endpoint, and which measures them. */
#define REQUESTS_AT(endpoint, class) \
	(WP_H_REQUESTS + (endpoint)*WP_STATUS_CLASSES + (class))
#define DURATION_AT(endpoint) (WP_H_DURATION + (endpoint))

#define REQUESTS_OF(name_, class, text)                                     \
	[REQUESTS_AT(WP_ENDPOINT_##name_, class)] = {                       \
		.name = "waypost_http_requests_total",                      \
		.labels = "route=\"" #name_ "\",class=\"" text "\"",        \
		.help = "Requests answered, by route and class of status.", \
		.type = WP_COUNTER,                                         \
	}
#define REQUESTS(name_, ...)                                        \
	REQUESTS_OF(name_, 0, "2xx"), REQUESTS_OF(name_, 1, "4xx"), \
		REQUESTS_OF(name_, 2, "5xx"),
#define DURATION(name_, ...)                                              \
	[DURATION_AT(WP_ENDPOINT_##name_)] = {                            \
		.name = "waypost_http_request_duration_seconds",          \
		.labels = "route=\"" #name_ "\"",                         \
		.help = "Time from the request's headers to its answer.", \
		.type = WP_HISTOGRAM,                                     \
	},
#define LIMITED(name_, text, ...)                                              \
	[WP_H_LIMITED + WP_LIMIT_##name_] = {                                  \
		.name = "waypost_limited_total",                               \
		.labels = "class=\"" text "\"",                                \
		.help = "What was refused with 429 or rate_limited, by class " \
			"of limits.",                                          \
		.type = WP_COUNTER,                                            \
	},
#define REFUSED(reason_, name_)                                     \
	[WP_H_AUTH_REFUSED + reason_] = {                           \
		.name = "waypost_auth_refused_total",               \
		.labels = "reason=\"" name_ "\"",                   \
		.help = "Tokens that were refused, by the reason.", \
		.type = WP_COUNTER,                                 \
	},
#define COUNTED(ROW) WP_ENDPOINTS(ROW) ROW(none, )

static const struct wp_metric_desc descs[WP_H_COUNT] = {
	[WP_H_SEND_ACCEPTED] = { SENDS, "result=\"accepted\"",
				 "Envelopes given to Redis, by its answer.",
				 WP_COUNTER },
	[WP_H_SEND_CONFLICT] = { SENDS, "result=\"conflict\"", NULL,
				 WP_COUNTER },
	[WP_H_SEND_FULL] = { SENDS, "result=\"full\"", NULL, WP_COUNTER },
	[WP_H_SEND_OVERLOADED] = { SENDS, "result=\"overloaded\"", NULL,
				   WP_COUNTER },
	[WP_H_SEND_UNKNOWN] = { SENDS, "result=\"unknown\"", NULL, WP_COUNTER },
	[WP_H_SEND_CALLS] = { "waypost_http_send_calls_total", NULL,
			      "Calls that carried envelopes to Redis, each as "
			      "many as came together.",
			      WP_COUNTER },
	[WP_H_PULLED] = { "waypost_http_pulled_total", NULL,
			  "Messages in the answers to pulls.", WP_COUNTER },
	[WP_H_ACKED] = { "waypost_http_acked_total", NULL,
			 "Message ids in acks that held.", WP_COUNTER },
	[WP_H_LOGINS_RIGHT] = { LOGINS, "result=\"right\"",
				"Tries of a password: right, wrong, or refused "
				"after too many.",
				WP_COUNTER },
	[WP_H_LOGINS_WRONG] = { LOGINS, "result=\"wrong\"", NULL, WP_COUNTER },
	[WP_H_LOGINS_REFUSED] = { LOGINS, "result=\"refused\"", NULL,
				  WP_COUNTER },
	[WP_H_HASH_REFUSED] = { "waypost_http_hash_refused_total", NULL,
				"Requests answered 503 for want of a slot to "
				"hash a password in.",
				WP_COUNTER },
	[WP_H_HASH_SECONDS] = { "waypost_http_hash_seconds", NULL,
				"How long each hash of a password, and the "
				"look into the file beside it, held its slot.",
				WP_HISTOGRAM },
	[WP_H_SESSION_CREATED] = { SESSIONS, "event=\"created\"", NULL,
				   WP_COUNTER },
	[WP_H_REVOKED_ENTRIES] = { "waypost_http_revoked_entries", NULL,
				   "What tokens are held against.", WP_GAUGE },
	[WP_H_REVOKED_EVICTED] = { "waypost_http_revoked_evicted_total", NULL,
				   "What tokens should still be held against, "
				   "but had to leave a full table.",
				   WP_COUNTER },
	WP_LIMIT_CLASSES(
		LIMITED)[WP_H_LIMIT_ERRORS] = { "waypost_limit_errors_total",
						NULL,
						"Payments to the limits in "
						"Redis that failed; "
						"nobody was refused for it.",
						WP_COUNTER },
	[WP_H_SESSION_ROTATED] = { SESSIONS, "event=\"rotated\"",
				   "What became of sessions: refreshed with a "
				   "new refresh token (rotated), the same once "
				   "more (again) or none (kept); settled anew "
				   "after Redis lost its memory; ended, also "
				   "because two had it (reused).",
				   WP_COUNTER },
	[WP_H_SESSION_AGAIN] = { SESSIONS, "event=\"again\"", NULL,
				 WP_COUNTER },
	[WP_H_SESSION_KEPT] = { SESSIONS, "event=\"kept\"", NULL, WP_COUNTER },
	[WP_H_SESSION_RESTORED] = { SESSIONS, "event=\"restored\"", NULL,
				    WP_COUNTER },
	[WP_H_SESSION_ENDED] = { SESSIONS, "event=\"ended\"", NULL,
				 WP_COUNTER },
	[WP_H_SESSION_REUSED] = { SESSIONS, "event=\"reused\"", NULL,
				  WP_COUNTER },
	[WP_H_PROCESSES] = { "waypost_http_processes", NULL,
			     "Handler processes that are ready.", WP_GAUGE },
	[WP_H_RESTARTS] = { "waypost_http_process_restarts_total", NULL,
			    "Handler processes that died by themselves.",
			    WP_COUNTER },
	[WP_H_TOKEN_HITS] = { CACHE, "result=\"hit\"",
			      "Tokens looked at, by whether they were known.",
			      WP_COUNTER },
	[WP_H_TOKEN_MISSES] = { CACHE, "result=\"miss\"", NULL, WP_COUNTER },
	WP_REFUSED_REASONS(REFUSED) COUNTED(REQUESTS) COUNTED(DURATION)
};

enum wp_err wp_handlers_metrics_new(struct wp_metrics **out,
				    struct wp_error *err)
{
	return wp_metrics_new(out, descs, WP_H_COUNT, err);
}

struct wp_auth_counts wp_handlers_auth_counts(struct wp_metrics *metrics)
{
	return (struct wp_auth_counts){
		.metrics = metrics,
		.refused = WP_H_AUTH_REFUSED,
	};
}

void wp_handlers_metrics_write(const struct wp_metrics *metrics,
			       const struct wp_auth *auth, struct wp_buf *out)
{
	wp_metrics_write(metrics, out);
	wp_auth_write_ages(auth, "waypost_auth_keys_age_seconds", out);
}

void wp_handlers_metrics_request(struct wp_metrics *metrics,
				 enum wp_endpoint_id endpoint,
				 unsigned int status, uint64_t duration_us)
{
	size_t class = status < 400 ? 0 : status < 500 ? 1 : 2;

	wp_metric_add(metrics, REQUESTS_AT((size_t)endpoint, class), 1);
	wp_metric_observe_us(metrics, DURATION_AT((size_t)endpoint),
			     duration_us);
}
