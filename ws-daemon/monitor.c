/*
 * monitor.c - a door at the loop, where its numbers are told when it is asked.
 */
#include "ws-daemon/monitor.h"

#include <stdlib.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/metrics/exporter.h"
#include "ws-daemon/gauges.h"
#include "ws-daemon/monitor_json.h"

struct wp_monitor {
	struct wp_parts *parts;
	struct wp_monitor_source source;
	struct wp_exporter *exporter; /* owned */
	ev_io io;
};

static void prepare(void *ctx, struct wp_buf *out)
{
	const struct wp_parts *parts = ctx;

	wp_gauges_note(parts);
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
	struct wp_exporter_setup setup = {
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
	monitor->source = (struct wp_monitor_source){
		.metrics = parts->metrics,
		.start_ms = wp_mono_ms(),
		.parts = parts,
	};
	setup.pages_ctx = &monitor->source;
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
