/*
 * sqlite.c - the cold store in one SQLite file on a local disk: what each
 * operation is made of.
 *
 * A transaction that changes a mailbox is BEGIN IMMEDIATE, and its first
 * statement that writes is the one on box: the version is what makes late,
 * stalled or overlapping writers harmless. All of a batch is written, or none
 * of it. Box keeps the size of the mailbox as well, changed in the transaction
 * that changes it, so it is true of exactly that version.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "lib/sqlite/db.h"
#include "lib/store/backend.h"
#include "lib/store/sqlite_push.h"
#include "lib/store/sqlite_schema.h"
#include "lib/store/sqlite_store.h"

/* ---- statements ---- */

enum sql {
	SQL_PART = WP_PUSH_SQL_COUNT, /* behind those of devices */
	SQL_PART_KEEP,
	SQL_PART_UNDO,
	SQL_VERSION,
	SQL_EPOCH,
	SQL_LIFE_KNOWN,
	SQL_LIFE_ADD,
	SQL_LIFE_PAST,
	SQL_LIFE_RETURN,
	SQL_BOX_FIRST,
	SQL_BOX_NEXT,
	SQL_BOX_BUMP,
	SQL_BOX_RESIZE,
	SQL_BOX_SIZE,
	SQL_MSG_INSERT,
	SQL_MSG_SAME,
	SQL_MSG_DELETE,
	SQL_MSG_EXPIRE,
	SQL_MSG_ANY,
	SQL_MSG_READ,
	SQL_TOP_RAISE,
	SQL_TOP,
	SQL_USERS,
	SQL_EXPIRED_USERS,
	SQL_NOTE,
	SQL_NOTE_SWAP,
	SQL_COUNT
};

#define TEXT_OF(name, text) [name] = (text),
static const char *const texts[SQL_COUNT] = {
	WP_PUSH_SQL(TEXT_OF)
		/* A part of a transaction that can be undone alone. */
		[SQL_PART] = "SAVEPOINT part",
	[SQL_PART_KEEP] = "RELEASE part",
	[SQL_PART_UNDO] = "ROLLBACK TO part",
	[SQL_VERSION] = "SELECT (SELECT max(epoch) FROM life), "
			"(SELECT ver FROM box WHERE urn = ?1)",
	[SQL_EPOCH] = "SELECT max(epoch) FROM life",
	[SQL_LIFE_KNOWN] = "SELECT 1 FROM life WHERE run_id = ?1",
	[SQL_LIFE_ADD] = "INSERT INTO life (run_id) VALUES (?1) "
			 "ON CONFLICT DO NOTHING",
	[SQL_LIFE_PAST] = "SELECT 1 FROM life WHERE run_id = ?1 "
			  "AND epoch < (SELECT max(epoch) FROM life)",
	/* The old row goes; the new one has an epoch that was never used. */
	[SQL_LIFE_RETURN] = "INSERT OR REPLACE INTO life (run_id) "
			    "SELECT run_id FROM life WHERE run_id = ?1 "
			    "AND epoch < (SELECT max(epoch) FROM life)",
	[SQL_BOX_FIRST] = "INSERT INTO box (urn, partition, ver, n, bytes) "
			  "VALUES (?1, ?2, 1, ?3, ?4) ON CONFLICT DO NOTHING "
			  "RETURNING ver, n, bytes",
	[SQL_BOX_NEXT] = "UPDATE box SET ver = ver + 1, "
			 "n = n + ?3, bytes = bytes + ?4 "
			 "WHERE urn = ?1 AND ver = ?2 "
			 "RETURNING ver, n, bytes",
	[SQL_BOX_BUMP] = "INSERT INTO box (urn, partition, ver) "
			 "VALUES (?1, ?2, 1) "
			 "ON CONFLICT (urn) DO UPDATE SET ver = ver + 1",
	[SQL_BOX_RESIZE] = "UPDATE box SET n = n + ?2, bytes = bytes + ?3 "
			   "WHERE urn = ?1 RETURNING ver, n, bytes",
	[SQL_BOX_SIZE] = "SELECT ver, n, bytes FROM box WHERE urn = ?1",
	[SQL_MSG_INSERT] =
		"INSERT INTO msg (urn, band, ms, seq, expires_ms, json) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
	[SQL_MSG_SAME] =
		"SELECT expires_ms = ?5 AND json = ?6 FROM msg "
		"WHERE urn = ?1 AND band = ?2 AND ms = ?3 AND seq = ?4",
	[SQL_MSG_DELETE] =
		"DELETE FROM msg "
		"WHERE urn = ?1 AND band = ?2 AND ms = ?3 AND seq = ?4 "
		"RETURNING length(json)",
	[SQL_MSG_EXPIRE] = "DELETE FROM msg WHERE rowid IN "
			   "(SELECT rowid FROM msg "
			   "WHERE urn = ?1 AND expires_ms <= ?2 LIMIT ?3) "
			   "RETURNING length(json)",
	[SQL_MSG_ANY] = "SELECT 1 FROM msg WHERE urn = ?1 LIMIT 1",
	[SQL_MSG_READ] = "SELECT ms, seq, expires_ms, json FROM msg "
			 "WHERE urn = ?1 AND band = ?2 "
			 "AND (ms, seq) > (?3, ?4) AND expires_ms > ?5 "
			 "ORDER BY ms, seq",
	[SQL_TOP_RAISE] =
		"INSERT INTO top (partition, ms, seq) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (partition) DO UPDATE "
		"SET ms = excluded.ms, seq = excluded.seq "
		"WHERE (excluded.ms, excluded.seq) > (top.ms, top.seq)",
	[SQL_TOP] = "SELECT ms, seq FROM top WHERE partition = ?1",
	/* Empty mailboxes are rows as well: whoever asks counts them. */
	[SQL_USERS] = "SELECT urn, partition, EXISTS "
		      "(SELECT 1 FROM msg WHERE msg.urn = box.urn), 0 "
		      "FROM box WHERE partition = ?1 AND urn > ?2 "
		      "ORDER BY urn",
	[SQL_EXPIRED_USERS] =
		"SELECT msg.urn, box.partition, 1, msg.expires_ms "
		"FROM msg INDEXED BY msg_expiry "
		"CROSS JOIN box ON box.urn = msg.urn "
		"WHERE msg.expires_ms <= ?1 "
		"AND (msg.expires_ms, msg.urn) > (?2, ?3) "
		"ORDER BY msg.expires_ms, msg.urn",
	[SQL_NOTE] = "SELECT value FROM note WHERE name = ?1",
	[SQL_NOTE_SWAP] =
		"INSERT INTO note (name, value) SELECT ?1, ?3 WHERE ?2 = "
		"coalesce((SELECT value FROM note WHERE name = ?1), '') "
		"ON CONFLICT (name) DO UPDATE SET value = excluded.value",
};

/* A prepared statement, reset, with the mailbox as ?1. */
static sqlite3_stmt *of_box(struct wp_sqlite *db, enum sql sql,
			    const struct wp_box *box)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, sql);

	/* Binding in place cannot fail: the indexes are right. */
	(void)sqlite3_bind_text(statement, 1, box->text, box->len,
				SQLITE_STATIC);
	return statement;
}

/* The same with band, ms and seq as ?2 to ?4. */
static sqlite3_stmt *of_entry(struct wp_sqlite *db, enum sql sql,
			      const struct wp_box *box, int band,
			      const struct wp_entry_id *entry)
{
	sqlite3_stmt *statement = of_box(db, sql, box);

	(void)sqlite3_bind_int(statement, 2, band);
	(void)sqlite3_bind_int64(statement, 3, (int64_t)entry->ms);
	(void)sqlite3_bind_int64(statement, 4, (int64_t)entry->seq);
	return statement;
}

/* ---- the store ---- */

/* By how much a transaction changes a mailbox. */
struct change {
	int64_t n;
	int64_t bytes;
};

static void store_close(struct wp_store *store)
{
	struct wp_sqlite_store *self = (struct wp_sqlite_store *)store;

	wp_sqlite_close(&self->db);
	free(self);
}

static enum wp_err store_open(struct wp_store **out, const struct wp_conf *conf,
			      bool may_create, struct wp_error *err)
{
	const struct wp_sqlite_setup setup = {
		.kind = &wp_store_sqlite_kind,
		.texts = texts,
		.n = SQL_COUNT,
		.path = conf->store.sqlite_path,
		.busy_timeout_ms = (int)conf->store.busy_timeout_ms,
		.may_create = may_create,
	};
	struct wp_sqlite_store *self = calloc(1, sizeof(*self));
	enum wp_err rc = WP_ERR_UNAVAIL;

	if (self == NULL)
		return wp_error_set(err, rc, "out of memory");
	self->base.backend = &wp_store_sqlite;
	rc = wp_sqlite_open(&self->db, &setup, err);
	if (rc != WP_OK) {
		free(self);
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

static int64_t bytes_of(const char *path, const char *suffix)
{
	char full[PATH_MAX];
	struct stat about;
	int n = snprintf(full, sizeof(full), "%s%s", path, suffix);

	return n > 0 && (size_t)n < sizeof(full) && stat(full, &about) == 0
		       ? (int64_t)about.st_size
		       : 0;
}

static int64_t store_bytes(const struct wp_conf *conf)
{
	return bytes_of(conf->store.sqlite_path, "") +
	       bytes_of(conf->store.sqlite_path, "-wal");
}

/* ---- lives of Redis ---- */

/* One of the SQL_LIFE_… that select: is there such a row? */
static enum wp_err ask_life(struct wp_sqlite *db, enum sql sql,
			    const char *life, bool *answer_out,
			    struct wp_error *err)
{
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_be_open(db, err);
	int step;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, sql);
	(void)sqlite3_bind_text(statement, 1, life, -1, SQLITE_STATIC);
	step = sqlite3_step(statement);
	*answer_out = step == SQLITE_ROW;
	return wp_sqlite_told(db, statement, step, err);
}

static enum wp_err write_life(struct wp_sqlite *db, enum sql sql,
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
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	bool is_known = false;
	enum wp_err rc;

	/* Every partition asks, the first one writes. */
	rc = ask_life(db, SQL_LIFE_KNOWN, life, &is_known, err);
	if (rc != WP_OK || is_known)
		return rc;
	return write_life(db, SQL_LIFE_ADD, life, err);
}

static enum wp_err store_is_past(struct wp_store *store, const char *life,
				 bool *is_past_out, struct wp_error *err)
{
	return ask_life(wp_sqlite_db_of(store), SQL_LIFE_PAST, life,
			is_past_out, err);
}

static enum wp_err store_return(struct wp_store *store, const char *life,
				struct wp_error *err)
{
	return write_life(wp_sqlite_db_of(store), SQL_LIFE_RETURN, life, err);
}

static enum wp_err read_epoch(struct wp_sqlite *db, int64_t *epoch_out,
			      struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, SQL_EPOCH);
	int rc = sqlite3_step(statement);

	*epoch_out = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
	return wp_sqlite_told(db, statement, rc, err);
}

static enum wp_err store_epoch(struct wp_store *store, int64_t *epoch_out,
			       struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_be_open(db, err);

	return rc == WP_OK ? read_epoch(db, epoch_out, err) : rc;
}

/* ---- notes ---- */

static enum wp_err store_note(struct wp_store *store, const char *name,
			      char value[WP_STORE_NOTE_MAX + 1],
			      struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	sqlite3_stmt *statement;
	enum wp_err ready = wp_sqlite_be_open(db, err);
	int rc;

	if (ready != WP_OK)
		return ready;
	value[0] = '\0';
	statement = wp_sqlite_get(db, SQL_NOTE);
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
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, SQL_NOTE_SWAP);
	(void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 2, was, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 3, value, -1, SQLITE_STATIC);
	rc = wp_sqlite_run(db, statement, err);
	if (rc == WP_OK && sqlite3_changes(db->file.handle) == 0)
		rc = wp_error_set(err, WP_ERR_STALE, "the note was changed");
	return wp_sqlite_end(db, rc, err);
}

/* ---- versions and sizes ---- */

/* Needs an open connection. */
static enum wp_err read_version(struct wp_sqlite *db, const struct wp_box *box,
				int64_t *version_out, struct wp_error *err)
{
	sqlite3_stmt *statement = of_box(db, SQL_VERSION, box);
	int rc = sqlite3_step(statement);

	*version_out = 0;
	if (rc == SQLITE_ROW)
		*version_out =
			wp_store_version_of(sqlite3_column_int64(statement, 0),
					    sqlite3_column_int64(statement, 1));
	return wp_sqlite_told(db, statement, rc, err);
}

static enum wp_err store_version(struct wp_store *store,
				 const struct wp_box *box, int64_t *version_out,
				 struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_be_open(db, err);

	return rc == WP_OK ? read_version(db, box, version_out, err) : rc;
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
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	sqlite3_stmt *statement;
	enum wp_err ready = wp_sqlite_be_open(db, err);
	int rc;

	if (ready != WP_OK)
		return ready;
	*size_out = (struct wp_store_size){ 0 };
	statement = of_box(db, SQL_BOX_SIZE, box);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		read_size(statement, size_out);
	return wp_sqlite_told(db, statement, rc, err);
}

static enum wp_err bump(struct wp_sqlite *db, const struct wp_box *box,
			struct wp_error *err)
{
	sqlite3_stmt *statement = of_box(db, SQL_BOX_BUMP, box);

	(void)sqlite3_bind_int64(statement, 2, box->partition);
	return wp_sqlite_run(db, statement, err);
}

/* Run a change of box; size_out is left alone when it was of no row. */
static enum wp_err run_size(struct wp_sqlite *db, sqlite3_stmt *statement,
			    struct wp_store_size *size_out,
			    struct wp_error *err)
{
	int rc = sqlite3_step(statement);

	if (rc == SQLITE_ROW) {
		read_size(statement, size_out);
		/* RETURNING is done with that row; one more step ends it. */
		rc = sqlite3_step(statement);
	}
	return wp_sqlite_told(db, statement, rc, err);
}

/* Note the change down, and say what the mailbox holds now. */
static enum wp_err resize(struct wp_sqlite *db, const struct wp_box *box,
			  const struct change *change,
			  struct wp_store_size *size_out, struct wp_error *err)
{
	sqlite3_stmt *statement = of_box(db, SQL_BOX_RESIZE, box);

	(void)sqlite3_bind_int64(statement, 2, change->n);
	(void)sqlite3_bind_int64(statement, 3, change->bytes);
	return run_size(db, statement, size_out, err);
}

/* ---- append ---- */

/*
 * Bump the version if it is the expected one, of the present life of Redis, and
 * let the size grow by all rows. STALE leaves nothing written, and says which
 * version it is.
 */
static enum wp_err take_turn(struct wp_sqlite *db, struct wp_store_append *a,
			     int64_t epoch, struct wp_error *err)
{
	int64_t number = a->version - wp_store_version_of(epoch, 0);
	sqlite3_stmt *statement;
	int64_t bytes = 0;
	enum wp_err rc;

	for (size_t i = 0; i < a->n; i++)
		bytes += (int64_t)a->rows[i].json_len;
	a->size = (struct wp_store_size){ 0 };
	if (number >= 0 && number >> WP_STORE_NUMBER_BITS == 0) {
		statement = of_box(
			db, number == 0 ? SQL_BOX_FIRST : SQL_BOX_NEXT, a->box);
		(void)sqlite3_bind_int64(
			statement, 2,
			number == 0 ? (int64_t)a->box->partition : number);
		(void)sqlite3_bind_int64(statement, 3, (int64_t)a->n);
		(void)sqlite3_bind_int64(statement, 4, bytes);
		rc = run_size(db, statement, &a->size, err);
		if (rc != WP_OK || a->size.version > 0)
			return rc;
	}
	rc = read_version(db, a->box, &a->version_now, err);
	return rc == WP_OK ? wp_error_set(err, WP_ERR_STALE,
					  "the mailbox has another version")
			   : rc;
}

static sqlite3_stmt *of_row(struct wp_sqlite *db, enum sql sql,
			    const struct wp_box *box,
			    const struct wp_store_row *row)
{
	sqlite3_stmt *statement =
		of_entry(db, sql, box, (int)row->band, &row->entry);
	/* NULL would be SQL's NULL, which is no content. */
	const char *json = row->json != NULL ? row->json : "";

	(void)sqlite3_bind_int64(statement, 5, row->expires_ms);
	(void)sqlite3_bind_blob64(statement, 6, json, row->json_len,
				  SQLITE_STATIC);
	return statement;
}

/* *change: less what was there already. */
static enum wp_err insert_row(struct wp_sqlite *db, const struct wp_box *box,
			      const struct wp_store_row *row,
			      struct change *change, struct wp_error *err)
{
	sqlite3_stmt *statement;
	bool is_same;
	enum wp_err rc;
	int step;

	rc = wp_sqlite_run(db, of_row(db, SQL_MSG_INSERT, box, row), err);
	if (rc != WP_OK)
		return rc;
	if (sqlite3_changes(db->file.handle) > 0)
		return WP_OK;
	change->n--;
	change->bytes -= (int64_t)row->json_len;
	statement = of_row(db, SQL_MSG_SAME, box, row);
	step = sqlite3_step(statement);
	is_same = step == SQLITE_ROW && sqlite3_column_int(statement, 0) == 1;
	rc = wp_sqlite_told(db, statement, step, err);
	if (rc == WP_OK && !is_same)
		rc = wp_error_set(err, WP_ERR_CONFLICT,
				  "another message is stored under the id");
	return rc;
}

static enum wp_err raise_top(struct wp_sqlite *db, uint32_t partition,
			     const struct wp_entry_id *top,
			     struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, SQL_TOP_RAISE);

	(void)sqlite3_bind_int64(statement, 1, partition);
	(void)sqlite3_bind_int64(statement, 2, (int64_t)top->ms);
	(void)sqlite3_bind_int64(statement, 3, (int64_t)top->seq);
	return wp_sqlite_run(db, statement, err);
}

/* By what was written; once for those of a partition that stand together. */
static enum wp_err raise_tops(struct wp_sqlite *db,
			      const struct wp_store_append *appends, size_t n,
			      struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	size_t i = 0;

	while (i < n && rc == WP_OK) {
		uint32_t partition = appends[i].box->partition;
		struct wp_entry_id top = { 0 };
		bool has_rows = false;

		for (; i < n && appends[i].box->partition == partition; i++) {
			const struct wp_store_append *a = &appends[i];
			bool is_written = a->err.code == WP_OK;

			has_rows |= is_written && a->n > 0;
			for (size_t k = 0; k < a->n && is_written; k++)
				if (wp_entry_id_cmp(&a->rows[k].entry, &top) >
				    0)
					top = a->rows[k].entry;
		}
		if (has_rows)
			rc = raise_top(db, partition, &top, err);
	}
	return rc;
}

/* One mailbox' rows; CONFLICT may leave some of it written. */
static enum wp_err append_rows(struct wp_sqlite *db, struct wp_store_append *a,
			       int64_t epoch, struct wp_error *err)
{
	struct change change = { 0 };
	enum wp_err rc = take_turn(db, a, epoch, err);

	for (size_t i = 0; i < a->n && rc == WP_OK; i++)
		rc = insert_row(db, a->box, &a->rows[i], &change, err);
	if (rc == WP_OK && change.n < 0)
		rc = resize(db, a->box, &change, &a->size, err);
	if (rc != WP_OK)
		a->size = (struct wp_store_size){ 0 };
	return rc;
}

static enum wp_err run_plain(struct wp_sqlite *db, enum sql sql,
			     struct wp_error *err)
{
	return wp_sqlite_run(db, wp_sqlite_get(db, sql), err);
}

/* The same, so that a conflict can be undone alone. */
static enum wp_err append_part(struct wp_sqlite *db, struct wp_store_append *a,
			       int64_t epoch, struct wp_error *err)
{
	enum wp_err undone = WP_OK;
	enum wp_err rc = run_plain(db, SQL_PART, err);

	if (rc != WP_OK)
		return rc;
	rc = append_rows(db, a, epoch, err);
	if (rc == WP_ERR_CONFLICT)
		undone = run_plain(db, SQL_PART_UNDO, err);
	if (undone == WP_OK &&
	    (rc == WP_OK || rc == WP_ERR_STALE || rc == WP_ERR_CONFLICT))
		/* Undone or not, it is over. */
		undone = run_plain(db, SQL_PART_KEEP, err);
	return undone == WP_OK ? rc : undone;
}

/*
 * One transaction. In parts, what one mailbox' outcome is stays its own;
 * without, which costs less, the first conflict ends it.
 */
static enum wp_err append_all(struct wp_sqlite *db,
			      struct wp_store_append *appends, size_t n,
			      bool in_parts, struct wp_error *err)
{
	int64_t epoch = 0;
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	rc = read_epoch(db, &epoch, err);
	for (size_t i = 0; i < n && rc == WP_OK; i++) {
		struct wp_store_append *a = &appends[i];

		a->err = (struct wp_error){ 0 };
		rc = in_parts ? append_part(db, a, epoch, &a->err)
			      : append_rows(db, a, epoch, &a->err);
		if (rc == WP_ERR_STALE || (rc == WP_ERR_CONFLICT && in_parts))
			rc = WP_OK;
		else if (rc != WP_OK && err != NULL)
			*err = a->err;
	}
	if (rc == WP_OK)
		rc = raise_tops(db, appends, n, err);
	return wp_sqlite_end(db, rc, err);
}

static enum wp_err store_append(struct wp_store *store,
				struct wp_store_append *appends, size_t n,
				struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = append_all(db, appends, n, false, err);

	return rc == WP_ERR_CONFLICT ? append_all(db, appends, n, true, err)
				     : rc;
}

/* ---- ack and expire ---- */

/* Run a statement that deletes rows and gives the length of each. */
static enum wp_err run_delete(struct wp_sqlite *db, sqlite3_stmt *statement,
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
static enum wp_err see_rest(struct wp_sqlite *db, const struct wp_box *box,
			    const struct change *change,
			    struct wp_store_rest *rest, struct wp_error *err)
{
	sqlite3_stmt *statement = of_box(db, SQL_MSG_ANY, box);
	int step = sqlite3_step(statement);
	enum wp_err rc = wp_sqlite_told(db, statement, step, err);

	rest->is_empty = step == SQLITE_DONE;
	return rc == WP_OK ? resize(db, box, change, &rest->size, err) : rc;
}

static enum wp_err store_ack(struct wp_store *store, struct wp_store_ack *ack,
			     struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
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
					of_entry(db, SQL_MSG_DELETE, ack->box,
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
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	struct change change = { 0 };
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	rc = bump(db, expire->box, err);
	if (rc == WP_OK) {
		statement = of_box(db, SQL_MSG_EXPIRE, expire->box);
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

static enum wp_err read_band(struct wp_sqlite *db,
			     const struct wp_store_read *read,
			     enum wp_band band, struct wp_error *err)
{
	const struct wp_band_from *from = &read->from[band];
	sqlite3_stmt *statement;
	bool go_on = true;
	int rc = SQLITE_DONE;

	statement =
		of_entry(db, SQL_MSG_READ, read->box, (int)band, &from->after);
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
	struct wp_sqlite *db = wp_sqlite_db_of(store);
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
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	sqlite3_stmt *statement;
	enum wp_err ready = wp_sqlite_be_open(db, err);
	int rc;

	if (ready != WP_OK)
		return ready;
	*top_out = (struct wp_entry_id){ 0 };
	statement = wp_sqlite_get(db, SQL_TOP);
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
	return wp_sqlite_told(wp_sqlite_db_of(store), statement, code, err);
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
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_be_open(db, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, SQL_USERS);
	(void)sqlite3_bind_int64(statement, 1, partition);
	bind_after(statement, 2, &from);
	return go_through(store, walk, statement, err);
}

static enum wp_err store_expired_users(struct wp_store *store, int64_t now_ms,
				       const struct wp_store_walk *walk,
				       struct wp_error *err)
{
	const struct wp_store_place from = *walk->place;
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_be_open(db, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, SQL_EXPIRED_USERS);
	(void)sqlite3_bind_int64(statement, 1, now_ms);
	(void)sqlite3_bind_int64(statement, 2,
				 from.has_after ? from.expires_ms : INT64_MIN);
	bind_after(statement, 3, &from);
	return go_through(store, walk, statement, err);
}

const struct wp_store_backend wp_store_sqlite = {
	.name = "sqlite",
	.open = store_open,
	.look = wp_store_sqlite_look,
	.tables = wp_store_sqlite_tables,
	.upgrade = wp_store_sqlite_upgrade,
	.copy = wp_store_sqlite_copy,
	.verify = wp_store_sqlite_verify,
	.where = store_where,
	.bytes = store_bytes,
	.close = store_close,
	.version = store_version,
	.fence = store_fence,
	.is_past = store_is_past,
	.return_to = store_return,
	.epoch = store_epoch,
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
	.push = &wp_push_sqlite,
};
