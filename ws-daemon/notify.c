/*
 * notify.c - forward what a backend published to whoever it is for.
 *
 * A notification, not a message: one that is for nobody here, is no such object
 * or is too large is dropped. Each is counted by its reason; what a backend can
 * mend is told in the log now and then, without whom it was for and what.
 */
#include "lib/base/clock.h"
#include "lib/name/urn.h"
#include "ws-daemon/conn.h"
#include "ws-daemon/notification.h"
#include "ws-daemon/server.h"

enum { LOG_INTERVAL_MS = 10000 };

static void drop(struct wp_server *server, enum wp_ws_metric reason,
		 const char *sentence, size_t len)
{
	uint32_t suppressed;

	wp_metric_add(server->metrics, reason, 1);
	if (sentence != NULL &&
	    wp_log_allow(&server->notify_limits[reason], wp_mono_ms(),
			 LOG_INTERVAL_MS, &suppressed))
		wp_log(&server->log, WP_LOG_WARN, "notification dropped",
		       wp_str("reason", sentence),
		       wp_int("bytes", (int64_t)len),
		       wp_int("suppressed", suppressed));
}

/* A frame with it; NULL after it was dropped. */
static struct wp_message *build(struct wp_server *server, const char *data,
				size_t len)
{
	struct wp_buf *buf = &server->scratch;
	struct wp_notification notification;
	struct wp_message *message = NULL;

	if (!wp_notification_read(&notification, data, len)) {
		drop(server, WP_M_NOTIFY_MALFORMED,
		     "it is no JSON object with a string \"type\"", len);
		return NULL;
	}
	wp_notification_write(&notification, wp_wall_ms(), buf);
	if (!buf->failed)
		message = wp_message_frame(WP_WS_TEXT, buf->data, buf->len);
	wp_buf_clear(buf);
	if (message == NULL)
		drop(server, WP_M_NOTIFY_NO_MEMORY, "out of memory", len);
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

void wp_server_notify(struct wp_server *server, const char *who, size_t who_len,
		      const char *data, size_t len)
{
	/* The other half is for what waits already. */
	int64_t most = server->conf->websocket.max_queue_bytes / 2;
	struct wp_urn urn;
	struct wp_user *user;
	struct wp_message *message;

	if (wp_urn_parse(&urn, who, who_len, NULL) != WP_OK) {
		drop(server, WP_M_NOTIFY_BAD_CHANNEL,
		     "the channel names no user", len);
		return;
	}
	user = wp_hub_user(server->hub, urn.text, urn.len);
	if (user == NULL) {
		drop(server, WP_M_NOTIFY_NO_USER, NULL, len);
		return;
	}
	if (len > (size_t)most) {
		drop(server, WP_M_NOTIFY_TOO_LARGE,
		     "it is over half of websocket.max_queue_bytes", len);
		return;
	}
	message = build(server, data, len);
	if (message == NULL)
		return;
	wp_metric_add(server->metrics, WP_M_NOTIFIED, 1);
	send_to(user, message);
	wp_message_unref(&message);
}
