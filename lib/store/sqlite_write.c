/*
 * sqlite_write.c - the three transactions that change a mailbox on disk, and
 * the fence between two lives of Redis.
 *
 * Each is BEGIN IMMEDIATE, and the first statement that writes is the one on
 * box: the version is what makes late, stalled or overlapping writers harmless.
 * All of a batch is written, or none of it. The last statement keeps the size
 * of the mailbox in box, so it is true of exactly that version.
 */
#include "lib/store/sqlite_write.h"

#include <assert.h>

#include "lib/mailbox/migrate.h"

/* By how much a transaction changes a mailbox. */
struct change {
	int64_t n;
	int64_t bytes;
};

/* 2^40 versions of one mailbox, 2^23 lives of Redis. */
enum { VER_BITS = 40 };

int64_t wp_sqlite_join_version(int64_t epoch, int64_t ver)
{
	return epoch << VER_BITS | ver;
}

enum wp_err wp_sqlite_ask_life(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			       const char *life, bool *answer_out,
			       struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, sql);
	int rc;

	(void)sqlite3_bind_text(statement, 1, life, -1, SQLITE_STATIC);
	rc = sqlite3_step(statement);
	wp_sqlite_done(statement);
	*answer_out = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE
		       ? WP_OK
		       : wp_sqlite_fail(db, rc, err);
}

static enum wp_err write_life(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			      const char *life, struct wp_error *err)
{
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_begin(db, true, err);
	int step;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, sql);
	(void)sqlite3_bind_text(statement, 1, life, -1, SQLITE_STATIC);
	step = wp_sqlite_run(statement);
	if (step != SQLITE_DONE)
		rc = wp_sqlite_fail(db, step, err);
	return wp_sqlite_end(db, rc, err);
}

enum wp_err wp_sqlite_fence(struct wp_sqlite_db *db, const char *life,
			    struct wp_error *err)
{
	bool is_known = false;
	enum wp_err rc = wp_sqlite_ready(db, err);

	/* Every partition asks, the first one writes. */
	if (rc == WP_OK)
		rc = wp_sqlite_ask_life(db, WP_SQL_LIFE_KNOWN, life, &is_known,
					err);
	if (rc != WP_OK || is_known)
		return rc;
	return write_life(db, WP_SQL_LIFE_ADD, life, err);
}

enum wp_err wp_sqlite_return(struct wp_sqlite_db *db, const char *life,
			     struct wp_error *err)
{
	return write_life(db, WP_SQL_LIFE_RETURN, life, err);
}

enum wp_err wp_sqlite_note_swap(struct wp_sqlite_db *db, const char *name,
				const char *was, const char *value,
				struct wp_error *err)
{
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_ready(db, err);
	int step;

	if (rc == WP_OK)
		rc = wp_sqlite_begin(db, true, err);
	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_SQL_NOTE_SWAP);
	(void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 2, was, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 3, value, -1, SQLITE_STATIC);
	step = wp_sqlite_run(statement);
	if (step != SQLITE_DONE)
		rc = wp_sqlite_fail(db, step, err);
	else if (sqlite3_changes(db->handle) == 0)
		rc = wp_error_set(err, WP_ERR_STALE, "the note was changed");
	return wp_sqlite_end(db, rc, err);
}

/* Was the version read in the present life of Redis? */
static enum wp_err check_epoch(struct wp_sqlite_db *db, int64_t epoch,
			       struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, WP_SQL_EPOCH);
	int64_t now = -1;
	int rc = sqlite3_step(statement);

	if (rc == SQLITE_ROW)
		now = sqlite3_column_int64(statement, 0);
	wp_sqlite_done(statement);
	if (rc != SQLITE_ROW)
		return wp_sqlite_fail(db, rc, err);
	if (now != epoch)
		return wp_error_set(err, WP_ERR_STALE,
				    "the version is of an earlier life of "
				    "Redis");
	return WP_OK;
}

/* Bump the version if it is the expected one. */
static enum wp_err take_turn(struct wp_sqlite_db *db, uint32_t partition,
			     const struct wp_urn *user, int64_t version,
			     struct wp_error *err)
{
	int64_t ver = version & (((int64_t)1 << VER_BITS) - 1);
	sqlite3_stmt *statement;
	enum wp_err fence = check_epoch(db, version >> VER_BITS, err);
	int rc;

	if (fence != WP_OK)
		return fence;
	statement = wp_sqlite_of_user(
		db, ver == 0 ? WP_SQL_BOX_FIRST : WP_SQL_BOX_NEXT, user);
	(void)sqlite3_bind_int64(statement, 2,
				 ver == 0 ? (int64_t)partition : ver);
	rc = wp_sqlite_run(statement);
	if (rc != SQLITE_DONE)
		return wp_sqlite_fail(db, rc, err);
	if (sqlite3_changes(db->handle) == 0)
		return wp_error_set(err, WP_ERR_STALE,
				    "the mailbox has another version");
	return WP_OK;
}

static sqlite3_stmt *of_row(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			    const struct wp_urn *user,
			    const struct wp_store_row *row)
{
	sqlite3_stmt *statement =
		wp_sqlite_of_entry(db, sql, user, (int)row->band, &row->entry);
	/* NULL would be SQL's NULL, which is no content. */
	const char *json = row->json != NULL ? row->json : "";

	(void)sqlite3_bind_int64(statement, 5, row->expires_ms);
	(void)sqlite3_bind_blob64(statement, 6, json, row->json_len,
				  SQLITE_STATIC);
	return statement;
}

static enum wp_err insert_row(struct wp_sqlite_db *db,
			      const struct wp_urn *user,
			      const struct wp_store_row *row,
			      struct change *change, struct wp_error *err)
{
	sqlite3_stmt *statement;
	bool is_same = false;
	int rc;

	rc = wp_sqlite_run(of_row(db, WP_SQL_MSG_INSERT, user, row));
	if (rc != SQLITE_DONE)
		return wp_sqlite_fail(db, rc, err);
	if (sqlite3_changes(db->handle) > 0) {
		change->n++;
		change->bytes += (int64_t)row->json_len;
		return WP_OK;
	}
	statement = of_row(db, WP_SQL_MSG_SAME, user, row);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		is_same = sqlite3_column_int(statement, 0) == 1;
	wp_sqlite_done(statement);
	if (rc != SQLITE_ROW)
		return wp_sqlite_fail(db, rc, err);
	if (!is_same)
		return wp_error_set(err, WP_ERR_CONFLICT,
				    "another message is stored under the id");
	return WP_OK;
}

static enum wp_err raise_top(struct wp_sqlite_db *db, uint32_t partition,
			     const struct wp_store_row *rows, size_t n,
			     struct wp_error *err)
{
	const struct wp_entry_id *top = &rows[0].entry;
	sqlite3_stmt *statement = wp_sqlite_get(db, WP_SQL_TOP_RAISE);
	int rc;

	for (size_t i = 1; i < n; i++)
		if (wp_entry_id_cmp(&rows[i].entry, top) > 0)
			top = &rows[i].entry;
	(void)sqlite3_bind_int64(statement, 1, partition);
	(void)sqlite3_bind_int64(statement, 2, (int64_t)top->ms);
	(void)sqlite3_bind_int64(statement, 3, (int64_t)top->seq);
	rc = wp_sqlite_run(statement);
	return rc == SQLITE_DONE ? WP_OK : wp_sqlite_fail(db, rc, err);
}

void wp_sqlite_read_size(sqlite3_stmt *statement,
			 struct wp_store_size *size_out)
{
	size_out->version = sqlite3_column_int64(statement, 0);
	size_out->n = sqlite3_column_int64(statement, 1);
	size_out->bytes = sqlite3_column_int64(statement, 2);
}

/* Note the change down, and say what the mailbox holds now. */
static enum wp_err resize(struct wp_sqlite_db *db, const struct wp_urn *user,
			  const struct change *change,
			  struct wp_store_size *size_out, struct wp_error *err)
{
	sqlite3_stmt *statement =
		wp_sqlite_of_user(db, WP_SQL_BOX_RESIZE, user);
	int rc;

	(void)sqlite3_bind_int64(statement, 2, change->n);
	(void)sqlite3_bind_int64(statement, 3, change->bytes);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW && size_out != NULL)
		wp_sqlite_read_size(statement, size_out);
	/* RETURNING is done with the first row; one more step ends it. */
	if (rc == SQLITE_ROW)
		rc = sqlite3_step(statement);
	wp_sqlite_done(statement);
	return rc == SQLITE_DONE ? WP_OK : wp_sqlite_fail(db, rc, err);
}

static enum wp_err run_plain(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			     struct wp_error *err)
{
	int rc = wp_sqlite_run(wp_sqlite_get(db, sql));

	return rc == SQLITE_DONE ? WP_OK : wp_sqlite_fail(db, rc, err);
}

/* One user's rows; STALE and CONFLICT may leave some of it written. */
static enum wp_err append(struct wp_sqlite_db *db, struct wp_store_append *a,
			  struct wp_error *err)
{
	struct change change = { 0 };
	enum wp_err rc = take_turn(db, a->partition, a->user, a->version, err);

	assert(a->n <= WP_MIGRATE_MAX_ROWS);
	for (size_t i = 0; i < a->n && rc == WP_OK; i++)
		rc = insert_row(db, a->user, &a->rows[i], &change, err);
	if (rc == WP_OK && a->n > 0)
		rc = raise_top(db, a->partition, a->rows, a->n, err);
	if (rc == WP_OK)
		rc = resize(db, a->user, &change, &a->size, err);
	return rc;
}

/* What one user's outcome is stays his: the others' rows go in with or without
 * his. Anything else is about the store. */
static enum wp_err append_part(struct wp_sqlite_db *db,
			       struct wp_store_append *a, struct wp_error *err)
{
	enum wp_err rc = run_plain(db, WP_SQL_PART, err);

	a->err = (struct wp_error){ 0 };
	if (rc != WP_OK)
		return rc;
	rc = append(db, a, &a->err);
	if (rc == WP_ERR_STALE || rc == WP_ERR_CONFLICT) {
		a->size = (struct wp_store_size){ 0 };
		rc = run_plain(db, WP_SQL_PART_UNDO, err);
	} else if (rc != WP_OK && err != NULL) {
		*err = a->err;
	}
	/* Undone or not, it is over. */
	return rc == WP_OK ? run_plain(db, WP_SQL_PART_KEEP, err) : rc;
}

enum wp_err wp_sqlite_append_many(struct wp_sqlite_db *db,
				  struct wp_store_append *appends, size_t n,
				  struct wp_error *err)
{
	enum wp_err rc;

	assert(n <= WP_APPENDS_MAX);
	rc = wp_sqlite_begin(db, true, err);
	if (rc != WP_OK)
		return rc;
	for (size_t i = 0; i < n && rc == WP_OK; i++)
		rc = append_part(db, &appends[i], err);
	return wp_sqlite_end(db, rc, err);
}

static enum wp_err bump(struct wp_sqlite_db *db, uint32_t partition,
			const struct wp_urn *user, struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_of_user(db, WP_SQL_BOX_BUMP, user);
	int rc;

	(void)sqlite3_bind_int64(statement, 2, partition);
	rc = wp_sqlite_run(statement);
	return rc == SQLITE_DONE ? WP_OK : wp_sqlite_fail(db, rc, err);
}

/* Run a statement that deletes rows and gives the length of each. */
static enum wp_err run_delete(struct wp_sqlite_db *db, sqlite3_stmt *statement,
			      struct change *change, struct wp_error *err)
{
	int rc;

	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		change->n--;
		change->bytes -= sqlite3_column_int64(statement, 0);
	}
	wp_sqlite_done(statement);
	return rc == SQLITE_DONE ? WP_OK : wp_sqlite_fail(db, rc, err);
}

static enum wp_err see_if_empty(struct wp_sqlite_db *db,
				const struct wp_urn *user, bool *empty_out,
				struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_of_user(db, WP_SQL_MSG_ANY, user);
	int rc = sqlite3_step(statement);

	wp_sqlite_done(statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return wp_sqlite_fail(db, rc, err);
	*empty_out = rc == SQLITE_DONE;
	return WP_OK;
}

enum wp_err wp_sqlite_ack(struct wp_sqlite_db *db, uint32_t partition,
			  const struct wp_urn *user, const struct wp_msgid *ids,
			  size_t n, bool *empty_out,
			  struct wp_store_size *size_out, struct wp_error *err)
{
	struct change change = { 0 };
	enum wp_err rc;

	rc = wp_sqlite_begin(db, true, err);
	if (rc != WP_OK)
		return rc;
	rc = bump(db, partition, user, err);
	for (size_t i = 0; i < n && rc == WP_OK; i++)
		/* Entry ids repeat between partitions. */
		if (ids[i].partition == partition)
			rc = run_delete(
				db,
				wp_sqlite_of_entry(db, WP_SQL_MSG_DELETE, user,
						   ids[i].band, &ids[i].entry),
				&change, err);
	if (rc == WP_OK)
		rc = see_if_empty(db, user, empty_out, err);
	if (rc == WP_OK)
		rc = resize(db, user, &change, size_out, err);
	return wp_sqlite_end(db, rc, err);
}

enum wp_err wp_sqlite_expire(struct wp_sqlite_db *db, uint32_t partition,
			     const struct wp_urn *user, int64_t now_ms,
			     int64_t *deleted_out, bool *empty_out,
			     struct wp_store_size *size_out,
			     struct wp_error *err)
{
	struct change change = { 0 };
	sqlite3_stmt *statement;
	enum wp_err rc;

	rc = wp_sqlite_begin(db, true, err);
	if (rc != WP_OK)
		return rc;
	rc = bump(db, partition, user, err);
	if (rc == WP_OK) {
		statement = wp_sqlite_of_user(db, WP_SQL_MSG_EXPIRE, user);
		(void)sqlite3_bind_int64(statement, 2, now_ms);
		(void)sqlite3_bind_int64(statement, 3, WP_EXPIRE_MAX_ROWS);
		rc = run_delete(db, statement, &change, err);
	}
	if (rc == WP_OK)
		rc = see_if_empty(db, user, empty_out, err);
	if (rc == WP_OK)
		rc = resize(db, user, &change, size_out, err);
	*deleted_out = -change.n;
	return wp_sqlite_end(db, rc, err);
}
