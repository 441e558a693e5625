/*
 * deliver.c - asked for, greeted, sent.
 */
#include "ws-daemon/deliver.h"

#include <string.h>

#include "lib/http/query.h"
#include "lib/live/consumer.h"

enum { MODE_MAX = 64 };

static bool send(void *ctx, struct wp_member *member, const struct wp_msgid *id,
		 const char *envelope, size_t len)
{
	struct wp_parts *parts = ctx;
	struct wp_conn *conn = wp_conn_of(member);
	struct wp_buf *out = &parts->scratch;
	char text[WP_MSGID_LEN + 1];

	wp_msgid_format(id, text);
	wp_buf_add_str(out, "{\"type\":\"message\",\"id\":\"");
	wp_buf_add(out, text, WP_MSGID_LEN);
	wp_buf_add_str(out, "\",\"envelope\":");
	wp_buf_add(out, envelope, len);
	wp_buf_add_char(out, '}');
	wp_conn_send_scratch(conn);
	wp_metric_add(parts->metrics, WP_M_DELIVERED, 1);
	return conn->session.state == WP_SESSION_OPEN;
}

static void on_deadline(void *ctx, struct wp_member *member)
{
	(void)ctx;
	wp_conn_reschedule(wp_conn_of(member));
}

enum wp_err wp_deliver_init(struct wp_parts *parts, struct wp_error *err)
{
	const struct wp_consumers_setup setup = {
		.live = &parts->live,
		.turn = &parts->turn,
		.send = send,
		.on_deadline = on_deadline,
		.ctx = parts,
	};

	parts->consumers = wp_consumers_new(&setup);
	if (parts->consumers != NULL)
		return WP_OK;
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

bool wp_deliver_read(struct wp_conn *conn, const struct wp_head *head,
		     struct wp_upgrade *upgrade)
{
	const struct wp_conf *conf = conn->parts->live.conf;
	char mode[MODE_MAX];
	int len = wp_query_copy(&head->query, "deliver", mode, sizeof(mode));
	bool is_inline = upgrade->inline_name.data != NULL;

	if (len == -2 || (len >= 0 && strcmp(mode, "inline") != 0 &&
			  strcmp(mode, "poke") != 0)) {
		wp_conn_refuse(conn, 400, "bad_request",
			       "deliver is inline or poke",
			       WP_M_REJECT_BAD_REQUEST);
		return false;
	}
	/* Said in the URL it counts, for that was written for this request. */
	if (len >= 0)
		is_inline = strcmp(mode, "inline") == 0;
	upgrade->is_inline = is_inline && conf->websocket.inline_window > 0;
	/* The answer is made of what holds now, and may go out after a
	 * reload. */
	if (upgrade->is_inline)
		wp_conn_admission(conn)->window =
			(uint16_t)conf->websocket.inline_window;
	return true;
}

bool wp_deliver_begin(struct wp_conn *conn)
{
	struct wp_parts *parts = conn->parts;
	const struct wp_conf *conf = parts->live.conf;
	/* A notification may have the other half (notifications.c). */
	const struct wp_consumer_rules rules = {
		.window = wp_conn_admission(conn)->window,
		.bytes = (size_t)conf->websocket.max_queue_bytes / 2,
		.ack_ticks = wp_turn_ticks(conf->websocket.ack_timeout_ms),
	};
	struct wp_extra *extra;

	if (rules.window == 0)
		return true;
	extra = wp_extra_need(&conn->extra);
	if (extra != NULL)
		extra->consumer = wp_consumer_new(parts->consumers,
						  &conn->member, &rules);
	return wp_conn_consumer(conn) != NULL;
}

void wp_deliver_greet(const struct wp_conn *conn, struct wp_buf *out)
{
	if (wp_conn_consumer(conn) != NULL)
		wp_buf_printf(out, ",\"deliver\":\"inline\",\"window\":%u",
			      wp_conn_admission(conn)->window);
}
