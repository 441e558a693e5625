/*
 * first_look.c - a thread that asks one question, and an answer on the loop.
 *
 * A Redis may accept and then say nothing for seconds. The loop must answer
 * probes and signals all that time, so it never waits for this thread.
 */
#include "ws-daemon/first_look.h"

#include <stdlib.h>

#include <ev.h>

#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/sys/thread.h"

struct wp_first_look {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	wp_first_look_fn done;
	void *ctx;
	ev_async answered;
	struct wp_thread thread;

	enum wp_err result; /* the thread's until it has ended */
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

	look->result = join(look->conf, &look->err);
	ev_async_send(look->loop, &look->answered);
}

static void on_answered(struct ev_loop *loop, ev_async *async, int events)
{
	struct wp_first_look *look = async->data;

	(void)events;
	ev_async_stop(loop, async);
	/* It has nothing left to do but to end. */
	wp_thread_join(&look->thread);
	look->done(look->ctx, look->result, &look->err);
}

enum wp_err wp_first_look_begin(struct wp_first_look **out,
				struct ev_loop *loop,
				const struct wp_conf *conf,
				wp_first_look_fn done, void *ctx,
				struct wp_error *err)
{
	struct wp_first_look *look = calloc(1, sizeof(*look));
	const struct wp_thread_job job = { .run = run, .ctx = look };

	if (look == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	look->loop = loop;
	look->conf = conf;
	look->done = done;
	look->ctx = ctx;
	ev_async_init(&look->answered, on_answered);
	look->answered.data = look;
	ev_async_start(loop, &look->answered);
	if (wp_thread_start(&look->thread, &job, NULL) != WP_OK) {
		ev_async_stop(loop, &look->answered);
		free(look);
		return wp_error_set(err, WP_ERR_SYS,
				    "no thread to look at Redis with");
	}
	*out = look;
	return WP_OK;
}

bool wp_first_look_end(struct wp_first_look **look)
{
	struct wp_first_look *l = *look;

	*look = NULL;
	if (l == NULL)
		return true;
	if (!wp_thread_has_ended(&l->thread))
		return false;
	if (ev_is_active(&l->answered)) {
		ev_async_stop(l->loop, &l->answered);
		wp_thread_join(&l->thread);
	}
	free(l);
	return true;
}
