/*
 * sqlite.c - the cold store in one SQLite file on a local disk: what each
 * operation is made of.
 *
 * A transaction that changes a mailbox is BEGIN IMMEDIATE, and its first
 * statement that writes is the one on box: the version is what makes late,
 * stalled or overlapping writers harmless. All of a batch is written, or none
 * of it. The last statement keeps the size of the mailbox in box, so it is true
 * of exactly that version.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/backend.h"
#include "lib/store/sqlite_db.h"

/* 2^40 versions of one mailbox, 2^23 lives of Redis. */
enum { VER_BITS = 40 };

struct sqlite_store {
	struct wp_store base; /* first: a sqlite_store is a store */
	struct wp_sqlite_db db;
};

/* By how much a transaction changes a mailbox. */
struct change {
	int64_t n;
	int64_t bytes;
};

static struct wp_sqlite_db *db_of(struct wp_store *store)
{
	return &((struct sqlite_store *)store)->db;
}

/* ---- opening ---- */

static void store_close(struct wp_store *store)
{
	struct sqlite_store *self = (struct sqlite_store *)store;

	wp_sqlite_file_close(&self->db.file);
	free(self->db.file.path);
	free(self);
}

static enum wp_err store_open(struct wp_store **out, const struct wp_conf *conf,
			      bool may_create, struct wp_error *err)
{
	struct sqlite_store *self = calloc(1, sizeof(*self));
	enum wp_err rc = WP_ERR_UNAVAIL;

	if (self == NULL)
		return wp_error_set(err, rc, "out of memory");
	self->base.backend = &wp_store_sqlite;
	self->db.file.busy_timeout_ms = (int)conf->store.busy_timeout_ms;
	self->db.file.path = strdup(conf->store.sqlite_path);
	if (self->db.file.path == NULL)
		wp_error_set(err, rc, "out of memory");
	else
		rc = wp_sqlite_open(&self->db, may_create, err);
	if (rc != WP_OK) {
		store_close(&self->base);
		return rc;
	}
	*out = &self->base;
	return WP_OK;
}

static void store_where(const struct wp_conf *conf, char *text, size_t room)
{
	(void)snprintf(text, room, "store.sqlite_path %.100s",
		       conf->store.sqlite_path);
}

static enum wp_err store_look(struct wp_store_look *out,
			      const struct wp_conf *conf, struct wp_error *err)
{
	return wp_sqlite_look(out, conf->store.sqlite_path,
			      (int)conf->store.busy_timeout_ms, err);
}

/* ---- lives of Redis ---- */

/* One of the WP_SQL_LIFE_… that select: is there such a row? */
static enum wp_err ask_life(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			    const char *life, bool *answer_out,
			    struct wp_error *err)
{
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_ready(db, err);
	int step;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, sql);
	(void)sqlite3_bind_text(statement, 1, life, -1, SQLITE_STATIC);
	step = sqlite3_step(statement);
	*answer_out = step == SQLITE_ROW;
	return wp_sqlite_told(db, statement, step, err);
}

static enum wp_err write_life(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			      const char *life, struct wp_error *err)
{
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, sql);
	(void)sqlite3_bind_text(statement, 1, life, -1, SQLITE_STATIC);
	rc = wp_sqlite_run(db, statement, err);
	return wp_sqlite_end(db, rc, err);
}

static enum wp_err store_fence(struct wp_store *store, const char *life,
			       struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	bool is_known = false;
	enum wp_err rc;

	/* Every partition asks, the first one writes. */
	rc = ask_life(db, WP_SQL_LIFE_KNOWN, life, &is_known, err);
	if (rc != WP_OK || is_known)
		return rc;
	return write_life(db, WP_SQL_LIFE_ADD, life, err);
}

static enum wp_err store_is_past(struct wp_store *store, const char *life,
				 bool *is_past_out, struct wp_error *err)
{
	return ask_life(db_of(store), WP_SQL_LIFE_PAST, life, is_past_out, err);
}

static enum wp_err store_return(struct wp_store *store, const char *life,
				struct wp_error *err)
{
	return write_life(db_of(store), WP_SQL_LIFE_RETURN, life, err);
}

static enum wp_err read_epoch(struct wp_sqlite_db *db, int64_t *epoch_out,
			      struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, WP_SQL_EPOCH);
	int rc = sqlite3_step(statement);

	*epoch_out = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
	return wp_sqlite_told(db, statement, rc, err);
}

static enum wp_err store_has_life(struct wp_store *store, bool *has_life_out,
				  struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	int64_t epoch = 0;
	enum wp_err rc = wp_sqlite_ready(db, err);

	if (rc == WP_OK)
		rc = read_epoch(db, &epoch, err);
	*has_life_out = epoch > 0;
	return rc;
}

/* ---- notes ---- */

static enum wp_err store_note(struct wp_store *store, const char *name,
			      char value[WP_STORE_NOTE_MAX + 1],
			      struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	sqlite3_stmt *statement;
	enum wp_err ready = wp_sqlite_ready(db, err);
	int rc;

	if (ready != WP_OK)
		return ready;
	value[0] = '\0';
	statement = wp_sqlite_get(db, WP_SQL_NOTE);
	(void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		const char *text =
			(const char *)sqlite3_column_text(statement, 0);

		(void)snprintf(value, WP_STORE_NOTE_MAX + 1, "%s",
			       text != NULL ? text : "");
	}
	return wp_sqlite_told(db, statement, rc, err);
}

static enum wp_err store_note_swap(struct wp_store *store, const char *name,
				   const char *was, const char *value,
				   struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_SQL_NOTE_SWAP);
	(void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 2, was, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 3, value, -1, SQLITE_STATIC);
	rc = wp_sqlite_run(db, statement, err);
	if (rc == WP_OK && sqlite3_changes(db->file.handle) == 0)
		rc = wp_error_set(err, WP_ERR_STALE, "the note was changed");
	return wp_sqlite_end(db, rc, err);
}

/* ---- versions and sizes ---- */

/*
 * A version as callers see it: the epoch of Redis' present life above the bits
 * of the mailbox' own version.
 */
static enum wp_err store_version(struct wp_store *store,
				 const struct wp_box *box, int64_t *version_out,
				 struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	sqlite3_stmt *statement;
	enum wp_err ready = wp_sqlite_ready(db, err);
	int rc;

	if (ready != WP_OK)
		return ready;
	*version_out = 0;
	statement = wp_sqlite_of_box(db, WP_SQL_VERSION, box);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		*version_out = sqlite3_column_int64(statement, 0) << VER_BITS |
			       sqlite3_column_int64(statement, 1);
	return wp_sqlite_told(db, statement, rc, err);
}

static void read_size(sqlite3_stmt *statement, struct wp_store_size *size_out)
{
	size_out->version = sqlite3_column_int64(statement, 0);
	size_out->n = sqlite3_column_int64(statement, 1);
	size_out->bytes = sqlite3_column_int64(statement, 2);
}

static enum wp_err store_size(struct wp_store *store, const struct wp_box *box,
			      struct wp_store_size *size_out,
			      struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	sqlite3_stmt *statement;
	enum wp_err ready = wp_sqlite_ready(db, err);
	int rc;

	if (ready != WP_OK)
		return ready;
	*size_out = (struct wp_store_size){ 0 };
	statement = wp_sqlite_of_box(db, WP_SQL_BOX_SIZE, box);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		read_size(statement, size_out);
	return wp_sqlite_told(db, statement, rc, err);
}

static enum wp_err bump(struct wp_sqlite_db *db, const struct wp_box *box,
			struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_of_box(db, WP_SQL_BOX_BUMP, box);

	(void)sqlite3_bind_int64(statement, 2, box->partition);
	return wp_sqlite_run(db, statement, err);
}

/* Note the change down, and say what the mailbox holds now. */
static enum wp_err resize(struct wp_sqlite_db *db, const struct wp_box *box,
			  const struct change *change,
			  struct wp_store_size *size_out, struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_of_box(db, WP_SQL_BOX_RESIZE, box);
	int rc;

	(void)sqlite3_bind_int64(statement, 2, change->n);
	(void)sqlite3_bind_int64(statement, 3, change->bytes);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		read_size(statement, size_out);
		/* RETURNING is done with that row; one more step ends it. */
		rc = sqlite3_step(statement);
	}
	return wp_sqlite_told(db, statement, rc, err);
}

/* ---- append ---- */

/* Bump the version if it is the expected one, of the present life of Redis. */
static enum wp_err take_turn(struct wp_sqlite_db *db, const struct wp_box *box,
			     int64_t version, struct wp_error *err)
{
	int64_t ver = version & (((int64_t)1 << VER_BITS) - 1);
	sqlite3_stmt *statement;
	int64_t epoch = -1;
	enum wp_err rc = read_epoch(db, &epoch, err);

	if (rc != WP_OK)
		return rc;
	if (epoch != version >> VER_BITS)
		return wp_error_set(err, WP_ERR_STALE,
				    "the version is of an earlier life of "
				    "Redis");
	statement = wp_sqlite_of_box(
		db, ver == 0 ? WP_SQL_BOX_FIRST : WP_SQL_BOX_NEXT, box);
	(void)sqlite3_bind_int64(statement, 2,
				 ver == 0 ? (int64_t)box->partition : ver);
	rc = wp_sqlite_run(db, statement, err);
	if (rc == WP_OK && sqlite3_changes(db->file.handle) == 0)
		rc = wp_error_set(err, WP_ERR_STALE,
				  "the mailbox has another version");
	return rc;
}

static sqlite3_stmt *of_row(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			    const struct wp_box *box,
			    const struct wp_store_row *row)
{
	sqlite3_stmt *statement =
		wp_sqlite_of_entry(db, sql, box, (int)row->band, &row->entry);
	/* NULL would be SQL's NULL, which is no content. */
	const char *json = row->json != NULL ? row->json : "";

	(void)sqlite3_bind_int64(statement, 5, row->expires_ms);
	(void)sqlite3_bind_blob64(statement, 6, json, row->json_len,
				  SQLITE_STATIC);
	return statement;
}

static enum wp_err insert_row(struct wp_sqlite_db *db, const struct wp_box *box,
			      const struct wp_store_row *row,
			      struct change *change, struct wp_error *err)
{
	sqlite3_stmt *statement;
	bool is_same;
	enum wp_err rc;
	int step;

	rc = wp_sqlite_run(db, of_row(db, WP_SQL_MSG_INSERT, box, row), err);
	if (rc != WP_OK)
		return rc;
	if (sqlite3_changes(db->file.handle) > 0) {
		change->n++;
		change->bytes += (int64_t)row->json_len;
		return WP_OK;
	}
	statement = of_row(db, WP_SQL_MSG_SAME, box, row);
	step = sqlite3_step(statement);
	is_same = step == SQLITE_ROW && sqlite3_column_int(statement, 0) == 1;
	rc = wp_sqlite_told(db, statement, step, err);
	if (rc == WP_OK && !is_same)
		rc = wp_error_set(err, WP_ERR_CONFLICT,
				  "another message is stored under the id");
	return rc;
}

static enum wp_err raise_top(struct wp_sqlite_db *db,
			     const struct wp_store_append *append,
			     struct wp_error *err)
{
	const struct wp_entry_id *top = &append->rows[0].entry;
	sqlite3_stmt *statement = wp_sqlite_get(db, WP_SQL_TOP_RAISE);

	for (size_t i = 1; i < append->n; i++)
		if (wp_entry_id_cmp(&append->rows[i].entry, top) > 0)
			top = &append->rows[i].entry;
	(void)sqlite3_bind_int64(statement, 1, append->box->partition);
	(void)sqlite3_bind_int64(statement, 2, (int64_t)top->ms);
	(void)sqlite3_bind_int64(statement, 3, (int64_t)top->seq);
	return wp_sqlite_run(db, statement, err);
}

/* One mailbox' rows; STALE and CONFLICT may leave some of it written. */
static enum wp_err append_rows(struct wp_sqlite_db *db,
			       struct wp_store_append *a, struct wp_error *err)
{
	struct change change = { 0 };
	enum wp_err rc = take_turn(db, a->box, a->version, err);

	for (size_t i = 0; i < a->n && rc == WP_OK; i++)
		rc = insert_row(db, a->box, &a->rows[i], &change, err);
	if (rc == WP_OK && a->n > 0)
		rc = raise_top(db, a, err);
	if (rc == WP_OK)
		rc = resize(db, a->box, &change, &a->size, err);
	return rc;
}

static enum wp_err run_plain(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			     struct wp_error *err)
{
	return wp_sqlite_run(db, wp_sqlite_get(db, sql), err);
}

/*
 * What one mailbox' outcome is stays its own: the others' rows go in with or
 * without it. Anything else is about the store.
 */
static enum wp_err append_part(struct wp_sqlite_db *db,
			       struct wp_store_append *a, struct wp_error *err)
{
	enum wp_err rc = run_plain(db, WP_SQL_PART, err);

	a->err = (struct wp_error){ 0 };
	if (rc != WP_OK)
		return rc;
	rc = append_rows(db, a, &a->err);
	if (rc == WP_ERR_STALE || rc == WP_ERR_CONFLICT) {
		a->size = (struct wp_store_size){ 0 };
		rc = run_plain(db, WP_SQL_PART_UNDO, err);
	} else if (rc != WP_OK && err != NULL) {
		*err = a->err;
	}
	/* Undone or not, it is over. */
	return rc == WP_OK ? run_plain(db, WP_SQL_PART_KEEP, err) : rc;
}

static enum wp_err store_append(struct wp_store *store,
				struct wp_store_append *appends, size_t n,
				struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	for (size_t i = 0; i < n && rc == WP_OK; i++)
		rc = append_part(db, &appends[i], err);
	return wp_sqlite_end(db, rc, err);
}

/* ---- ack and expire ---- */

/* Run a statement that deletes rows and gives the length of each. */
static enum wp_err run_delete(struct wp_sqlite_db *db, sqlite3_stmt *statement,
			      struct change *change, struct wp_error *err)
{
	int rc;

	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		change->n--;
		change->bytes -= sqlite3_column_int64(statement, 0);
	}
	return wp_sqlite_told(db, statement, rc, err);
}

/* The end of a deletion: what is left? */
static enum wp_err see_rest(struct wp_sqlite_db *db, const struct wp_box *box,
			    const struct change *change,
			    struct wp_store_rest *rest, struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_of_box(db, WP_SQL_MSG_ANY, box);
	int step = sqlite3_step(statement);
	enum wp_err rc = wp_sqlite_told(db, statement, step, err);

	rest->is_empty = step == SQLITE_DONE;
	return rc == WP_OK ? resize(db, box, change, &rest->size, err) : rc;
}

static enum wp_err store_ack(struct wp_store *store, struct wp_store_ack *ack,
			     struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	struct change change = { 0 };
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	rc = bump(db, ack->box, err);
	for (size_t i = 0; i < ack->n && rc == WP_OK; i++) {
		const struct wp_msgid *id = &ack->ids[i];

		/* Entry ids repeat between partitions. */
		if (id->partition == ack->box->partition)
			rc = run_delete(db,
					wp_sqlite_of_entry(
						db, WP_SQL_MSG_DELETE, ack->box,
						id->band, &id->entry),
					&change, err);
	}
	if (rc == WP_OK)
		rc = see_rest(db, ack->box, &change, &ack->rest, err);
	return wp_sqlite_end(db, rc, err);
}

static enum wp_err store_expire(struct wp_store *store,
				struct wp_store_expire *expire,
				struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	struct change change = { 0 };
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	rc = bump(db, expire->box, err);
	if (rc == WP_OK) {
		statement =
			wp_sqlite_of_box(db, WP_SQL_MSG_EXPIRE, expire->box);
		(void)sqlite3_bind_int64(statement, 2, expire->now_ms);
		(void)sqlite3_bind_int64(statement, 3, WP_EXPIRE_MAX_ROWS);
		rc = run_delete(db, statement, &change, err);
	}
	if (rc == WP_OK)
		rc = see_rest(db, expire->box, &change, &expire->rest, err);
	expire->deleted = -change.n;
	return wp_sqlite_end(db, rc, err);
}

/* ---- reading ---- */

static enum wp_err read_band(struct wp_sqlite_db *db,
			     const struct wp_store_read *read,
			     enum wp_band band, struct wp_error *err)
{
	const struct wp_store_from *from = &read->from[band];
	sqlite3_stmt *statement;
	bool go_on = true;
	int rc = SQLITE_DONE;

	statement = wp_sqlite_of_entry(db, WP_SQL_MSG_READ, read->box,
				       (int)band, &from->after);
	if (!from->has_after) {
		(void)sqlite3_bind_int64(statement, 3, -1);
		(void)sqlite3_bind_int64(statement, 4, -1);
	}
	(void)sqlite3_bind_int64(statement, 5, read->now_ms);
	while (go_on && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *json = sqlite3_column_blob(statement, 3);
		struct wp_store_row row = {
			.entry.ms =
				(uint64_t)sqlite3_column_int64(statement, 0),
			.entry.seq =
				(uint64_t)sqlite3_column_int64(statement, 1),
			.band = band,
			.expires_ms = sqlite3_column_int64(statement, 2),
			.json = json,
			.json_len = (size_t)sqlite3_column_bytes(statement, 3),
		};

		/* An empty blob is NULL, and so is one that found no memory. */
		if (json == NULL) {
			if (sqlite3_errcode(db->file.handle) == SQLITE_NOMEM) {
				rc = SQLITE_NOMEM;
				break;
			}
			row.json = "";
		}
		go_on = read->on_row(read->ctx, &row);
	}
	return wp_sqlite_told(db, statement, rc, err);
}

static enum wp_err store_read(struct wp_store *store,
			      const struct wp_store_read *read,
			      struct wp_error *err)
{
	static const enum wp_band order[] = { WP_BAND_HIGH, WP_BAND_STANDARD };
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, false, err);

	if (rc != WP_OK)
		return rc;
	for (size_t i = 0; i < 2 && rc == WP_OK; i++)
		if (!read->from[order[i]].is_skipped)
			rc = read_band(db, read, order[i], err);
	return wp_sqlite_end(db, rc, err);
}

static enum wp_err store_top(struct wp_store *store, uint32_t partition,
			     struct wp_entry_id *top_out, struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	sqlite3_stmt *statement;
	enum wp_err ready = wp_sqlite_ready(db, err);
	int rc;

	if (ready != WP_OK)
		return ready;
	*top_out = (struct wp_entry_id){ 0 };
	statement = wp_sqlite_get(db, WP_SQL_TOP);
	(void)sqlite3_bind_int64(statement, 1, partition);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		top_out->ms = (uint64_t)sqlite3_column_int64(statement, 0);
		top_out->seq = (uint64_t)sqlite3_column_int64(statement, 1);
	}
	return wp_sqlite_told(db, statement, rc, err);
}

/* ---- walks ---- */

/*
 * What a row says, handed over; false ends the walk. Columns: the name, the
 * partition, whether it is asked for, and when something in it expired.
 */
static bool hand_over(struct wp_store *store, const struct wp_store_walk *walk,
		      sqlite3_stmt *statement)
{
	const char *text = (const char *)sqlite3_column_text(statement, 0);
	size_t len = (size_t)sqlite3_column_bytes(statement, 0);
	struct wp_store_place *place = walk->place;
	struct wp_box box;

	/* One bad row is no reason to keep anybody else waiting. */
	if (text == NULL ||
	    wp_box_reread(&box, (uint32_t)sqlite3_column_int64(statement, 1),
			  text, len) != WP_OK) {
		store->refused++;
		return true;
	}
	place->looked++;
	place->has_after = true;
	place->after = box;
	place->expires_ms = sqlite3_column_int64(statement, 3);
	return sqlite3_column_int(statement, 2) == 0 ||
	       walk->on_box(walk->ctx, &box);
}

static enum wp_err go_through(struct wp_store *store,
			      const struct wp_store_walk *walk,
			      sqlite3_stmt *statement, struct wp_error *err)
{
	struct wp_store_place *place = walk->place;
	int code = SQLITE_ROW;
	bool go_on = true;

	place->looked = 0;
	while (go_on && place->looked < walk->max_looked &&
	       (code = sqlite3_step(statement)) == SQLITE_ROW)
		go_on = hand_over(store, walk, statement);
	place->is_end = code == SQLITE_DONE;
	return wp_sqlite_told(db_of(store), statement, code, err);
}

/* Bind where the walk goes on: behind a name that is never empty. */
static void bind_after(sqlite3_stmt *statement, int index,
		       const struct wp_store_place *place)
{
	(void)sqlite3_bind_text(statement, index, place->after.text,
				place->has_after ? place->after.len : 0,
				SQLITE_STATIC);
}

static enum wp_err store_users(struct wp_store *store, uint32_t partition,
			       const struct wp_store_walk *walk,
			       struct wp_error *err)
{
	const struct wp_store_place from = *walk->place;
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err rc = wp_sqlite_ready(db, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_SQL_USERS);
	(void)sqlite3_bind_int64(statement, 1, partition);
	bind_after(statement, 2, &from);
	return go_through(store, walk, statement, err);
}

static enum wp_err store_expired_users(struct wp_store *store, int64_t now_ms,
				       const struct wp_store_walk *walk,
				       struct wp_error *err)
{
	const struct wp_store_place from = *walk->place;
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err rc = wp_sqlite_ready(db, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_SQL_EXPIRED_USERS);
	(void)sqlite3_bind_int64(statement, 1, now_ms);
	(void)sqlite3_bind_int64(statement, 2,
				 from.has_after ? from.expires_ms : INT64_MIN);
	bind_after(statement, 3, &from);
	return go_through(store, walk, statement, err);
}

const struct wp_store_backend wp_store_sqlite = {
	.name = "sqlite",
	.open = store_open,
	.look = store_look,
	.where = store_where,
	.close = store_close,
	.version = store_version,
	.fence = store_fence,
	.is_past = store_is_past,
	.return_to = store_return,
	.has_life = store_has_life,
	.note = store_note,
	.note_swap = store_note_swap,
	.append = store_append,
	.ack = store_ack,
	.expire = store_expire,
	.read = store_read,
	.top = store_top,
	.users = store_users,
	.expired_users = store_expired_users,
	.size = store_size,
};
