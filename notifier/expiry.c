/*
 * expiry.c - a timer, and one job that is submitted again until it has found
 * less than it may delete.
 */
#include "notifier/expiry.h"

#include <stdlib.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/store/push.h"
#include "notifier/metrics.h"

enum { MS_PER_S = 1000, S_PER_DAY = 86400 };

struct wp_expiry {
	struct wp_store_job job; /* first: the thread knows only this */
	struct wp_expiry_setup setup;
	struct wp_push_expire what; /* the thread's while it is busy */
	bool is_busy;
	bool is_stopped;
	ev_timer timer;
};

/* On the store's thread. */
static enum wp_err run(struct wp_store_job *job, struct wp_store *store,
		       struct wp_error *err)
{
	struct wp_expiry *expiry = (struct wp_expiry *)job;

	return wp_push_expire(store, &expiry->what, err);
}

/* A job that finds no room is left to the next hour. */
static void submit(struct wp_expiry *expiry)
{
	int64_t now_s = wp_wall_ms() / MS_PER_S;

	expiry->what = (struct wp_push_expire){
		.refreshed_before_day =
			now_s / S_PER_DAY - expiry->setup.conf->push.token_days,
		.gone_before_s =
			now_s - (int64_t)WP_EXPIRY_GONE_DAYS * S_PER_DAY,
		.max = WP_EXPIRY_ROWS,
	};
	expiry->is_busy = wp_store_thread_submit(expiry->setup.store,
						 &expiry->job) == WP_OK;
}

static void on_done(struct wp_store_job *job, enum wp_err result)
{
	struct wp_expiry *expiry = (struct wp_expiry *)job;

	expiry->is_busy = false;
	if (result != WP_OK)
		return; /* it was logged */
	wp_metric_add(expiry->setup.metrics, WP_NM_REMOVED_UNREFRESHED,
		      expiry->what.unrefreshed);
	if (expiry->what.deleted == WP_EXPIRY_ROWS && !expiry->is_stopped)
		submit(expiry);
}

/* While no list is known everybody looks everywhere: then it is nobody's. */
static bool is_ours(const struct wp_sharing *sharing, uint32_t partitions)
{
	uint32_t back = (partitions - sharing->now.first) % partitions;

	return sharing->n > 0 && back < sharing->now.count;
}

void wp_expiry_look(struct wp_expiry *expiry)
{
	uint32_t partitions = (uint32_t)expiry->setup.conf->mailbox.partitions;

	if (!expiry->is_busy && !expiry->is_stopped &&
	    is_ours(expiry->setup.sharing, partitions))
		submit(expiry);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	wp_expiry_look(timer->data);
}

enum wp_err wp_expiry_new(struct wp_expiry **out,
			  const struct wp_expiry_setup *setup,
			  struct wp_error *err)
{
	struct wp_expiry *expiry = calloc(1, sizeof(*expiry));

	if (expiry == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	expiry->setup = *setup;
	expiry->job.run = run;
	expiry->job.done = on_done;
	ev_timer_init(&expiry->timer, on_timer, WP_EXPIRY_FIRST_S,
		      WP_EXPIRY_EVERY_S);
	expiry->timer.data = expiry;
	ev_timer_start(setup->loop, &expiry->timer);
	*out = expiry;
	return WP_OK;
}

void wp_expiry_free(struct wp_expiry **expiry)
{
	if (*expiry == NULL)
		return;
	wp_expiry_stop(*expiry);
	free(*expiry);
	*expiry = NULL;
}

void wp_expiry_use(struct wp_expiry *expiry, const struct wp_conf *conf)
{
	expiry->setup.conf = conf;
}

void wp_expiry_stop(struct wp_expiry *expiry)
{
	expiry->is_stopped = true;
	ev_timer_stop(expiry->setup.loop, &expiry->timer);
}
