/*
 * taker.c - turns around the share, bounded in calls and in boxes.
 */
#include "notifier/taker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "notifier/metrics.h"

enum { TAKES_PER_MS = 1, LOG_INTERVAL_MS = 10000 };

/* A call under way. */
struct call {
	struct wp_taker *taker;
	uint32_t partition;
	size_t max; /* boxes that it may claim */
	struct wp_claim claim;
};

struct wp_taker {
	struct wp_taker_setup setup;
	struct wp_log log;
	struct wp_log_limit log_limit;
	ev_timer poll;
	bool is_stopped;
	uint64_t paused_until_ms; /* by wp_mono_ms() */
	size_t asking;            /* calls */
	size_t reserved;          /* boxes that these may claim */
	uint64_t n_calls;         /* since the start: names claims */
	/* The turn: the share as it was at its beginning, and how far it was
	 * looked at. */
	struct wp_fair_share share;
	uint32_t at;
	int64_t budget; /* calls, until the next poll */
	/* What was looked at last: those where nobody is due are left out when
	 * the answer is there. */
	uint32_t due[WP_PUSH_LOOK_MAX];
	size_t n_due, next; /* next: to be taken of */
	bool is_looking;
};

static size_t room(const struct wp_taker *taker)
{
	size_t used = taker->setup.count(taker->setup.ctx) + taker->reserved;
	size_t left = used < WP_CLAIMS_MAX ? WP_CLAIMS_MAX - used : 0;

	return left < WP_PUSH_TAKE_MAX ? left : WP_PUSH_TAKE_MAX;
}

static void on_taken(void *ctx, const struct wp_reply *reply);

static bool take(struct wp_taker *taker, size_t max)
{
	const struct wp_conf *conf = taker->setup.conf;
	struct call *call = calloc(1, sizeof(*call));
	struct wp_push_take take = {
		.run_id = wp_judged_run_id(taker->setup.redis),
		.claim_ms = conf->push.claim_ms,
		.max = (int64_t)max,
	};
	struct wp_cmd cmd;
	enum wp_err rc;

	if (call == NULL)
		return false;
	(void)snprintf(call->claim.text, sizeof(call->claim.text),
		       "%s.%" PRIu64, taker->setup.sharing->id,
		       ++taker->n_calls);
	call->taker = taker;
	call->partition = taker->due[taker->next];
	call->max = max;
	call->claim.ms = take.claim_ms;
	call->claim.asked_ms = wp_mono_ms();
	take.partition = call->partition;
	take.claim = call->claim.text;
	wp_cmd_init(&cmd);
	wp_push_take_build(&cmd, conf, &take);
	rc = wp_judged_do(taker->setup.redis, &cmd, on_taken, call);
	wp_cmd_release(&cmd);
	if (rc != WP_OK) {
		free(call);
		return false;
	}
	taker->next++;
	taker->asking++;
	taker->reserved += max;
	return true;
}

static void on_looked(void *ctx, const struct wp_reply *reply);

/* At the next of the share; false when they cannot be asked about now. */
static bool look(struct wp_taker *taker)
{
	const uint32_t all = (uint32_t)taker->setup.conf->mailbox.partitions;
	uint32_t n = taker->share.count - taker->at;
	struct wp_cmd cmd;
	enum wp_err rc;

	if (n > WP_PUSH_LOOK_MAX)
		n = WP_PUSH_LOOK_MAX;
	for (uint32_t i = 0; i < n; i++)
		taker->due[i] = (taker->share.first + taker->at + i) % all;
	wp_cmd_init(&cmd);
	wp_push_look_build(&cmd, taker->due, n);
	rc = wp_judged_do(taker->setup.redis, &cmd, on_looked, taker);
	wp_cmd_release(&cmd);
	taker->n_due = rc == WP_OK ? n : 0;
	taker->next = 0;
	if (rc != WP_OK)
		return false;
	taker->is_looking = true;
	taker->at += n;
	return true;
}

static bool is_looked_at(const struct wp_taker *taker)
{
	return taker->next == taker->n_due && taker->at >= taker->share.count;
}

/* As far as there is room. */
static void go_on(struct wp_taker *taker)
{
	size_t max;

	if (wp_mono_ms() < taker->paused_until_ms)
		return;
	while (!taker->is_stopped && taker->setup.conf->push.enabled &&
	       !taker->is_looking && !is_looked_at(taker) &&
	       taker->budget > 0 && (max = room(taker)) > 0) {
		bool is_asked = taker->next < taker->n_due ? take(taker, max)
							   : look(taker);

		if (!is_asked)
			return; /* it is down, or full: with the next poll */
		taker->budget--;
	}
}

static void complain(struct wp_taker *taker, const struct wp_reply *reply)
{
	uint32_t suppressed;

	if (wp_log_allow(&taker->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&taker->log, WP_LOG_ERROR, "nobody can be claimed",
		       wp_str("error", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

static void take_boxes(struct call *call, const struct wp_reply *reply,
		       const struct wp_push_taken *taken)
{
	struct wp_taker *taker = call->taker;
	struct wp_push_box box;

	call->claim.redis_ms = taken->now_ms;
	wp_metric_add(taker->setup.metrics, WP_NM_LAPSED, taken->lapsed);
	for (size_t i = 0; i < taken->n; i++) {
		if (wp_push_taken_box(reply, i, call->partition, &box) !=
		    WP_OK) {
			complain(taker, NULL);
			continue;
		}
		wp_metric_add(taker->setup.metrics, WP_NM_CLAIMS, 1);
		taker->setup.on_box(taker->setup.ctx, &box, &call->claim);
	}
}

/* Nothing is claimed by it, so nobody waits for it at the end. */
static void on_looked(void *ctx, const struct wp_reply *reply)
{
	bool is_due[WP_PUSH_LOOK_MAX];
	struct wp_taker *taker = ctx;
	size_t n = 0;
	enum wp_err rc = wp_push_look_parse(reply, taker->n_due, is_due);

	taker->is_looking = false;
	for (size_t i = 0; rc == WP_OK && i < taker->n_due; i++)
		if (is_due[i])
			taker->due[n++] = taker->due[i];
	taker->n_due = n;
	if (rc != WP_OK && reply != NULL)
		complain(taker, reply);
	if (reply != NULL)
		go_on(taker);
}

static void on_taken(void *ctx, const struct wp_reply *reply)
{
	struct call *call = ctx;
	struct wp_taker *taker = call->taker;
	struct wp_push_taken taken;
	enum wp_err rc = wp_push_take_parse(reply, &taken);

	taker->asking--;
	taker->reserved -= call->max;
	if (rc == WP_OK)
		take_boxes(call, reply, &taken);
	else if (rc == WP_ERR_UNAVAIL && reply != NULL)
		complain(taker, reply);
	free(call);
	taker->setup.on_answer(taker->setup.ctx);
	if (reply != NULL)
		go_on(taker);
}

static void on_poll(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_taker *taker = timer->data;

	(void)loop;
	(void)events;
	taker->budget = taker->setup.conf->push.poll_ms * TAKES_PER_MS;
	if (is_looked_at(taker) && !taker->is_looking) {
		taker->share = taker->setup.sharing->now;
		taker->at = 0;
	}
	go_on(taker);
}

static void set_poll(struct wp_taker *taker)
{
	const double poll_s = (double)taker->setup.conf->push.poll_ms / 1e3;

	ev_timer_stop(taker->setup.loop, &taker->poll);
	ev_timer_set(&taker->poll, poll_s, poll_s);
	ev_timer_start(taker->setup.loop, &taker->poll);
}

enum wp_err wp_taker_new(struct wp_taker **out,
			 const struct wp_taker_setup *setup,
			 struct wp_error *err)
{
	struct wp_taker *taker = calloc(1, sizeof(*taker));

	if (taker == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	taker->setup = *setup;
	taker->log.component = "taker";
	ev_timer_init(&taker->poll, on_poll, 0., 0.);
	taker->poll.data = taker;
	set_poll(taker);
	*out = taker;
	return WP_OK;
}

void wp_taker_free(struct wp_taker **taker)
{
	if (*taker == NULL)
		return;
	wp_taker_stop(*taker);
	free(*taker);
	*taker = NULL;
}

void wp_taker_use(struct wp_taker *taker, const struct wp_conf *conf)
{
	taker->setup.conf = conf;
	if (!taker->is_stopped)
		set_poll(taker);
}

/* For as many as a call may have: a call for each one would cost more. */
void wp_taker_room(struct wp_taker *taker)
{
	if (room(taker) == WP_PUSH_TAKE_MAX)
		go_on(taker);
}

void wp_taker_pause(struct wp_taker *taker)
{
	taker->paused_until_ms = wp_mono_ms() + WP_TAKER_PAUSE_MS;
}

void wp_taker_stop(struct wp_taker *taker)
{
	taker->is_stopped = true;
	ev_timer_stop(taker->setup.loop, &taker->poll);
}

size_t wp_taker_asking(const struct wp_taker *taker)
{
	return taker->asking;
}
