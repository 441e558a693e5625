/*
 * metrics.c - names and sentences of the handlers' metrics.
 */
#include "handlers/request/metrics.h"

#include <string.h>

#define CACHE "waypost_auth_verified_cache_total"
#define SESSIONS "waypost_http_sessions_total"
#define LOGINS "waypost_http_logins_total"
#define DURATION "waypost_http_request_duration_seconds"

#define REQUESTS_ROW(route, code)                                    \
	[WP_H_REQUESTS + WP_REQUESTS_##route##_##code] = {           \
		.name = "waypost_http_requests_total",               \
		.labels = "route=\"" #route "\",code=\"" #code "\"", \
		.help = "Requests answered, by route and status.",   \
		.type = WP_SPARSE_COUNTER,                           \
	},
#define REQUESTS(name_, codes) codes(REQUESTS_ROW, name_)
#define TIMED(timed, text)                                                \
	[WP_H_DURATION + (timed)] = {                                     \
		.name = DURATION,                                         \
		.labels = "route=\"" text "\"",                           \
		.help = "Time from the request's headers to its answer.", \
		.type = WP_HISTOGRAM,                                     \
	}
#define LIMITED(name_, text, ...)                                            \
	[WP_H_LIMITED + WP_LIMIT_##name_] = {                                \
		.name = "waypost_limited_total",                             \
		.labels = "class=\"" text "\"",                              \
		.help = "What was refused with 429 or rate_limited, or not " \
			"read for a while, by class of limits.",             \
		.type = WP_COUNTER,                                          \
	},
#define REFUSED(reason_, name_)                                     \
	[WP_H_AUTH_REFUSED + (reason_)] = {                         \
		.name = "waypost_auth_refused_total",               \
		.labels = "reason=\"" name_ "\"",                   \
		.help = "Tokens that were refused, by the reason.", \
		.type = WP_COUNTER,                                 \
	},

static const struct wp_metric_desc descs[WP_H_COUNT] = {
	WP_ROUTES(REQUESTS) TIMED(WP_TIMED_SEND, "send"),
	TIMED(WP_TIMED_SEND_BATCH, "send_batch"),
	TIMED(WP_TIMED_MESSAGES, "messages"),
	TIMED(WP_TIMED_ACK, "ack"),
	TIMED(WP_TIMED_LOGIN, "login"),
	TIMED(WP_TIMED_OTHER, "other"),
	WP_SENDS_OF(WP_H_SENDS_HTTP, "http"),
	WP_SENDS_OF(WP_H_SENDS_BATCH, "batch"),
	[WP_H_SEND_CALLS] = { "waypost_http_send_calls_total", NULL,
			      "Calls that carried envelopes to Redis, each as "
			      "many as came together.",
			      WP_COUNTER },
	[WP_H_PULLED] = { "waypost_pulled_messages_total", "door=\"http\"",
			  "Messages in the answers to pulls.", WP_COUNTER },
	[WP_H_ACKED] = { "waypost_acked_messages_total", "door=\"http\"",
			 "Message ids in acks that held, by the door they came "
			 "through.",
			 WP_COUNTER },
	[WP_H_DELIVERY_SECONDS] = {
		"waypost_delivery_duration_seconds",
		"door=\"http\"",
		"Time from the acceptance of a message to its ack, by Redis' "
		"clock, of those that went to no disk on the way.",
		WP_HISTOGRAM,
	},
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
	[WP_H_HASH_SECONDS] = { "waypost_http_hash_duration_seconds", NULL,
				"How long each hash of a password, and the "
				"look into the file beside it, held its slot.",
				WP_HISTOGRAM },
	[WP_H_SESSION_CREATED] = { SESSIONS, "event=\"created\"",
				   "What became of sessions: refreshed with a "
				   "new refresh token (rotated), the same once "
				   "more (again) or none (kept); settled anew "
				   "after Redis lost its memory; ended, also "
				   "because two had it (reused).",
				   WP_COUNTER },
	[WP_H_REVOKED_ENTRIES] = { "waypost_revoked_entries", NULL,
				   "What tokens and connections are held "
				   "against.",
				   WP_GAUGE },
	[WP_H_REVOKED_EVICTED] = { "waypost_revoked_evicted_total", NULL,
				   "What they should still be held against, "
				   "but had to leave a full table.",
				   WP_COUNTER },
	WP_LIMIT_CLASSES(
		LIMITED)[WP_H_LIMIT_ERRORS] = { "waypost_limit_errors_total",
						NULL,
						"Payments to the limits in "
						"Redis that failed; "
						"nobody was refused for it.",
						WP_COUNTER },
	[WP_H_SESSION_ROTATED] = { SESSIONS, "event=\"rotated\"", NULL,
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
	[WP_H_WAITING] = { "waypost_http_waiting_requests", NULL,
			   "Requests that wait for Redis or the cold store, a "
			   "second ago at most.",
			   WP_GAUGE },
	[WP_H_CONNECTIONS] = { "waypost_http_connections", NULL,
			       "Connections that web servers keep.", WP_GAUGE },
	[WP_H_REDIS_UP] = { "waypost_redis_up", NULL,
			    "1 while Redis can be used.", WP_GAUGE },
	[WP_H_REDIS_USED] = { "waypost_redis_used_memory_bytes", NULL,
			      "Memory that Redis uses, a second ago at most.",
			      WP_GAUGE },
	[WP_H_REDIS_MAX] = { "waypost_redis_max_memory_bytes", NULL,
			     "Its maxmemory; 0: unlimited.", WP_GAUGE },
	[WP_H_RESTARTS] = { "waypost_http_process_restarts_total", NULL,
			    "Handler processes that died by themselves.",
			    WP_COUNTER },
	[WP_H_TOKEN_HITS] = { CACHE, "result=\"hit\"",
			      "Tokens looked at, by whether they were known.",
			      WP_COUNTER },
	[WP_H_TOKEN_MISSES] = { CACHE, "result=\"miss\"", NULL, WP_COUNTER },
	WP_REFUSED_REASONS(REFUSED)
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

enum wp_route wp_route_of(enum wp_endpoint_id endpoint)
{
	static const enum wp_route routes[WP_ENDPOINT_COUNT] = {
		[WP_ENDPOINT_send] = WP_ROUTE_send,
		[WP_ENDPOINT_send_batch] = WP_ROUTE_send_batch,
		[WP_ENDPOINT_messages] = WP_ROUTE_messages,
		[WP_ENDPOINT_ack] = WP_ROUTE_ack,
		[WP_ENDPOINT_presence] = WP_ROUTE_presence,
		[WP_ENDPOINT_notify] = WP_ROUTE_notify,
		[WP_ENDPOINT_ticket] = WP_ROUTE_ticket,
		[WP_ENDPOINT_devices] = WP_ROUTE_devices,
		[WP_ENDPOINT_devices_add] = WP_ROUTE_devices,
		[WP_ENDPOINT_devices_remove] = WP_ROUTE_devices,
		[WP_ENDPOINT_devices_test] = WP_ROUTE_devices,
		[WP_ENDPOINT_devices_verify] = WP_ROUTE_devices,
		[WP_ENDPOINT_register_device] = WP_ROUTE_devices,
		[WP_ENDPOINT_register_fcm] = WP_ROUTE_devices,
		[WP_ENDPOINT_register_web] = WP_ROUTE_devices,
		[WP_ENDPOINT_unregister_fcm] = WP_ROUTE_devices,
		[WP_ENDPOINT_unregister_web] = WP_ROUTE_devices,
		[WP_ENDPOINT_push_prefs] = WP_ROUTE_preferences,
		[WP_ENDPOINT_push_prefs_put] = WP_ROUTE_preferences,
		[WP_ENDPOINT_push_unsubscribe_page] = WP_ROUTE_preferences,
		[WP_ENDPOINT_push_unsubscribe] = WP_ROUTE_preferences,
		[WP_ENDPOINT_auth_register] = WP_ROUTE_register,
		[WP_ENDPOINT_auth_login] = WP_ROUTE_login,
		[WP_ENDPOINT_auth_password_reset] = WP_ROUTE_login,
		[WP_ENDPOINT_auth_refresh] = WP_ROUTE_refresh,
		[WP_ENDPOINT_auth_password] = WP_ROUTE_session,
		[WP_ENDPOINT_auth_recovery] = WP_ROUTE_session,
		[WP_ENDPOINT_auth_account_delete] = WP_ROUTE_session,
		[WP_ENDPOINT_auth_logout] = WP_ROUTE_session,
		[WP_ENDPOINT_auth_sessions] = WP_ROUTE_session,
		[WP_ENDPOINT_auth_sessions_revoke] = WP_ROUTE_session,
		[WP_ENDPOINT_auth_backchannel_logout] = WP_ROUTE_session,
		[WP_ENDPOINT_jwks] = WP_ROUTE_keys,
		[WP_ENDPOINT_oauth_server] = WP_ROUTE_keys,
		[WP_ENDPOINT_admin_revoke] = WP_ROUTE_admin,
		[WP_ENDPOINT_admin_accounts] = WP_ROUTE_admin,
		[WP_ENDPOINT_admin_accounts_state] = WP_ROUTE_admin,
		[WP_ENDPOINT_admin_accounts_reset_code] = WP_ROUTE_admin,
		[WP_ENDPOINT_admin_invites] = WP_ROUTE_admin,
		[WP_ENDPOINT_healthz] = WP_ROUTE_probe,
		[WP_ENDPOINT_readyz] = WP_ROUTE_probe,
		[WP_ENDPOINT_none] = WP_ROUTE_none,
	};

	return routes[endpoint];
}

/* "other" has none that a request may be answered with. */
enum {
	STATUS_other = 0,
	STATUS_200 = 200,
	STATUS_201 = 201,
	STATUS_202 = 202,
	STATUS_204 = 204,
	STATUS_400 = 400,
	STATUS_401 = 401,
	STATUS_403 = 403,
	STATUS_404 = 404,
	STATUS_405 = 405,
	STATUS_409 = 409,
	STATUS_413 = 413,
	STATUS_415 = 415,
	STATUS_429 = 429,
	STATUS_500 = 500,
	STATUS_503 = 503,
	STATUS_507 = 507,
};

static size_t requests_at(enum wp_route route, unsigned int status)
{
	static const struct {
		uint8_t route;
		uint16_t status;
	} cells[WP_REQUESTS_COUNT] = {
#define CELL(route, code) { WP_ROUTE_##route, STATUS_##code },
#define CELLS(name, codes) codes(CELL, name)
		WP_ROUTES(CELLS)
#undef CELL
#undef CELLS
	};
	size_t other = 0;

	for (size_t i = 0; i < WP_REQUESTS_COUNT; i++) {
		if (cells[i].route != route)
			continue;
		if (cells[i].status == status)
			return WP_H_REQUESTS + i;
		if (cells[i].status == STATUS_other)
			other = i;
	}
	return WP_H_REQUESTS + other;
}

static size_t duration_at(enum wp_route route)
{
	switch (route) {
	case WP_ROUTE_send:
		return WP_H_DURATION + WP_TIMED_SEND;
	case WP_ROUTE_send_batch:
		return WP_H_DURATION + WP_TIMED_SEND_BATCH;
	case WP_ROUTE_messages:
		return WP_H_DURATION + WP_TIMED_MESSAGES;
	case WP_ROUTE_ack:
		return WP_H_DURATION + WP_TIMED_ACK;
	case WP_ROUTE_login:
		return WP_H_DURATION + WP_TIMED_LOGIN;
	default:
		return WP_H_DURATION + WP_TIMED_OTHER;
	}
}

/* Who may not send at all has not sent: WP_SENT_RESULTS. */
static enum wp_sent sent_by(unsigned int status, const char *code)
{
	switch (status) {
	case 401:
	case 403:
		return WP_SENT_RESULTS;
	case 429:
		return WP_SENT_LIMITED;
	case 500:
		return WP_SENT_UNAVAILABLE;
	case 503:
		return code != NULL && strcmp(code, "overloaded") == 0
			       ? WP_SENT_OVERLOADED
			       : WP_SENT_UNAVAILABLE;
	default:
		return WP_SENT_INVALID;
	}
}

void wp_handlers_metrics_unsent(struct wp_metrics *metrics,
				enum wp_endpoint_id endpoint,
				unsigned int status, const char *code)
{
	enum wp_sent sent = sent_by(status, code);

	if (sent == WP_SENT_RESULTS)
		return;
	if (endpoint == WP_ENDPOINT_send)
		wp_metric_add(metrics, (size_t)WP_H_SENDS_HTTP + sent, 1);
	else if (endpoint == WP_ENDPOINT_send_batch)
		wp_metric_add(metrics, (size_t)WP_H_SENDS_BATCH + sent, 1);
}

void wp_handlers_metrics_request(struct wp_metrics *metrics,
				 enum wp_endpoint_id endpoint,
				 unsigned int status, uint64_t duration_us)
{
	enum wp_route route = wp_route_of(endpoint);

	wp_metric_add(metrics, requests_at(route, status), 1);
	wp_metric_observe_us(metrics, duration_at(route), duration_us);
}
