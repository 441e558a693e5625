/*
 * pool.c - the processes that serve FastCGI, and what their parent is told.
 */
#include "handlers/pool.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/procs/parent.h"

#include "handlers/child.h"
#include "handlers/request/metrics.h"

struct pool {
	const struct wp_pool_hooks *hooks;
	struct wp_shared *shared; /* what new processes use; borrowed */
	int listen_fd;
};

static int run_child(void *ctx, const struct wp_place *place)
{
	const struct pool *pool = ctx;

	return wp_child_run(&(struct wp_child_setup){
		.shared = pool->shared,
		.listen_fd = pool->listen_fd,
		.place = place,
	});
}

static struct wp_procs_plan plan_of(struct pool *pool)
{
	const struct wp_conf *conf = pool->shared->conf;

	return (struct wp_procs_plan){
		.wanted = (size_t)conf->handlers.processes,
		.drain_ms = conf->handlers.drain_ms,
		.run = run_child,
		.ctx = pool,
	};
}

static bool on_reload(void *ctx, struct wp_procs *procs)
{
	struct pool *pool = ctx;
	struct wp_shared *shared = pool->hooks->on_reload(pool->hooks->ctx);
	struct wp_procs_plan plan;

	if (shared == NULL)
		return false;
	pool->shared = shared;
	plan = plan_of(pool);
	wp_procs_replace(procs, &plan);
	return true;
}

static void on_ready(void *ctx)
{
	const struct wp_conf *conf = ((struct pool *)ctx)->shared->conf;

	wp_log(NULL, WP_LOG_INFO, "ready",
	       wp_int("processes", conf->handlers.processes),
	       wp_int("threads", conf->handlers.threads));
}

static void on_stop(void *ctx)
{
	const struct pool *pool = ctx;

	pool->hooks->on_stop(pool->hooks->ctx);
}

/* What the parent knows besides the cells in which all processes count. */
static void prepare(void *ctx, const struct wp_procs *procs, struct wp_buf *out)
{
	const struct pool *pool = ctx;
	struct wp_metrics *metrics = pool->shared->metrics;
	struct wp_auth *auth = pool->shared->auth;
	struct wp_share_sum sum = wp_share_sum(procs->share);

	wp_metric_set(metrics, WP_H_CONNECTIONS, (int64_t)sum.kept);
	wp_metric_set(metrics, WP_H_WAITING, (int64_t)sum.waiting);
	if (wp_procs_is_empty(procs))
		wp_metric_set(metrics, WP_H_REDIS_UP, 0);
	/* Processes look by themselves, each with a copy of its own. */
	wp_auth_look(auth, wp_mono_ms());
	wp_auth_write_ages(auth, WP_AUTH_KEYS_AGE, out);
}

enum wp_err wp_pool_run(struct wp_shared *shared, int listen_fd,
			const struct wp_pool_hooks *hooks, struct wp_error *err)
{
	struct pool pool = {
		.hooks = hooks,
		.shared = shared,
		.listen_fd = listen_fd,
	};
	const struct wp_parent_setup setup = {
		.plan = plan_of(&pool),
		.listen_fd = listen_fd,
		.program = "waypost-handlers",
		.metrics_address = shared->conf->handlers.metrics_listen,
		.metrics = shared->metrics,
		.ready_metric = WP_H_PROCESSES,
		.restarts_metric = WP_H_RESTARTS,
		.prepare = prepare,
		.on_reload = on_reload,
		.on_ready = on_ready,
		.on_stop = on_stop,
		.ctx = &pool,
	};

	return wp_parent_run(&setup, err);
}
