/*
 * migrate.c - rounds over our partitions: first those that are closed, then
 * whoever is due, then what has expired, then what should never be.
 *
 * Has a Redis connection and a store of its own, so that a slow disk delays
 * nobody's routing. Trouble with either ends the round, and the next one waits
 * longer each time.
 */
#include "worker/migrate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "worker/audit.h"
#include "worker/gates.h"
#include "worker/metrics.h"
#include "worker/move.h"
#include "worker/sweep.h"

enum {
	ROUND_MS = 1000,
	BACKOFF_MS = 100,
	BACKOFF_CAP_MS = 5000,
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
	char store_id[WP_STORE_ID_LEN + 1];
	uint64_t epoch;        /* of the connection whose store it is */
	struct wp_owned *list; /* one per partition */
	struct wp_gates gates;
	struct wp_movers movers;
	struct wp_sweeper sweeper;
	struct wp_auditor auditor;
	struct wp_backoff backoff;
	struct wp_log log;
	struct wp_log_limit limit;
	struct wp_log_limit refused_limit;
	int64_t refused; /* by the store, as far as it was told */
	bool is_late;    /* there may be more to do at once */
};

static void warn_limited(struct wp_migrator *m, const char *event,
			 const struct wp_error *err)
{
	uint32_t suppressed;

	if (wp_log_allow(&m->limit, wp_mono_ms(), LOG_INTERVAL_MS, &suppressed))
		wp_log(&m->log, WP_LOG_WARN, event, wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

/* ---- the thread ---- */

static enum wp_err reopen(struct wp_migrator *m, struct wp_error *err)
{
	bool has_opened = false;
	enum wp_err rc = wp_gates_round(&m->gates, &has_opened, err);

	m->is_late |= has_opened;
	return rc;
}

static enum wp_err move_due(struct wp_migrator *m, struct wp_error *err)
{
	bool is_late = false;
	enum wp_err rc = wp_movers_round(&m->movers, &is_late, err);

	m->is_late |= is_late;
	return rc;
}

static enum wp_err tidy(struct wp_migrator *m, struct wp_error *err)
{
	enum wp_err rc;

	rc = wp_sweeper_run(&m->sweeper, err);
	m->is_late |= m->sweeper.is_sweeping && !wp_table_has_closed(m->table);
	return rc == WP_OK ? wp_auditor_run(&m->auditor, err) : rc;
}

/* Redis is there, and the store is the one of its deployment. */
static enum wp_err be_ready(struct wp_migrator *m, struct wp_error *err)
{
	enum wp_err rc = wp_redis_connect(m->redis, err);

	if (rc == WP_OK && m->store == NULL)
		rc = wp_deployment_open(&m->store, m->redis, m->conf,
					m->store_id, err);
	else if (rc == WP_OK && m->epoch != wp_redis_epoch(m->redis))
		rc = wp_deployment_match(m->redis, m->conf, m->store_id, err);
	if (rc == WP_OK)
		m->epoch = wp_redis_epoch(m->redis);
	m->gates.store = m->store;
	m->movers.store = m->store;
	m->sweeper.store = m->store;
	m->auditor.store = m->store;
	return rc;
}

static enum wp_err round_once(struct wp_migrator *m, struct wp_error *err)
{
	enum wp_err rc = be_ready(m, err);

	m->is_late = false;
	if (rc == WP_OK) /* before a gate is opened */
		rc = wp_sweeper_watch(&m->sweeper, err);
	if (rc == WP_OK)
		rc = reopen(m, err);
	if (rc == WP_OK)
		rc = move_due(m, err);
	if (rc == WP_OK)
		rc = tidy(m, err);
	return rc;
}

/* Users of rows that were passed over. */
static void tell_refused(struct wp_migrator *m)
{
	int64_t refused = m->store != NULL ? wp_store_refused(m->store) : 0;
	uint32_t suppressed;

	if (refused == m->refused)
		return;
	wp_metric_add(m->metrics, WP_WM_REFUSED_ROWS, refused - m->refused);
	m->refused = refused;
	if (wp_log_allow(&m->refused_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&m->log, WP_LOG_WARN,
		       "the cold store holds messages of a user whose name is "
		       "no URN; they stay there",
		       wp_int("suppressed", suppressed));
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

		tell_refused(m);

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
	free(m->movers.is_due);
	free(m);
}

/* The parts of the thread's work have its connection, store and list. */
static void share(struct wp_migrator *m)
{
	m->gates = (struct wp_gates){
		.conf = m->conf,
		.metrics = m->metrics,
		.table = m->table,
		.redis = m->redis,
		.list = m->list,
		.log.component = "migrate",
	};
	m->movers.conf = m->conf;
	m->movers.metrics = m->metrics;
	m->movers.table = m->table;
	m->movers.redis = m->redis;
	m->movers.list = m->list;
	m->movers.log.component = "migrate";
	m->sweeper = (struct wp_sweeper){
		.conf = m->conf,
		.metrics = m->metrics,
		.table = m->table,
		.redis = m->redis,
		.list = m->list,
		.log.component = "sweep",
	};
	m->auditor = (struct wp_auditor){
		.conf = m->conf,
		.metrics = m->metrics,
		.table = m->table,
		.redis = m->redis,
		.log.component = "audit",
	};
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
	m->movers.is_due = calloc(partitions, sizeof(*m->movers.is_due));
	if (m->list == NULL || m->movers.is_due == NULL)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else
		rc = wp_redis_new(&m->redis, conf, err);
	share(m);
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
