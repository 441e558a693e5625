/*
 * share.c - a beat a second, and what the list then says.
 */
#include "notifier/share.h"

#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "notifier/metrics.h"

enum { LOG_INTERVAL_MS = 60000 };

static void take_all(struct wp_sharing *sharing)
{
	sharing->n = 0;
	sharing->now = (struct wp_fair_share){ .count = sharing->partitions };
}

static void read_list(struct wp_sharing *sharing, const struct wp_reply *reply)
{
	size_t n = wp_reply_count(reply);

	for (size_t rank = 0; rank < n; rank++) {
		if (!wp_reply_is(wp_reply_at(reply, rank), sharing->id))
			continue;
		sharing->n = n;
		sharing->now = wp_fair_share(sharing->partitions, n, rank);
		return;
	}
	take_all(sharing);
}

/* Nobody's share is known then, and nobody may stay without. */
static void complain(struct wp_sharing *sharing, const struct wp_reply *reply)
{
	uint32_t suppressed;

	if (wp_log_allow(&sharing->limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&sharing->log, WP_LOG_WARN,
		       "redis refuses to list notifiers; we look everywhere",
		       wp_str("error", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

static void on_list(void *ctx, const struct wp_reply *reply)
{
	struct wp_sharing *sharing = ctx;
	size_t before = sharing->n;

	sharing->is_asking = false;
	if (reply == NULL)
		return;
	read_list(sharing, reply);
	if (sharing->n == 0)
		complain(sharing, reply);
	wp_metric_set(sharing->metrics, WP_NM_NOTIFIERS, (int64_t)sharing->n);
	wp_metric_set(sharing->metrics, WP_NM_PARTITIONS, sharing->now.count);
	if (sharing->n != before)
		wp_log(&sharing->log, WP_LOG_INFO, "partitions looked at",
		       wp_int("partitions", sharing->now.count),
		       wp_int("notifiers", (int64_t)sharing->n));
}

static enum wp_err ask(struct wp_sharing *sharing, bool is_leaving,
		       wp_reply_fn fn)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_push_announce_build(&cmd, sharing->id, WP_NOTIFIERS_TTL_MS,
			       is_leaving);
	rc = wp_judged_do(sharing->redis, &cmd, fn, sharing);
	wp_cmd_release(&cmd);
	return rc;
}

static void on_beat(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_sharing *sharing = timer->data;

	(void)loop;
	(void)events;
	if (!sharing->is_asking)
		sharing->is_asking = ask(sharing, false, on_list) == WP_OK;
}

void wp_sharing_init(struct wp_sharing *sharing,
		     const struct wp_sharing_setup *setup)
{
	const double beat_s = WP_NOTIFIERS_BEAT_MS / 1e3;

	sharing->loop = setup->loop;
	sharing->redis = setup->redis;
	sharing->metrics = setup->metrics;
	sharing->partitions = setup->partitions;
	sharing->log.component = "share";
	wp_random_hex(sharing->id, WP_NOTIFIER_ID_LEN / 2);
	take_all(sharing);
	ev_timer_init(&sharing->beat, on_beat, 0., beat_s);
	sharing->beat.data = sharing;
}

void wp_sharing_begin(struct wp_sharing *sharing)
{
	ev_timer_stop(sharing->loop, &sharing->beat);
	ev_timer_set(&sharing->beat, 0., sharing->beat.repeat);
	ev_timer_start(sharing->loop, &sharing->beat);
}

static void on_left(void *ctx, const struct wp_reply *reply)
{
	struct wp_sharing *sharing = ctx;

	(void)reply;
	sharing->on_left(sharing->ctx);
}

void wp_sharing_leave(struct wp_sharing *sharing, void (*on_left_)(void *ctx),
		      void *ctx)
{
	wp_sharing_stop(sharing);
	sharing->on_left = on_left_;
	sharing->ctx = ctx;
	if (ask(sharing, true, on_left) != WP_OK)
		on_left_(ctx);
}

void wp_sharing_stop(struct wp_sharing *sharing)
{
	if (sharing->loop != NULL)
		ev_timer_stop(sharing->loop, &sharing->beat);
}
