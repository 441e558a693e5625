/*
 * sqlite_push.c - devices and preferences in the SQLite file of the cold store:
 * what each operation of push.h is made of. What may be registered is decided
 * here, inside one transaction, and by the statements of sqlite_push.h.
 */
#include "lib/store/sqlite_push.h"

#include <string.h>

#include <sqlite3.h>

#include "lib/store/sqlite_store.h"

enum {
	S_PER_DAY = 86400,
	LETTERS_FORGOTTEN = 100, /* of other days, with each that is counted */
};

/* Binding in place cannot fail: the indexes are right. */
static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	(void)sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *statement, int index, const void *data,
		      size_t len)
{
	(void)sqlite3_bind_blob64(statement, index, data, len, SQLITE_STATIC);
}

/* Nobody is NULL, which equals nothing. */
static void bind_owner(sqlite3_stmt *statement, int index,
		       const struct wp_push_owner *owner)
{
	static const struct wp_push_owner nobody;

	if (memcmp(owner, &nobody, sizeof(nobody)) != 0)
		bind_blob(statement, index, owner->bytes, WP_PUSH_OWNER_LEN);
}

/* ---- to register ---- */

/* May who asks register anything, or has he ended meanwhile? */
static enum wp_err judge_owner(struct wp_sqlite *db,
			       const struct wp_push_owner *owner,
			       int64_t issued_s, struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, WP_PUSH_SQL_HAS_ENDED);
	enum wp_err rc;
	int step;

	bind_owner(statement, 1, owner);
	(void)sqlite3_bind_int64(statement, 2, issued_s);
	step = sqlite3_step(statement);
	rc = wp_sqlite_told(db, statement, step, err);
	if (rc == WP_OK && step == SQLITE_ROW)
		rc = wp_error_set(err, WP_ERR_DENIED, "the session has ended");
	return rc;
}

static enum wp_err judge_owners(struct wp_sqlite *db,
				const struct wp_push_put *put,
				struct wp_error *err)
{
	const struct wp_push_owner *owners[] = {
		&put->owners.session,
		&put->owners.subject,
		&put->owners.user,
	};
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < 3; i++)
		rc = judge_owner(db, owners[i], put->issued_s, err);
	return rc;
}

/* Is the token there already? Then put->id is the id of its row. */
static enum wp_err find(struct wp_sqlite *db, struct wp_push_put *put,
			struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, WP_PUSH_SQL_FIND);
	bool is_gone = false;
	enum wp_err rc;
	int step;

	bind_blob(statement, 1, put->row->tok, WP_PUSH_TOK_LEN);
	bind_text(statement, 2, put->row->user->text);
	step = sqlite3_step(statement);
	put->is_new = step != SQLITE_ROW;
	memcpy(put->id, put->row->id, WP_PUSH_ID_LEN);
	if (!put->is_new &&
	    sqlite3_column_bytes(statement, 0) == WP_PUSH_ID_LEN) {
		memcpy(put->id, sqlite3_column_blob(statement, 0),
		       WP_PUSH_ID_LEN);
		is_gone = sqlite3_column_int(statement, 1) == WP_PUSH_GONE;
	}
	rc = wp_sqlite_told(db, statement, step, err);
	if (rc == WP_OK && is_gone && !put->is_forced)
		rc = wp_error_set(err, WP_ERR_CONFLICT,
				  "the provider has said that this token is "
				  "gone");
	return rc;
}

/* One of the WP_PUSH_SQL_PUT_…, with all that any of them uses. */
static enum wp_err run_put(struct wp_sqlite *db, enum wp_push_sql sql,
			   const struct wp_push_put *put, size_t many,
			   struct wp_error *err)
{
	const struct wp_push_row *row = put->row;
	sqlite3_stmt *statement = wp_sqlite_get(db, sql);

	bind_blob(statement, 1, row->tok, WP_PUSH_TOK_LEN);
	bind_text(statement, 2, row->user->text);
	bind_blob(statement, 3, put->id, WP_PUSH_ID_LEN);
	bind_blob(statement, 4, row->print, WP_PUSH_PRINT_LEN);
	bind_text(statement, 5, row->kind);
	bind_text(statement, 6, row->app);
	bind_text(statement, 7, row->device);
	bind_text(statement, 8, row->account);
	bind_text(statement, 9, row->name);
	bind_text(statement, 10, row->platform);
	bind_blob(statement, 11, row->sealed, row->sealed_len);
	bind_blob(statement, 12, row->vapid, WP_PUSH_VAPID_LEN);
	(void)sqlite3_bind_int64(statement, 13, row->flags);
	bind_owner(statement, 14, &put->owners.session);
	bind_owner(statement, 15, &put->owners.subject);
	bind_owner(statement, 16, &put->owners.user);
	(void)sqlite3_bind_int64(statement, 17, put->now_s);
	(void)sqlite3_bind_int64(statement, 18, put->now_s / S_PER_DAY);
	(void)sqlite3_bind_int64(statement, 19, (int64_t)many);
	(void)sqlite3_bind_int64(statement, 20, put->issued_s);
	(void)sqlite3_bind_int(statement, 21, (int)row->state);
	return wp_sqlite_run(db, statement, err);
}

/* Others who have it, or what else its device has, go. */
static enum wp_err put_in_place(struct wp_sqlite *db, struct wp_push_put *put,
				struct wp_error *err)
{
	enum wp_err rc = run_put(db, WP_PUSH_SQL_PUT_MOVE, put, 0, err);

	if (rc == WP_OK)
		rc = run_put(db, WP_PUSH_SQL_PUT_CROWD, put,
			     WP_PUSH_SHARERS_MAX - 1, err);
	if (rc == WP_OK)
		rc = run_put(db, WP_PUSH_SQL_PUT_ROTATE, put, 0, err);
	return rc;
}

/* May another letter bring it a code? Then put->wants_code; else nobody has to
 * verify it any more, or it is too much. */
static enum wp_err judge_code(struct wp_sqlite *db, struct wp_push_put *put,
			      struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, WP_PUSH_SQL_CODE);
	bool is_too_much = false;
	enum wp_err rc;
	int step;

	bind_blob(statement, 1, put->row->tok, WP_PUSH_TOK_LEN);
	bind_text(statement, 2, put->row->user->text);
	bind_blob(statement, 3, put->id, WP_PUSH_ID_LEN);
	(void)sqlite3_bind_int64(statement, 4, put->now_s / S_PER_DAY);
	step = sqlite3_step(statement);
	if (step == SQLITE_ROW) {
		put->wants_code =
			sqlite3_column_int(statement, 0) == WP_PUSH_UNVERIFIED;
		is_too_much = sqlite3_column_int64(statement, 1) >=
				      WP_PUSH_CODES_OF_TOKEN ||
			      sqlite3_column_int64(statement, 2) >=
				      WP_PUSH_CODES_OF_USER;
	}
	rc = wp_sqlite_told(db, statement, step, err);
	if (rc == WP_OK && put->wants_code && is_too_much)
		rc = wp_error_set(err, WP_ERR_FULL,
				  "too many codes were asked for today");
	return rc;
}

static enum wp_err put_code(struct wp_sqlite *db, struct wp_push_put *put,
			    struct wp_error *err)
{
	enum wp_err rc = judge_code(db, put, err);

	if (rc != WP_OK || !put->wants_code)
		return rc;
	rc = run_put(db, WP_PUSH_SQL_PUT_CODE, put, 0, err);
	if (rc == WP_OK)
		rc = run_put(db, WP_PUSH_SQL_PUT_LETTER, put, 0, err);
	if (rc == WP_OK)
		rc = run_put(db, WP_PUSH_SQL_PUT_FORGET, put, LETTERS_FORGOTTEN,
			     err);
	return rc;
}

static enum wp_err put_rows(struct wp_sqlite *db, struct wp_push_put *put,
			    struct wp_error *err)
{
	const bool must_verify = put->row->state == WP_PUSH_UNVERIFIED;
	enum wp_err rc = judge_owners(db, put, err);

	put->wants_code = false;
	if (rc == WP_OK)
		rc = find(db, put, err);
	if (rc == WP_OK && !must_verify)
		rc = put_in_place(db, put, err);
	if (rc == WP_OK)
		rc = run_put(db,
			     put->is_new ? WP_PUSH_SQL_PUT_NEW
					 : WP_PUSH_SQL_PUT_KNOWN,
			     put, 0, err);
	if (rc == WP_OK && put->is_new)
		rc = run_put(db, WP_PUSH_SQL_PUT_TOO_MANY, put, put->max - 1,
			     err);
	return rc == WP_OK && must_verify ? put_code(db, put, err) : rc;
}

static enum wp_err push_put(struct wp_store *store, struct wp_push_put *put,
			    struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	rc = put_rows(db, put, err);
	return wp_sqlite_end(db, rc, err);
}

/* ---- to see ---- */

/* A blob of exactly this length; another one is damage, and stays zero. */
static void take_blob(sqlite3_stmt *statement, int column, uint8_t *out,
		      size_t len)
{
	const void *data = sqlite3_column_blob(statement, column);

	if (data != NULL &&
	    (size_t)sqlite3_column_bytes(statement, column) == len)
		memcpy(out, data, len);
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text != NULL ? text : "";
}

/* Columns: WP_PUSH_COLUMNS. */
static void read_row(sqlite3_stmt *statement, const struct wp_urn *user,
		     struct wp_push_row *out)
{
	*out = (struct wp_push_row){
		.user = user,
		.kind = text_of(statement, 3),
		.app = text_of(statement, 4),
		.device = text_of(statement, 5),
		.account = text_of(statement, 6),
		.name = text_of(statement, 7),
		.platform = text_of(statement, 8),
		.sealed = sqlite3_column_blob(statement, 9),
		.sealed_len = (size_t)sqlite3_column_bytes(statement, 9),
		.flags = (unsigned int)sqlite3_column_int(statement, 11),
		.state = (enum wp_push_state)sqlite3_column_int(statement, 12),
		.reason = text_of(statement, 13),
		.registered_s = sqlite3_column_int64(statement, 14),
		.refreshed_day = sqlite3_column_int64(statement, 15),
		.marked_s = sqlite3_column_int64(statement, 16),
		.result =
			(enum wp_push_result)sqlite3_column_int(statement, 17),
		.result_day = sqlite3_column_int64(statement, 18),
		.code_s = sqlite3_column_int64(statement, 19),
	};
	take_blob(statement, 0, out->id, sizeof(out->id));
	take_blob(statement, 1, out->tok, sizeof(out->tok));
	take_blob(statement, 2, out->print, sizeof(out->print));
	take_blob(statement, 10, out->vapid, sizeof(out->vapid));
}

static enum wp_err push_list(struct wp_store *store,
			     const struct wp_push_list *list,
			     struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_be_open(db, err);
	sqlite3_stmt *statement;
	int step;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_PUSH_SQL_LIST);
	bind_text(statement, 1, list->user->text);
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		struct wp_push_row row;

		read_row(statement, list->user, &row);
		list->on_row(list->ctx, &row);
	}
	return wp_sqlite_told(db, statement, step, err);
}

/* ---- to verify ---- */

static enum wp_err push_verify(struct wp_store *store,
			       const struct wp_push_verify *verify,
			       struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, true, err);
	sqlite3_stmt *statement;
	bool is_verified;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, verify->is_right ? WP_PUSH_SQL_VERIFY
						       : WP_PUSH_SQL_GUESS);
	bind_blob(statement, 1, verify->id, WP_PUSH_ID_LEN);
	bind_text(statement, 2, verify->user->text);
	(void)sqlite3_bind_int64(statement, 3, verify->code_s);
	(void)sqlite3_bind_int64(statement, 4,
				 verify->now_s - WP_PUSH_CODE_SECONDS);
	rc = wp_sqlite_run(db, statement, err);
	is_verified = rc == WP_OK && verify->is_right &&
		      sqlite3_changes(db->file.handle) > 0;
	/* What was guessed is written in any case. */
	rc = wp_sqlite_end(db, rc, err);
	if (rc == WP_OK && !is_verified)
		rc = wp_error_set(err, WP_ERR_DENIED, "the code is wrong");
	return rc;
}

/* ---- to end ---- */

static enum wp_err push_remove(struct wp_store *store,
			       const struct wp_push_which *which,
			       struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, true, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(
		db, which->user == NULL     ? WP_PUSH_SQL_REMOVE_ANYBODYS
		    : which->id != NULL     ? WP_PUSH_SQL_REMOVE_ID
		    : which->device != NULL ? WP_PUSH_SQL_REMOVE_DEVICE
					    : WP_PUSH_SQL_REMOVE_TOK);
	if (which->user != NULL)
		bind_text(statement, 1, which->user->text);
	if (which->id != NULL)
		bind_blob(statement, 2, which->id, WP_PUSH_ID_LEN);
	else if (which->device != NULL)
		bind_text(statement, 2, which->device);
	else
		bind_blob(statement, 2, which->tok, WP_PUSH_TOK_LEN);
	rc = wp_sqlite_run(db, statement, err);
	return wp_sqlite_end(db, rc, err);
}

static enum wp_err end_owner(struct wp_sqlite *db,
			     const struct wp_push_end *end, int64_t now_s,
			     struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, WP_PUSH_SQL_END);
	enum wp_err rc;

	bind_owner(statement, 1, &end->owner);
	(void)sqlite3_bind_int64(statement, 2, end->until_s);
	(void)sqlite3_bind_int64(statement, 3, now_s + WP_PUSH_END_SECONDS);
	rc = wp_sqlite_run(db, statement, err);
	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_PUSH_SQL_REMOVE_OWNED);
	bind_owner(statement, 1, &end->owner);
	(void)sqlite3_bind_int64(statement, 2, end->until_s);
	return wp_sqlite_run(db, statement, err);
}

static enum wp_err push_end(struct wp_store *store,
			    const struct wp_push_end *ends, size_t n,
			    int64_t now_s, struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, true, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_PUSH_SQL_END_FORGET);
	(void)sqlite3_bind_int64(statement, 1, now_s);
	rc = wp_sqlite_run(db, statement, err);
	for (size_t i = 0; rc == WP_OK && i < n; i++)
		rc = end_owner(db, &ends[i], now_s, err);
	return wp_sqlite_end(db, rc, err);
}

static enum wp_err push_expire(struct wp_store *store,
			       struct wp_push_expire *expire,
			       struct wp_error *err)
{
	const struct {
		enum wp_push_sql sql;
		int64_t before;
	} parts[] = {
		{ WP_PUSH_SQL_EXPIRE_GONE, expire->gone_before_s },
		{ WP_PUSH_SQL_EXPIRE_OLD, expire->refreshed_before_day },
	};
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	expire->deleted = 0;
	expire->unrefreshed = 0;
	for (size_t i = 0; i < 2; i++) {
		sqlite3_stmt *statement = wp_sqlite_get(db, parts[i].sql);

		(void)sqlite3_bind_int64(statement, 1, parts[i].before);
		(void)sqlite3_bind_int64(statement, 2,
					 expire->max - expire->deleted);
		rc = wp_sqlite_run(db, statement, err);
		if (rc != WP_OK)
			break;
		expire->unrefreshed = sqlite3_changes(db->file.handle);
		expire->deleted += expire->unrefreshed;
	}
	return wp_sqlite_end(db, rc, err);
}

/* ---- what providers say ---- */

static enum wp_err push_mark(struct wp_store *store,
			     const struct wp_push_mark *mark,
			     struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, true, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_PUSH_SQL_MARK);
	bind_blob(statement, 1, mark->id, WP_PUSH_ID_LEN);
	(void)sqlite3_bind_int64(statement, 2, mark->registered_s);
	(void)sqlite3_bind_int(statement, 3, (int)mark->state);
	bind_text(statement, 4, mark->reason);
	(void)sqlite3_bind_int64(statement, 5, mark->now_s);
	rc = wp_sqlite_run(db, statement, err);
	if (rc == WP_OK && sqlite3_changes(db->file.handle) == 0)
		rc = wp_error_set(err, WP_ERR_STALE,
				  "the device has another token");
	return wp_sqlite_end(db, rc, err);
}

static enum wp_err push_results(struct wp_store *store,
				const struct wp_push_outcome *outcomes,
				size_t n, struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, true, err);

	if (rc != WP_OK)
		return rc;
	for (size_t i = 0; rc == WP_OK && i < n; i++) {
		sqlite3_stmt *statement = wp_sqlite_get(db, WP_PUSH_SQL_RESULT);

		bind_blob(statement, 1, outcomes[i].id, WP_PUSH_ID_LEN);
		(void)sqlite3_bind_int(statement, 2, (int)outcomes[i].result);
		(void)sqlite3_bind_int64(statement, 3, outcomes[i].day);
		rc = wp_sqlite_run(db, statement, err);
	}
	return wp_sqlite_end(db, rc, err);
}

/* ---- preferences ---- */

static enum wp_err push_prefs(struct wp_store *store, const struct wp_urn *user,
			      struct wp_buf *out, struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_be_open(db, err);
	sqlite3_stmt *statement;
	int step;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_PUSH_SQL_PREFS);
	bind_text(statement, 1, user->text);
	step = sqlite3_step(statement);
	if (step == SQLITE_ROW)
		wp_buf_add(out, sqlite3_column_blob(statement, 0),
			   (size_t)sqlite3_column_bytes(statement, 0));
	rc = wp_sqlite_told(db, statement, step, err);
	return rc == WP_OK && step != SQLITE_ROW ? WP_ERR_NOTFOUND : rc;
}

static enum wp_err push_prefs_put(struct wp_store *store,
				  const struct wp_urn *user, const char *json,
				  size_t len, int64_t now_s,
				  struct wp_error *err)
{
	struct wp_sqlite *db = wp_sqlite_db_of(store);
	enum wp_err rc = wp_sqlite_begin(db, true, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(db, WP_PUSH_SQL_PREFS_PUT);
	bind_text(statement, 1, user->text);
	bind_blob(statement, 2, json, len);
	(void)sqlite3_bind_int64(statement, 3, now_s);
	rc = wp_sqlite_run(db, statement, err);
	return wp_sqlite_end(db, rc, err);
}

const struct wp_push_backend wp_push_sqlite = {
	.put = push_put,
	.list = push_list,
	.verify = push_verify,
	.remove = push_remove,
	.end = push_end,
	.mark = push_mark,
	.results = push_results,
	.expire = push_expire,
	.prefs = push_prefs,
	.prefs_put = push_prefs_put,
};
