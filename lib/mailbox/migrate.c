/*
 * migrate.c - waiting messages on their way to disk, M1 to M4, a chunk of each
 * user at a time.
 *
 * The version is read before the copy is taken, and the append succeeds only
 * if it is still the same: that, not the lease, keeps a message that was acked
 * meanwhile from coming back (docs/architecture.md "Migrating"). A stop
 * anywhere leaves the user's mark, and whoever comes next starts at M1. Many
 * users take each step together, but none depends on another.
 */
#include "lib/mailbox/migrate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/random.h"
#include "lib/mailbox/entry.h"
#include "lib/mailbox/scripts.h"
#include "lib/name/msgid.h"

enum {
	DUE_MAX = 500, /* a Lua call unpacks them onto its stack */
	/* Of a chunk, however many share the turn. */
	ROWS_MIN = 16,
	BYTES_MIN = 64 * 1024,
	STALE_TRIES = 8,
	JITTER_MAX_US = 4000,
};

void wp_migrate_due_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			  int64_t max_users, int64_t grace_ms)
{
	wp_cmd_script(cmd, WP_SCRIPT_MIGRATE_DUE, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, max_users < DUE_MAX ? max_users : DUE_MAX);
	wp_cmd_int(cmd, grace_ms);
}

void wp_migrate_later_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			    int64_t delay_ms, const char *urn, size_t len)
{
	wp_cmd_script(cmd, WP_SCRIPT_MIGRATE_LATER, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, delay_ms);
	wp_cmd_add(cmd, urn, len);
}

/* What prepare handed over: every entry for the trim, some for the store. */
struct chunk {
	struct wp_reply *reply;    /* owned; rows point into it */
	struct wp_store_row *rows; /* owned; worth storing */
	size_t n;
	bool is_none;              /* nothing to move: the mark is gone */
	int64_t version;           /* read at M1 */
	bool is_copied;            /* what is in it may be trimmed */
	struct wp_store_size size; /* after the append; version 0: none */
};

_Static_assert((int)WP_MIGRATE_MAX_USERS <= (int)WP_STORE_APPENDS_MAX,
	       "a turn is one append");

/* One turn: users[i] has chunks[i]. */
struct wp_migration {
	const struct wp_migrate_ctx *ctx;
	struct wp_migrate_user *users;
	struct chunk chunks[WP_MIGRATE_MAX_USERS];
	size_t n;
	struct wp_cmd cmd;
	/* What was asked and not heard, and on which connection. */
	enum { NOTHING, PREPARE, TRIM } asked;
	uint64_t epoch;
};

static void chunk_release(struct chunk *chunk)
{
	wp_reply_free(&chunk->reply);
	free(chunk->rows);
	*chunk = (struct chunk){ 0 };
}

/* {"rows", n, {id, expires_ms, m}, …}, the first n of the high band */
enum { FIRST_ROW = 2 };

static bool row_is_high(const struct wp_reply *rows, size_t i)
{
	return (int64_t)(i - FIRST_ROW) < wp_reply_int(wp_reply_at(rows, 1));
}

static void announce(const struct wp_migrate_ctx *ctx, const char *step)
{
	if (ctx->on_step != NULL)
		ctx->on_step(ctx->on_step_ctx, step);
}

/* Redis is there, and does not do it for this user. */
static enum wp_err no_answer(struct wp_error *err, const char *step)
{
	return wp_error_set(err, WP_ERR_PROTO,
			    "Redis gave no usable answer to %s", step);
}

/* Keep all but the ephemeral. What has expired is for the sweeper to delete,
 * who knows whether the clock can be believed. */
static enum wp_err chunk_add(struct chunk *chunk, size_t i,
			     struct wp_error *err)
{
	const struct wp_reply *row = wp_reply_at(chunk->reply, i);
	const struct wp_reply *id = wp_reply_at(row, 0);
	const struct wp_reply *value = wp_reply_at(row, 2);
	struct wp_store_row *stored = &chunk->rows[chunk->n];
	struct wp_entry entry;

	if (!wp_entry_id_parse(&stored->entry, wp_reply_str(id),
			       wp_reply_len(id)) ||
	    !wp_entry_read(&entry, wp_reply_str(value), wp_reply_len(value)))
		return no_answer(err, "prepare");
	stored->band =
		row_is_high(chunk->reply, i) ? WP_BAND_HIGH : WP_BAND_STANDARD;
	stored->expires_ms = wp_reply_int(wp_reply_at(row, 1));
	stored->json = entry.envelope;
	stored->json_len = entry.envelope_len;
	chunk->n += !entry.is_ephemeral;
	return WP_OK;
}

static enum wp_err chunk_read(struct chunk *chunk, struct wp_error *err)
{
	const struct wp_reply *status = wp_reply_at(chunk->reply, 0);
	size_t count = wp_reply_count(chunk->reply);
	enum wp_err rc = WP_OK;

	if (wp_reply_is(status, "lost"))
		return wp_error_set(err, WP_ERR_STALE, "the lease is lost");
	chunk->is_none = wp_reply_is(status, "none");
	if (chunk->is_none)
		return WP_OK;
	/* An answer without rows would keep us going round for ever. */
	if (!wp_reply_is(status, "rows") || count <= FIRST_ROW ||
	    count > FIRST_ROW + WP_MIGRATE_MAX_ROWS)
		return no_answer(err, "prepare");
	chunk->rows = calloc(count - FIRST_ROW, sizeof(*chunk->rows));
	if (chunk->rows == NULL)
		return wp_error_set(err, WP_ERR_PROTO, "out of memory");
	for (size_t i = FIRST_ROW; i < count && rc == WP_OK; i++)
		rc = chunk_add(chunk, i, err);
	return rc;
}

/* Does this user's chunk still have to be copied? */
static bool is_waiting(const struct wp_migration *turn, size_t i)
{
	return turn->users[i].err.code == WP_OK && !turn->users[i].is_done &&
	       !turn->chunks[i].is_copied;
}

static size_t count_waiting(const struct wp_migration *turn)
{
	size_t n = 0;

	for (size_t i = 0; i < turn->n; i++)
		n += is_waiting(turn, i);
	return n;
}

/* M1 */
static enum wp_err read_versions(struct wp_migration *turn,
				 struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	announce(turn->ctx, "M1");
	for (size_t i = 0; i < turn->n && rc == WP_OK; i++)
		if (is_waiting(turn, i))
			rc = wp_store_version(turn->ctx->store,
					      &turn->users[i].box,
					      &turn->chunks[i].version, err);
	return rc;
}

/* What is due to one of n who share what one alone may have. */
static int64_t share(int64_t whole, size_t n, int64_t least)
{
	int64_t part = whole / (int64_t)n;

	return part > least ? part : least;
}

static enum wp_err ask_prepare(struct wp_migration *turn, size_t i, size_t n,
			       struct wp_error *err)
{
	const struct wp_migrate_user *user = &turn->users[i];

	wp_cmd_script(&turn->cmd, WP_SCRIPT_PREPARE, user->box.partition);
	wp_cmd_str(&turn->cmd, user->owner);
	wp_cmd_int(&turn->cmd, turn->ctx->lease_ms);
	wp_cmd_add(&turn->cmd, user->box.text, user->box.len);
	/* Both bands of a chunk fill one append. */
	wp_cmd_int(&turn->cmd, share(WP_MIGRATE_MAX_ROWS / 2, n, ROWS_MIN));
	wp_cmd_int(&turn->cmd, share(WP_MIGRATE_MAX_BYTES, n, BYTES_MIN));
	wp_hint_token_add(&turn->cmd);
	return wp_redis_append(turn->ctx->redis, &turn->cmd, err);
}

/*
 * Redis works on what was asked from now on. What is not heard would answer the
 * next question: whoever asks or hears and fails disconnects, and so does
 * whoever ends before it is heard.
 */
static enum wp_err asked(struct wp_migration *turn, enum wp_err rc,
			 struct wp_error *err)
{
	struct wp_redis *redis = turn->ctx->redis;

	if (rc == WP_OK)
		rc = wp_redis_flush(redis, err);
	if (rc != WP_OK)
		wp_redis_disconnect(redis);
	turn->epoch = wp_redis_epoch(redis);
	return rc;
}

/* M2: the question. */
static enum wp_err ask_prepares(struct wp_migration *turn, struct wp_error *err)
{
	size_t n = count_waiting(turn);
	enum wp_err rc = WP_OK;

	announce(turn->ctx, "M2");
	for (size_t i = 0; i < turn->n && rc == WP_OK; i++)
		if (is_waiting(turn, i))
			rc = ask_prepare(turn, i, n, err);
	turn->asked = PREPARE;
	return asked(turn, rc, err);
}

/* M2: the answers. */
static enum wp_err hear_prepares(struct wp_migration *turn,
				 struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < turn->n && rc == WP_OK; i++) {
		struct chunk *chunk = &turn->chunks[i];

		if (!is_waiting(turn, i))
			continue;
		rc = wp_redis_take(turn->ctx->redis, &chunk->reply, err);
		if (rc != WP_OK ||
		    chunk_read(chunk, &turn->users[i].err) != WP_OK)
			continue;
		turn->users[i].is_done = chunk->is_none;
		/* Nothing may be worth a write. */
		chunk->is_copied = !chunk->is_none && chunk->n == 0;
	}
	return rc;
}

/* M3 */
static enum wp_err append(struct wp_migration *turn, struct wp_error *err)
{
	struct wp_store_append appends[WP_MIGRATE_MAX_USERS];
	size_t of[WP_MIGRATE_MAX_USERS];
	size_t n = 0;
	enum wp_err rc;

	for (size_t i = 0; i < turn->n; i++) {
		if (!is_waiting(turn, i))
			continue;
		appends[n] = (struct wp_store_append){
			.box = &turn->users[i].box,
			.version = turn->chunks[i].version,
			.rows = turn->chunks[i].rows,
			.n = turn->chunks[i].n,
		};
		of[n++] = i;
	}
	if (n == 0)
		return WP_OK;
	announce(turn->ctx, "M3");
	rc = wp_store_append(turn->ctx->store, appends, n, err);
	for (size_t k = 0; k < n && rc == WP_OK; k++) {
		struct wp_migrate_user *user = &turn->users[of[k]];
		struct chunk *chunk = &turn->chunks[of[k]];

		chunk->is_copied = appends[k].err.code == WP_OK;
		chunk->size = appends[k].size;
		if (chunk->is_copied)
			user->moved += (int64_t)chunk->n;
		else if (appends[k].err.code != WP_ERR_STALE)
			user->err = appends[k].err;
	}
	return rc;
}

/* Wait a little, so that two who collide do not collide again in step. */
static void pause_briefly(void)
{
	struct timespec pause = {
		.tv_nsec = 1000L * (long)wp_random_below(JITTER_MAX_US),
	};

	(void)nanosleep(&pause, NULL); /* shorter is fine */
}

/* Those whose mailbox has changed meanwhile begin with M1 again. */
static void drop_stale(struct wp_migration *turn)
{
	for (size_t i = 0; i < turn->n; i++)
		if (is_waiting(turn, i))
			chunk_release(&turn->chunks[i]);
}

static void give_up(struct wp_migration *turn)
{
	for (size_t i = 0; i < turn->n; i++)
		if (is_waiting(turn, i))
			wp_error_set(&turn->users[i].err, WP_ERR_PROTO,
				     "the mailbox changed in each of %d tries",
				     STALE_TRIES);
}

static void add_trim_ids(struct wp_cmd *cmd, const struct wp_reply *rows,
			 bool is_high)
{
	for (size_t i = FIRST_ROW; i < wp_reply_count(rows); i++) {
		const struct wp_reply *id =
			wp_reply_at(wp_reply_at(rows, i), 0);

		if (row_is_high(rows, i) == is_high)
			wp_cmd_add(cmd, wp_reply_str(id), wp_reply_len(id));
	}
}

static int64_t count_standard(const struct wp_reply *rows)
{
	int64_t n = 0;

	for (size_t i = FIRST_ROW; i < wp_reply_count(rows); i++)
		n += !row_is_high(rows, i);
	return n;
}

static enum wp_err ask_trim(struct wp_migration *turn, size_t i,
			    struct wp_error *err)
{
	const struct wp_migrate_user *user = &turn->users[i];
	const struct chunk *chunk = &turn->chunks[i];

	wp_cmd_script(&turn->cmd, WP_SCRIPT_TRIM, user->box.partition);
	wp_cmd_add(&turn->cmd, user->box.text, user->box.len);
	wp_cmd_int(&turn->cmd, chunk->size.version);
	wp_cmd_int(&turn->cmd, chunk->size.n);
	wp_cmd_int(&turn->cmd, chunk->size.bytes);
	wp_cmd_int(&turn->cmd, count_standard(chunk->reply));
	add_trim_ids(&turn->cmd, chunk->reply, false);
	add_trim_ids(&turn->cmd, chunk->reply, true);
	return wp_redis_append(turn->ctx->redis, &turn->cmd, err);
}

static enum wp_err hear_trim(struct wp_migration *turn, size_t i,
			     struct wp_error *err)
{
	struct wp_migrate_user *user = &turn->users[i];
	struct wp_reply *reply = NULL;
	enum wp_err rc = wp_redis_take(turn->ctx->redis, &reply, err);

	if (rc == WP_OK) {
		user->is_done = wp_reply_is(wp_reply_at(reply, 0), "empty");
		if (!user->is_done &&
		    !wp_reply_is(wp_reply_at(reply, 0), "more"))
			(void)no_answer(&user->err, "trim");
	}
	wp_reply_free(&reply);
	return rc;
}

/* M4: the question. */
static enum wp_err ask_trims(struct wp_migration *turn, struct wp_error *err)
{
	bool is_announced = false;
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < turn->n && rc == WP_OK; i++) {
		if (!turn->chunks[i].is_copied)
			continue;
		if (!is_announced)
			announce(turn->ctx, "M4");
		is_announced = true;
		rc = ask_trim(turn, i, err);
	}
	turn->asked = TRIM;
	return asked(turn, rc, err);
}

/* M4: the answers. */
static enum wp_err hear_trims(struct wp_migration *turn, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < turn->n && rc == WP_OK; i++)
		if (turn->chunks[i].is_copied) {
			rc = hear_trim(turn, i, err);
			turn->chunks[i].is_copied = rc != WP_OK;
		}
	return rc;
}

/* Of M2 or M4, whichever was asked last. */
static enum wp_err hear(struct wp_migration *turn, struct wp_error *err)
{
	struct wp_redis *redis = turn->ctx->redis;
	enum wp_err rc = WP_OK;

	if (turn->asked == NOTHING)
		return WP_OK;
	if (turn->epoch != wp_redis_epoch(redis))
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "the connection to Redis was lost before");
	else
		rc = turn->asked == PREPARE ? hear_prepares(turn, err)
					    : hear_trims(turn, err);
	turn->asked = NOTHING;
	if (rc != WP_OK)
		wp_redis_disconnect(redis);
	return rc;
}

/* M1, and the question of M2. */
static enum wp_err begin_copy(struct wp_migration *turn, struct wp_error *err)
{
	enum wp_err rc = read_versions(turn, err);

	return rc == WP_OK ? ask_prepares(turn, err) : rc;
}

/*
 * M1 to M3 again, until each chunk is in the cold store or its user is out of
 * it. Every try begins with the version, or the fence would be open.
 */
static enum wp_err copy_again(struct wp_migration *turn, struct wp_error *err)
{
	for (int tries = 1; tries < STALE_TRIES; tries++) {
		enum wp_err rc;

		if (count_waiting(turn) == 0)
			return WP_OK;
		pause_briefly();
		drop_stale(turn);
		rc = begin_copy(turn, err);
		if (rc == WP_OK)
			rc = hear(turn, err);
		if (rc == WP_OK)
			rc = append(turn, err);
		if (rc != WP_OK)
			return rc;
	}
	give_up(turn);
	return WP_OK;
}

/* The users whose chunk was under way when it ended. */
static void spread(struct wp_migration *turn, const struct wp_error *err)
{
	for (size_t i = 0; i < turn->n; i++)
		if (is_waiting(turn, i) || turn->chunks[i].is_copied)
			turn->users[i].err = *err;
}

/* The end of a step: its failure is the turn's, whatever it was. */
static enum wp_err end_step(struct wp_migration *turn, enum wp_err rc,
			    struct wp_error *failed, struct wp_error *err)
{
	if (rc == WP_OK)
		return WP_OK;
	failed->code = WP_ERR_UNAVAIL;
	spread(turn, failed);
	if (err != NULL)
		*err = *failed;
	return WP_ERR_UNAVAIL;
}

enum wp_err wp_migration_begin(struct wp_migration **out,
			       const struct wp_migrate_ctx *ctx,
			       struct wp_migrate_user *users, size_t n,
			       struct wp_error *err)
{
	struct wp_migration *turn = calloc(1, sizeof(*turn));
	struct wp_error failed = { 0 };
	enum wp_err rc;

	assert(n <= WP_MIGRATE_MAX_USERS);
	*out = NULL;
	if (turn == NULL) {
		wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		return WP_ERR_NOMEM;
	}
	turn->ctx = ctx;
	turn->users = users;
	turn->n = n;
	wp_cmd_init(&turn->cmd);
	for (size_t i = 0; i < n; i++) {
		users[i].moved = 0;
		users[i].is_done = false;
		users[i].err = (struct wp_error){ 0 };
	}
	*out = turn;
	rc = begin_copy(turn, &failed);
	return end_step(turn, rc, &failed, err);
}

enum wp_err wp_migration_hear(struct wp_migration *turn, struct wp_error *err)
{
	struct wp_error failed = { 0 };

	return end_step(turn, hear(turn, &failed), &failed, err);
}

enum wp_err wp_migration_store(struct wp_migration *turn, struct wp_error *err)
{
	struct wp_error failed = { 0 };

	return end_step(turn, append(turn, &failed), &failed, err);
}

enum wp_err wp_migration_trim(struct wp_migration *turn, struct wp_error *err)
{
	struct wp_error failed = { 0 };
	enum wp_err rc = copy_again(turn, &failed);

	if (rc == WP_OK)
		rc = ask_trims(turn, &failed);
	return end_step(turn, rc, &failed, err);
}

void wp_migration_end(struct wp_migration **turn)
{
	struct wp_migration *t = *turn;

	if (t == NULL)
		return;
	if (t->asked != NOTHING && t->epoch == wp_redis_epoch(t->ctx->redis))
		wp_redis_disconnect(t->ctx->redis);
	for (size_t i = 0; i < t->n; i++)
		chunk_release(&t->chunks[i]);
	wp_cmd_release(&t->cmd);
	free(t);
	*turn = NULL;
}

enum wp_err wp_migrate_turn(const struct wp_migrate_ctx *ctx,
			    struct wp_migrate_user *users, size_t n,
			    struct wp_error *err)
{
	struct wp_migration *turn = NULL;
	enum wp_err rc = wp_migration_begin(&turn, ctx, users, n, err);

	if (rc == WP_OK)
		rc = wp_migration_hear(turn, err);
	if (rc == WP_OK)
		rc = wp_migration_store(turn, err);
	if (rc == WP_OK)
		rc = wp_migration_trim(turn, err);
	if (rc == WP_OK)
		rc = wp_migration_hear(turn, err);
	wp_migration_end(&turn);
	return rc;
}
