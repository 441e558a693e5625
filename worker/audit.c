/*
 * audit.c - two walks that never end, and how fast they may go: over Redis'
 * keyspace, and over the users of the cold store and the hints about them.
 *
 * A hint too many is harmless: it costs a look. So one is set as soon as it
 * seems to be missing, and one that seems to be idle goes the way that an ack
 * takes it, which is safe against every migration.
 */
#include "worker/audit.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/ack.h"
#include "lib/mailbox/partition.h"
#include "lib/mailbox/scripts.h"
#include "worker/metrics.h"

enum {
	KEYS_AT_ONCE = 200, /* a hint to SCAN */
	PAGE = 16,          /* others wait for them when they are long */
	KEY_US = 25,        /* what takes longer counts as more keys */
	MORE_COST = 100,    /* of a key that asks for another call */
	DEBT_S = 30, /* at most: time may have been lost by a Redis at rest */
	USERS_AT_ONCE = 50,
	LOG_INTERVAL_MS = 5000,
	MS_PER_S = 1000,
};

static const struct {
	size_t metric;
	const char *what;
} repairs[WP_REPAIR_COUNT] = {
	[WP_REPAIR_CONNECTION] = { WP_WM_REPAIR_CONNECTION,
				   "connection of a daemon that is gone" },
	[WP_REPAIR_MARK] = { WP_WM_REPAIR_MARK,
			     "waiting messages without a migration mark" },
	[WP_REPAIR_EXPIRY] = { WP_WM_REPAIR_EXPIRY,
			       "waiting messages without a note of expiry" },
	[WP_REPAIR_STREAM] = { WP_WM_REPAIR_STREAM, "empty queue" },
	[WP_REPAIR_INCARNATION] = { WP_WM_REPAIR_INCARNATION,
				    "remains of a daemon that is gone" },
	[WP_REPAIR_PUSH] = { WP_WM_REPAIR_PUSH,
			     "waiting messages that nobody is to tell of" },
};

void wp_auditor_init(struct wp_auditor *auditor, struct wp_worker *w)
{
	*auditor = (struct wp_auditor){ .w = w, .log.component = "audit" };
}

/* Count repairs, and tell them, but not more often than every few seconds;
 * metric: one of WP_WM_REPAIR_… */
static void tell(struct wp_auditor *auditor, size_t metric, const char *what,
		 int64_t n)
{
	size_t kind = metric - WP_WM_REPAIR_CONNECTION;
	uint32_t suppressed;

	if (n == 0)
		return;
	wp_metric_add(auditor->w->metrics, metric, n);
	auditor->untold[kind] += n;
	if (!wp_log_allow(&auditor->told[kind], wp_mono_ms(), LOG_INTERVAL_MS,
			  &suppressed))
		return;
	wp_log(&auditor->log, WP_LOG_WARN, "repaired what should never be",
	       wp_str("what", what), wp_int("n", auditor->untold[kind]),
	       wp_int("suppressed", suppressed));
	auditor->untold[kind] = 0;
}

/* ---- the keyspace ---- */

/* One page of keys; targets that ask for another call stay in it. */
struct page {
	const struct wp_worker *w;
	struct wp_audit_target targets[PAGE];
	size_t n;
	size_t kept;
	int64_t repairs[WP_REPAIR_COUNT];
};

static void ask_audit(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct page *page = ctx;

	wp_audit_build(cmd, page->w->conf, wp_redis_run_id(page->w->redis),
		       &page->targets[i]);
}

/* Answers come in order, so what is kept moves to the front. */
static void hear_audit(void *ctx, size_t i, const struct wp_reply *reply)
{
	struct page *page = ctx;
	int64_t made[WP_REPAIR_COUNT];
	bool is_more = false;

	/* A key that is not what it should be is no reason to stop. */
	if (wp_audit_parse(reply, &is_more, made) != WP_OK)
		return;
	for (size_t k = 0; k < WP_REPAIR_COUNT; k++)
		page->repairs[k] += made[k];
	if (is_more)
		page->targets[page->kept++] = page->targets[i];
}

static const struct wp_pipe auditing = { ask_audit, hear_audit };

/*
 * The user of a full mailbox takes Redis many times as long as others, and is
 * looked at again and again where there are few. So the time counts that he
 * took, and what others did meanwhile: whoever is busy is audited later.
 */
static enum wp_err ask_page(struct wp_auditor *auditor, struct page *page,
			    struct wp_error *err)
{
	uint64_t begin_us = wp_mono_us();
	enum wp_err rc =
		wp_pipe(auditor->w->redis, &auditing, page->n, page, err);
	int64_t keys = (int64_t)((wp_mono_us() - begin_us) / KEY_US);

	/* One key each was taken with the SCAN. */
	if (keys > (int64_t)page->n)
		auditor->budget -= keys - (int64_t)page->n;
	return rc;
}

/* As far as the budget goes; what a call has done is done. */
static enum wp_err audit_page(struct wp_auditor *auditor, struct page *page,
			      struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	bool is_first = true;

	while (rc == WP_OK && page->n > 0 &&
	       (is_first || auditor->budget > 0) &&
	       !wp_table_is_stopping(auditor->w->table) &&
	       !wp_table_has_closed(auditor->w->table)) {
		is_first = false;
		page->kept = 0;
		rc = ask_page(auditor, page, err);
		page->n = page->kept;
		auditor->budget -= MORE_COST * (int64_t)page->kept;
	}
	for (size_t i = 0; i < WP_REPAIR_COUNT; i++)
		tell(auditor, repairs[i].metric, repairs[i].what,
		     page->repairs[i]);
	return rc;
}

/* *is_through_out: none of the keys asks for another call */
static enum wp_err audit_list(struct wp_auditor *auditor,
			      const struct wp_reply *keys, bool *is_through_out,
			      struct wp_error *err)
{
	size_t count = wp_reply_count(keys);
	enum wp_err rc = WP_OK;
	size_t i = 0;

	while (i < count && rc == WP_OK) {
		struct page page = { .w = auditor->w };

		for (; i < count && page.n < PAGE; i++) {
			const struct wp_reply *key = wp_reply_at(keys, i);

			page.n += wp_audit_target(wp_reply_str(key),
						  wp_reply_len(key),
						  &page.targets[page.n]);
		}
		rc = audit_page(auditor, &page, err);
		*is_through_out &= page.n == 0;
	}
	return rc;
}

static enum wp_err scan(struct wp_auditor *auditor, struct wp_reply **reply,
			struct wp_error *err)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "SCAN");
	wp_cmd_str(&cmd, auditor->cursor[0] != '\0' ? auditor->cursor : "0");
	wp_cmd_str(&cmd, "MATCH");
	wp_cmd_str(&cmd, "wp:{*");
	wp_cmd_str(&cmd, "COUNT");
	wp_cmd_int(&cmd, KEYS_AT_ONCE);
	rc = wp_redis_do(auditor->w->redis, &cmd, reply, err);
	wp_cmd_release(&cmd);
	if (rc == WP_OK && wp_reply_count(*reply) != 2)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis refuses SCAN: %.120s",
				  wp_reply_str(*reply));
	return rc;
}

/* Uses up budget, and goes on where it left off. */
static enum wp_err walk_keys(struct wp_auditor *auditor, struct wp_error *err)
{
	bool is_round = false;
	enum wp_err rc = WP_OK;

	while (rc == WP_OK && auditor->budget > 0 && !is_round &&
	       !wp_table_is_stopping(auditor->w->table) &&
	       !wp_table_has_closed(auditor->w->table)) {
		struct wp_reply *reply = NULL;
		bool is_through = true;

		wp_worker_yield(auditor->w);
		rc = scan(auditor, &reply, err);
		if (rc == WP_OK)
			rc = audit_list(auditor, wp_reply_at(reply, 1),
					&is_through, err);
		auditor->budget -= KEYS_AT_ONCE;
		/* Else the same page again; it gets shorter each time. */
		if (rc == WP_OK && is_through) {
			const struct wp_reply *next = wp_reply_at(reply, 0);
			size_t len = wp_reply_len(next);

			if (len > WP_AUDIT_CURSOR_MAX)
				len = 0;
			memcpy(auditor->cursor, wp_reply_str(next), len);
			auditor->cursor[len] = '\0';
			/* Round the corner no more often than once a call. */
			is_round = wp_reply_is(next, "0");
		}
		wp_reply_free(&reply);
	}
	return rc;
}

/* ---- rows without hints ---- */

struct users {
	struct wp_box list[USERS_AT_ONCE];
	size_t n;
};

static bool on_box(void *ctx, const struct wp_box *box)
{
	struct users *users = ctx;

	users->list[users->n++] = *box;
	return true; /* the walk looks at no more than that */
}

/* Redis is there, and does not do it for this user or partition. */
static enum wp_err refused(struct wp_error *err, const struct wp_reply *reply)
{
	return wp_error_set(err, WP_ERR_PROTO, "Redis refuses: %.120s",
			    wp_reply_str(reply));
}

/* Is there surely no hint, by an open gate? */
static enum wp_err lacks_hint(struct wp_auditor *auditor,
			      const struct wp_box *box, bool *lacks_out,
			      struct wp_error *err)
{
	const struct wp_ack_ids none = { .n = 0 };
	struct wp_reply *reply = NULL;
	struct wp_ack_walk walk;
	struct wp_cmd cmd;
	enum wp_err rc;

	*lacks_out = false;
	wp_cmd_init(&cmd);
	wp_ack_begin(&walk, box, &none);
	wp_ack_ask(&walk, wp_redis_run_id(auditor->w->redis), &cmd);
	rc = wp_redis_do(auditor->w->redis, &cmd, &reply, err);
	if (rc == WP_OK) {
		wp_ack_told(&walk, reply, false);
		*lacks_out = walk.step == WP_ACK_DONE;
	}
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	return rc;
}

static enum wp_err run_guarded(struct wp_auditor *auditor, struct wp_cmd *cmd,
			       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = wp_redis_do(auditor->w->redis, cmd, &reply, err);

	if (rc == WP_OK) {
		rc = wp_script_done(reply);
		if (rc == WP_ERR_UNAVAIL)
			rc = refused(err, reply);
	}
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err set_hint(struct wp_auditor *auditor,
			    const struct wp_owned *owned,
			    const struct wp_box *box,
			    const struct wp_store_size *size,
			    struct wp_error *err)
{
	const struct wp_lease lease = wp_worker_lease(auditor->w, owned);
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_hint_set_begin(&cmd, &lease);
	wp_cmd_add(&cmd, box->text, box->len);
	rc = run_guarded(auditor, &cmd, err);
	if (rc == WP_OK) {
		wp_cold_size_begin(&cmd, owned->partition);
		wp_cold_size_add(&cmd, box, size);
		rc = run_guarded(auditor, &cmd, err);
	}
	wp_cmd_release(&cmd);
	return rc;
}

/*
 * Rows without a hint. A migration sets the hint before it appends, an ack
 * clears it after it has deleted, and both move the version: with the hint
 * missing before and after, and one version all along, the rows are orphans.
 */
static enum wp_err check_user(struct wp_auditor *auditor,
			      const struct wp_owned *owned,
			      const struct wp_box *box, struct wp_error *err)
{
	struct wp_store_size before, after;
	bool lacks = false;
	enum wp_err rc;

	rc = lacks_hint(auditor, box, &lacks, err);
	if (rc != WP_OK || !lacks)
		return rc;
	rc = wp_store_size(auditor->w->store, box, &before, err);
	if (rc == WP_OK && before.n > 0)
		rc = lacks_hint(auditor, box, &lacks, err);
	if (rc != WP_OK || before.n == 0 || !lacks)
		return rc;
	rc = wp_store_size(auditor->w->store, box, &after, err);
	if (rc != WP_OK || before.version != after.version)
		return rc;
	rc = set_hint(auditor, owned, box, &after, err);
	if (rc == WP_OK)
		tell(auditor, WP_WM_REPAIR_HINT_MISSING,
		     "messages on disk without a hint", 1);
	return rc;
}

/* ---- hints without rows ---- */

/* Ask what is in w->cmd; an error reply is about this partition. */
static enum wp_err ask(struct wp_auditor *auditor, struct wp_reply **reply,
		       struct wp_error *err)
{
	struct wp_worker *w = auditor->w;
	enum wp_err rc = wp_redis_do(w->redis, &w->cmd, reply, err);

	if (rc == WP_OK && wp_reply_type(*reply) == WP_REPLY_ERROR)
		rc = refused(err, *reply);
	return rc;
}

static enum wp_err check_hint(struct wp_auditor *auditor,
			      const struct wp_owned *owned,
			      const struct wp_box *box, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	/* Nothing has expired at 0: all that happens is what clears a hint. */
	struct wp_store_expire expire = { .box = box, .now_ms = 0 };
	struct wp_store_size size;
	bool is_moving;
	enum wp_err rc;

	rc = wp_store_size(auditor->w->store, box, &size, err);
	if (rc != WP_OK || size.n > 0)
		return rc;
	/* A migration under way has set it for rows that are about to come. */
	wp_cmd_key(&auditor->w->cmd, "ZSCORE", owned->partition, "migrate");
	wp_cmd_add(&auditor->w->cmd, box->text, box->len);
	rc = ask(auditor, &reply, err);
	is_moving = wp_reply_type(reply) != WP_REPLY_NIL;
	wp_reply_free(&reply);
	if (rc != WP_OK || is_moving)
		return rc;
	rc = wp_ack_expired(auditor->w->redis, auditor->w->store, &expire, err);
	/* No warning: an ack whose last step was lost leaves one behind. */
	if (rc == WP_OK)
		wp_metric_add(auditor->w->metrics, WP_WM_REPAIR_HINT_IDLE, 1);
	return rc;
}

/* ---- pages ---- */

/* What is about one user or partition is told; the walk goes on behind it. */
static enum wp_err go_on(struct wp_auditor *auditor,
			 const struct wp_owned *owned, enum wp_err rc,
			 const struct wp_error *err)
{
	uint32_t suppressed;

	if (rc != WP_ERR_PROTO)
		return rc;
	if (wp_log_allow(&auditor->limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&auditor->log, WP_LOG_WARN, "audit cannot repair",
		       wp_int("partition", owned->partition),
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
	return WP_OK;
}

static void next_partition(struct wp_auditor *auditor)
{
	auditor->users = (struct wp_store_place){ 0 };
	auditor->hints[0] = '\0';
	auditor->passed++;
	auditor->partition++;
	if (auditor->partition >= auditor->w->conf->mailbox.partitions)
		auditor->partition = 0;
}

/* One page of HSCAN over the hints; behind the last one the next partition. */
static enum wp_err audit_hints(struct wp_auditor *auditor,
			       const struct wp_owned *owned,
			       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	const struct wp_reply *pairs, *cursor;
	size_t len;
	enum wp_err rc;

	auditor->budget--;
	wp_cmd_key(&auditor->w->cmd, "HSCAN", owned->partition, "cold");
	wp_cmd_str(&auditor->w->cmd, auditor->hints);
	rc = ask(auditor, &reply, err);
	cursor = wp_reply_at(reply, 0);
	len = wp_reply_len(cursor);
	pairs = wp_reply_at(reply, 1);
	for (size_t i = 0; i < wp_reply_count(pairs) && rc == WP_OK; i += 2) {
		const struct wp_reply *text = wp_reply_at(pairs, i);
		struct wp_box box;

		auditor->budget--;
		wp_worker_yield(auditor->w);
		if (wp_box_reread(&box, owned->partition, wp_reply_str(text),
				  wp_reply_len(text)) != WP_OK)
			continue;
		rc = check_hint(auditor, owned, &box, err);
		rc = go_on(auditor, owned, rc, err);
	}
	if (rc == WP_OK && len > 0 && len <= WP_AUDIT_CURSOR_MAX &&
	    !wp_reply_is(cursor, "0")) {
		memcpy(auditor->hints, wp_reply_str(cursor), len);
		auditor->hints[len] = '\0';
	} else if (rc == WP_OK || rc == WP_ERR_PROTO) {
		rc = go_on(auditor, owned, rc, err);
		next_partition(auditor);
	}
	wp_reply_free(&reply);
	return rc;
}

/* One page of the users on disk; behind the last one the hints. */
static enum wp_err audit_users(struct wp_auditor *auditor,
			       const struct wp_owned *owned,
			       struct wp_error *err)
{
	const struct wp_store_place from = auditor->users;
	struct users users = { .n = 0 };
	const struct wp_store_walk walk = {
		.place = &auditor->users,
		.max_looked = USERS_AT_ONCE,
		.on_box = on_box,
		.ctx = &users,
	};
	enum wp_err rc;

	rc = wp_store_users(auditor->w->store, owned->partition, &walk, err);
	for (size_t i = 0; i < users.n && rc == WP_OK; i++) {
		wp_worker_yield(auditor->w);
		rc = check_user(auditor, owned, &users.list[i], err);
		rc = go_on(auditor, owned, rc, err);
	}
	auditor->budget -= 1 + (int64_t)auditor->users.looked;
	if (rc != WP_OK)
		auditor->users = from;
	else if (auditor->users.is_end)
		memcpy(auditor->hints, "0", sizeof("0"));
	return rc;
}

/* The same for the cold store. */
static enum wp_err walk_cold(struct wp_auditor *auditor, struct wp_error *err)
{
	/* The other half is for the keyspace. */
	int64_t floor = auditor->budget / 2;
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK;

	auditor->passed = 0;
	while (rc == WP_OK && auditor->budget > floor &&
	       auditor->passed < auditor->w->conf->mailbox.partitions &&
	       !wp_table_is_stopping(auditor->w->table) &&
	       !wp_table_has_closed(auditor->w->table)) {
		struct wp_owned owned = { .partition = auditor->partition };

		wp_worker_yield(auditor->w);
		if (!wp_table_owner(auditor->w->table, owned.partition,
				    WP_TABLE_OPEN, wp_mono_ms(), owned.owner))
			next_partition(auditor);
		else if (auditor->hints[0] != '\0')
			rc = audit_hints(auditor, &owned, &why);
		else
			rc = audit_users(auditor, &owned, &why);
		if (rc == WP_ERR_STALE) {
			/* Lost meanwhile: somebody else looks after it now. */
			next_partition(auditor);
			rc = WP_OK;
		}
	}
	if (rc != WP_OK && err != NULL)
		*err = why;
	return rc;
}

/* ---- both ---- */

enum wp_err wp_auditor_run(struct wp_auditor *auditor, struct wp_error *err)
{
	int64_t rate = auditor->w->conf->worker.audit_keys_per_second;
	uint64_t now_ms = wp_mono_ms();
	uint64_t passed_ms = now_ms - auditor->last_ms;
	enum wp_err rc = WP_OK;

	/* Whoever was kept from it for long does not make up for it. */
	if (passed_ms > MS_PER_S)
		passed_ms = MS_PER_S;
	auditor->budget += rate * (int64_t)passed_ms / MS_PER_S;
	if (auditor->budget > rate)
		auditor->budget = rate;
	if (auditor->budget < -rate * DEBT_S)
		auditor->budget = -rate * DEBT_S;
	auditor->last_ms = now_ms;
	if (auditor->budget <= 0)
		return WP_OK;
	rc = walk_cold(auditor, err);
	if (rc == WP_OK && wp_table_has_inbox(auditor->w->table))
		rc = walk_keys(auditor, err);
	return rc;
}
