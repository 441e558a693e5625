/*
 * monitor.c - what the parent knows besides the cells in which all processes
 * count.
 */
#include "handlers/monitor.h"

#include "lib/base/clock.h"

#include "handlers/request/metrics.h"

static void prepare(void *ctx, struct wp_buf *out)
{
	const struct wp_procs *procs = ctx;
	struct wp_metrics *metrics = procs->shared->metrics;
	struct wp_auth *auth = procs->shared->auth;
	struct wp_share_sum sum = wp_share_sum(procs->share);

	wp_metric_set(metrics, WP_H_CONNECTIONS, (int64_t)sum.kept);
	wp_metric_set(metrics, WP_H_WAITING, (int64_t)sum.waiting);
	if (wp_procs_is_empty(procs))
		wp_metric_set(metrics, WP_H_REDIS_UP, 0);
	/* Processes look by themselves, each with a copy of its own. */
	wp_auth_look(auth, wp_mono_ms());
	wp_auth_write_ages(auth, WP_AUTH_KEYS_AGE, out);
}

static size_t children(void *ctx, pid_t *pids, size_t max)
{
	return wp_procs_list(ctx, pids, max);
}

enum wp_err wp_procs_monitor(struct wp_exporter **out, struct wp_procs *procs,
			     struct wp_error *err)
{
	const struct wp_exporter_setup setup = {
		.program = "waypost-handlers",
		.address = procs->shared->conf->handlers.metrics_listen,
		.metrics = procs->shared->metrics,
		.prepare = prepare,
		.children = children,
		.ctx = procs,
	};

	return setup.address[0] == '\0' ? WP_OK
					: wp_exporter_open(out, &setup, err);
}
