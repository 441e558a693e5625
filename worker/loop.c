/*
 * loop.c - one thread that does whatever is due next and otherwise waits at the
 * doorbell.
 *
 * Two connections: commands, and the subscription to wp:bell:<worker>. Losing
 * either costs time and nothing else: every lease has a deadline by our own
 * clock, and the poll finds what no bell rang for.
 */
#include "worker/loop.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/mailbox/deployment.h"
#include "lib/sys/listen.h"
#include "worker/inbox.h"
#include "worker/metrics.h"
#include "worker/own.h"
#include "worker/reap.h"
#include "worker/route.h"

enum {
	DOWN_WAIT_MS = 50, /* between looks at a Redis that is down */
	LOG_INTERVAL_MS = 5000,
	BELLS_AT_ONCE = 256,
};

struct wp_loop {
	struct wp_worker w;
	struct wp_redis *bell; /* subscribed */
	struct wp_own own;
	struct wp_router router;
	struct wp_reaper reaper;
	struct wp_inbox inbox;

	uint64_t epoch; /* of the command connection that state is for */
	bool is_joined; /* Redis and the store were found fit, and ours */
	char store_id[WP_STORE_ID_LEN + 1];
	bool is_up; /* what the log knows */
	struct wp_log_limit down_limit;
	struct wp_log_limit up_limit;

	pthread_t thread;
	atomic_bool has_ended;
	void (*on_end)(void *ctx);
	void *ctx;
	struct wp_error fatal; /* WP_OK unless it ended because of it */
};

/* ---- connections ---- */

static void on_down(struct wp_loop *loop, const struct wp_error *err)
{
	const char *what = loop->is_up ? "redis lost" : "redis is not there";
	uint32_t suppressed;

	if (err->code == WP_ERR_INVAL) /* it is, but not with these settings */
		what = "redis and the store cannot be used";

	wp_metric_set(loop->w.metrics, WP_WM_REDIS_UP, 0);
	if (wp_log_allow(&loop->down_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&loop->w.log, WP_LOG_WARN, what,
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
	loop->is_up = false;
}

/* Redis did all that was asked of it. */
static void on_good_turn(struct wp_loop *loop)
{
	uint32_t suppressed;

	if (loop->is_up)
		return;
	loop->is_up = true;
	wp_metric_set(loop->w.metrics, WP_WM_REDIS_UP, 1);
	if (wp_log_allow(&loop->up_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&loop->w.log, WP_LOG_INFO, "redis connected",
		       wp_int("suppressed", suppressed));
}

/* A new connection: whatever the old one said may be out of date. */
static void on_connected(struct wp_loop *loop)
{
	loop->epoch = wp_redis_epoch(loop->w.redis);
	wp_reaper_reset(&loop->reaper);
	wp_table_refresh(loop->w.table);
	loop->own.next_ms = 0;
	loop->router.paused_until_ms = 0;
}

/* Before anything is written: is this our Redis, and does it keep messages? */
static enum wp_err join(struct wp_loop *loop, struct wp_error *err)
{
	enum wp_err rc = wp_deployment_join(loop->w.redis, loop->w.conf,
					    &loop->w.log, loop->store_id, err);

	if (rc == WP_ERR_INVAL)
		loop->fatal = *err;
	if (rc != WP_OK)
		return rc;
	loop->is_joined = true;
	wp_notify("READY=1");
	return WP_OK;
}

/* What was good once may be put right again: then we wait for it. */
static enum wp_err check_again(struct wp_loop *loop, struct wp_error *err)
{
	return wp_deployment_check(loop->w.redis, loop->w.conf, loop->store_id,
				   err);
}

static enum wp_err be_connected(struct wp_loop *loop, struct wp_error *err)
{
	enum wp_err rc = wp_redis_connect(loop->w.redis, err);

	if (rc == WP_ERR_INVAL)
		loop->fatal = *err;
	if (rc != WP_OK || wp_redis_epoch(loop->w.redis) == loop->epoch)
		return rc;
	rc = loop->is_joined ? check_again(loop, err) : join(loop, err);
	if (rc == WP_OK)
		on_connected(loop);
	return rc;
}

static void subscribe(struct wp_loop *loop)
{
	char channel[sizeof(WP_BELL_PREFIX) + WP_WORKER_ID_LEN];
	struct wp_worker *w = &loop->w;
	struct wp_reply *reply = NULL;

	/* First of all connect: a subscription that is refused for being
	 * written before a restart would leave a connection without one. */
	if (wp_redis_fd(loop->bell) != -1 ||
	    wp_redis_connect(loop->bell, NULL) != WP_OK)
		return;
	(void)snprintf(channel, sizeof(channel), WP_BELL_PREFIX "%s", w->id);
	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "SUBSCRIBE");
	wp_cmd_str(&w->cmd, channel);
	/* Without it the poll still finds everything, a second later. */
	if (wp_redis_do(loop->bell, &w->cmd, &reply, NULL) == WP_OK) {
		loop->router.next_poll_ms = 0;
		if (wp_reply_type(reply) == WP_REPLY_ERROR)
			wp_log(&w->log, WP_LOG_WARN, "redis refuses doorbells",
			       wp_str("error", wp_reply_str(reply)));
	}
	wp_reply_free(&reply);
}

/* ---- doorbells ---- */

/* {"message", channel, partition} */
static void on_bell(struct wp_loop *loop, const struct wp_reply *message)
{
	const struct wp_reply *partition = wp_reply_at(message, 2);
	int64_t p = wp_reply_int(partition);

	if (!wp_reply_is(wp_reply_at(message, 0), "message") ||
	    wp_reply_len(partition) == 0 || p < 0 ||
	    p >= loop->w.conf->mailbox.partitions)
		return;
	wp_metric_add(loop->w.metrics, WP_WM_DOORBELLS, 1);
	wp_router_ring(&loop->router, (uint32_t)p);
}

/* All that have rung until now. */
static void hear_bells(struct wp_loop *loop)
{
	for (int i = 0; i < BELLS_AT_ONCE; i++) {
		struct wp_reply *message = NULL;

		if (wp_redis_wait(loop->bell, 0, &message, NULL) != WP_OK)
			return;
		on_bell(loop, message);
		wp_reply_free(&message);
	}
}

static void on_fresh(void *ctx, uint32_t partition)
{
	wp_router_ring(ctx, partition);
}

/* Until a bell rings, the table has news, or timeout_ms have passed. */
static void wait_for_news(struct wp_loop *loop, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = wp_table_event_fd(loop->w.table), .events = POLLIN },
		{ .fd = wp_redis_fd(loop->bell), .events = POLLIN },
	};

	(void)poll(fds, 2, timeout_ms); /* early is fine */
	if (fds[0].revents != 0) {
		wp_table_clear_event(loop->w.table);
		wp_table_each_fresh(loop->w.table, on_fresh, &loop->router);
	}
	hear_bells(loop);
}

/* ---- what is due ---- */

static enum wp_err do_due(struct wp_loop *loop, struct wp_error *err)
{
	uint64_t now_ms = wp_mono_ms();
	enum wp_err rc = WP_OK;

	if (now_ms >= loop->own.next_ms)
		rc = wp_own_tick(&loop->own, err);
	if (rc == WP_OK && wp_router_has_work(&loop->router, now_ms))
		rc = wp_router_step(&loop->router, err);
	if (rc == WP_OK && now_ms >= loop->router.next_poll_ms)
		rc = wp_router_poll(&loop->router, err);
	if (rc == WP_OK && now_ms >= loop->reaper.next_sample_ms)
		rc = wp_reaper_sample(&loop->reaper, err);
	if (rc == WP_OK && wp_reaper_has_work(&loop->reaper))
		rc = wp_reaper_step(&loop->reaper, err);
	wp_table_set_inbox(loop->w.table, wp_own_has_inbox(&loop->own, now_ms));
	if (rc == WP_OK && now_ms >= loop->inbox.next_ms &&
	    wp_own_has_inbox(&loop->own, now_ms))
		rc = wp_inbox_step(&loop->inbox, loop->own.inbox, err);
	return rc;
}

static void sooner(uint64_t *at_ms, uint64_t other_ms)
{
	if (other_ms < *at_ms)
		*at_ms = other_ms;
}

static int until_due(const struct wp_loop *loop)
{
	uint64_t now_ms = wp_mono_ms();
	uint64_t at_ms = loop->own.next_ms;

	if (wp_router_has_work(&loop->router, now_ms) ||
	    wp_reaper_has_work(&loop->reaper))
		return 0;
	sooner(&at_ms, loop->router.next_poll_ms);
	sooner(&at_ms, loop->reaper.next_sample_ms);
	if (loop->router.waiting > 0)
		sooner(&at_ms, loop->router.paused_until_ms);
	if (wp_own_has_inbox(&loop->own, now_ms))
		sooner(&at_ms, loop->inbox.next_ms);
	return at_ms > now_ms ? (int)(at_ms - now_ms) : 0;
}

/* One turn: be connected, do what is due, wait for what comes next. */
static void turn(struct wp_loop *loop)
{
	struct wp_error err = { 0 };
	enum wp_err rc = be_connected(loop, &err);

	if (rc == WP_OK) {
		subscribe(loop);
		rc = do_due(loop, &err);
	}
	if (rc == WP_OK) {
		on_good_turn(loop);
		wait_for_news(loop, until_due(loop));
		return;
	}
	on_down(loop, &err);
	wp_own_expire(&loop->own, wp_mono_ms());
	if (loop->fatal.code == WP_OK)
		wait_for_news(loop, DOWN_WAIT_MS);
}

/* ---- the thread ---- */

static void *run(void *ctx)
{
	struct wp_loop *loop = ctx;

	while (!wp_table_is_stopping(loop->w.table) &&
	       loop->fatal.code == WP_OK)
		turn(loop);
	if (loop->fatal.code == WP_OK)
		wp_own_release_all(&loop->own);
	atomic_store(&loop->has_ended, true);
	loop->on_end(loop->ctx);
	return NULL;
}

static void release(struct wp_loop *loop)
{
	wp_inbox_release(&loop->inbox);
	wp_reaper_release(&loop->reaper);
	wp_router_release(&loop->router);
	wp_redis_free(&loop->bell);
	wp_redis_free(&loop->w.redis);
	wp_cmd_release(&loop->w.cmd);
	free(loop->w.list);
	free(loop);
}

static enum wp_err init(struct wp_loop *loop, struct wp_error *err)
{
	struct wp_worker *w = &loop->w;
	enum wp_err rc;

	wp_cmd_init(&w->cmd);
	wp_random_hex(w->id, WP_WORKER_ID_LEN / 2);
	wp_own_init(&loop->own, w);
	w->list = calloc((size_t)w->conf->mailbox.partitions, sizeof(*w->list));
	if (w->list == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_redis_new(&w->redis, w->conf, err);
	if (rc == WP_OK)
		rc = wp_redis_new(&loop->bell, w->conf, err);
	if (rc == WP_OK)
		rc = wp_router_init(&loop->router, w, err);
	if (rc == WP_OK)
		rc = wp_reaper_init(&loop->reaper, w, err);
	if (rc == WP_OK)
		rc = wp_inbox_init(&loop->inbox, w, err);
	return rc;
}

enum wp_err wp_loop_start(struct wp_loop **out, const struct wp_conf *conf,
			  struct wp_metrics *metrics, struct wp_table *table,
			  void (*on_end)(void *ctx), void *ctx,
			  struct wp_error *err)
{
	struct wp_loop *loop = calloc(1, sizeof(*loop));
	enum wp_err rc;

	if (loop == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	loop->w.conf = conf;
	loop->w.metrics = metrics;
	loop->w.table = table;
	loop->on_end = on_end;
	loop->ctx = ctx;
	rc = init(loop, err);
	if (rc == WP_OK && pthread_create(&loop->thread, NULL, run, loop) != 0)
		rc = wp_error_set(err, WP_ERR_SYS, "no thread can be made");
	if (rc != WP_OK) {
		release(loop);
		return rc;
	}
	*out = loop;
	return WP_OK;
}

bool wp_loop_has_ended(const struct wp_loop *loop)
{
	return atomic_load(&loop->has_ended);
}

enum wp_err wp_loop_join(struct wp_loop **loop, struct wp_error *err)
{
	enum wp_err rc;

	if (*loop == NULL)
		return WP_OK;
	(void)pthread_join((*loop)->thread, NULL);
	rc = (*loop)->fatal.code;
	if (rc != WP_OK && err != NULL)
		*err = (*loop)->fatal;
	release(*loop);
	*loop = NULL;
	return rc;
}
