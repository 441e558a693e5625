/*
 * first_look.c - a thread that asks one question, and an answer on the loop.
 *
 * A Redis may accept and then say nothing for seconds. The loop must answer
 * probes and signals all that time, so it never waits for this thread.
 */
#include "ws-daemon/first_look.h"

#include <stdlib.h>

#include <ev.h>

#include "lib/base/backoff.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/sys/thread.h"

enum { AGAIN_FIRST_MS = 200, AGAIN_CAP_MS = 3000 };

struct wp_first_look {
	struct wp_first_look_setup setup;
	struct wp_backoff backoff;
	struct wp_log log;
	ev_timer again;
	ev_async answered;
	struct wp_thread thread;
	bool is_talking; /* the thread was started, and is not joined */
	bool is_ended;

	enum wp_err result; /* the thread's while it talks */
	struct wp_error err;
};

/* The blocking talk itself. */
static enum wp_err join(const struct wp_conf *conf, struct wp_error *err)
{
	const struct wp_log log = { 0 };
	char store_id[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis = NULL;
	enum wp_err rc = wp_redis_new(&redis, conf, &wp_scripts, err);

	if (rc == WP_OK)
		rc = wp_deployment_join(redis, conf, &log, store_id, err);
	wp_redis_free(&redis);
	return rc;
}

static void run(void *ctx)
{
	struct wp_first_look *look = ctx;

	look->result = join(look->setup.conf, &look->err);
	ev_async_send(look->setup.loop, &look->answered);
}

static void finish_talk(struct wp_first_look *look)
{
	ev_async_stop(look->setup.loop, &look->answered);
	/* It has nothing left to do but to end. */
	wp_thread_join(&look->thread);
	look->is_talking = false;
}

static void look_again(struct wp_first_look *look)
{
	uint32_t wait_ms = wp_backoff_next_ms(&look->backoff);

	wp_log(&look->log, WP_LOG_WARN, "redis is not there yet",
	       wp_str("error", look->err.msg), wp_int("retry_ms", wait_ms));
	/* From now, however long this callback has taken already. */
	ev_now_update(look->setup.loop);
	ev_timer_set(&look->again, (double)wait_ms / 1e3, 0.);
	ev_timer_start(look->setup.loop, &look->again);
}

static void on_answered(struct ev_loop *loop, ev_async *async, int events)
{
	struct wp_first_look *look = async->data;

	(void)loop;
	(void)events;
	finish_talk(look);
	if (look->is_ended)
		return;
	if (look->result == WP_ERR_UNAVAIL)
		look_again(look);
	else
		look->setup.done(look->setup.ctx, look->result, &look->err);
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_first_look *look = timer->data;
	const struct wp_thread_job job = { .run = run, .ctx = look };

	(void)events;
	look->err = (struct wp_error){ 0 };
	look->thread = (struct wp_thread){ 0 };
	ev_async_start(loop, &look->answered);
	if (wp_thread_start(&look->thread, &job, NULL) == WP_OK) {
		look->is_talking = true;
		return;
	}
	ev_async_stop(loop, &look->answered);
	look->result = wp_error_set(&look->err, WP_ERR_SYS,
				    "no thread to look at Redis with");
	look->setup.done(look->setup.ctx, look->result, &look->err);
}

struct wp_first_look *
wp_first_look_begin(const struct wp_first_look_setup *setup)
{
	struct wp_first_look *look = calloc(1, sizeof(*look));

	if (look == NULL)
		return NULL;
	look->setup = *setup;
	wp_backoff_init(&look->backoff, AGAIN_FIRST_MS, AGAIN_CAP_MS);
	ev_async_init(&look->answered, on_answered);
	look->answered.data = look;
	ev_timer_init(&look->again, on_again, 0., 0.);
	look->again.data = look;
	ev_timer_start(setup->loop, &look->again);
	return look;
}

bool wp_first_look_end(struct wp_first_look **look)
{
	struct wp_first_look *l = *look;

	if (l == NULL)
		return true;
	l->is_ended = true;
	ev_timer_stop(l->setup.loop, &l->again);
	if (l->is_talking && !wp_thread_has_ended(&l->thread))
		return false;
	if (l->is_talking)
		finish_talk(l);
	free(l);
	*look = NULL;
	return true;
}
