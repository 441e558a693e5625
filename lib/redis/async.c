/*
 * async.c - the life of a connection that comes back by itself: when to
 * connect, what its loss means to those who wait, when silence is a loss.
 *
 * Whatever goes wrong closes the socket at once, but callbacks are told from
 * the loop a moment later: neither a write nor wp_aredis_reset() runs code of
 * the caller under the caller's feet.
 */
#include "lib/redis/async.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/redis/async_impl.h"

void wp_aredis_arm(struct wp_aredis *redis, int64_t delay_ms)
{
	redis->deadline_ms = wp_mono_ms() + (uint64_t)delay_ms;
	ev_timer_stop(redis->loop, &redis->timer);
	ev_timer_set(&redis->timer, (double)delay_ms / 1000.0, 0.0);
	ev_timer_start(redis->loop, &redis->timer);
}

void wp_aredis_drop(struct wp_aredis *redis, const char *reason)
{
	uint32_t suppressed = 0;

	if (redis->state == WP_AREDIS_DOWN || redis->state == WP_AREDIS_LOST)
		return;
	/* A server that stays away is worth a line now and then. */
	if (redis->was_ready ||
	    wp_log_allow(&redis->log_limit, wp_mono_ms(),
			 WP_AREDIS_LOG_INTERVAL_MS, &suppressed))
		wp_log(&redis->log, WP_LOG_WARN,
		       redis->was_ready ? "redis lost"
					: "redis cannot be reached",
		       wp_str("connection", redis->name),
		       wp_str("reason", reason),
		       wp_int("unanswered", (int64_t)redis->pending.n),
		       wp_int("suppressed", suppressed));
	wp_aredis_close(redis);
	redis->state = WP_AREDIS_LOST;
	wp_aredis_arm(redis, 0);
}

static void free_now(struct wp_aredis *redis)
{
	wp_pending_release(&redis->pending);
	wp_buf_release(&redis->out);
	free(redis->name);
	free(redis);
}

void wp_aredis_enter(struct wp_aredis *redis)
{
	redis->depth++;
}

bool wp_aredis_leave(struct wp_aredis *redis)
{
	redis->depth--;
	if (!redis->is_doomed)
		return true;
	if (redis->depth == 0)
		free_now(redis);
	return false;
}

/* Tell everybody who still waits that there will be no answer. */
static void fail_pending(struct wp_aredis *redis)
{
	while (redis->pending.n > 0) {
		struct wp_pending front = wp_pending_pop(&redis->pending);

		if (front.fn != NULL)
			front.fn(front.ctx, NULL);
	}
}

static void retry_later(struct wp_aredis *redis)
{
	redis->state = WP_AREDIS_DOWN;
	wp_aredis_arm(redis, wp_backoff_next_ms(&redis->backoff));
}

static void report_loss(struct wp_aredis *redis)
{
	bool was_ready = redis->was_ready;

	redis->was_ready = false;
	wp_aredis_enter(redis);
	fail_pending(redis);
	if (!redis->is_doomed && was_ready && redis->hooks.on_lost != NULL)
		redis->hooks.on_lost(redis->hooks.ctx);
	if (wp_aredis_leave(redis))
		retry_later(redis);
}

/* A server that took commands and is silent since must not be waited for. */
static void watch_oldest(struct wp_aredis *redis)
{
	uint64_t timeout_ms = (uint64_t)redis->conf->redis.command_timeout_ms;
	uint64_t age_ms;

	/* The loop may have been busy: look what has come before judging. */
	if (!wp_aredis_receive(redis) || redis->state != WP_AREDIS_READY ||
	    redis->pending.n == 0)
		return;
	/* That was a part of it: a server that has so much to say is there. */
	if (wp_aredis_has_input(redis)) {
		wp_aredis_arm(redis, 0);
		return;
	}
	age_ms = wp_mono_ms() - wp_pending_front(&redis->pending)->sent_ms;
	if (age_ms >= timeout_ms)
		wp_aredis_drop(redis, "no answer in time");
	else
		wp_aredis_arm(redis, (int64_t)(timeout_ms - age_ms));
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct wp_aredis *redis = w->data;
	uint64_t now_ms = wp_mono_ms();

	(void)loop;
	(void)revents;
	if (now_ms < redis->deadline_ms) {
		wp_aredis_arm(redis, (int64_t)(redis->deadline_ms - now_ms));
		return;
	}
	switch (redis->state) {
	case WP_AREDIS_DOWN:
		wp_aredis_dial(redis);
		break;
	case WP_AREDIS_DIALING:
		wp_aredis_drop(redis, "no connection in time");
		break;
	case WP_AREDIS_SHAKING:
		wp_aredis_drop(redis, "no answer in time while connecting");
		break;
	case WP_AREDIS_READY:
		watch_oldest(redis);
		break;
	case WP_AREDIS_LOST:
		report_loss(redis);
		break;
	}
}

enum wp_err wp_aredis_new(struct wp_aredis **out,
			  const struct wp_aredis_setup *setup,
			  struct wp_error *err)
{
	struct wp_link_addr addr;
	struct wp_aredis *redis;
	enum wp_err rc;

	rc = wp_link_parse(&addr, setup->conf->redis.address, err);
	if (rc != WP_OK)
		return rc;
	redis = calloc(1, sizeof(*redis));
	if (redis == NULL || (redis->name = strdup(setup->name)) == NULL) {
		free(redis);
		return wp_error_set(err, WP_ERR_NOMEM,
				    "no memory for a Redis client");
	}
	redis->loop = setup->loop;
	redis->conf = setup->conf;
	redis->scripts = setup->scripts;
	redis->hooks = setup->hooks;
	redis->addr = addr;
	redis->log.component = "redis";
	wp_backoff_init(&redis->backoff, WP_LINK_BACKOFF_MS,
			WP_LINK_BACKOFF_CAP_MS);
	wp_aredis_io_init(redis);
	ev_init(&redis->timer, on_timer);
	redis->timer.data = redis;
	redis->state = WP_AREDIS_DOWN;
	wp_aredis_arm(redis, 0);
	*out = redis;
	return WP_OK;
}

void wp_aredis_free(struct wp_aredis **redis_ptr)
{
	struct wp_aredis *redis;

	if (redis_ptr == NULL || *redis_ptr == NULL)
		return;
	redis = *redis_ptr;
	*redis_ptr = NULL;
	wp_aredis_close(redis);
	redis->state = WP_AREDIS_LOST;
	redis->was_ready = false;
	redis->is_doomed = true;
	wp_aredis_enter(redis);
	fail_pending(redis);
	(void)wp_aredis_leave(redis);
}

bool wp_aredis_is_ready(const struct wp_aredis *redis)
{
	return redis->state == WP_AREDIS_READY;
}

const char *wp_aredis_run_id(const struct wp_aredis *redis)
{
	return redis->state == WP_AREDIS_READY ? redis->hs.run_id : "";
}

static enum wp_err queue_command(struct wp_aredis *redis,
				 const struct wp_cmd *cmd,
				 wp_aredis_reply_fn fn, void *ctx,
				 size_t confirmations)
{
	const struct wp_pending item = {
		.fn = fn,
		.ctx = ctx,
		.sent_ms = wp_mono_ms(),
		.confirmations = confirmations,
	};
	enum wp_err rc;

	if (redis->state != WP_AREDIS_READY)
		return WP_ERR_UNAVAIL;
	if (cmd->failed || !wp_pending_reserve(&redis->pending))
		return WP_ERR_NOMEM;
	rc = wp_aredis_append(redis, cmd);
	if (rc != WP_OK)
		return rc;
	wp_pending_push(&redis->pending, &item);
	if (!ev_is_active(&redis->timer))
		wp_aredis_arm(redis, redis->conf->redis.command_timeout_ms);
	return WP_OK;
}

enum wp_err wp_aredis_do(struct wp_aredis *redis, const struct wp_cmd *cmd,
			 wp_aredis_reply_fn fn, void *ctx)
{
	assert(!redis->is_subscriber);
	return queue_command(redis, cmd, fn, ctx, 0);
}

enum wp_err wp_aredis_subscribe(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_aredis_reply_fn fn,
				void *ctx)
{
	enum wp_err rc;

	assert(cmd->failed || cmd->n >= 2);
	rc = queue_command(redis, cmd, fn, ctx, cmd->n - 1);
	if (rc == WP_OK)
		redis->is_subscriber = true;
	return rc;
}

void wp_aredis_reset(struct wp_aredis *redis)
{
	wp_aredis_drop(redis, "reset by its owner");
}
