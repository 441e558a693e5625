/*
 * metrics.h - what the daemon counts.
 */
#ifndef WP_WS_METRICS_H
#define WP_WS_METRICS_H

#include "lib/auth/token.h"
#include "lib/limit/rates.h"
#include "lib/metrics/metrics.h"

enum wp_ws_metric {
	WP_M_CONNECTIONS,
	WP_M_USERS,
	WP_M_CONNECTS,
	WP_M_REJECT_BAD_REQUEST,
	WP_M_REJECT_UNAUTHORIZED,
	WP_M_REJECT_REVOKED,
	WP_M_REJECT_ORIGIN,
	WP_M_REJECT_LIMIT,
	WP_M_REJECT_UNAVAILABLE,
	WP_M_REJECT_TIMEOUT,
	WP_M_CLOSE_PEER,
	WP_M_CLOSE_LOST,
	WP_M_CLOSE_IDLE,
	WP_M_CLOSE_SLOW,
	WP_M_CLOSE_EXPIRED,
	WP_M_CLOSE_REVOKED,
	WP_M_CLOSE_REPLACED,
	WP_M_CLOSE_PROTOCOL,
	WP_M_CLOSE_SHUTDOWN,
	WP_M_CLOSE_INTERNAL,
	WP_M_POKES_SENT,
	WP_M_POKES_COALESCED,
	WP_M_NOTIFIED,
	WP_M_NOTIFICATION_NO_USER,
	WP_M_NOTIFICATION_BAD_CHANNEL,
	WP_M_NOTIFICATION_MALFORMED,
	WP_M_NOTIFICATION_TOO_LARGE,
	WP_M_NOTIFICATION_NO_MEMORY,
	WP_M_FRAMES_IN,
	WP_M_FRAMES_OUT,
	WP_M_SEND_ACCEPTED,
	WP_M_SEND_REFUSED,
	WP_M_SEND_UNKNOWN,
	WP_M_ACKED,
	WP_M_ACK_FAILED,
	WP_M_LIMITED,
	WP_M_LIMIT_ERRORS = WP_M_LIMITED + WP_LIMIT_COUNT,
	WP_M_ACCEPT_PAUSES,
	WP_M_AUTH_REFUSED,
	WP_M_REDIS_UP = WP_M_AUTH_REFUSED + WP_REFUSED_COUNT,
	WP_M_RESYNCS,
	WP_M_HEARTBEATS,
	WP_M_REVOKED_ENTRIES,
	WP_M_REVOKED_EVICTED,
	WP_M_REFRESHED,
	WP_M_REFRESH_REFUSED,
	WP_WS_METRIC_COUNT
};

/* Append all of them, and how old the keys of issuers are. */
void wp_ws_metrics_write(const struct wp_metrics *metrics,
			 const struct wp_auth *auth, struct wp_buf *out);

/* The table behind the enum. Errors: as wp_metrics_new(). */
enum wp_err wp_ws_metrics_new(struct wp_metrics **out,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_WS_METRICS_H */
