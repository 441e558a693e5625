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
#include "lib/mailbox/chunk.h"
#include "lib/mailbox/scripts.h"

enum {
	DUE_MAX = 500, /* a Lua call unpacks them onto its stack */
	/* Of each band; shared by all of a turn, but that much each at least,
	 * and both bands of a mailbox fill one append. */
	ROWS_MAX = 2048,
	ROWS_MIN = 16,
	ROWS_OF_BAND = WP_STORE_ROWS_MAX / 2,
	BYTES_MIN = 64 * 1024,
	/* Of what is read at a time, were it as long as it may be; of a single
	 * mailbox, which is one answer of Redis, more. */
	UNDER_WAY_MAX = 32 * 1024 * 1024,
	MAILBOX_READ_MAX = 64 * 1024 * 1024,
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

_Static_assert((int)WP_MIGRATE_MAX_USERS <= (int)WP_STORE_APPENDS_MAX,
	       "a turn is one append");

/* What one user has in the turn. */
struct part {
	struct wp_chunk chunk;
	int64_t version;           /* read at M1 */
	bool is_copied;            /* what is in it may be trimmed */
	struct wp_store_size size; /* after the append; version 0: none */
};

/* One turn: users[i] has parts[i]. */
struct wp_migration {
	const struct wp_migrate_ctx *ctx;
	struct wp_migrate_user *users;
	struct part parts[WP_MIGRATE_MAX_USERS];
	size_t n;
	struct wp_cmd cmd;
	/* Are trims asked for and not heard, and on which connection? */
	bool is_asking;
	uint64_t epoch;
};

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

/* Does this user's chunk still have to be copied? */
static bool is_waiting(const struct wp_migration *turn, size_t i)
{
	return turn->users[i].err.code == WP_OK && !turn->users[i].is_done &&
	       !turn->parts[i].is_copied;
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
					      &turn->parts[i].version, err);
	return rc;
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
	return rc;
}

static enum wp_err heard(struct wp_migration *turn, enum wp_err rc)
{
	if (rc != WP_OK)
		wp_redis_disconnect(turn->ctx->redis);
	return rc;
}

/* ---- M2 ---- */

static enum wp_err ask_prepares(struct wp_migration *turn, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < turn->n && rc == WP_OK; i++) {
		const struct wp_migrate_user *user = &turn->users[i];
		const struct wp_lease lease = {
			.partition = user->box.partition,
			.owner = user->owner,
			.ms = turn->ctx->lease_ms,
		};

		if (!is_waiting(turn, i))
			continue;
		wp_chunk_prepare_build(&turn->cmd, &lease, &user->box);
		rc = wp_redis_append(turn->ctx->redis, &turn->cmd, err);
	}
	return asked(turn, rc, err);
}

static enum wp_err hear_prepares(struct wp_migration *turn,
				 struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < turn->n && rc == WP_OK; i++) {
		struct wp_chunk *chunk = &turn->parts[i].chunk;
		struct wp_migrate_user *user = &turn->users[i];
		struct wp_reply *reply = NULL;

		if (!is_waiting(turn, i))
			continue;
		rc = wp_redis_take(turn->ctx->redis, &reply, err);
		if (rc == WP_OK &&
		    wp_chunk_prepared(chunk, reply, &user->err) == WP_OK)
			user->is_done = chunk->is_none;
		wp_reply_free(&reply);
	}
	return heard(turn, rc);
}

/* What is due to one of n who share what there is for all. */
static int64_t share(int64_t whole, size_t n, int64_t least)
{
	int64_t part = whole / (int64_t)n;

	return part > least ? part : least;
}

static struct wp_chunk_room room_of(const struct wp_migration *turn, size_t n,
				    int64_t held)
{
	int64_t rows = share(ROWS_MAX, n, ROWS_MIN);

	return (struct wp_chunk_room){
		.rows = rows < ROWS_OF_BAND ? rows : ROWS_OF_BAND,
		/* Longer ones than they should be leave the least to others. */
		.bytes = held < INT64_C(2) * WP_MIGRATE_MAX_BYTES
				 ? share(WP_MIGRATE_MAX_BYTES, n, BYTES_MIN)
				 : 1,
		.most = MAILBOX_READ_MAX,
		.longest = turn->ctx->max_envelope,
	};
}

static enum wp_err ask_read(struct wp_migration *turn, size_t i,
			    struct wp_error *err)
{
	const struct wp_chunk *chunk = &turn->parts[i].chunk;
	enum wp_err rc = WP_OK;

	for (int band = 0; band < WP_CHUNK_BANDS && rc == WP_OK; band++) {
		if (chunk->count[band] == 0)
			continue;
		wp_chunk_read_build(&turn->cmd, &turn->users[i].box, chunk,
				    (enum wp_band)band);
		rc = wp_redis_append(turn->ctx->redis, &turn->cmd, err);
	}
	return rc;
}

static enum wp_err hear_read(struct wp_migration *turn, size_t i, int64_t *held,
			     struct wp_error *err)
{
	struct part *part = &turn->parts[i];
	enum wp_err rc = WP_OK;

	for (int band = 0; band < WP_CHUNK_BANDS && rc == WP_OK; band++) {
		struct wp_reply *reply = NULL;

		if (part->chunk.count[band] == 0)
			continue;
		rc = wp_redis_take(turn->ctx->redis, &reply, err);
		if (rc == WP_OK)
			wp_chunk_was_read(&part->chunk, (enum wp_band)band,
					  reply);
	}
	if (rc == WP_OK &&
	    wp_chunk_finish(&part->chunk, held, &turn->users[i].err) == WP_OK)
		/* Nothing may be worth a write. */
		part->is_copied =
			part->chunk.n == 0 && part->chunk.n_ephemeral > 0;
	return rc;
}

/* Read of as many users from *next on as surely fits; n share the turn. */
static enum wp_err read_some(struct wp_migration *turn, size_t n, size_t *next,
			     int64_t *held, struct wp_error *err)
{
	size_t first = *next;
	int64_t under_way = 0;
	enum wp_err rc = WP_OK;
	size_t i = first;

	for (; i < turn->n && rc == WP_OK; i++) {
		struct wp_chunk_room room = room_of(turn, n, *held);
		int64_t bytes;

		if (!is_waiting(turn, i))
			continue;
		bytes = wp_chunk_plan(&turn->parts[i].chunk, &room);
		if (under_way > 0 && under_way + bytes > UNDER_WAY_MAX)
			break;
		under_way += bytes;
		rc = ask_read(turn, i, err);
	}
	*next = i;
	rc = asked(turn, rc, err);
	for (size_t k = first; k < *next && rc == WP_OK; k++)
		if (is_waiting(turn, k))
			rc = hear_read(turn, k, held, err);
	return heard(turn, rc);
}

static enum wp_err read_hot(struct wp_migration *turn, struct wp_error *err)
{
	size_t n = count_waiting(turn);
	int64_t held = 0;
	enum wp_err rc = WP_OK;
	size_t next = 0;

	if (n == 0)
		return WP_OK;
	announce(turn->ctx, "M2b");
	while (next < turn->n && rc == WP_OK)
		rc = read_some(turn, n, &next, &held, err);
	return rc;
}

/* M1 and M2 */
static enum wp_err copy(struct wp_migration *turn, struct wp_error *err)
{
	enum wp_err rc = read_versions(turn, err);

	if (rc != WP_OK)
		return rc;
	announce(turn->ctx, "M2");
	rc = ask_prepares(turn, err);
	if (rc == WP_OK)
		rc = hear_prepares(turn, err);
	return rc == WP_OK ? read_hot(turn, err) : rc;
}

/* ---- M3 ---- */

static void settle_append(struct wp_migration *turn, size_t i,
			  const struct wp_store_append *append)
{
	struct wp_migrate_user *user = &turn->users[i];
	struct part *part = &turn->parts[i];

	part->is_copied = append->err.code == WP_OK;
	part->size = append->size;
	if (part->is_copied) {
		user->moved += (int64_t)part->chunk.n;
		wp_chunk_drop_texts(&part->chunk);
	} else if (append->err.code != WP_ERR_STALE) {
		user->err = append->err;
	}
}

static enum wp_err append(struct wp_migration *turn, struct wp_error *err)
{
	struct wp_store_append appends[WP_MIGRATE_MAX_USERS];
	size_t of[WP_MIGRATE_MAX_USERS];
	size_t n = 0;
	enum wp_err rc;

	for (size_t i = 0; i < turn->n; i++) {
		const struct wp_chunk *chunk = &turn->parts[i].chunk;

		/* Whose queue has changed so that nothing was read has his turn
		 * again, as if the version had. */
		if (!is_waiting(turn, i) || chunk->n == 0)
			continue;
		appends[n] = (struct wp_store_append){
			.box = &turn->users[i].box,
			.version = turn->parts[i].version,
			.rows = chunk->rows,
			.n = chunk->n,
		};
		of[n++] = i;
	}
	if (n == 0)
		return WP_OK;
	announce(turn->ctx, "M3");
	rc = wp_store_append(turn->ctx->store, appends, n, err);
	for (size_t k = 0; k < n && rc == WP_OK; k++)
		settle_append(turn, of[k], &appends[k]);
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

static void part_release(struct part *part)
{
	wp_chunk_release(&part->chunk);
	*part = (struct part){ 0 };
}

/* Those whose mailbox has changed meanwhile begin with M1 again. */
static void drop_stale(struct wp_migration *turn)
{
	for (size_t i = 0; i < turn->n; i++)
		if (is_waiting(turn, i))
			part_release(&turn->parts[i]);
}

static void give_up(struct wp_migration *turn)
{
	for (size_t i = 0; i < turn->n; i++)
		if (is_waiting(turn, i))
			wp_error_set(&turn->users[i].err, WP_ERR_PROTO,
				     "the mailbox changed in each of %d tries",
				     STALE_TRIES);
}

/* ---- M4 ---- */

/* For what was stored one call, for what is ephemeral another. */
static size_t calls_of(const struct wp_chunk *chunk)
{
	return (size_t)(chunk->n > 0) + (chunk->n_ephemeral > 0);
}

static enum wp_err ask_trim(struct wp_migration *turn, size_t i,
			    struct wp_error *err)
{
	const struct part *part = &turn->parts[i];
	enum wp_err rc = WP_OK;

	for (size_t call = 0; call < calls_of(&part->chunk) && rc == WP_OK;
	     call++) {
		wp_chunk_trim_build(&turn->cmd, &turn->users[i].box,
				    &part->chunk, &part->size,
				    call > 0 || part->chunk.n == 0);
		rc = wp_redis_append(turn->ctx->redis, &turn->cmd, err);
	}
	return rc;
}

/* The last call tells what is left. */
static enum wp_err hear_trim(struct wp_migration *turn, size_t i,
			     struct wp_error *err)
{
	struct wp_migrate_user *user = &turn->users[i];
	size_t n = calls_of(&turn->parts[i].chunk);
	enum wp_err rc = WP_OK;

	for (size_t call = 0; call < n && rc == WP_OK; call++) {
		struct wp_reply *reply = NULL;
		const struct wp_reply *status;

		rc = wp_redis_take(turn->ctx->redis, &reply, err);
		status = wp_reply_at(reply, 0);
		user->is_done = wp_reply_is(status, "empty");
		if (rc == WP_OK && !user->is_done &&
		    !wp_reply_is(status, "more"))
			(void)no_answer(&user->err, "trim");
		wp_reply_free(&reply);
	}
	return rc;
}

static enum wp_err ask_trims(struct wp_migration *turn, struct wp_error *err)
{
	bool is_announced = false;
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < turn->n && rc == WP_OK; i++) {
		if (!turn->parts[i].is_copied)
			continue;
		if (!is_announced)
			announce(turn->ctx, "M4");
		is_announced = true;
		rc = ask_trim(turn, i, err);
	}
	rc = asked(turn, rc, err);
	turn->is_asking = true;
	turn->epoch = wp_redis_epoch(turn->ctx->redis);
	return rc;
}

static enum wp_err hear_trims(struct wp_migration *turn, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (!turn->is_asking)
		return WP_OK;
	turn->is_asking = false;
	if (turn->epoch != wp_redis_epoch(turn->ctx->redis))
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "the connection to Redis was lost before");
	for (size_t i = 0; i < turn->n && rc == WP_OK; i++)
		if (turn->parts[i].is_copied) {
			rc = hear_trim(turn, i, err);
			turn->parts[i].is_copied = rc != WP_OK;
		}
	return heard(turn, rc);
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
		rc = copy(turn, err);
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
		if (is_waiting(turn, i) || turn->parts[i].is_copied)
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
	rc = copy(turn, &failed);
	return end_step(turn, rc, &failed, err);
}

enum wp_err wp_migration_hear(struct wp_migration *turn, struct wp_error *err)
{
	struct wp_error failed = { 0 };

	return end_step(turn, hear_trims(turn, &failed), &failed, err);
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
	if (t->is_asking && t->epoch == wp_redis_epoch(t->ctx->redis))
		wp_redis_disconnect(t->ctx->redis);
	for (size_t i = 0; i < t->n; i++)
		part_release(&t->parts[i]);
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
		rc = wp_migration_store(turn, err);
	if (rc == WP_OK)
		rc = wp_migration_trim(turn, err);
	if (rc == WP_OK)
		rc = wp_migration_hear(turn, err);
	wp_migration_end(&turn);
	return rc;
}
