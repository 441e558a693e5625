/*
 * move.c - fair rounds: some users of each partition, a chunk of each user, as
 * many as possible on one wait for the disk. While one batch is written, Redis
 * trims the one before.
 *
 * Whoever has had a turn goes to the end of the line of the partition, and so
 * does, for a while, whoever cannot be moved: nobody stands in front for ever.
 */
#include "worker/move.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "worker/metrics.h"

enum {
	USERS_AT_ONCE = 128, /* of one partition */
	USERS_PER_ROUND = 2048,
	LOOK_MS = 1000, /* the guarantee, whatever we were told or not */
	/* One bad mailbox must not stop the others; a bad store does. */
	FAILURES_MAX = 3,
	FAILED_WAIT_MS = 5000,
	LOG_INTERVAL_MS = 5000,
};

/* Somebody who is due. */
struct wp_move_due {
	size_t of; /* place of the partition in the worker's list */
	struct wp_box box;
};

enum wp_err wp_movers_init(struct wp_movers *movers, struct wp_worker *w,
			   struct wp_error *err)
{
	*movers = (struct wp_movers){ .w = w, .log.component = "migrate" };
	movers->next = &movers->batches[0];
	movers->last = &movers->batches[1];
	movers->is_due = calloc((size_t)w->conf->mailbox.partitions,
				sizeof(*movers->is_due));
	movers->look_ms = calloc((size_t)w->conf->mailbox.partitions,
				 sizeof(*movers->look_ms));
	if (movers->is_due == NULL || movers->look_ms == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return WP_OK;
}

void wp_movers_release(struct wp_movers *movers)
{
	free(movers->is_due);
	movers->is_due = NULL;
	free(movers->look_ms);
	movers->look_ms = NULL;
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
static enum wp_err settle_user(struct wp_movers *m,
			       const struct wp_migrate_user *user,
			       const struct wp_owned *owned,
			       struct wp_error *err)
{
	const struct marked who = { user->box.text, user->box.len };

	wp_metric_add(m->w->metrics, WP_WM_MIGRATED, user->moved);
	switch (user->err.code) {
	case WP_OK:
		m->advanced++;
		m->is_more |= !user->is_done;
		return WP_OK;
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

/* The end of a batch, at any step. */
static void drop(struct wp_movers *m, struct wp_move_batch *batch)
{
	wp_migration_end(&batch->turn);
	for (size_t i = 0; i < batch->n; i++)
		wp_table_set_busy(m->w->table, batch->of[i].partition, false);
	batch->n = 0;
	batch->has_failed = false;
}

/* The end of a batch whose turn is over. */
static enum wp_err settle(struct wp_movers *m, struct wp_move_batch *batch,
			  struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < batch->n; i++) {
		enum wp_err settled =
			settle_user(m, &batch->users[i], &batch->of[i],
				    rc == WP_OK ? err : NULL);

		if (rc == WP_OK)
			rc = settled;
	}
	drop(m, batch);
	return rc;
}

/* The store failed for all at once: find out who it fails for. */
static enum wp_err one_by_one(struct wp_movers *m, struct wp_move_batch *batch,
			      struct wp_error *err)
{
	wp_migration_end(&batch->turn);
	for (size_t i = 0; i < batch->n; i++) {
		struct wp_migrate_user *user = &batch->users[i];

		if (user->err.code != WP_ERR_UNAVAIL)
			continue;
		if (!may_go_on(m, &batch->of[i]) ||
		    wp_redis_fd(m->w->redis) == -1)
			return WP_ERR_UNAVAIL;
		wp_worker_yield(m->w);
		if (wp_migrate_turn(&m->ctx, user, 1, err) == WP_OK) {
			m->failures = 0;
			m->has_written = true;
			continue;
		}
		user->err.code = WP_ERR_PROTO; /* as far as we know */
		if (++m->failures == FAILURES_MAX)
			return WP_ERR_UNAVAIL;
	}
	return WP_OK;
}

static bool is_redis_gone(const struct wp_movers *m)
{
	return wp_redis_fd(m->w->redis) == -1;
}

/* A failure that leaves Redis is the store's, and the batch goes on alone. */
static enum wp_err judge(struct wp_movers *m, struct wp_move_batch *batch,
			 enum wp_err rc)
{
	if (rc == WP_OK)
		return WP_OK;
	batch->has_failed = true;
	return is_redis_gone(m) || rc == WP_ERR_NOMEM ? rc : WP_OK;
}

/* ---- two batches at a time ---- */

/* Take whoever is due into the next batch. */
static void gather(struct wp_movers *m)
{
	struct wp_move_batch *batch = m->next;

	while (batch->n < WP_MIGRATE_MAX_USERS && m->taken < m->n_due) {
		const struct wp_move_due *due = &m->due[m->taken];
		const struct wp_owned *owned = &m->w->list[due->of];

		if (!may_go_on(m, owned)) {
			m->is_more = true;
			m->taken++;
			continue;
		}
		batch->of[batch->n] = *owned;
		batch->users[batch->n] = (struct wp_migrate_user){
			.box = due->box,
			.owner = batch->of[batch->n].owner,
		};
		wp_table_set_busy(m->w->table, owned->partition, true);
		batch->n++;
		m->taken++;
	}
}

static enum wp_err copy_next(struct wp_movers *m, struct wp_error *err)
{
	struct wp_move_batch *batch = m->next;

	gather(m);
	if (batch->n == 0)
		return WP_OK;
	return judge(m, batch,
		     wp_migration_begin(&batch->turn, &m->ctx, batch->users,
					batch->n, err));
}

/* The one step that waits for the disk. */
static enum wp_err write_next(struct wp_movers *m, struct wp_error *err)
{
	struct wp_move_batch *batch = m->next;
	uint64_t start_us = wp_mono_us();
	enum wp_err rc;

	if (batch->n == 0 || batch->has_failed)
		return WP_OK;
	rc = wp_migration_store(batch->turn, err);
	if (rc == WP_OK)
		wp_metric_observe_us(m->w->metrics, WP_WM_STORE_WRITES,
				     wp_mono_us() - start_us);
	return judge(m, batch, rc);
}

/* What was written is trimmed; what could not be written all at once, alone. */
static enum wp_err trim_last(struct wp_movers *m, struct wp_error *err)
{
	struct wp_move_batch *batch = m->last;
	enum wp_err rc = WP_OK;

	if (batch->n == 0)
		return WP_OK;
	if (!batch->has_failed)
		rc = judge(m, batch, wp_migration_trim(batch->turn, err));
	if (rc != WP_OK)
		return rc;
	if (!batch->has_failed) {
		m->failures = 0;
		m->has_written = true;
		return WP_OK;
	}
	rc = one_by_one(m, batch, err);
	return rc == WP_OK ? settle(m, batch, err) : rc;
}

/* Nothing is left to hear then. */
static enum wp_err end_last(struct wp_movers *m, struct wp_error *err)
{
	enum wp_err rc;

	if (m->last->n == 0)
		return WP_OK;
	rc = judge(m, m->last, wp_migration_hear(m->last->turn, err));
	return rc == WP_OK ? settle(m, m->last, err) : rc;
}

static void change_roles(struct wp_movers *m)
{
	struct wp_move_batch *is_free = m->last;

	m->last = m->next;
	m->next = is_free;
}

/*
 * Copying is heard before trims are asked for: Redis answers in order, and what
 * the disk is not waited for with should be short. What was copied before a
 * stop or for a gate that has closed since is not written any more.
 */
static enum wp_err advance(struct wp_movers *m, struct wp_error *err)
{
	enum wp_err rc = copy_next(m, err);

	if (rc == WP_OK)
		rc = trim_last(m, err);
	if (m->next->n > 0 && (wp_table_is_stopping(m->w->table) ||
			       wp_table_has_closed(m->w->table))) {
		m->is_more = true;
		drop(m, m->next);
	}
	if (rc == WP_OK)
		rc = write_next(m, err);
	if (rc == WP_OK)
		rc = end_last(m, err);
	if (rc == WP_OK)
		change_roles(m);
	return rc;
}

/* What was written stays so; whoever was under way in vain is found again. */
static void abandon(struct wp_movers *m)
{
	for (size_t i = 0; i < sizeof(m->batches) / sizeof(m->batches[0]);
	     i++) {
		struct wp_move_batch *batch = &m->batches[i];

		if (batch->has_failed || batch == m->last)
			(void)settle(m, batch, NULL);
		else
			drop(m, batch);
	}
}

static bool is_under_way(const struct wp_movers *m)
{
	return m->taken < m->n_due || m->last->n > 0;
}

static enum wp_err move_all(struct wp_movers *m, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	m->ctx = (struct wp_migrate_ctx){
		.redis = m->w->redis,
		.store = m->w->store,
		.lease_ms = m->w->conf->worker.lease_ms,
		.max_envelope = m->w->conf->mailbox.max_envelope_bytes,
	};
	while (rc == WP_OK && is_under_way(m)) {
		wp_worker_yield(m->w);
		rc = advance(m, err);
	}
	if (rc != WP_OK)
		abandon(m);
	return rc;
}

/* ---- who is due ---- */

static enum wp_err add(struct wp_movers *m, size_t of,
		       const struct wp_reply *text, struct wp_error *err)
{
	const struct wp_owned *owned = &m->w->list[of];
	struct wp_move_due *due = &m->due[m->n_due];
	const struct marked who = { wp_reply_str(text), wp_reply_len(text) };

	m->looked++;
	if (wp_box_reread(&due->box, owned->partition, who.urn, who.len) !=
	    WP_OK) {
		struct wp_error bad;

		wp_error_set(&bad, WP_ERR_PROTO, "a mark is of no user");
		warn_failed(m, owned, &bad);
		return put_behind(m, owned, who, failed_wait_ms(m), err);
	}
	due->of = of;
	m->n_due++;
	return WP_OK;
}

/* users is {"ok", wait_ms, urn, …} */
static enum wp_err add_users(struct wp_movers *m, size_t of,
			     const struct wp_reply *users, size_t max,
			     struct wp_error *err)
{
	size_t n = wp_reply_count(users);
	enum wp_err rc = WP_OK;

	m->is_more |= n >= WP_MIGRATE_FIRST_DUE + max;
	for (size_t i = WP_MIGRATE_FIRST_DUE; i < n && rc == WP_OK; i++)
		rc = add(m, of, wp_reply_at(users, i), err);
	return rc;
}

static enum wp_err add_partition(struct wp_movers *m, size_t of, size_t max,
				 struct wp_error *err)
{
	const struct wp_owned *owned = &m->w->list[of];
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
		rc = add_users(m, of, reply, max, err);
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
	struct wp_movers *m = ctx;
	int64_t wait_ms = wp_reply_int(wp_reply_at(reply, WP_MIGRATE_WAIT));

	m->is_due[i] = wp_reply_count(reply) > WP_MIGRATE_FIRST_DUE;
	if (m->is_due[i])
		wait_ms = 0;
	else if (!wp_reply_is(wp_reply_at(reply, 0), "ok") || wait_ms < 0 ||
		 wait_ms > LOOK_MS) /* who gives no answer has none at once */
		wait_ms = LOOK_MS;
	m->look_ms[m->w->list[i].partition] = wp_mono_ms() + (uint64_t)wait_ms;
}

static void sooner(uint64_t *at_ms, uint64_t other_ms)
{
	if (other_ms < *at_ms)
		*at_ms = other_ms;
}

/*
 * Keep those of the list where it is time to look, or we were told that it is.
 * Returns how many.
 */
static size_t keep_what_is_due(struct wp_movers *m, size_t n)
{
	struct wp_owned *list = m->w->list;
	uint64_t now_ms = wp_mono_ms();
	size_t kept = 0;

	m->next_look_ms = now_ms + LOOK_MS;
	for (size_t i = 0; i < n; i++) {
		uint32_t partition = list[i].partition;
		uint64_t at_ms = m->look_ms[partition];

		if (wp_table_take_due(m->w->table, partition) ||
		    at_ms <= now_ms)
			list[kept++] = list[i];
		else
			sooner(&m->next_look_ms, at_ms);
	}
	return kept;
}

/* Where nothing moves, nothing is gained by asking again at once. */
static void plan_next(struct wp_movers *m, size_t n)
{
	uint64_t later_ms = wp_mono_ms() + LOOK_MS;

	for (size_t i = 0; i < n; i++) {
		uint64_t *at_ms = &m->look_ms[m->w->list[i].partition];

		if (m->is_due[i] && m->advanced == 0)
			*at_ms = later_ms;
		sooner(&m->next_look_ms, *at_ms);
	}
}

static const struct wp_pipe asking_who_is_due = { ask_due, hear_due };

/* Where in the list the round begins. */
static size_t find_first(const struct wp_movers *m, size_t n)
{
	size_t i = 0;

	while (i < n && m->w->list[i].partition < m->next_partition)
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

/* List users of the partitions that have somebody due, all before any moves. */
static enum wp_err list_due(struct wp_movers *m, size_t n, struct wp_error *err)
{
	size_t first = find_first(m, n);
	size_t max = users_of_each(m, n);
	enum wp_err rc = WP_OK;

	for (size_t k = 0; k < n && rc == WP_OK; k++) {
		size_t of = (first + k) % n;

		if (!m->is_due[of])
			continue;
		m->next_partition = m->w->list[of].partition;
		wp_worker_yield(m->w);
		if (m->looked + max > USERS_PER_ROUND ||
		    !may_go_on(m, &m->w->list[of])) {
			m->is_more = true;
			break;
		}
		rc = add_partition(m, of, max, err);
		m->next_partition = m->w->list[of].partition + 1;
	}
	return rc;
}

static enum wp_err go_round(struct wp_movers *m, size_t n, struct wp_error *err)
{
	enum wp_err rc;

	m->n_due = 0;
	m->taken = 0;
	m->due = calloc(USERS_PER_ROUND, sizeof(*m->due));
	if (m->due == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = list_due(m, n, err);
	if (rc == WP_OK)
		rc = move_all(m, err);
	free(m->due);
	m->due = NULL;
	return rc;
}

static bool is_anybody_due(const struct wp_movers *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (m->is_due[i])
			return true;
	return false;
}

enum wp_err wp_movers_round(struct wp_movers *movers, bool *is_late_out,
			    struct wp_error *err)
{
	struct wp_movers *m = movers;
	size_t n = wp_table_list(m->w->table, WP_TABLE_MIGRATE, wp_mono_ms(),
				 m->w->list);
	enum wp_err rc;

	n = keep_what_is_due(m, n);
	m->failures = 0;
	m->looked = 0;
	m->advanced = 0;
	m->is_more = false;
	m->has_written = false;
	rc = wp_pipe(m->w->redis, &asking_who_is_due, n, m, err);
	if (rc == WP_OK && is_anybody_due(m, n))
		rc = go_round(m, n, err);
	plan_next(m, n);
	*is_late_out = m->is_more && m->advanced > 0;
	return rc;
}
