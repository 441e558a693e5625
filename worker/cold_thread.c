/*
 * cold_thread.c - rounds over our partitions: first those that are closed, then
 * whoever is due, then what has expired, then what should never be. Between two
 * of them, whoever comes due is moved at once; and between any two steps of all
 * that, what is handed over is written straight to disk.
 *
 * Has a Redis connection and a store of its own, so that a slow disk delays
 * nobody's routing. Trouble with either ends the round, and the next one waits
 * longer each time.
 */
#include "worker/cold_thread.h"

#include <stdlib.h>

#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "lib/sys/thread.h"
#include "worker/audit.h"
#include "worker/gates.h"
#include "worker/landing.h"
#include "worker/metrics.h"
#include "worker/move.h"
#include "worker/sizes.h"
#include "worker/sweep.h"

enum {
	ROUND_MS = 1000,
	GATHER_MS = 50, /* who comes due meanwhile moves together */
	/* What is written straight to disk is of a clock that was looked at so
	 * short a time ago. */
	WATCH_MS = 50,
	BACKOFF_MS = 100,
	BACKOFF_CAP_MS = 5000,
	LOG_INTERVAL_MS = 5000,
};

struct wp_cold_thread {
	struct wp_thread thread;

	/* The thread's own. */
	struct wp_worker w;
	char store_id[WP_STORE_ID_LEN + 1];
	uint64_t epoch; /* of the connection whose store it is */
	struct wp_gates gates;
	struct wp_sizes sizes;
	struct wp_movers movers;
	struct wp_sweeper sweeper;
	struct wp_auditor auditor;
	struct wp_landing landing;
	struct wp_backoff backoff;
	struct wp_log_limit limit;
	struct wp_log_limit refused_limit;
	int64_t refused;   /* by the store, as far as it was told */
	bool is_late;      /* there may be more to do at once */
	uint64_t round_ms; /* when the next whole round is */
};

static void warn_limited(struct wp_cold_thread *cold, const char *event,
			 const struct wp_error *err)
{
	uint32_t suppressed;

	if (wp_log_allow(&cold->limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&cold->w.log, WP_LOG_WARN, event,
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

/* ---- the thread ---- */

static enum wp_err reopen(struct wp_cold_thread *cold, struct wp_error *err)
{
	bool has_opened = false;
	enum wp_err rc = wp_gates_round(&cold->gates, &has_opened, err);

	cold->is_late |= has_opened;
	return rc;
}

static enum wp_err move_due(struct wp_cold_thread *cold, struct wp_error *err)
{
	bool is_late = false;
	enum wp_err rc = wp_movers_round(&cold->movers, &is_late, err);

	cold->is_late |= is_late;
	/* A store that takes one takes the other, and refuses alike. */
	if (rc == WP_OK && cold->movers.has_written)
		wp_handover_set_good(cold->w.handover, true);
	else if (rc != WP_OK && wp_redis_fd(cold->w.redis) != -1)
		wp_handover_set_good(cold->w.handover, false);
	return rc;
}

/* What is handed over from now on is of this life of Redis, or refused. */
static enum wp_err tell_epoch(struct wp_cold_thread *cold, struct wp_error *err)
{
	int64_t epoch = 0;
	enum wp_err rc = wp_store_epoch(cold->w.store, &epoch, err);

	if (rc == WP_OK)
		wp_handover_set_epoch(cold->w.handover, epoch);
	return rc;
}

/* What a clock that went back has stamped is on disk at once. */
static bool is_watch_due(void *ctx)
{
	const struct wp_cold_thread *cold = ctx;

	return wp_mono_ms() - cold->sweeper.looked_ms >= WATCH_MS;
}

static enum wp_err watch(void *ctx, struct wp_error *err)
{
	struct wp_cold_thread *cold = ctx;

	wp_sweeper_hurry(&cold->sweeper);
	return wp_sweeper_watch(&cold->sweeper, err);
}

static void land(void *ctx)
{
	struct wp_cold_thread *cold = ctx;

	wp_table_step(cold->w.table, WP_TABLE_COLD, 0);
	if (!wp_table_is_stopping(cold->w.table))
		wp_landing_run(&cold->landing);
}

static enum wp_err tidy(struct wp_cold_thread *cold, struct wp_error *err)
{
	enum wp_err rc;

	rc = wp_sweeper_run(&cold->sweeper, err);
	cold->is_late |= cold->sweeper.is_sweeping &&
			 !wp_table_has_closed(cold->w.table);
	return rc == WP_OK ? wp_auditor_run(&cold->auditor, err) : rc;
}

/* Redis is there, and the store is the one of its deployment. */
static enum wp_err be_ready(struct wp_cold_thread *cold, struct wp_error *err)
{
	enum wp_err rc = wp_redis_connect(cold->w.redis, err);

	if (rc == WP_OK && cold->w.store == NULL)
		rc = wp_deployment_open(&cold->w.store, cold->w.redis,
					cold->w.conf, cold->store_id, err);
	else if (rc == WP_OK && cold->epoch != wp_redis_epoch(cold->w.redis))
		rc = wp_deployment_match(cold->w.redis, cold->w.conf,
					 cold->store_id, err);
	if (rc == WP_OK)
		cold->epoch = wp_redis_epoch(cold->w.redis);
	return rc;
}

static enum wp_err round_once(struct wp_cold_thread *cold, struct wp_error *err)
{
	enum wp_err rc = be_ready(cold, err);
	bool is_whole = cold->is_late || wp_mono_ms() >= cold->round_ms ||
			wp_table_has_closed(cold->w.table);

	/* What a clock that went back has stamped is on disk at once, and may
	 * not be judged by what the clock said before. */
	if (!cold->is_late)
		wp_sweeper_hurry(&cold->sweeper);
	cold->is_late = false;
	if (rc == WP_OK) /* before a gate is opened */
		rc = wp_sweeper_watch(&cold->sweeper, err);
	if (rc == WP_OK && !is_whole)
		return move_due(cold, err);
	cold->round_ms = wp_mono_ms() + ROUND_MS;
	if (rc == WP_OK)
		rc = reopen(cold, err);
	if (rc == WP_OK)
		rc = tell_epoch(cold, err);
	if (rc == WP_OK)
		rc = move_due(cold, err);
	if (rc == WP_OK)
		rc = wp_sizes_round(&cold->sizes, &cold->is_late, err);
	if (rc == WP_OK)
		rc = tidy(cold, err);
	return rc;
}

/* A round that failed while Redis is there has failed with the store. */
static void tell_store(struct wp_cold_thread *cold, enum wp_err rc)
{
	if (rc == WP_OK)
		wp_metric_set(cold->w.metrics, WP_WM_STORE_UP, 1);
	else if (wp_redis_fd(cold->w.redis) != -1)
		wp_metric_set(cold->w.metrics, WP_WM_STORE_UP, 0);
	wp_metric_set(cold->w.metrics, WP_WM_STORE_BYTES,
		      wp_store_bytes(cold->w.conf));
}

/* Users of rows that were passed over. */
static void tell_refused(struct wp_cold_thread *cold)
{
	int64_t refused =
		cold->w.store != NULL ? wp_store_refused(cold->w.store) : 0;
	uint32_t suppressed;

	if (refused == cold->refused)
		return;
	wp_metric_add(cold->w.metrics, WP_WM_REFUSED_ROWS,
		      refused - cold->refused);
	cold->refused = refused;
	if (wp_log_allow(&cold->refused_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&cold->w.log, WP_LOG_WARN,
		       "the cold store holds messages of a user whose name is "
		       "no URN; they stay there",
		       wp_int("suppressed", suppressed));
}

static uint32_t until_next(const struct wp_cold_thread *cold)
{
	uint64_t now_ms = wp_mono_ms();
	uint64_t at_ms = cold->movers.next_look_ms < cold->round_ms
				 ? cold->movers.next_look_ms
				 : cold->round_ms;

	return at_ms > now_ms ? (uint32_t)(at_ms - now_ms) : 0;
}

/* Until somebody is due or the next round is; lands what comes meanwhile. */
static void wait_until_due(struct wp_cold_thread *cold)
{
	uint64_t least_ms = wp_mono_ms() + GATHER_MS;

	for (;;) {
		uint64_t now_ms = wp_mono_ms();
		uint32_t least =
			least_ms > now_ms ? (uint32_t)(least_ms - now_ms) : 0;
		uint32_t most = until_next(cold);

		wp_table_step(cold->w.table, WP_TABLE_COLD,
			      least > most ? least : most);
		if (!wp_table_wait_due(cold->w.table, least, most))
			return;
		land(cold);
	}
}

static void wait_deaf(struct wp_cold_thread *cold, uint32_t ms)
{
	wp_table_step(cold->w.table, WP_TABLE_COLD, ms);
	wp_table_wait(cold->w.table, ms, true);
}

static void wait_for_next(struct wp_cold_thread *cold, enum wp_err rc)
{
	if (rc != WP_OK) {
		wait_deaf(cold, wp_backoff_next_ms(&cold->backoff));
		return;
	}
	wp_backoff_reset(&cold->backoff);
	if (cold->is_late)
		return;
	/* Closed still: its lease has lapsed, and nobody has noted it yet. */
	if (wp_table_has_closed(cold->w.table))
		wait_deaf(cold, BACKOFF_MS);
	else
		wait_until_due(cold);
}

static void run(void *ctx)
{
	struct wp_cold_thread *cold = ctx;

	while (!wp_table_is_stopping(cold->w.table)) {
		struct wp_error err = { 0 };
		enum wp_err rc;

		wp_table_step(cold->w.table, WP_TABLE_COLD, 0);
		rc = round_once(cold, &err);
		if (rc == WP_OK)
			land(cold);
		tell_store(cold, rc);
		tell_refused(cold);

		if (rc != WP_OK)
			warn_limited(cold, "migration waits", &err);
		wait_for_next(cold, rc);
	}
	wp_landing_release(&cold->landing);
	wp_store_close(&cold->w.store);
	wp_redis_free(&cold->w.redis);
	wp_table_leave(cold->w.table, WP_TABLE_COLD);
}

static void release(struct wp_cold_thread *cold)
{
	wp_movers_release(&cold->movers);
	wp_sizes_release(&cold->sizes);
	wp_landing_release(&cold->landing);
	wp_worker_release(&cold->w);
	free(cold);
}

static enum wp_err init(struct wp_cold_thread *cold,
			const struct wp_worker_setup *setup,
			struct wp_error *err)
{
	struct wp_worker *w = &cold->w;
	enum wp_err rc = wp_worker_init(w, setup, err);

	w->log.component = "cold";
	wp_backoff_init(&cold->backoff, BACKOFF_MS, BACKOFF_CAP_MS);
	wp_gates_init(&cold->gates, w, &cold->sizes);
	wp_sweeper_init(&cold->sweeper, w);
	wp_auditor_init(&cold->auditor, w);
	if (rc == WP_OK)
		rc = wp_sizes_init(&cold->sizes, w, err);
	if (rc == WP_OK)
		rc = wp_movers_init(&cold->movers, w, err);
	if (rc == WP_OK)
		rc = wp_landing_init(&cold->landing, w, err);
	cold->landing.is_watch_due = is_watch_due;
	cold->landing.watch = watch;
	cold->landing.watch_ctx = cold;
	/* Others may have asked things by w->redis that they have not heard. */
	cold->sweeper.redis = cold->landing.redis;
	w->urgent = (struct wp_urgent){ land, cold };
	return rc;
}

enum wp_err wp_cold_thread_start(struct wp_cold_thread **out,
				 const struct wp_worker_setup *setup,
				 struct wp_error *err)
{
	struct wp_cold_thread *cold = calloc(1, sizeof(*cold));
	const struct wp_thread_job job = { run, cold, setup->on_end,
					   setup->ctx };
	enum wp_err rc;

	if (cold == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = init(cold, setup, err);
	if (rc == WP_OK)
		rc = wp_thread_start(&cold->thread, &job, err);
	if (rc != WP_OK) {
		release(cold);
		return rc;
	}
	*out = cold;
	return WP_OK;
}

bool wp_cold_thread_has_ended(const struct wp_cold_thread *cold)
{
	return wp_thread_has_ended(&cold->thread);
}

void wp_cold_thread_join(struct wp_cold_thread **cold)
{
	if (*cold == NULL)
		return;
	wp_thread_join(&(*cold)->thread);
	release(*cold);
	*cold = NULL;
}
