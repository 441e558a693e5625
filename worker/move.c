/*
 * move.c - fair rounds: some users of each partition, a chunk of each user, as
 * many as possible on one wait for the disk.
 *
 * Whoever has had a turn goes to the end of the line of the partition, and so
 * does, for a while, whoever cannot be moved: nobody stands in front for ever.
 */
#include "worker/move.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "worker/metrics.h"

enum {
	USERS_AT_ONCE = 32, /* of one partition */
	USERS_PER_ROUND = 2048,
	/* One bad mailbox must not stop the others; a bad store does. */
	FAILURES_MAX = 3,
	FAILED_WAIT_MS = 5000,
	LOG_INTERVAL_MS = 5000,
};

enum wp_err wp_movers_init(struct wp_movers *movers, struct wp_worker *w,
			   struct wp_error *err)
{
	*movers = (struct wp_movers){ .w = w, .log.component = "migrate" };
	movers->is_due = calloc((size_t)w->conf->mailbox.partitions,
				sizeof(*movers->is_due));
	if (movers->is_due == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return WP_OK;
}

void wp_movers_release(struct wp_movers *movers)
{
	free(movers->is_due);
	movers->is_due = NULL;
}

static void warn_failed(struct wp_movers *m, const struct wp_owned *owned,
			const struct wp_error *err)
{
	uint32_t suppressed;

	wp_metric_add(m->w->metrics, WP_WM_MIGRATION_FAILURES, 1);
	if (wp_log_allow(&m->limit, wp_mono_ms(), LOG_INTERVAL_MS, &suppressed))
		wp_log(&m->log, WP_LOG_WARN, "migration failed",
		       wp_int("partition", owned->partition),
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

/* May this partition go on? Also the place to do what is more urgent. */
static bool may_go_on(struct wp_movers *m, const struct wp_owned *owned)
{
	char owner[WP_OWNER_MAX + 1];

	return !wp_table_is_stopping(m->w->table) &&
	       !wp_table_has_closed(m->w->table) &&
	       wp_table_owner(m->w->table, owned->partition, WP_TABLE_MIGRATE,
			      wp_mono_ms(), owner);
}

/* ---- the end of the line ---- */

/* Of whom a mark is: text that may be no URN at all. */
struct marked {
	const char *urn;
	size_t len;
};

static enum wp_err put_behind(struct wp_movers *m, const struct wp_owned *owned,
			      struct marked who, int64_t delay_ms,
			      struct wp_error *err)
{
	const struct wp_lease lease = wp_worker_lease(m->w, owned);
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_migrate_later_build(&cmd, &lease, delay_ms, who.urn, who.len);
	rc = wp_redis_do(m->w->redis, &cmd, &reply, err);
	/* A Redis that refuses this has refused the move as well. */
	m->advanced += rc == WP_OK && delay_ms > 0 &&
		       wp_reply_is(wp_reply_at(reply, 0), "ok");
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	return rc;
}

/* A mark further ahead than the grace would be due at once. */
static int64_t failed_wait_ms(const struct wp_movers *m)
{
	int64_t grace_ms = m->w->conf->websocket.grace_ms;

	return grace_ms < FAILED_WAIT_MS ? grace_ms : FAILED_WAIT_MS;
}

/* ---- moving ---- */

static void on_conflict(struct wp_movers *m, const struct wp_owned *owned,
			const struct wp_error *err)
{
	wp_metric_add(m->w->metrics, WP_WM_MIGRATION_CONFLICTS, 1);
	wp_table_stop_migration(m->w->table, owned->partition, owned->owner);
	wp_log(&m->log, WP_LOG_ERROR,
	       "migration of a partition is stopped: the cold store has "
	       "another message under an id",
	       wp_int("partition", owned->partition),
	       wp_str("error", err->msg));
}

/* What became of one user; errors are of Redis as a whole. */
static enum wp_err settle(struct wp_movers *m, size_t i, struct wp_error *err)
{
	const struct wp_migrate_user *user = &m->batch[i];
	const struct wp_owned *owned = &m->of[i];
	const struct marked who = { user->box.text, user->box.len };

	wp_metric_add(m->w->metrics, WP_WM_MIGRATED_ROWS, user->moved);
	switch (user->err.code) {
	case WP_OK:
		m->advanced++;
		if (user->is_done)
			return WP_OK;
		m->is_more = true;
		return put_behind(m, owned, who, 0, err);
	case WP_ERR_STALE:
		wp_worker_lost(m->w, owned->partition, owned->owner);
		return WP_OK;
	case WP_ERR_CONFLICT:
		wp_metric_add(m->w->metrics, WP_WM_MIGRATION_FAILURES, 1);
		on_conflict(m, owned, &user->err);
		return WP_OK;
	case WP_ERR_PROTO:
		warn_failed(m, owned, &user->err);
		return put_behind(m, owned, who, failed_wait_ms(m), err);
	default:
		warn_failed(m, owned, &user->err);
		return WP_OK;
	}
}

/* The store failed for all at once: find out who it fails for. */
static enum wp_err one_by_one(struct wp_movers *m,
			      const struct wp_migrate_ctx *ctx, size_t n,
			      struct wp_error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct wp_migrate_user *user = &m->batch[i];

		if (user->err.code != WP_ERR_UNAVAIL)
			continue;
		if (!may_go_on(m, &m->of[i]) || wp_redis_fd(m->w->redis) == -1)
			return WP_ERR_UNAVAIL;
		if (wp_migrate_turn(ctx, user, 1, err) == WP_OK) {
			m->failures = 0;
			continue;
		}
		user->err.code = WP_ERR_PROTO; /* as far as we know */
		if (++m->failures == FAILURES_MAX)
			return WP_ERR_UNAVAIL;
	}
	return WP_OK;
}

static enum wp_err flush(struct wp_movers *m, struct wp_error *err)
{
	struct wp_migrate_ctx ctx = {
		.redis = m->w->redis,
		.store = m->w->store,
		.lease_ms = m->w->conf->worker.lease_ms,
	};
	size_t n = m->n;
	enum wp_err rc;

	m->n = 0;
	if (n == 0)
		return WP_OK;
	for (size_t i = 0; i < n; i++)
		m->batch[i].owner = m->of[i].owner;
	rc = wp_migrate_turn(&ctx, m->batch, n, err);
	if (rc == WP_OK)
		m->failures = 0;
	else if (wp_redis_fd(m->w->redis) != -1)
		rc = one_by_one(m, &ctx, n, err);
	for (size_t i = 0; i < n; i++) {
		enum wp_err settled = settle(m, i, rc == WP_OK ? err : NULL);

		if (rc == WP_OK)
			rc = settled;
		wp_table_set_busy(m->w->table, m->of[i].partition, false);
	}
	return rc;
}

/* ---- who is due ---- */

static enum wp_err add(struct wp_movers *m, const struct wp_owned *owned,
		       const struct wp_reply *text, struct wp_error *err)
{
	struct wp_migrate_user *user = &m->batch[m->n];
	const struct marked who = { wp_reply_str(text), wp_reply_len(text) };

	m->looked++;
	if (wp_box_reread(&user->box, owned->partition, who.urn, who.len) !=
	    WP_OK) {
		struct wp_error bad;

		wp_error_set(&bad, WP_ERR_PROTO, "a mark is of no user");
		warn_failed(m, owned, &bad);
		return put_behind(m, owned, who, failed_wait_ms(m), err);
	}
	m->of[m->n++] = *owned;
	wp_table_set_busy(m->w->table, owned->partition, true);
	return m->n == WP_MIGRATE_MAX_USERS ? flush(m, err) : WP_OK;
}

/* users is {"ok", urn, …} */
static enum wp_err add_users(struct wp_movers *m, const struct wp_owned *owned,
			     const struct wp_reply *users, size_t max,
			     struct wp_error *err)
{
	size_t n = wp_reply_count(users);
	enum wp_err rc = WP_OK;

	for (size_t i = 1; i < n && rc == WP_OK && may_go_on(m, owned); i++)
		rc = add(m, owned, wp_reply_at(users, i), err);
	m->is_more |= n > max;
	return rc;
}

static enum wp_err add_partition(struct wp_movers *m,
				 const struct wp_owned *owned, size_t max,
				 struct wp_error *err)
{
	const struct wp_lease lease = wp_worker_lease(m->w, owned);
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_migrate_due_build(&cmd, &lease, (int64_t)max,
			     m->w->conf->websocket.grace_ms);
	rc = wp_redis_do(m->w->redis, &cmd, &reply, err);
	if (rc == WP_OK && wp_reply_is(wp_reply_at(reply, 0), "lost")) {
		wp_worker_lost(m->w, owned->partition, owned->owner);
	} else if (rc == WP_OK) {
		rc = add_users(m, owned, reply, max, err);
	}
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	return rc;
}

static void ask_due(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct wp_movers *m = ctx;
	const struct wp_lease lease = wp_worker_lease(m->w, &m->w->list[i]);

	wp_migrate_due_build(cmd, &lease, 1, m->w->conf->websocket.grace_ms);
}

static void hear_due(void *ctx, size_t i, const struct wp_reply *reply)
{
	const struct wp_movers *m = ctx;

	m->is_due[i] = wp_reply_count(reply) > 1;
}

static const struct wp_pipe asking_who_is_due = { ask_due, hear_due };

/* Where in the list the round begins. */
static size_t find_first(const struct wp_movers *m, size_t n)
{
	size_t i = 0;

	while (i < n && m->w->list[i].partition < m->next)
		i++;
	return i < n ? i : 0;
}

/* How many users of each partition, so that all have a share of the round. */
static size_t users_of_each(const struct wp_movers *m, size_t n)
{
	size_t due = 0;

	for (size_t i = 0; i < n; i++)
		due += m->is_due[i];
	if (due <= USERS_PER_ROUND / USERS_AT_ONCE)
		return USERS_AT_ONCE;
	return due < USERS_PER_ROUND ? USERS_PER_ROUND / due : 1;
}

static enum wp_err go_round(struct wp_movers *m, size_t n, struct wp_error *err)
{
	size_t first = find_first(m, n);
	size_t max = users_of_each(m, n);
	enum wp_err rc = WP_OK;

	for (size_t k = 0; k < n && rc == WP_OK; k++) {
		const struct wp_owned *owned = &m->w->list[(first + k) % n];

		if (!m->is_due[(first + k) % n])
			continue;
		m->next = owned->partition;
		if (m->looked >= USERS_PER_ROUND || !may_go_on(m, owned)) {
			m->is_more = true;
			break;
		}
		rc = add_partition(m, owned, max, err);
		m->next = owned->partition + 1;
	}
	if (rc == WP_OK)
		return flush(m, err);
	/* Whoever was gathered in vain is found again. */
	for (size_t i = 0; i < m->n; i++)
		wp_table_set_busy(m->w->table, m->of[i].partition, false);
	m->n = 0;
	return rc;
}

enum wp_err wp_movers_round(struct wp_movers *movers, bool *is_late_out,
			    struct wp_error *err)
{
	struct wp_movers *m = movers;
	size_t n = wp_table_list(m->w->table, WP_TABLE_MIGRATE, wp_mono_ms(),
				 m->w->list);
	enum wp_err rc;

	m->failures = 0;
	m->looked = 0;
	m->advanced = 0;
	m->is_more = false;
	rc = wp_pipe(m->w->redis, &asking_who_is_due, n, m, err);
	if (rc == WP_OK && n > 0)
		rc = go_round(m, n, err);
	/* Where nothing moves, nothing is gained by asking again at once. */
	*is_late_out = m->is_more && m->advanced > 0;
	return rc;
}
