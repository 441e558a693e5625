/*
 * monitor_json.c - the daemon's counters by another service's names. All of
 * them are numbers and words of ours, so there is nothing to escape.
 */
#include "ws-daemon/monitor_json.h"

#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/mailbox/presence.h"
#include "ws-daemon/canary.h"
#include "ws-daemon/parts.h"

/* What that service says when no message has come yet. */
static const char never[] = "0001-01-01T00:00:00Z";

static void add_time(struct wp_buf *out, const char *name, int64_t wall_ms)
{
	char text[WP_RFC3339_LEN];

	wp_rfc3339(wall_ms, text);
	wp_buf_printf(out, "\"%s\":\"%s\",", name, text);
}

static int64_t uptime_s(const struct wp_parts *parts)
{
	return (int64_t)(wp_mono_ms() - parts->start_ms) / 1000;
}

static unsigned write_health(void *ctx, struct wp_buf *out)
{
	const struct wp_parts *parts = ctx;
	bool is_live = wp_registrar_is_live(parts->live.registrar);

	wp_buf_printf(out, "{\"status\":\"%s\",",
		      is_live ? "healthy" : "degraded");
	add_time(out, "timestamp", wp_wall_ms());
	wp_buf_add_str(out, is_live ? "\"redis\":{\"status\":\"connected\"},"
				    : "\"redis\":{\"status\":\"disconnected\","
				      "\"error\":\"Redis cannot be used\"},");
	wp_buf_printf(out,
		      "\"websocket\":{\"active_connections\":%zu,"
		      "\"total_unique_users\":%zu},"
		      "\"subscriber\":{\"active\":%s,",
		      parts->n_open, wp_ws_users(parts),
		      is_live ? "true" : "false");
	if (parts->notified_ms > 0)
		add_time(out, "last_message_at", parts->notified_ms);
	else
		wp_buf_printf(out, "\"last_message_at\":\"%s\",", never);
	wp_buf_printf(out,
		      "\"pattern\":\"" WP_NOTIFICATION_CHANNELS
		      "\"},\"uptime_seconds\":%" PRId64 "}\n",
		      uptime_s(parts));
	return is_live ? 200 : 503;
}

static int64_t sum(const struct wp_parts *parts, size_t first, size_t last)
{
	int64_t n = 0;

	for (size_t i = first; i <= last; i++)
		n += wp_metric_get(parts->metrics, i);
	return n;
}

static unsigned write_metrics(void *ctx, struct wp_buf *out)
{
	const struct wp_parts *parts = ctx;

	wp_buf_add_str(out, "{\"service\":\"websocket-service\",");
	add_time(out, "timestamp", wp_wall_ms());
	wp_buf_printf(out,
		      "\"uptime_seconds\":%" PRId64
		      ",\"connections\":{\"active\":%zu,"
		      "\"total_unique_users\":%zu},\"messages\":{"
		      "\"received_from_redis\":%" PRId64
		      ",\"sent_to_clients\":%" PRId64 ",\"failed\":%" PRId64
		      "}}\n",
		      uptime_s(parts), parts->n_open, wp_ws_users(parts),
		      sum(parts, WP_M_NOTIFIED, WP_M_NOTIFICATION_NO_MEMORY),
		      wp_metric_get(parts->metrics, WP_M_NOTIFICATION_FRAMES),
		      sum(parts, WP_M_NOTIFICATION_BAD_CHANNEL,
			  WP_M_NOTIFICATION_NO_MEMORY));
	return 200;
}

const struct wp_exporter_page wp_monitor_pages[] = {
	{ "/health", write_health },
	{ "/metrics", write_metrics },
	{ NULL, NULL },
};
