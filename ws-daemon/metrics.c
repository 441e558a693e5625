/*
 * metrics.c - names and sentences of the daemon's metrics. No user, no
 * connection and no channel ever becomes a label.
 */
#include "ws-daemon/metrics.h"

#define REJECTS "waypost_ws_rejects_total"
#define CLOSES "waypost_ws_closes_total"
#define POKES "waypost_ws_pokes_total"
#define NOTIFICATIONS "waypost_ws_notifications_total"
#define FRAMES "waypost_ws_frames_total"
#define REFRESHES "waypost_ws_refreshes_total"
#define DEFLATE_TEXT "waypost_ws_deflate_text_bytes_total"
#define DEFLATE_WIRE "waypost_ws_deflate_wire_bytes_total"
#define CANARY "waypost_ws_canary_duration_seconds"
#define CANARY_LOST "waypost_ws_canary_lost_total"
#define CANARY_UP "waypost_ws_canary_up"

#define REFUSED(reason_, name_)                                     \
	[WP_M_AUTH_REFUSED + (reason_)] = {                         \
		.name = "waypost_auth_refused_total",               \
		.labels = "reason=\"" name_ "\"",                   \
		.help = "Tokens that were refused, by the reason.", \
		.type = WP_COUNTER,                                 \
	},

#define LIMITED(name_, text, ...)                                            \
	[WP_M_LIMITED + WP_LIMIT_##name_] = {                                \
		.name = "waypost_limited_total",                             \
		.labels = "class=\"" text "\"",                              \
		.help = "What was refused with 429 or rate_limited, or not " \
			"read for a while, by class of limits.",             \
		.type = WP_COUNTER,                                          \
	},

static const struct wp_metric_desc descs[WP_WS_METRIC_COUNT] = {
	[WP_M_CONNECTIONS] = { "waypost_ws_connections", NULL,
			       "Open WebSocket connections.", WP_GAUGE },
	[WP_M_CONNECTIONS_MAX] = { "waypost_ws_connections_max", NULL,
				   "So many may be open here.", WP_GAUGE },
	[WP_M_USERS] = { "waypost_ws_users", NULL,
			 "Users with at least one connection here.", WP_GAUGE },
	[WP_M_QUEUED_BYTES] = { "waypost_ws_queued_bytes", NULL,
				"Bytes that wait for sockets which took no "
				"more.",
				WP_GAUGE },
	[WP_M_CONSUMERS] = { "waypost_ws_inline_connections", NULL,
			     "Open connections that are sent their messages.",
			     WP_GAUGE },
	[WP_M_PROCESSES] = { "waypost_ws_processes", NULL,
			     "Processes that let clients in.", WP_GAUGE },
	[WP_M_RESTARTS] = { "waypost_ws_process_restarts_total", NULL,
			    "Processes that died by themselves.", WP_COUNTER },
	[WP_M_CONNECTS] = { "waypost_ws_connects_total", NULL,
			    "Connections that were opened.", WP_COUNTER },
	[WP_M_REJECT_BAD_REQUEST] = { REJECTS, "reason=\"bad_request\"",
				      "Requests refused before the upgrade.",
				      WP_COUNTER },
	[WP_M_REJECT_UNAUTHORIZED] = { REJECTS, "reason=\"unauthorized\"", NULL,
				       WP_COUNTER },
	[WP_M_REJECT_REVOKED] = { REJECTS, "reason=\"revoked\"", NULL,
				  WP_COUNTER },
	[WP_M_REJECT_ORIGIN] = { REJECTS, "reason=\"origin\"", NULL,
				 WP_COUNTER },
	[WP_M_REJECT_LIMIT] = { REJECTS, "reason=\"limit\"", NULL, WP_COUNTER },
	[WP_M_REJECT_UNAVAILABLE] = { REJECTS, "reason=\"unavailable\"", NULL,
				      WP_COUNTER },
	[WP_M_REJECT_TIMEOUT] = { REJECTS, "reason=\"timeout\"", NULL,
				  WP_COUNTER },
	[WP_M_CLOSE_PEER] = { CLOSES, "reason=\"peer\"",
			      "Connections that ended.", WP_COUNTER },
	[WP_M_CLOSE_LOST] = { CLOSES, "reason=\"lost\"", NULL, WP_COUNTER },
	[WP_M_CLOSE_IDLE] = { CLOSES, "reason=\"idle\"", NULL, WP_COUNTER },
	[WP_M_CLOSE_SLOW] = { CLOSES, "reason=\"slow\"", NULL, WP_COUNTER },
	[WP_M_CLOSE_UNACKED] = { CLOSES, "reason=\"unacked\"", NULL,
				 WP_COUNTER },
	[WP_M_CLOSE_EXPIRED] = { CLOSES, "reason=\"expired\"", NULL,
				 WP_COUNTER },
	[WP_M_CLOSE_REVOKED] = { CLOSES, "reason=\"revoked\"", NULL,
				 WP_COUNTER },
	[WP_M_CLOSE_REPLACED] = { CLOSES, "reason=\"replaced\"", NULL,
				  WP_COUNTER },
	[WP_M_CLOSE_PROTOCOL] = { CLOSES, "reason=\"protocol\"", NULL,
				  WP_COUNTER },
	[WP_M_CLOSE_SHUTDOWN] = { CLOSES, "reason=\"shutdown\"", NULL,
				  WP_COUNTER },
	[WP_M_CLOSE_INTERNAL] = { CLOSES, "reason=\"internal\"", NULL,
				  WP_COUNTER },
	[WP_M_POKES_SENT] = { POKES, "result=\"sent\"",
			      "Pokes for connections of this process.",
			      WP_COUNTER },
	[WP_M_POKES_COALESCED] = { POKES, "result=\"coalesced\"", NULL,
				   WP_COUNTER },
	[WP_M_DELIVERED] = { "waypost_ws_delivered_messages_total", NULL,
			     "Messages sent in place of pokes, repeats too.",
			     WP_COUNTER },
	[WP_M_NOTIFIED] = { NOTIFICATIONS, "result=\"forwarded\"",
			    "Messages on user_noti channels and "
			    "those of topics.", WP_COUNTER },
	[WP_M_NOTIFICATION_FILTERED] = { NOTIFICATIONS, "result=\"filtered\"",
					 NULL, WP_COUNTER },
	[WP_M_NOTIFICATION_NO_USER] = { NOTIFICATIONS,
					"result=\"not_connected\"", NULL,
					WP_COUNTER },
	[WP_M_NOTIFICATION_BAD_CHANNEL] = { NOTIFICATIONS,
					    "result=\"bad_channel\"", NULL,
					    WP_COUNTER },
	[WP_M_NOTIFICATION_MALFORMED] = { NOTIFICATIONS, "result=\"malformed\"",
					  NULL, WP_COUNTER },
	[WP_M_NOTIFICATION_TOO_LARGE] = { NOTIFICATIONS, "result=\"too_large\"",
					  NULL, WP_COUNTER },
	[WP_M_NOTIFICATION_NO_MEMORY] = { NOTIFICATIONS, "result=\"no_memory\"",
					  NULL, WP_COUNTER },
	[WP_M_NOTIFICATION_FRAMES] = { "waypost_ws_notification_frames_total",
				       NULL,
				       "Notifications handed to connections.",
				       WP_COUNTER },
	[WP_M_NOTIFICATION_LAST] = { "waypost_ws_notification_timestamp_"
				     "seconds",
				     NULL,
				     "When the last notification was heard, "
				     "whoever it was for; 0: none was.",
				     WP_LAST_GAUGE },
	[WP_M_FRAMES_IN] = { FRAMES, "direction=\"in\"",
			     "WebSocket frames of all kinds.", WP_COUNTER },
	[WP_M_FRAMES_OUT] = { FRAMES, "direction=\"out\"", NULL, WP_COUNTER },
	WP_SENDS_OF(WP_M_SENDS, "ws"),
	[WP_M_ACKED] = { "waypost_acked_messages_total", "door=\"ws\"",
			 "Message ids in acks that held, by the door they came "
			 "through.",
			 WP_COUNTER },
	[WP_M_DELIVERY_SECONDS] = {
		"waypost_delivery_duration_seconds",
		"door=\"ws\"",
		"Time from the acceptance of a message to its ack, by Redis' "
		"clock, of those that went to no disk on the way.",
		WP_HISTOGRAM,
	},
	[WP_M_ACKS_FAILED] = { "waypost_ws_acks_failed_total", NULL,
			       "Acks over a socket that may not have held.",
			       WP_COUNTER },
	WP_LIMIT_CLASSES(
		LIMITED)[WP_M_LIMIT_ERRORS] = { "waypost_limit_errors_total",
						NULL,
						"Payments to the limits in "
						"Redis that failed; "
						"nobody was refused for it.",
						WP_COUNTER },
	[WP_M_ACCEPT_PAUSES] = { "waypost_ws_accept_pauses_total", NULL,
				 "Times that descriptors ran out.",
				 WP_COUNTER },
	WP_REFUSED_REASONS(
		REFUSED)[WP_M_REDIS_UP] = { "waypost_redis_up", NULL,
					    "1 while Redis can be used.",
					    WP_LEAST_GAUGE },
	[WP_M_RESYNCS] = { "waypost_ws_resyncs_total", NULL,
			   "Incarnations taken after the first.", WP_COUNTER },
	[WP_M_HEARTBEATS] = { "waypost_ws_heartbeats_total", NULL,
			      "Heartbeats answered, one per partition.",
			      WP_COUNTER },
	[WP_M_REFRESHED] = { REFRESHES, "result=\"refreshed\"",
			     "New tokens for open connections.", WP_COUNTER },
	[WP_M_REFRESH_REFUSED] = { REFRESHES, "result=\"refused\"", NULL,
				   WP_COUNTER },
	[WP_M_DEFLATE_IN_TEXT] = { DEFLATE_TEXT, "direction=\"in\"",
				   "Bytes of the text of messages that went "
				   "over the wire deflated.",
				   WP_COUNTER },
	[WP_M_DEFLATE_OUT_TEXT] = { DEFLATE_TEXT, "direction=\"out\"", NULL,
				    WP_COUNTER },
	[WP_M_DEFLATE_IN_DEFLATED] = { DEFLATE_WIRE, "direction=\"in\"",
				       "Bytes that went over the wire for "
				       "them.",
				       WP_COUNTER },
	[WP_M_DEFLATE_OUT_DEFLATED] = { DEFLATE_WIRE, "direction=\"out\"",
					NULL, WP_COUNTER },
	[WP_M_CANARY_NOTIFICATION] = { CANARY, "kind=\"notification\"",
				       "Time until what the daemon sends "
				       "itself is back, a message acked.",
				       WP_HISTOGRAM },
	[WP_M_CANARY_MESSAGE] = { CANARY, "kind=\"message\"", NULL,
				  WP_HISTOGRAM },
	[WP_M_CANARY_NOTIFICATION_LOST] = { CANARY_LOST,
					    "kind=\"notification\"",
					    "What it sent itself and was not "
					    "accepted, or did not come back "
					    "in time.",
					    WP_COUNTER },
	[WP_M_CANARY_MESSAGE_LOST] = { CANARY_LOST, "kind=\"message\"", NULL,
				       WP_COUNTER },
	[WP_M_CANARY_NOTIFICATION_UP] = { CANARY_UP, "kind=\"notification\"",
					  "0 when nothing that it sends itself "
					  "has come back for too long.",
					  WP_LEAST_GAUGE },
	[WP_M_CANARY_MESSAGE_UP] = { CANARY_UP, "kind=\"message\"", NULL,
				     WP_LEAST_GAUGE },
	[WP_M_REVOKED_ENTRIES] = { "waypost_revoked_entries", NULL,
				   "What tokens and connections are held "
				   "against.",
				   WP_GAUGE },
	[WP_M_REVOKED_EVICTED] = { "waypost_revoked_evicted_total", NULL,
				   "What they should still be held against, "
				   "but had to leave a full table.",
				   WP_COUNTER },
};

enum wp_err wp_ws_metrics_new(struct wp_metrics **out, struct wp_error *err)
{
	return wp_metrics_new(out, descs, WP_WS_METRIC_COUNT, err);
}
