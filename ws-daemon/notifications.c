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
#include "lib/mailbox/canary.h"
#include "lib/mailbox/notification.h"
#include "lib/name/urn.h"
#include "ws-daemon/canary.h"
#include "ws-daemon/conn.h"
#include "ws-daemon/filter.h"

enum { LOG_INTERVAL_MS = 10000 };

/* What is passed on becomes part of a frame, so it has to be sound JSON; what
 * it means is not our affair. */
struct notification {
	struct wp_json_slice type;    /* with its quotes */
	struct wp_json_slice payload; /* any value, its exact text */
};

/* *out has type.len 0 when it is an object without one. */
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
	return js.err == NULL &&
	       (out->type.len == 0 || out->type.data[0] == '"');
}

/*
 * Append the frame for {"type":string,"payload":any}: both unchanged, and a
 * timestamp. Other members are ignored, an absent payload reads as null. An
 * object without a type is appended as it is, where it may be one.
 *
 * Returns:  false when data is no such object; out is left alone then
 */
static bool write_frame(const char *data, size_t len, bool may_be_bare,
			int64_t now_ms, struct wp_buf *out)
{
	struct notification notification;
	char now[WP_RFC3339_LEN];

	if (!read_notification(&notification, data, len))
		return false;
	if (notification.type.len == 0) {
		if (may_be_bare)
			wp_buf_add(out, data, len);
		return may_be_bare;
	}
	wp_rfc3339(now_ms, now);
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

/* What is said, and about what. */
struct news {
	const char *data;
	size_t len;
	const struct wp_topic_channel *about; /* NULL: whatever the filter */
	size_t topic;
};

/* A frame with it; NULL after it was dropped. */
static struct wp_message *build(struct wp_parts *parts, const struct news *news)
{
	struct wp_buf *buf = &parts->scratch;
	struct wp_message *message = NULL;

	if (!write_frame(news->data, news->len, news->about != NULL,
			 parts->notified_ms, buf)) {
		drop(parts, WP_M_NOTIFICATION_MALFORMED,
		     news->about == NULL
			     ? "it is no JSON object with a string \"type\""
			     : "it is no JSON object, or its \"type\" is no "
			       "string",
		     news->len);
		return NULL;
	}
	if (!buf->failed)
		message = wp_message_frame(WP_WS_TEXT, buf->data, buf->len);
	wp_buf_clear(buf);
	if (message == NULL)
		drop(parts, WP_M_NOTIFICATION_NO_MEMORY, "out of memory",
		     news->len);
	return message;
}

static bool is_wanted(struct wp_member *member, const struct news *news)
{
	return news->about == NULL ||
	       wp_filter_passes(wp_conn_of(member), news->topic,
				news->about->id, news->about->id_len);
}

static bool is_wanted_by_any(const struct wp_user *user,
			     const struct news *news)
{
	struct wp_member *member = user->members;

	while (member != NULL && !is_wanted(member, news))
		member = member->next;
	return member != NULL;
}

static void send_to(struct wp_parts *parts, struct wp_user *user,
		    const struct news *news, struct wp_message *message)
{
	struct wp_member *next;

	/* One that is too slow leaves the list. */
	for (struct wp_member *m = user->members; m != NULL; m = next) {
		next = m->next;
		if (!is_wanted(m, news))
			continue;
		wp_metric_add(parts->metrics, WP_M_NOTIFICATION_FRAMES, 1);
		wp_conn_send(wp_conn_of(m), message);
	}
}

static void deliver(struct wp_parts *parts, const char *who, size_t who_len,
		    const struct news *news)
{
	/* The other half is for what waits already. */
	int64_t most = parts->live.conf->websocket.max_queue_bytes / 2;
	struct wp_urn urn;
	struct wp_user *user;
	struct wp_message *message;

	if (wp_urn_parse(&urn, who, who_len, NULL) != WP_OK) {
		parts->notified_ms = wp_wall_ms();
		drop(parts, WP_M_NOTIFICATION_BAD_CHANNEL,
		     "the channel names no user", news->len);
		return;
	}
	user = wp_hub_user(parts->live.hub, urn.text, urn.len);
	/* What another process sends itself comes here as well. */
	if (user == NULL && wp_canary_is_name(urn.text, urn.len))
		return;
	if (user != NULL &&
	    wp_ws_canary_hears(parts->canary, user, news->data, news->len))
		return;
	parts->notified_ms = wp_wall_ms();
	if (user == NULL) {
		drop(parts, WP_M_NOTIFICATION_NO_USER, NULL, news->len);
		return;
	}
	if (!is_wanted_by_any(user, news)) {
		drop(parts, WP_M_NOTIFICATION_FILTERED, NULL, news->len);
		return;
	}
	if (news->len > (size_t)most) {
		drop(parts, WP_M_NOTIFICATION_TOO_LARGE,
		     "it is over half of websocket.max_queue_bytes", news->len);
		return;
	}
	message = build(parts, news);
	if (message == NULL)
		return;
	wp_metric_add(parts->metrics, WP_M_NOTIFIED, 1);
	send_to(parts, user, news, message);
	wp_message_unref(&message);
}

void wp_notification_deliver(void *ctx, const char *who, size_t who_len,
			     const char *data, size_t len)
{
	deliver(ctx, who, who_len, &(struct news){ .data = data, .len = len });
}

void wp_notification_ahead(void *ctx, const struct wp_hub_name *who, size_t n)
{
	struct wp_parts *parts = ctx;
	struct wp_urn urns[WP_HUB_NAMES_MAX];
	struct wp_hub_name names[WP_HUB_NAMES_MAX];
	size_t n_names = 0;

	for (size_t i = 0; i < n; i++) {
		struct wp_urn *urn = &urns[n_names];

		if (wp_urn_parse(urn, who[i].text, who[i].len, NULL) == WP_OK)
			names[n_names++] =
				(struct wp_hub_name){ urn->text, urn->len };
	}
	wp_hub_look_ahead(parts->live.hub, names, n_names);
}

void wp_topic_deliver(void *ctx, size_t topic, const char *channel,
		      size_t channel_len, const char *data, size_t len)
{
	struct wp_parts *parts = ctx;
	struct wp_topic_channel about;
	const struct news news = {
		.data = data, .len = len, .about = &about, .topic = topic
	};

	if (!wp_topic_match(&parts->topics[topic], channel, channel_len,
			    &about)) {
		drop(parts, WP_M_NOTIFICATION_BAD_CHANNEL,
		     "the channel names no topic of websocket.topics", len);
		return;
	}
	deliver(parts, about.who, about.who_len, &news);
}
