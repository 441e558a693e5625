/*
 * migrate.c - one user's waiting messages on their way to disk, M1 to M4.
 *
 * The version is read before the copy is taken, and the append succeeds only
 * if it is still the same: that, not the lease, keeps a message that was acked
 * meanwhile from coming back (ARCHITECTURE 4.3). A stop anywhere leaves the
 * user's mark, and whoever comes next starts at M1.
 */
#include "lib/mailbox/migrate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/random.h"
#include "lib/mailbox/msgid.h"

enum {
	DUE_MAX = 500, /* a Lua call unpacks them onto its stack */
	/* Both bands of a chunk fill one append. */
	ROWS_PER_BAND = WP_MIGRATE_MAX_ROWS / 2,
	TOKEN_RANDOM_BYTES = 8,
	STALE_TRIES = 8,
	JITTER_MAX_US = 4000,
	SIZE_TEXT_MAX = 64, /* three numbers of at most 20 digits */
};

void wp_migrate_due_build(struct wp_cmd *cmd, uint32_t partition,
			  const char *owner, int64_t max_users,
			  int64_t grace_ms)
{
	wp_cmd_script(cmd, WP_SCRIPT_MIGRATE_DUE, partition);
	wp_cmd_str(cmd, owner);
	wp_cmd_int(cmd, max_users < DUE_MAX ? max_users : DUE_MAX);
	wp_cmd_int(cmd, grace_ms);
}

/* What prepare handed over: every entry for the trim, some for the store. */
struct chunk {
	struct wp_reply *reply;    /* owned; rows point into it */
	struct wp_store_row *rows; /* owned; worth storing */
	size_t n;
	bool is_none;              /* nothing to move: the mark is gone */
	struct wp_store_size size; /* after the append; version 0: none */
};

static void chunk_release(struct chunk *chunk)
{
	wp_reply_free(&chunk->reply);
	free(chunk->rows);
	*chunk = (struct chunk){ 0 };
}

/* {"rows", {id, band, flags, expires_ms, envelope}, …} */
enum { FIRST_ROW = 1, ROW_WORDS = 5 };

static bool row_is_high(const struct wp_reply *row)
{
	return wp_reply_is(wp_reply_at(row, 1), "1");
}

static void announce(const struct wp_migrate_ctx *ctx, const char *step)
{
	if (ctx->on_step != NULL)
		ctx->on_step(ctx->on_step_ctx, step);
}

static enum wp_err no_answer(struct wp_error *err, const char *step)
{
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "Redis gave no usable answer to %s", step);
}

/* Keep all but the ephemeral. What has expired is for the sweeper to delete,
 * who knows whether the clock can be believed. */
static enum wp_err chunk_add(struct chunk *chunk, const struct wp_reply *row,
			     struct wp_error *err)
{
	const struct wp_reply *id = wp_reply_at(row, 0);
	const struct wp_reply *flags = wp_reply_at(row, 2);
	const struct wp_reply *json = wp_reply_at(row, 4);
	struct wp_store_row *stored = &chunk->rows[chunk->n];

	if (wp_reply_count(row) != ROW_WORDS ||
	    !wp_entry_id_parse(&stored->entry, wp_reply_str(id),
			       wp_reply_len(id)))
		return no_answer(err, "prepare");
	stored->band = row_is_high(row) ? WP_BAND_HIGH : WP_BAND_STANDARD;
	stored->expires_ms = wp_reply_int(wp_reply_at(row, 3));
	stored->json = wp_reply_str(json);
	stored->json_len = wp_reply_len(json);
	if (strchr(wp_reply_str(flags), 'e') == NULL)
		chunk->n++;
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
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	for (size_t i = FIRST_ROW; i < count && rc == WP_OK; i++)
		rc = chunk_add(chunk, wp_reply_at(chunk->reply, i), err);
	return rc;
}

/* M2 */
static enum wp_err prepare(const struct wp_migrate_ctx *ctx,
			   const struct wp_urn *user, struct wp_cmd *cmd,
			   struct chunk *chunk, struct wp_error *err)
{
	char random[2 * TOKEN_RANDOM_BYTES + 1];
	enum wp_err rc;

	announce(ctx, "M2");
	wp_random_hex(random, TOKEN_RANDOM_BYTES);
	wp_cmd_script(cmd, WP_SCRIPT_PREPARE, ctx->partition);
	wp_cmd_str(cmd, ctx->owner);
	wp_cmd_int(cmd, ctx->lease_ms);
	wp_cmd_add(cmd, user->text, user->len);
	wp_cmd_int(cmd, ROWS_PER_BAND);
	wp_cmd_int(cmd, WP_MIGRATE_MAX_BYTES);
	wp_cmd_str(cmd, random);
	rc = wp_redis_do(ctx->redis, cmd, &chunk->reply, err);
	return rc == WP_OK ? chunk_read(chunk, err) : rc;
}

/* Wait a little, so that two who collide do not collide again in step. */
static void pause_briefly(void)
{
	struct timespec pause = {
		.tv_nsec = 1000L * (long)wp_random_below(JITTER_MAX_US),
	};

	(void)nanosleep(&pause, NULL); /* shorter is fine */
}

/*
 * M1 to M3: leave with a chunk that is in the cold store, or is_none.
 * Every retry begins with the version again, or the fence would be open.
 */
static enum wp_err copy_chunk(const struct wp_migrate_ctx *ctx,
			      const struct wp_urn *user, struct wp_cmd *cmd,
			      struct chunk *chunk, struct wp_error *err)
{
	for (int tries = 0; tries < STALE_TRIES; tries++) {
		struct wp_store_size size = { 0 };
		int64_t version = 0;
		enum wp_err rc;

		if (tries > 0)
			pause_briefly();
		chunk_release(chunk);
		announce(ctx, "M1");
		rc = wp_store_version(ctx->store, user, &version, err);
		if (rc == WP_OK)
			rc = prepare(ctx, user, cmd, chunk, err);
		if (rc != WP_OK || chunk->is_none)
			return rc;
		if (chunk->n == 0)
			return WP_OK; /* nothing worth a write */
		announce(ctx, "M3");
		rc = wp_store_append(ctx->store, ctx->partition, user, version,
				     chunk->rows, chunk->n, &size, err);
		chunk->size = size;
		if (rc != WP_ERR_STALE)
			return rc;
	}
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "the mailbox changed in each of %d tries",
			    STALE_TRIES);
}

static void add_trim_ids(struct wp_cmd *cmd, const struct wp_reply *rows,
			 bool is_high)
{
	for (size_t i = FIRST_ROW; i < wp_reply_count(rows); i++) {
		const struct wp_reply *row = wp_reply_at(rows, i);

		if (row_is_high(row) == is_high)
			wp_cmd_add(cmd, wp_reply_str(wp_reply_at(row, 0)),
				   wp_reply_len(wp_reply_at(row, 0)));
	}
}

static int64_t count_standard(const struct wp_reply *rows)
{
	int64_t n = 0;

	for (size_t i = FIRST_ROW; i < wp_reply_count(rows); i++)
		n += !row_is_high(wp_reply_at(rows, i));
	return n;
}

/* M4 */
static enum wp_err trim(const struct wp_migrate_ctx *ctx,
			const struct wp_urn *user, struct wp_cmd *cmd,
			const struct chunk *chunk, bool *is_empty_out,
			struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	char size[SIZE_TEXT_MAX] = "";
	enum wp_err rc;

	announce(ctx, "M4");
	if (chunk->size.version > 0)
		(void)snprintf(
			size, sizeof(size), "%" PRId64 " %" PRId64 " %" PRId64,
			chunk->size.version, chunk->size.n, chunk->size.bytes);
	wp_cmd_script(cmd, WP_SCRIPT_TRIM, ctx->partition);
	wp_cmd_add(cmd, user->text, user->len);
	wp_cmd_str(cmd, size);
	wp_cmd_int(cmd, count_standard(chunk->reply));
	add_trim_ids(cmd, chunk->reply, false);
	add_trim_ids(cmd, chunk->reply, true);
	rc = wp_redis_do(ctx->redis, cmd, &reply, err);
	if (rc != WP_OK)
		goto out;
	*is_empty_out = wp_reply_is(wp_reply_at(reply, 0), "empty");
	if (!*is_empty_out && !wp_reply_is(wp_reply_at(reply, 0), "more"))
		rc = no_answer(err, "trim");
out:
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_migrate_user(const struct wp_migrate_ctx *ctx,
			    const struct wp_urn *user, int64_t *moved_out,
			    struct wp_error *err)
{
	struct chunk chunk = { 0 };
	struct wp_cmd cmd;
	bool is_done = false;
	enum wp_err rc = WP_OK;

	*moved_out = 0;
	wp_cmd_init(&cmd);
	while (rc == WP_OK && !is_done) {
		rc = copy_chunk(ctx, user, &cmd, &chunk, err);
		if (rc != WP_OK || chunk.is_none)
			break;
		*moved_out += (int64_t)chunk.n;
		rc = trim(ctx, user, &cmd, &chunk, &is_done, err);
	}
	chunk_release(&chunk);
	wp_cmd_release(&cmd);
	if (rc == WP_OK || rc == WP_ERR_STALE || rc == WP_ERR_CONFLICT)
		return rc;
	return WP_ERR_UNAVAIL;
}
