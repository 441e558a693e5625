/*
 * monitor.c - what the loop knows of its connections, told when it is asked.
 */
#include "ws-daemon/monitor.h"

#include <stdlib.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/live/consumer.h"
#include "lib/metrics/exporter.h"
#include "ws-daemon/canary.h"
#include "ws-daemon/monitor_json.h"

struct wp_monitor {
	struct wp_parts *parts;
	struct wp_exporter *exporter; /* owned */
	ev_io io;
};

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

void wp_monitor_note(const struct wp_parts *parts)
{
	wp_metric_set(parts->metrics, WP_M_CONNECTIONS, (int64_t)parts->n_open);
	wp_metric_set(parts->metrics, WP_M_CONNECTIONS_MAX,
		      parts->live.conf->websocket.max_connections);
	wp_metric_set(parts->metrics, WP_M_CONSUMERS,
		      (int64_t)wp_consumers_count(parts->consumers));
	wp_metric_set(parts->metrics, WP_M_QUEUED_BYTES,
		      (int64_t)parts->n_queued);
	wp_metric_set(parts->metrics, WP_M_USERS, (int64_t)wp_ws_users(parts));
	wp_metric_set(parts->metrics, WP_M_REVOKED_ENTRIES,
		      (int64_t)wp_revoker_count(parts->live.revoker));
	wp_metric_set(parts->metrics, WP_M_REVOKED_EVICTED,
		      (int64_t)wp_revoker_evicted(parts->live.revoker));
	note_deflate(parts);
	wp_ws_canary_note(parts->canary);
}

static void prepare(void *ctx, struct wp_buf *out)
{
	const struct wp_parts *parts = ctx;

	wp_monitor_note(parts);
	wp_auth_write_ages(parts->auth, WP_AUTH_KEYS_AGE, out);
}

static void on_event(struct ev_loop *loop, ev_io *io, int events)
{
	struct wp_monitor *monitor = io->data;

	(void)loop;
	(void)events;
	wp_exporter_turn(monitor->exporter);
}

enum wp_err wp_monitor_open(struct wp_monitor **out, struct wp_parts *parts,
			    const char *program, const char *address,
			    struct wp_error *err)
{
	const struct wp_exporter_setup setup = {
		.program = program,
		.address = address,
		.metrics = parts->metrics,
		.prepare = prepare,
		.pages = wp_monitor_pages,
		.ctx = parts,
	};
	struct wp_monitor *monitor = calloc(1, sizeof(*monitor));
	enum wp_err rc;

	if (monitor == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	monitor->parts = parts;
	parts->start_ms = wp_mono_ms();
	rc = wp_exporter_open(&monitor->exporter, &setup, err);
	if (rc != WP_OK) {
		free(monitor);
		return rc;
	}
	ev_io_init(&monitor->io, on_event, wp_exporter_fd(monitor->exporter),
		   EV_READ);
	monitor->io.data = monitor;
	ev_io_start(parts->live.loop, &monitor->io);
	*out = monitor;
	return WP_OK;
}

struct wp_heir_socket wp_monitor_hand(const struct wp_monitor *monitor)
{
	return wp_exporter_hand(monitor->exporter);
}

void wp_monitor_give_up(struct wp_monitor *monitor)
{
	wp_exporter_give_up(monitor->exporter);
}

void wp_monitor_close(struct wp_monitor **monitor)
{
	if (monitor == NULL || *monitor == NULL)
		return;
	ev_io_stop((*monitor)->parts->live.loop, &(*monitor)->io);
	wp_exporter_stop(&(*monitor)->exporter);
	free(*monitor);
	*monitor = NULL;
}
