/*
 * notifications.c - check what was published, wrap it, hand it to connections.
 *
 * One that is for nobody here, is no such object or is too large is dropped.
 * Each is counted by its reason; what a backend can mend is told in the log now
 * and then, without whom it was for and what.
 */
#include "ws-daemon/notifications.h"

#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/mailbox/notification.h"
#include "lib/name/urn.h"
#include "ws-daemon/conn.h"

enum { LOG_INTERVAL_MS = 10000 };

/* What is passed on becomes part of a frame, so it has to be sound JSON; what
 * it means is not our affair. */
struct notification {
	struct wp_json_slice type;    /* with its quotes */
	struct wp_json_slice payload; /* any value, its exact text */
};

static bool read_notification(struct notification *out, const char *data,
			      size_t len)
{
	struct wp_json_slice key;
	struct wp_json_slice value;
	struct wp_json js;

	*out = (struct notification){ .payload = { .data = "null", .len = 4 } };
	wp_notification_json(&js, data, len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (!wp_json_skip(&js, &value))
			break;
		if (wp_json_slice_is(&key, "type"))
			out->type = value;
		else if (wp_json_slice_is(&key, "payload"))
			out->payload = value;
	}
	wp_json_end(&js);
	return js.err == NULL && out->type.len > 0 && out->type.data[0] == '"';
}

/*
 * Append the frame for {"type":string,"payload":any}: both unchanged, and a
 * timestamp. Other members are ignored, an absent payload reads as null.
 *
 * Returns:  false when data is no such object; out is left alone then
 */
static bool write_frame(const char *data, size_t len, struct wp_buf *out)
{
	struct notification notification;
	char now[WP_RFC3339_LEN];

	if (!read_notification(&notification, data, len))
		return false;
	wp_rfc3339(wp_wall_ms(), now);
	wp_buf_add_str(out, "{\"type\":");
	wp_buf_add(out, notification.type.data, notification.type.len);
	wp_buf_add_str(out, ",\"payload\":");
	wp_buf_add(out, notification.payload.data, notification.payload.len);
	wp_buf_add_str(out, ",\"timestamp\":\"");
	wp_buf_add_str(out, now);
	wp_buf_add_str(out, "\"}");
	return true;
}

static void drop(struct wp_parts *parts, enum wp_ws_metric reason,
		 const char *sentence, size_t len)
{
	const struct wp_log log = { .component = "server" };
	uint32_t suppressed;

	wp_metric_add(parts->metrics, reason, 1);
	if (sentence != NULL &&
	    wp_log_allow(&parts->dropped_limits[reason], wp_mono_ms(),
			 LOG_INTERVAL_MS, &suppressed))
		wp_log(&log, WP_LOG_WARN, "notification dropped",
		       wp_str("reason", sentence),
		       wp_int("bytes", (int64_t)len),
		       wp_int("suppressed", suppressed));
}

/* A frame with it; NULL after it was dropped. */
static struct wp_message *build(struct wp_parts *parts, const char *data,
				size_t len)
{
	struct wp_buf *buf = &parts->scratch;
	struct wp_message *message = NULL;

	if (!write_frame(data, len, buf)) {
		drop(parts, WP_M_NOTIFICATION_MALFORMED,
		     "it is no JSON object with a string \"type\"", len);
		return NULL;
	}
	if (!buf->failed)
		message = wp_message_frame(WP_WS_TEXT, buf->data, buf->len);
	wp_buf_clear(buf);
	if (message == NULL)
		drop(parts, WP_M_NOTIFICATION_NO_MEMORY, "out of memory", len);
	return message;
}

static void send_to(struct wp_user *user, struct wp_message *message)
{
	struct wp_member *next;

	/* One that is too slow leaves the list. */
	for (struct wp_member *m = user->members; m != NULL; m = next) {
		next = m->next;
		wp_conn_send(wp_conn_of(m), message);
	}
}

void wp_notification_deliver(void *ctx, const char *who, size_t who_len,
			     const char *data, size_t len)
{
	struct wp_parts *parts = ctx;
	/* The other half is for what waits already. */
	int64_t most = parts->live.conf->websocket.max_queue_bytes / 2;
	struct wp_urn urn;
	struct wp_user *user;
	struct wp_message *message;

	if (wp_urn_parse(&urn, who, who_len, NULL) != WP_OK) {
		drop(parts, WP_M_NOTIFICATION_BAD_CHANNEL,
		     "the channel names no user", len);
		return;
	}
	user = wp_hub_user(parts->live.hub, urn.text, urn.len);
	if (user == NULL) {
		drop(parts, WP_M_NOTIFICATION_NO_USER, NULL, len);
		return;
	}
	if (len > (size_t)most) {
		drop(parts, WP_M_NOTIFICATION_TOO_LARGE,
		     "it is over half of websocket.max_queue_bytes", len);
		return;
	}
	message = build(parts, data, len);
	if (message == NULL)
		return;
	wp_metric_add(parts->metrics, WP_M_NOTIFIED, 1);
	send_to(user, message);
	wp_message_unref(&message);
}
