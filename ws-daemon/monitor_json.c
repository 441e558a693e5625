/*
 * monitor_json.c - the daemon's counters by another service's names. All of
 * them are numbers and words of ours, so there is nothing to escape.
 */
#include "ws-daemon/monitor_json.h"

#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/mailbox/presence.h"
#include "ws-daemon/canary.h"
#include "ws-daemon/gauges.h"
#include "ws-daemon/metrics.h"

/* What that service says when no message has come yet. */
static const char never[] = "0001-01-01T00:00:00Z";

static void add_time(struct wp_buf *out, const char *name, int64_t wall_ms)
{
	char text[WP_RFC3339_LEN];

	wp_rfc3339(wall_ms, text);
	wp_buf_printf(out, "\"%s\":\"%s\",", name, text);
}

static int64_t uptime_s(const struct wp_monitor_source *source)
{
	return (int64_t)(wp_mono_ms() - source->start_ms) / 1000;
}

static int64_t sum(const struct wp_monitor_source *source, size_t first,
		   size_t last)
{
	int64_t n = 0;

	for (size_t i = first; i <= last; i++)
		n += wp_metric_get(source->metrics, i);
	return n;
}

static void note(const struct wp_monitor_source *source)
{
	if (source->parts != NULL)
		wp_gauges_note(source->parts);
}

static unsigned write_health(void *ctx, struct wp_buf *out)
{
	const struct wp_monitor_source *source = ctx;
	bool is_live;
	int64_t last_s;

	note(source);
	is_live = wp_metric_get(source->metrics, WP_M_REDIS_UP) != 0;
	last_s = wp_metric_get(source->metrics, WP_M_NOTIFICATION_LAST);
	wp_buf_printf(out, "{\"status\":\"%s\",",
		      is_live ? "healthy" : "degraded");
	add_time(out, "timestamp", wp_wall_ms());
	wp_buf_add_str(out, is_live ? "\"redis\":{\"status\":\"connected\"},"
				    : "\"redis\":{\"status\":\"disconnected\","
				      "\"error\":\"Redis cannot be used\"},");
	wp_buf_printf(out,
		      "\"websocket\":{\"active_connections\":%" PRId64
		      ",\"total_unique_users\":%" PRId64 "},"
		      "\"subscriber\":{\"active\":%s,",
		      wp_metric_get(source->metrics, WP_M_CONNECTIONS),
		      wp_metric_get(source->metrics, WP_M_USERS),
		      is_live ? "true" : "false");
	if (last_s > 0)
		add_time(out, "last_message_at", last_s * 1000);
	else
		wp_buf_printf(out, "\"last_message_at\":\"%s\",", never);
	wp_buf_printf(out,
		      "\"pattern\":\"" WP_NOTIFICATION_CHANNELS
		      "\"},\"uptime_seconds\":%" PRId64 "}\n",
		      uptime_s(source));
	return is_live ? 200 : 503;
}

static unsigned write_metrics(void *ctx, struct wp_buf *out)
{
	const struct wp_monitor_source *source = ctx;

	note(source);
	wp_buf_add_str(out, "{\"service\":\"websocket-service\",");
	add_time(out, "timestamp", wp_wall_ms());
	wp_buf_printf(out,
		      "\"uptime_seconds\":%" PRId64
		      ",\"connections\":{\"active\":%" PRId64
		      ",\"total_unique_users\":%" PRId64 "},\"messages\":{"
		      "\"received_from_redis\":%" PRId64
		      ",\"sent_to_clients\":%" PRId64 ",\"failed\":%" PRId64
		      "}}\n",
		      uptime_s(source),
		      wp_metric_get(source->metrics, WP_M_CONNECTIONS),
		      wp_metric_get(source->metrics, WP_M_USERS),
		      sum(source, WP_M_NOTIFIED, WP_M_NOTIFICATION_NO_MEMORY),
		      wp_metric_get(source->metrics, WP_M_NOTIFICATION_FRAMES),
		      sum(source, WP_M_NOTIFICATION_BAD_CHANNEL,
			  WP_M_NOTIFICATION_NO_MEMORY));
	return 200;
}

const struct wp_exporter_page wp_monitor_pages[] = {
	{ "/health", write_health },
	{ "/metrics", write_metrics },
	{ NULL, NULL },
};
