/*
 * notify.c - forward what a backend published to whoever it is for.
 *
 * A notification, not a message: a user who is not connected, and a text that
 * is no such object, are counted and dropped.
 */
#include "lib/base/clock.h"
#include "lib/mailbox/urn.h"
#include "ws-daemon/conn.h"
#include "ws-daemon/notification.h"
#include "ws-daemon/server.h"

static struct wp_message *build_notification(struct wp_server *server,
					     const char *data, size_t len)
{
	struct wp_buf *buf = &server->scratch;
	struct wp_notification notification;
	struct wp_message *message = NULL;

	if (!wp_notification_read(&notification, data, len))
		return NULL;
	wp_notification_write(&notification, wp_wall_ms(), buf);
	if (!buf->failed)
		message = wp_message_frame(WP_WS_TEXT, buf->data, buf->len);
	wp_buf_clear(buf);
	return message;
}

void wp_server_notify(struct wp_server *server, const char *who, size_t who_len,
		      const char *data, size_t len)
{
	struct wp_urn urn;
	struct wp_user *user;
	struct wp_message *message = NULL;
	struct wp_member *next;

	if (wp_urn_parse(&urn, who, who_len, NULL) != WP_OK ||
	    len > (size_t)server->conf->websocket.max_queue_bytes / 2) {
		wp_metric_add(server->metrics, WP_M_NOTIFY_INVALID, 1);
		return;
	}
	user = wp_hub_user(server->hub, urn.text, urn.len);
	if (user == NULL) {
		wp_metric_add(server->metrics, WP_M_NOTIFY_NO_USER, 1);
		return;
	}
	message = build_notification(server, data, len);
	if (message == NULL) {
		wp_metric_add(server->metrics, WP_M_NOTIFY_INVALID, 1);
		return;
	}
	wp_metric_add(server->metrics, WP_M_NOTIFIED, 1);
	/* One that is too slow leaves the list. */
	for (struct wp_member *m = user->members; m != NULL; m = next) {
		next = m->next;
		wp_conn_send(wp_conn_of(m), message);
	}
	wp_message_unref(&message);
}
