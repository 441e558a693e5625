/*
 * first_look.c - a thread that asks one question, and an answer on the loop.
 *
 * A Redis may accept and then say nothing for seconds. The loop must answer
 * probes and signals all that time, so it never waits for this thread.
 */
#include "ws-daemon/first_look.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <ev.h>

#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"

struct wp_first_look {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	wp_first_look_fn done;
	void *ctx;
	ev_async answered;
	pthread_t thread;

	enum wp_err result; /* the thread's until is_over */
	struct wp_error err;
	atomic_bool is_over;
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

static void *thread_main(void *arg)
{
	struct wp_first_look *look = arg;

	look->result = join(look->conf, &look->err);
	ev_async_send(look->loop, &look->answered);
	atomic_store(&look->is_over, true); /* the last that touches look */
	return NULL;
}

static void on_answered(struct ev_loop *loop, ev_async *async, int events)
{
	struct wp_first_look *look = async->data;

	(void)events;
	ev_async_stop(loop, async);
	/* It has nothing left to do but to end. */
	pthread_join(look->thread, NULL);
	look->done(look->ctx, look->result, &look->err);
}

/* The thread inherits a mask with every signal blocked. */
static int start_masked(struct wp_first_look *look)
{
	sigset_t all;
	sigset_t before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&look->thread, NULL, thread_main, look);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

enum wp_err wp_first_look_begin(struct wp_first_look **out,
				struct ev_loop *loop,
				const struct wp_conf *conf,
				wp_first_look_fn done, void *ctx,
				struct wp_error *err)
{
	struct wp_first_look *look = calloc(1, sizeof(*look));

	if (look == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	look->loop = loop;
	look->conf = conf;
	look->done = done;
	look->ctx = ctx;
	ev_async_init(&look->answered, on_answered);
	look->answered.data = look;
	ev_async_start(loop, &look->answered);
	if (start_masked(look) != 0) {
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
	if (!atomic_load(&l->is_over))
		return false;
	if (ev_is_active(&l->answered)) {
		ev_async_stop(l->loop, &l->answered);
		pthread_join(l->thread, NULL);
	}
	free(l);
	return true;
}
