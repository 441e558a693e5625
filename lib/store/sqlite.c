/*
 * sqlite.c - the cold store in one SQLite file on a local disk.
 *
 * What a reader needs is here; sqlite_write.c appends and acks, sqlite_db.c has
 * statements, transactions and errors, sqlite_schema.c files and tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/backend.h"
#include "lib/store/sqlite_db.h"
#include "lib/store/sqlite_write.h"

struct sqlite_store {
	struct wp_store base; /* first: a sqlite_store is a store */
	struct wp_sqlite_db db;
};

static struct wp_sqlite_db *db_of(struct wp_store *store)
{
	return &((struct sqlite_store *)store)->db;
}

static void store_close(struct wp_store *store)
{
	struct sqlite_store *self = (struct sqlite_store *)store;

	wp_sqlite_db_close(&self->db);
	free(self->db.path);
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
	self->db.busy_timeout_ms = (int)conf->store.busy_timeout_ms;
	self->db.path = strdup(conf->store.sqlite_path);
	if (self->db.path == NULL)
		wp_error_set(err, rc, "out of memory");
	else if (may_create)
		rc = wp_sqlite_db_create(&self->db, err);
	else
		rc = wp_sqlite_db_open(&self->db, err);
	if (rc == WP_OK)
		rc = wp_sqlite_ready(&self->db, err);
	if (rc != WP_OK) {
		store_close(&self->base);
		return rc;
	}
	*out = &self->base;
	return WP_OK;
}

static enum wp_err store_version(struct wp_store *store,
				 const struct wp_urn *user,
				 int64_t *version_out, struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err ready = wp_sqlite_ready(db, err);
	sqlite3_stmt *statement;
	int rc;

	if (ready != WP_OK)
		return ready;
	*version_out = 0;
	statement = wp_sqlite_of_user(db, WP_SQL_VERSION, user);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		*version_out = wp_sqlite_join_version(
			sqlite3_column_int64(statement, 0),
			sqlite3_column_int64(statement, 1));
	wp_sqlite_done(statement);
	if (rc != SQLITE_ROW)
		return wp_sqlite_fail(db, rc, err);
	return WP_OK;
}

static enum wp_err store_fence(struct wp_store *store, const char *life,
			       struct wp_error *err)
{
	return wp_sqlite_fence(db_of(store), life, err);
}

static enum wp_err store_is_past(struct wp_store *store, const char *life,
				 bool *is_past_out, struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err rc = wp_sqlite_ready(db, err);

	return rc == WP_OK ? wp_sqlite_ask_life(db, WP_SQL_LIFE_PAST, life,
						is_past_out, err)
			   : rc;
}

static enum wp_err store_return(struct wp_store *store, const char *life,
				struct wp_error *err)
{
	return wp_sqlite_return(db_of(store), life, err);
}

static enum wp_err store_has_life(struct wp_store *store, bool *has_life_out,
				  struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err ready = wp_sqlite_ready(db, err);
	sqlite3_stmt *statement;
	int rc;

	if (ready != WP_OK)
		return ready;
	statement = wp_sqlite_get(db, WP_SQL_EPOCH);
	rc = sqlite3_step(statement);
	*has_life_out =
		rc == SQLITE_ROW && sqlite3_column_int64(statement, 0) > 0;
	wp_sqlite_done(statement);
	return rc == SQLITE_ROW ? WP_OK : wp_sqlite_fail(db, rc, err);
}

static enum wp_err store_look(struct wp_store_look *out,
			      const struct wp_conf *conf, struct wp_error *err)
{
	return wp_sqlite_look(out, conf->store.sqlite_path,
			      (int)conf->store.busy_timeout_ms, err);
}

static enum wp_err store_note(struct wp_store *store, const char *name,
			      char value[WP_STORE_NOTE_MAX + 1],
			      struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err ready = wp_sqlite_ready(db, err);
	sqlite3_stmt *statement;
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
	wp_sqlite_done(statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return wp_sqlite_fail(db, rc, err);
	return WP_OK;
}

static enum wp_err store_note_swap(struct wp_store *store, const char *name,
				   const char *was, const char *value,
				   struct wp_error *err)
{
	return wp_sqlite_note_swap(db_of(store), name, was, value, err);
}

static enum wp_err store_append_many(struct wp_store *store,
				     struct wp_store_append *appends, size_t n,
				     struct wp_error *err)
{
	return wp_sqlite_append_many(db_of(store), appends, n, err);
}

static enum wp_err store_ack(struct wp_store *store, uint32_t partition,
			     const struct wp_urn *user,
			     const struct wp_msgid *ids, size_t n,
			     bool *empty_out, struct wp_store_size *size_out,
			     struct wp_error *err)
{
	return wp_sqlite_ack(db_of(store), partition, user, ids, n, empty_out,
			     size_out, err);
}

static enum wp_err store_expire(struct wp_store *store, uint32_t partition,
				const struct wp_urn *user, int64_t now_ms,
				int64_t *deleted_out, bool *empty_out,
				struct wp_store_size *size_out,
				struct wp_error *err)
{
	return wp_sqlite_expire(db_of(store), partition, user, now_ms,
				deleted_out, empty_out, size_out, err);
}

static enum wp_err store_size(struct wp_store *store, const struct wp_urn *user,
			      struct wp_store_size *size_out,
			      struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err ready = wp_sqlite_ready(db, err);
	sqlite3_stmt *statement;
	int rc;

	if (ready != WP_OK)
		return ready;
	*size_out = (struct wp_store_size){ 0 };
	statement = wp_sqlite_of_user(db, WP_SQL_BOX_SIZE, user);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		wp_sqlite_read_size(statement, size_out);
	wp_sqlite_done(statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return wp_sqlite_fail(db, rc, err);
	return WP_OK;
}

static int read_band(struct wp_sqlite_db *db, const struct wp_urn *user,
		     enum wp_band band, const struct wp_store_from *from,
		     int64_t now_ms, wp_store_row_fn on_row, void *ctx)
{
	sqlite3_stmt *statement;
	bool go_on = true;
	int rc = SQLITE_DONE;

	statement = wp_sqlite_of_entry(db, WP_SQL_MSG_READ, user, (int)band,
				       &from->after);
	if (!from->has_after) {
		(void)sqlite3_bind_int64(statement, 3, -1);
		(void)sqlite3_bind_int64(statement, 4, -1);
	}
	(void)sqlite3_bind_int64(statement, 5, now_ms);
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
			if (sqlite3_errcode(db->handle) == SQLITE_NOMEM) {
				rc = SQLITE_NOMEM;
				break;
			}
			row.json = "";
		}
		go_on = on_row(ctx, &row);
	}
	wp_sqlite_done(statement);
	return rc == SQLITE_ROW ? SQLITE_DONE : rc;
}

static enum wp_err store_read(struct wp_store *store, const struct wp_urn *user,
			      const struct wp_store_from from[2],
			      int64_t now_ms, wp_store_row_fn on_row, void *ctx,
			      struct wp_error *err)
{
	static const enum wp_band order[] = { WP_BAND_HIGH, WP_BAND_STANDARD };
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err rc;

	rc = wp_sqlite_begin(db, false, err);
	if (rc != WP_OK)
		return rc;
	for (size_t i = 0; i < 2 && rc == WP_OK; i++) {
		int code;

		if (from[order[i]].is_skipped)
			continue;
		code = read_band(db, user, order[i], &from[order[i]], now_ms,
				 on_row, ctx);
		if (code != SQLITE_DONE)
			rc = wp_sqlite_fail(db, code, err);
	}
	return wp_sqlite_end(db, rc, err);
}

static enum wp_err store_top(struct wp_store *store, uint32_t partition,
			     struct wp_entry_id *top_out, struct wp_error *err)
{
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err ready = wp_sqlite_ready(db, err);
	sqlite3_stmt *statement;
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
	wp_sqlite_done(statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return wp_sqlite_fail(db, rc, err);
	return WP_OK;
}

/* One walk over users, by a statement that has the urn in column 0. */
struct walk {
	struct wp_store *store;
	struct wp_store_place *place;
	size_t max_looked;
	wp_store_user_fn on_user; /* NULL: on_expired */
	wp_store_expired_fn on_expired;
	void *ctx;
};

/* What the row says, handed over; false ends the walk. */
static bool hand_over(struct walk *walk, sqlite3_stmt *statement)
{
	const char *text = (const char *)sqlite3_column_text(statement, 0);
	int len = sqlite3_column_bytes(statement, 0);
	struct wp_store_place *place = walk->place;
	struct wp_urn user;

	/* One bad row is no reason to keep anybody else waiting. */
	if (text == NULL || wp_urn_reread(&user, text, (size_t)len) != WP_OK) {
		walk->store->refused++;
		return true;
	}
	place->looked++;
	place->has_after = true;
	place->after = user;
	if (walk->on_user == NULL) {
		place->expires_ms = sqlite3_column_int64(statement, 2);
		return walk->on_expired(
			walk->ctx, (uint32_t)sqlite3_column_int64(statement, 1),
			&user);
	}
	return sqlite3_column_int(statement, 1) == 0 ||
	       walk->on_user(walk->ctx, &user);
}

static enum wp_err walk_users(struct walk *walk, sqlite3_stmt *statement,
			      struct wp_error *err)
{
	struct wp_store_place *place = walk->place;
	int code = SQLITE_ROW;
	bool go_on = true;

	place->looked = 0;
	while (go_on && place->looked < walk->max_looked &&
	       (code = sqlite3_step(statement)) == SQLITE_ROW)
		go_on = hand_over(walk, statement);
	wp_sqlite_done(statement);
	place->is_end = code == SQLITE_DONE;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return wp_sqlite_fail(db_of(walk->store), code, err);
	return WP_OK;
}

/* Bind where the walk goes on: behind a URN that is never empty. */
static void bind_after(sqlite3_stmt *statement, int index,
		       const struct wp_store_place *place)
{
	(void)sqlite3_bind_text(statement, index, place->after.text,
				place->has_after ? place->after.len : 0,
				SQLITE_STATIC);
}

static enum wp_err store_users(struct wp_store *store, uint32_t partition,
			       struct wp_store_place *place, size_t max_looked,
			       wp_store_user_fn on_user, void *ctx,
			       struct wp_error *err)
{
	const struct wp_store_place from = *place;
	struct walk walk = {
		.store = store,
		.place = place,
		.max_looked = max_looked,
		.on_user = on_user,
		.ctx = ctx,
	};
	struct wp_sqlite_db *db = db_of(store);
	enum wp_err rc = wp_sqlite_ready(db, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_SQL_USERS);
	(void)sqlite3_bind_int64(statement, 1, partition);
	bind_after(statement, 2, &from);
	return walk_users(&walk, statement, err);
}

static enum wp_err store_expired_users(struct wp_store *store, int64_t now_ms,
				       struct wp_store_place *place,
				       size_t max_looked,
				       wp_store_expired_fn on_user, void *ctx,
				       struct wp_error *err)
{
	const struct wp_store_place from = *place;
	struct walk walk = {
		.store = store,
		.place = place,
		.max_looked = max_looked,
		.on_expired = on_user,
		.ctx = ctx,
	};
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
	return walk_users(&walk, statement, err);
}

const struct wp_store_backend wp_store_sqlite = {
	.name = "sqlite",
	.open = store_open,
	.close = store_close,
	.version = store_version,
	.fence = store_fence,
	.is_past = store_is_past,
	.return_to = store_return,
	.look = store_look,
	.has_life = store_has_life,
	.note = store_note,
	.note_swap = store_note_swap,
	.append_many = store_append_many,
	.ack = store_ack,
	.read = store_read,
	.top = store_top,
	.users = store_users,
	.expire = store_expire,
	.expired_users = store_expired_users,
	.size = store_size,
};
