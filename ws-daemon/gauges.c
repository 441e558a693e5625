/*
 * gauges.c - each gauge of the daemon, from where its number is.
 */
#include "ws-daemon/gauges.h"

#include "lib/live/consumer.h"
#include "ws-daemon/canary.h"

static void note_deflate(const struct wp_parts *parts)
{
	const struct wp_deflate_tally *tally = wp_deflate_tally(parts->deflate);

	wp_metric_set(parts->metrics, WP_M_DEFLATE_IN_TEXT,
		      (int64_t)tally->in_text);
	wp_metric_set(parts->metrics, WP_M_DEFLATE_IN_DEFLATED,
		      (int64_t)tally->in_deflated);
	wp_metric_set(parts->metrics, WP_M_DEFLATE_OUT_TEXT,
		      (int64_t)tally->out_text);
	wp_metric_set(parts->metrics, WP_M_DEFLATE_OUT_DEFLATED,
		      (int64_t)tally->out_deflated);
}

void wp_gauges_note(const struct wp_parts *parts)
{
	wp_metric_set(parts->metrics, WP_M_CONNECTIONS, (int64_t)parts->n_open);
	wp_metric_set(parts->metrics, WP_M_CONNECTIONS_MAX,
		      parts->live.conf->websocket.max_connections);
	wp_metric_set(parts->metrics, WP_M_CONSUMERS,
		      (int64_t)wp_consumers_count(parts->consumers));
	wp_metric_set(parts->metrics, WP_M_QUEUED_BYTES,
		      (int64_t)parts->n_queued);
	wp_metric_set(parts->metrics, WP_M_USERS, (int64_t)wp_ws_users(parts));
	wp_metric_set(parts->metrics, WP_M_NOTIFICATION_LAST,
		      parts->notified_ms / 1000);
	wp_metric_set(parts->metrics, WP_M_REVOKED_ENTRIES,
		      (int64_t)wp_revoker_count(parts->live.revoker));
	wp_metric_set(parts->metrics, WP_M_REVOKED_EVICTED,
		      (int64_t)wp_revoker_evicted(parts->live.revoker));
	note_deflate(parts);
	wp_ws_canary_note(parts->canary);
}
