/*
 * redis.c - connect, have it judged, and again after each loss.
 */
#include "notifier/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/async.h"
#include "lib/redis/client.h"

enum { LOG_INTERVAL_MS = 10000, RUN_ID_LEN = 40 };

/* One question, which may be answered when nobody wants to know any more. */
struct judge {
	struct wp_store_job job;  /* first: the thread knows only this */
	struct wp_judged *judged; /* NULL: the connection is gone */
	const struct wp_conf *conf;
	bool is_first;
	char run_id[RUN_ID_LEN + 1];
	struct wp_error why;
};

struct wp_judged {
	struct wp_judged_setup setup;
	struct wp_log log;
	struct wp_log_limit log_limit;
	struct wp_aredis *redis;
	struct judge *judge; /* borrowed; NULL: none is under way */
	bool is_up;
	bool has_joined;
};

/* On a thread, with a client that is as new as the connection. */
static enum wp_err look(struct wp_store_job *job, const char *store_id)
{
	const struct wp_log log = { 0 };
	struct judge *judge = (struct judge *)job;
	char found[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis = NULL;
	enum wp_err rc =
		wp_redis_new(&redis, judge->conf, &wp_scripts, &judge->why);

	if (rc == WP_OK)
		rc = judge->is_first
			     ? wp_deployment_join(redis, judge->conf, &log,
						  found, &judge->why)
			     : wp_deployment_check(redis, judge->conf, store_id,
						   &judge->why);
	if (rc == WP_OK)
		(void)snprintf(judge->run_id, sizeof(judge->run_id), "%s",
			       wp_redis_run_id(redis));
	wp_redis_free(&redis);
	return rc;
}

static void complain(struct wp_judged *judged, const char *reason)
{
	uint32_t suppressed;

	if (wp_log_allow(&judged->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&judged->log, WP_LOG_WARN, "redis cannot be used",
		       wp_str("error", reason),
		       wp_int("suppressed", suppressed));
}

static void on_verdict(struct wp_judged *judged, enum wp_err result,
		       const struct judge *judge)
{
	bool is_first = !judged->has_joined;

	if (result == WP_OK &&
	    strcmp(judge->run_id, wp_aredis_run_id(judged->redis)) == 0) {
		judged->has_joined = true;
		judged->is_up = true;
		judged->setup.on_up(judged->setup.ctx);
		return;
	}
	if (result != WP_OK && result != WP_ERR_UNAVAIL && is_first) {
		judged->setup.on_unfit(judged->setup.ctx, &judge->why);
		return;
	}
	complain(judged, result == WP_OK ? "it was restarted meanwhile"
					 : judge->why.msg);
	wp_aredis_reset(judged->redis);
}

static void on_looked(struct wp_store_job *job, enum wp_err result)
{
	struct judge *judge = (struct judge *)job;
	struct wp_judged *judged = judge->judged;

	if (judged != NULL) {
		judged->judge = NULL;
		if (wp_aredis_is_ready(judged->redis))
			on_verdict(judged, result, judge);
	}
	free(judge);
}

static void on_ready(void *ctx)
{
	struct wp_judged *judged = ctx;
	struct judge *judge = calloc(1, sizeof(*judge));

	if (judge != NULL) {
		judge->job.ask = look;
		judge->job.done = on_looked;
		judge->conf = judged->setup.conf;
		judge->is_first = !judged->has_joined;
		judge->judged = judged;
		if (wp_store_thread_submit(judged->setup.store, &judge->job) ==
		    WP_OK) {
			judged->judge = judge;
			return;
		}
	}
	free(judge);
	complain(judged, "too much waits for the cold store");
	wp_aredis_reset(judged->redis);
}

static void on_down(void *ctx, const char *reason, uint32_t retry_ms)
{
	struct wp_judged *judged = ctx;
	bool was_up = judged->is_up;

	(void)retry_ms;
	judged->is_up = false;
	if (judged->judge != NULL)
		judged->judge->judged = NULL;
	judged->judge = NULL;
	if (was_up)
		judged->setup.on_lost(judged->setup.ctx);
	else
		complain(judged, reason);
}

enum wp_err wp_judged_new(struct wp_judged **out,
			  const struct wp_judged_setup *setup,
			  struct wp_error *err)
{
	struct wp_judged *judged = calloc(1, sizeof(*judged));
	const struct wp_aredis_setup redis = {
		.loop = setup->loop,
		.conf = setup->conf,
		.scripts = &wp_scripts,
		.name = "notifier",
		.hooks = { .on_ready = on_ready,
			   .on_down = on_down,
			   .ctx = judged },
	};
	enum wp_err rc;

	if (judged == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	judged->setup = *setup;
	judged->log.component = "redis";
	rc = wp_aredis_new(&judged->redis, &redis, err);
	if (rc != WP_OK)
		wp_judged_free(&judged);
	else
		*out = judged;
	return rc;
}

void wp_judged_free(struct wp_judged **judged)
{
	if (*judged == NULL)
		return;
	wp_aredis_free(&(*judged)->redis);
	free(*judged);
	*judged = NULL;
}

bool wp_judged_is_up(const struct wp_judged *judged)
{
	return judged->is_up;
}

const char *wp_judged_run_id(const struct wp_judged *judged)
{
	return wp_aredis_run_id(judged->redis);
}

enum wp_err wp_judged_do(struct wp_judged *judged, const struct wp_cmd *cmd,
			 wp_reply_fn fn, void *ctx)
{
	return judged->is_up ? wp_aredis_do(judged->redis, cmd, fn, ctx)
			     : WP_ERR_UNAVAIL;
}
