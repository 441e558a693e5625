/*
 * migrate.c - rounds over our partitions: first those that are closed, then
 * whoever is due, then what has expired, then what should never be.
 *
 * Has a Redis connection and a store of its own, so that a slow disk delays
 * nobody's routing. Trouble with either ends the round, and the next one waits
 * longer each time. The order of the steps is lib/mailbox/migrate.c's.
 */
#include "worker/migrate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/migrate.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "worker/audit.h"
#include "worker/gate.h"
#include "worker/metrics.h"
#include "worker/pipe.h"
#include "worker/sweep.h"

enum {
	ROUND_MS = 1000,
	BACKOFF_MS = 100,
	BACKOFF_CAP_MS = 5000,
	USERS_AT_ONCE = 32,
	/* One bad mailbox must not stop the others; a bad store does. */
	FAILURES_MAX = 3,
	LOG_INTERVAL_MS = 5000,
};

struct wp_migrator {
	const struct wp_conf *conf;
	struct wp_metrics *metrics;
	struct wp_table *table;
	void (*on_end)(void *ctx);
	void *ctx;
	pthread_t thread;
	atomic_bool has_ended;

	/* The thread's own. */
	struct wp_redis *redis;
	struct wp_store *store;
	struct wp_owned *list; /* one per partition */
	bool *is_due;          /* by place in the list */
	struct wp_sweeper sweeper;
	struct wp_auditor auditor;
	struct wp_backoff backoff;
	struct wp_log log;
	struct wp_log_limit limit;
	int failures; /* in a row, in this round */
	bool is_late; /* there may be more to do at once */
};

static void warn_limited(struct wp_migrator *m, const char *event,
			 const struct wp_error *err)
{
	uint32_t suppressed;

	if (wp_log_allow(&m->limit, wp_mono_ms(), LOG_INTERVAL_MS, &suppressed))
		wp_log(&m->log, WP_LOG_WARN, event, wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

static void lose(struct wp_migrator *m, const struct wp_owned *owned)
{
	if (wp_table_drop(m->table, owned->partition, owned->owner))
		wp_metric_add(m->metrics, WP_WM_LEASES_LOST, 1);
}

/* ---- closed partitions ---- */

static enum wp_err reconcile(struct wp_migrator *m,
			     const struct wp_owned *owned, struct wp_error *err)
{
	bool was_closed = false;
	enum wp_err rc;

	rc = wp_gate_reconcile(m->redis, m->store, owned->partition,
			       owned->owner, m->conf->worker.lease_ms,
			       &was_closed, err);
	if (rc == WP_ERR_STALE) {
		lose(m, owned);
		return WP_OK;
	}
	if (rc != WP_OK)
		return rc;
	wp_metric_add(m->metrics, WP_WM_GATES, was_closed);
	wp_table_set_open(m->table, owned->partition, owned->owner, true);
	return WP_OK;
}

/* Nothing is routed in a closed partition, so these never wait for others. */
static enum wp_err reconcile_closed(struct wp_migrator *m, struct wp_error *err)
{
	uint64_t start_ms = wp_mono_ms();
	size_t n = wp_table_list(m->table, WP_TABLE_CLOSED, start_ms, m->list);
	size_t done = 0;
	enum wp_err rc = WP_OK;

	while (done < n && rc == WP_OK && !wp_table_is_stopping(m->table)) {
		rc = reconcile(m, &m->list[done], err);
		done += rc == WP_OK;
	}
	m->is_late |= done > 0; /* more may have come meanwhile */
	if (done > 0)
		wp_log(&m->log, WP_LOG_INFO, "partitions reconciled",
		       wp_int("partitions", (int64_t)done),
		       wp_int("ms", (int64_t)(wp_mono_ms() - start_ms)));
	return rc;
}

/* ---- due users ---- */

static void on_conflict(struct wp_migrator *m, const struct wp_owned *owned,
			const struct wp_error *err)
{
	wp_metric_add(m->metrics, WP_WM_MIGRATION_CONFLICTS, 1);
	wp_table_stop_migration(m->table, owned->partition, owned->owner);
	wp_log(&m->log, WP_LOG_ERROR,
	       "migration of a partition is stopped: the cold store has "
	       "another message under an id",
	       wp_int("partition", owned->partition),
	       wp_str("error", err->msg));
}

/* WP_OK: go on with the next user. */
static enum wp_err move_user(struct wp_migrator *m,
			     const struct wp_owned *owned,
			     const struct wp_urn *user, struct wp_error *err)
{
	struct wp_migrate_ctx ctx = {
		.redis = m->redis,
		.store = m->store,
		.partition = owned->partition,
		.owner = owned->owner,
		.lease_ms = m->conf->worker.lease_ms,
	};
	int64_t moved = 0;
	enum wp_err rc = wp_migrate_user(&ctx, user, &moved, err);

	wp_metric_add(m->metrics, WP_WM_MIGRATED_ROWS, moved);
	if (rc == WP_OK) {
		m->failures = 0;
		return rc;
	}
	if (rc == WP_ERR_STALE) {
		lose(m, owned);
		return rc;
	}
	wp_metric_add(m->metrics, WP_WM_MIGRATION_FAILURES, 1);
	if (rc == WP_ERR_CONFLICT) {
		on_conflict(m, owned, err);
		return rc;
	}
	warn_limited(m, "migration failed", err);
	m->failures++;
	return m->failures < FAILURES_MAX ? WP_OK : WP_ERR_UNAVAIL;
}

/* May this partition go on? Also the place to do what is more urgent. */
static bool may_go_on(struct wp_migrator *m, const struct wp_owned *owned)
{
	char owner[WP_OWNER_MAX + 1];

	return !wp_table_is_stopping(m->table) &&
	       !wp_table_has_closed(m->table) &&
	       wp_table_owner(m->table, owned->partition, WP_TABLE_MIGRATE,
			      wp_mono_ms(), owner);
}

/* users is {"ok", urn, …} */
static enum wp_err move_users(struct wp_migrator *m,
			      const struct wp_owned *owned,
			      const struct wp_reply *users,
			      struct wp_error *err)
{
	size_t n = wp_reply_count(users);
	enum wp_err rc = WP_OK;

	for (size_t i = 1; i < n && rc == WP_OK; i++) {
		const struct wp_reply *text = wp_reply_at(users, i);
		struct wp_urn user;

		if (!may_go_on(m, owned)) {
			m->is_late = true;
			return WP_OK;
		}
		if (wp_urn_parse(&user, wp_reply_str(text), wp_reply_len(text),
				 NULL) != WP_OK)
			continue;
		rc = move_user(m, owned, &user, err);
	}
	m->is_late |= n > USERS_AT_ONCE;
	return rc;
}

static enum wp_err move_partition(struct wp_migrator *m,
				  const struct wp_owned *owned,
				  struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_table_set_busy(m->table, owned->partition);
	wp_migrate_due_build(&cmd, owned->partition, owned->owner,
			     USERS_AT_ONCE, m->conf->websocket.grace_ms);
	rc = wp_redis_do(m->redis, &cmd, &reply, err);
	if (rc == WP_OK && wp_reply_is(wp_reply_at(reply, 0), "lost"))
		lose(m, owned);
	else if (rc == WP_OK)
		rc = move_users(m, owned, reply, err);
	wp_table_set_busy(m->table, WP_TABLE_NONE);
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	/* Those two end this partition's turn, not the round. */
	return rc == WP_ERR_STALE || rc == WP_ERR_CONFLICT ? WP_OK : rc;
}

static void ask_due(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct wp_migrator *m = ctx;

	wp_migrate_due_build(cmd, m->list[i].partition, m->list[i].owner, 1,
			     m->conf->websocket.grace_ms);
}

static void hear_due(void *ctx, size_t i, const struct wp_reply *reply)
{
	const struct wp_migrator *m = ctx;

	m->is_due[i] = wp_reply_count(reply) > 1;
}

static enum wp_err move_due(struct wp_migrator *m, struct wp_error *err)
{
	size_t n = wp_table_list(m->table, WP_TABLE_MIGRATE, wp_mono_ms(),
				 m->list);
	enum wp_err rc;

	rc = wp_pipe(m->redis, n, ask_due, hear_due, m, err);
	for (size_t i = 0; i < n && rc == WP_OK; i++)
		if (m->is_due[i] && may_go_on(m, &m->list[i]))
			rc = move_partition(m, &m->list[i], err);
	return rc;
}

/* ---- the thread ---- */

/* Share the connection, the store and the list with us. */
static enum wp_err tidy(struct wp_migrator *m, struct wp_error *err)
{
	enum wp_err rc;

	m->sweeper.store = m->store;
	m->auditor.store = m->store;
	rc = wp_sweeper_run(&m->sweeper, err);
	return rc == WP_OK ? wp_auditor_run(&m->auditor, err) : rc;
}

static enum wp_err round_once(struct wp_migrator *m, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	m->failures = 0;
	m->is_late = false;
	if (m->store == NULL)
		rc = wp_store_open(&m->store, m->conf, err);
	if (rc == WP_OK)
		rc = wp_redis_connect(m->redis, err);
	if (rc == WP_OK)
		rc = reconcile_closed(m, err);
	if (rc == WP_OK)
		rc = move_due(m, err);
	if (rc == WP_OK)
		rc = tidy(m, err);
	return rc;
}

static void wait_for_next(struct wp_migrator *m, enum wp_err rc)
{
	if (rc != WP_OK) {
		wp_table_wait(m->table, wp_backoff_next_ms(&m->backoff), true);
		return;
	}
	wp_backoff_reset(&m->backoff);
	if (m->is_late)
		return;
	/* Closed still: its lease has lapsed, and nobody has noted it yet. */
	if (wp_table_has_closed(m->table))
		wp_table_wait(m->table, BACKOFF_MS, true);
	else
		wp_table_wait(m->table, ROUND_MS, false);
}

static void *run(void *ctx)
{
	struct wp_migrator *m = ctx;

	while (!wp_table_is_stopping(m->table)) {
		struct wp_error err = { 0 };
		enum wp_err rc = round_once(m, &err);

		if (rc != WP_OK)
			warn_limited(m, "migration waits", &err);
		wait_for_next(m, rc);
	}
	wp_store_close(&m->store);
	wp_redis_free(&m->redis);
	atomic_store(&m->has_ended, true);
	m->on_end(m->ctx);
	return NULL;
}

static void release(struct wp_migrator *m)
{
	wp_redis_free(&m->redis);
	free(m->list);
	free(m->is_due);
	free(m);
}

enum wp_err wp_migrator_start(struct wp_migrator **out,
			      const struct wp_conf *conf,
			      struct wp_metrics *metrics,
			      struct wp_table *table, void (*on_end)(void *ctx),
			      void *ctx, struct wp_error *err)
{
	struct wp_migrator *m = calloc(1, sizeof(*m));
	size_t partitions = (size_t)conf->mailbox.partitions;
	enum wp_err rc;

	if (m == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	m->conf = conf;
	m->metrics = metrics;
	m->table = table;
	m->on_end = on_end;
	m->ctx = ctx;
	m->log.component = "migrate";
	wp_backoff_init(&m->backoff, BACKOFF_MS, BACKOFF_CAP_MS);
	m->list = calloc(partitions, sizeof(*m->list));
	m->is_due = calloc(partitions, sizeof(*m->is_due));
	if (m->list == NULL || m->is_due == NULL)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else
		rc = wp_redis_new(&m->redis, conf, err);
	m->sweeper = (struct wp_sweeper){
		.conf = conf,
		.metrics = metrics,
		.table = table,
		.redis = m->redis,
		.list = m->list,
		.log.component = "sweep",
	};
	m->auditor = (struct wp_auditor){
		.conf = conf,
		.metrics = metrics,
		.table = table,
		.redis = m->redis,
		.log.component = "audit",
	};
	if (rc == WP_OK && pthread_create(&m->thread, NULL, run, m) != 0)
		rc = wp_error_set(err, WP_ERR_SYS, "no thread can be made");
	if (rc != WP_OK) {
		release(m);
		return rc;
	}
	*out = m;
	return WP_OK;
}

bool wp_migrator_has_ended(const struct wp_migrator *migrator)
{
	return atomic_load(&migrator->has_ended);
}

void wp_migrator_join(struct wp_migrator **migrator)
{
	if (*migrator == NULL)
		return;
	(void)pthread_join((*migrator)->thread, NULL);
	release(*migrator);
	*migrator = NULL;
}
