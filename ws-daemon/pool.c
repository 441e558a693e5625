/*
 * pool.c - several instances that share a socket, and what their parent does
 * for them.
 *
 * A reload replaces nobody, because clients would have to come back for it:
 * each process reads the settings itself once the parent finds them good.
 */
#include "ws-daemon/pool.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/procs/parent.h"
#include "lib/sys/heir.h"
#include "ws-daemon/instance.h"
#include "ws-daemon/metrics.h"
#include "ws-daemon/monitor_json.h"
#include "ws-daemon/server.h"

static int run_instance(void *ctx, const struct wp_place *place)
{
	struct wp_daemon *daemon = ctx;
	struct wp_instance *instance = NULL;
	struct wp_error err = { 0 };
	enum wp_err rc;

	/* The name is the parent's to take away, and it takes over. */
	daemon->listener.path[0] = '\0';
	wp_heir_leave_to_parent();
	rc = wp_instance_run(&instance, daemon, place, &err);
	if (rc != WP_OK) {
		wp_log(NULL, WP_LOG_ERROR, "process cannot start",
		       wp_str("error", err.msg));
		wp_procs_tell_unfit(place, &err);
	}
	if (!wp_instance_end(&instance))
		wp_instance_leave(instance,
				  rc == WP_OK ? WP_EXIT_DONE : WP_EXIT_FAILED);
	return rc == WP_OK ? WP_EXIT_DONE : WP_EXIT_FAILED;
}

static struct wp_procs_plan plan_of(struct wp_daemon *daemon)
{
	return (struct wp_procs_plan){
		.wanted = (size_t)daemon->first.websocket.processes,
		.drain_ms = wp_server_stop_ms(wp_daemon_conf(daemon)),
		.run = run_instance,
		.ctx = daemon,
	};
}

static bool on_reload(void *ctx, struct wp_procs *procs)
{
	struct wp_daemon *daemon = ctx;

	if (!wp_daemon_reload(daemon, NULL, NULL))
		return false;
	procs->plan = plan_of(daemon);
	wp_procs_tell(procs, SIGHUP, procs->plan.drain_ms);
	return true;
}

static void on_ready(void *ctx)
{
	const struct wp_daemon *daemon = ctx;

	wp_log(NULL, WP_LOG_INFO, "ready",
	       wp_int("processes", daemon->first.websocket.processes));
	wp_listen_take_over();
}

static bool on_succeed(void *ctx, const struct wp_heir_socket *metrics,
		       struct wp_successor *out)
{
	return wp_daemon_succeed(ctx, metrics, out);
}

static void on_taken(void *ctx, const struct wp_successor *successor)
{
	wp_daemon_give_up(ctx, successor);
}

static void on_stop(void *ctx)
{
	struct wp_daemon *daemon = ctx;

	/* Processes have copies, and close them when nobody waits there: while
	 * we had one, peers would wait in it for nobody. */
	wp_listen_close(&daemon->listener);
}

static void prepare(void *ctx, const struct wp_procs *procs, struct wp_buf *out)
{
	const struct wp_daemon *daemon = ctx;

	(void)procs;
	/* Processes look by themselves, each with a copy of its own. */
	wp_auth_look(daemon->auth, wp_mono_ms());
	wp_auth_write_ages(daemon->auth, WP_AUTH_KEYS_AGE, out);
}

static const char *status(void *ctx, char *work, size_t size)
{
	const struct wp_daemon *daemon = ctx;
	const struct wp_metrics *metrics = daemon->metrics;

	(void)snprintf(work, size,
		       "%" PRId64 " connections in %" PRId64 " processes",
		       wp_metric_get(metrics, WP_M_CONNECTIONS),
		       wp_metric_get(metrics, WP_M_PROCESSES));
	return wp_metric_get(metrics, WP_M_REDIS_UP) != 0
		       ? NULL
		       : daemon->first.redis.address;
}

enum wp_err wp_ws_pool_run(struct wp_daemon *daemon, struct wp_error *err)
{
	struct wp_monitor_source source = {
		.metrics = daemon->metrics,
		.start_ms = wp_mono_ms(),
	};
	const struct wp_parent_setup setup = {
		.plan = plan_of(daemon),
		.listen_fd = daemon->listener.fd,
		.program = daemon->program.about->name,
		.metrics_address = daemon->first.websocket.metrics_listen,
		.metrics = daemon->metrics,
		.ready_metric = WP_M_PROCESSES,
		.restarts_metric = WP_M_RESTARTS,
		.prepare = prepare,
		.pages = wp_monitor_pages,
		.pages_ctx = &source,
		.on_reload = on_reload,
		.on_ready = on_ready,
		.on_stop = on_stop,
		.on_succeed = on_succeed,
		.on_taken = on_taken,
		.status = status,
		.ctx = daemon,
	};
	enum wp_err rc = wp_metrics_seat(daemon->metrics, WP_SHARE_ROWS, err);

	return rc == WP_OK ? wp_parent_run(&setup, err) : rc;
}
