/*
 * hot_thread.c - one thread that does whatever is due next and otherwise waits
 * at the doorbell.
 *
 * Two connections: commands, and the subscription to wp:bell:<worker>. Losing
 * either costs time and nothing else: every lease has a deadline by our own
 * clock, and the poll finds what no bell rang for.
 */
#include "worker/hot_thread.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/sys/thread.h"
#include "worker/bell.h"
#include "worker/census.h"
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

struct wp_hot_thread {
	struct wp_worker w;
	struct wp_redis *bell; /* subscribed */
	struct wp_own *own;
	struct wp_router *router;
	struct wp_reaper *reaper;
	struct wp_inbox *inbox;
	struct wp_census_taker census;

	uint64_t epoch; /* of the command connection that state is for */
	bool is_joined; /* Redis and the store were found fit, and ours */
	enum wp_err (*on_joined)(void *ctx, struct wp_error *err); /* or NULL */
	void *ctx;
	char store_id[WP_STORE_ID_LEN + 1];
	bool is_up; /* what the log knows */
	struct wp_log_limit down_limit;
	struct wp_log_limit up_limit;

	struct wp_thread thread;
	struct wp_error fatal; /* WP_OK unless it ended because of it */
};

/* ---- connections ---- */

static void on_down(struct wp_hot_thread *hot, const struct wp_error *err)
{
	const char *what = hot->is_up ? "redis lost" : "redis is not there";
	uint32_t suppressed;

	if (err->code == WP_ERR_INVAL) /* it is, but not with these settings */
		what = "redis and the store cannot be used";

	wp_metric_set(hot->w.metrics, WP_WM_REDIS_UP, 0);
	if (wp_log_allow(&hot->down_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&hot->w.log, WP_LOG_WARN, what,
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
	hot->is_up = false;
}

/* Redis did all that was asked of it. */
static void on_good_turn(struct wp_hot_thread *hot)
{
	uint32_t suppressed;

	if (hot->is_up)
		return;
	hot->is_up = true;
	wp_metric_set(hot->w.metrics, WP_WM_REDIS_UP, 1);
	if (wp_log_allow(&hot->up_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&hot->w.log, WP_LOG_INFO, "redis connected",
		       wp_int("suppressed", suppressed));
}

/* A new connection: whatever the old one said may be out of date. */
static void on_connected(struct wp_hot_thread *hot)
{
	hot->epoch = wp_redis_epoch(hot->w.redis);
	wp_reaper_reset(hot->reaper);
	wp_table_refresh(hot->w.table);
	wp_own_hurry(hot->own);
	wp_router_reset(hot->router);
}

/* Before anything is written: is this our Redis, and does it keep messages? */
static enum wp_err join(struct wp_hot_thread *hot, struct wp_error *err)
{
	enum wp_err rc = wp_deployment_join(hot->w.redis, hot->w.conf,
					    &hot->w.log, hot->store_id, err);

	if (rc == WP_ERR_INVAL)
		hot->fatal = *err;
	if (rc != WP_OK)
		return rc;
	if (hot->on_joined != NULL)
		rc = hot->on_joined(hot->ctx, err);
	if (rc != WP_OK) {
		hot->fatal = *err;
		return rc;
	}
	hot->is_joined = true;
	return WP_OK;
}

/* What was good once may be put right again: then we wait for it. */
static enum wp_err check_again(struct wp_hot_thread *hot, struct wp_error *err)
{
	return wp_deployment_check(hot->w.redis, hot->w.conf, hot->store_id,
				   err);
}

static enum wp_err be_connected(struct wp_hot_thread *hot, struct wp_error *err)
{
	enum wp_err rc = wp_redis_connect(hot->w.redis, err);

	if (rc == WP_ERR_INVAL)
		hot->fatal = *err;
	if (rc != WP_OK || wp_redis_epoch(hot->w.redis) == hot->epoch)
		return rc;
	rc = hot->is_joined ? check_again(hot, err) : join(hot, err);
	if (rc == WP_OK)
		on_connected(hot);
	return rc;
}

static void subscribe(struct wp_hot_thread *hot)
{
	char channel[sizeof(WP_BELL_PREFIX) + WP_WORKER_ID_LEN];
	struct wp_worker *w = &hot->w;
	struct wp_reply *reply = NULL;

	/* First of all connect: a subscription that is refused for being
	 * written before a restart would leave a connection without one. */
	if (wp_redis_fd(hot->bell) != -1 ||
	    wp_redis_connect(hot->bell, NULL) != WP_OK)
		return;
	(void)snprintf(channel, sizeof(channel), WP_BELL_PREFIX "%s", w->id);
	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "SUBSCRIBE");
	wp_cmd_str(&w->cmd, channel);
	/* Without it the poll still finds everything, a second later. */
	if (wp_redis_do(hot->bell, &w->cmd, &reply, NULL) == WP_OK) {
		wp_router_hurry(hot->router);
		if (wp_reply_type(reply) == WP_REPLY_ERROR)
			wp_log(&w->log, WP_LOG_WARN, "redis refuses doorbells",
			       wp_str("error", wp_reply_str(reply)));
	}
	wp_reply_free(&reply);
}

/* ---- doorbells ---- */

/* {"message", channel, what it says} */
static void on_bell(struct wp_hot_thread *hot, const struct wp_reply *message)
{
	const struct wp_reply *text = wp_reply_at(message, 2);
	struct wp_bell bell;

	if (!wp_reply_is(wp_reply_at(message, 0), "message") ||
	    !wp_bell_read(&bell, wp_reply_str(text), wp_reply_len(text),
			  (uint32_t)hot->w.conf->mailbox.partitions))
		return;
	wp_metric_add(hot->w.metrics, WP_WM_DOORBELLS, 1);
	for (size_t i = 0; i < bell.n; i++) {
		if (bell.is_due)
			wp_table_tell_due(hot->w.table, bell.partitions[i]);
		else
			wp_router_ring(hot->router, bell.partitions[i]);
	}
}

/* All that have rung until now. */
static void hear_bells(struct wp_hot_thread *hot)
{
	for (int i = 0; i < BELLS_AT_ONCE; i++) {
		struct wp_reply *message = NULL;

		if (wp_redis_wait(hot->bell, 0, &message, NULL) != WP_OK)
			return;
		on_bell(hot, message);
		wp_reply_free(&message);
	}
}

static void on_fresh(void *ctx, uint32_t partition)
{
	wp_router_ring(ctx, partition);
}

/* Until a bell rings, the table has news, or timeout_ms have passed. */
static void wait_for_news(struct wp_hot_thread *hot, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = wp_table_event_fd(hot->w.table), .events = POLLIN },
		{ .fd = wp_redis_fd(hot->bell), .events = POLLIN },
	};

	wp_table_step(hot->w.table, WP_TABLE_HOT, (uint32_t)timeout_ms);
	(void)poll(fds, 2, timeout_ms); /* early is fine */
	if (fds[0].revents != 0) {
		wp_table_clear_event(hot->w.table);
		wp_table_each_fresh(hot->w.table, on_fresh, hot->router);
	}
	hear_bells(hot);
}

/* ---- what is due ---- */

static enum wp_err do_due(struct wp_hot_thread *hot, struct wp_error *err)
{
	uint64_t now_ms = wp_mono_ms();
	const char *inbox;
	enum wp_err rc = WP_OK;

	if (now_ms >= wp_own_next_ms(hot->own))
		rc = wp_own_tick(hot->own, err);
	if (rc == WP_OK)
		rc = wp_router_run(hot->router, err);
	if (rc == WP_OK)
		rc = wp_reaper_run(hot->reaper, err);
	if (rc == WP_OK)
		rc = wp_census_taker_run(&hot->census, err);
	inbox = wp_own_inbox(hot->own, now_ms);
	wp_table_set_inbox(hot->w.table, inbox != NULL);
	if (rc == WP_OK && inbox != NULL &&
	    now_ms >= wp_inbox_next_ms(hot->inbox))
		rc = wp_inbox_step(hot->inbox, inbox, err);
	return rc;
}

static void sooner(uint64_t *at_ms, uint64_t other_ms)
{
	if (other_ms < *at_ms)
		*at_ms = other_ms;
}

static int until_due(const struct wp_hot_thread *hot)
{
	uint64_t now_ms = wp_mono_ms();
	uint64_t at_ms = wp_own_next_ms(hot->own);

	sooner(&at_ms, wp_router_next_ms(hot->router));
	sooner(&at_ms, wp_reaper_next_ms(hot->reaper));
	sooner(&at_ms, hot->census.next_ms);
	if (wp_own_inbox(hot->own, now_ms) != NULL)
		sooner(&at_ms, wp_inbox_next_ms(hot->inbox));
	return at_ms > now_ms ? (int)(at_ms - now_ms) : 0;
}

/* One turn: be connected, do what is due, wait for what comes next. */
static void turn(struct wp_hot_thread *hot)
{
	struct wp_error err = { 0 };
	enum wp_err rc;

	wp_table_step(hot->w.table, WP_TABLE_HOT, 0);
	rc = be_connected(hot, &err);
	if (rc == WP_OK) {
		subscribe(hot);
		rc = do_due(hot, &err);
	}
	if (rc == WP_OK) {
		on_good_turn(hot);
		wait_for_news(hot, until_due(hot));
		return;
	}
	on_down(hot, &err);
	wp_own_expire(hot->own, wp_mono_ms());
	if (hot->fatal.code == WP_OK)
		wait_for_news(hot, DOWN_WAIT_MS);
}

/* ---- the thread ---- */

static void run(void *ctx)
{
	struct wp_hot_thread *hot = ctx;

	while (!wp_table_is_stopping(hot->w.table) && hot->fatal.code == WP_OK)
		turn(hot);
	if (hot->fatal.code == WP_OK)
		wp_own_release_all(hot->own);
	wp_table_leave(hot->w.table, WP_TABLE_HOT);
}

static void release(struct wp_hot_thread *hot)
{
	wp_inbox_free(&hot->inbox);
	wp_reaper_free(&hot->reaper);
	wp_router_free(&hot->router);
	wp_own_free(&hot->own);
	wp_redis_free(&hot->bell);
	wp_worker_release(&hot->w);
	free(hot);
}

static enum wp_err init(struct wp_hot_thread *hot,
			const struct wp_worker_setup *setup,
			struct wp_error *err)
{
	struct wp_worker *w = &hot->w;
	enum wp_err rc = wp_worker_init(w, setup, err);

	wp_census_taker_init(&hot->census, w);
	if (rc == WP_OK)
		rc = wp_redis_new(&hot->bell, w->conf, &wp_scripts, err);
	if (rc == WP_OK)
		rc = wp_own_new(&hot->own, w, err);
	if (rc == WP_OK)
		rc = wp_router_new(&hot->router, w, err);
	if (rc == WP_OK)
		rc = wp_reaper_new(&hot->reaper, w, err);
	if (rc == WP_OK)
		rc = wp_inbox_new(&hot->inbox, w, err);
	return rc;
}

enum wp_err wp_hot_thread_start(struct wp_hot_thread **out,
				const struct wp_worker_setup *setup,
				struct wp_error *err)
{
	struct wp_hot_thread *hot = calloc(1, sizeof(*hot));
	const struct wp_thread_job job = { run, hot, setup->on_end,
					   setup->ctx };
	enum wp_err rc;

	if (hot == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	hot->on_joined = setup->on_joined;
	hot->ctx = setup->ctx;
	rc = init(hot, setup, err);
	if (rc == WP_OK)
		rc = wp_thread_start(&hot->thread, &job, err);
	if (rc != WP_OK) {
		release(hot);
		return rc;
	}
	*out = hot;
	return WP_OK;
}

bool wp_hot_thread_has_ended(const struct wp_hot_thread *hot)
{
	return wp_thread_has_ended(&hot->thread);
}

enum wp_err wp_hot_thread_join(struct wp_hot_thread **hot, struct wp_error *err)
{
	enum wp_err rc;

	if (*hot == NULL)
		return WP_OK;
	wp_thread_join(&(*hot)->thread);
	rc = (*hot)->fatal.code;
	if (rc != WP_OK && err != NULL)
		*err = (*hot)->fatal;
	release(*hot);
	*hot = NULL;
	return rc;
}
