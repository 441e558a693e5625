/*
 * sqlite_sessions.c - sessions in a SQLite file: what outlives Redis of them.
 */
#include "lib/accounts/accounts.h"

#include <sqlite3.h>

#include "lib/accounts/sqlite_rows.h"

static bool read_session(sqlite3_stmt *statement,
			 struct wp_account_session *out)
{
	const char *name = (const char *)sqlite3_column_text(statement, 1);
	size_t len = (size_t)sqlite3_column_bytes(statement, 1);

	out->created_s = sqlite3_column_int64(statement, 4);
	out->seen_day = sqlite3_column_int64(statement, 5);
	return wp_rows_read_blob(statement, 0, out->sid, sizeof(out->sid)) &&
	       name != NULL &&
	       wp_username_read(&out->name, name, len, NULL) == WP_OK &&
	       wp_rows_read_text(statement, 2, out->device,
				 sizeof(out->device)) &&
	       wp_rows_read_text(statement, 3, out->device_name,
				 sizeof(out->device_name));
}

static enum wp_err insert_session(struct wp_accounts *accounts,
				  const struct wp_session_add *add,
				  struct wp_error *err)
{
	const struct wp_account_session *session = add->session;
	sqlite3_stmt *statement =
		wp_sqlite_get(&accounts->db, WP_ROWS_SESSION_ADD);

	wp_rows_bind_blob(statement, 1, session->sid, WP_SID_LEN);
	wp_rows_bind_name(statement, 2, &session->name);
	(void)sqlite3_bind_text(statement, 3, session->device, -1,
				SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 4, session->device_name, -1,
				SQLITE_STATIC);
	(void)sqlite3_bind_int64(statement, 5, session->created_s);
	(void)sqlite3_bind_int64(statement, 6, session->seen_day);
	(void)sqlite3_bind_int64(statement, 7, add->changed_s);
	return wp_rows_run_found(accounts, statement, err);
}

/* Those that the new one takes the place of. */
static enum wp_err make_room(struct wp_accounts *accounts,
			     struct wp_session_add *add, struct wp_error *err)
{
	const struct wp_account_session *session = add->session;
	sqlite3_stmt *statement;
	enum wp_err rc;

	statement = wp_sqlite_get(&accounts->db, WP_ROWS_SESSION_END_DEVICE);
	wp_rows_bind_blob(statement, 1, session->sid, WP_SID_LEN);
	wp_rows_bind_name(statement, 2, &session->name);
	(void)sqlite3_bind_text(statement, 3, session->device, -1,
				SQLITE_STATIC);
	rc = wp_rows_run_end(accounts, statement, &add->ended, err);
	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_SESSION_END_OLD);
	wp_rows_bind_blob(statement, 1, session->sid, WP_SID_LEN);
	wp_rows_bind_name(statement, 2, &session->name);
	(void)sqlite3_bind_int64(statement, 3, (int64_t)add->max - 1);
	return wp_rows_run_end(accounts, statement, &add->ended, err);
}

enum wp_err wp_accounts_session_add(struct wp_accounts *accounts,
				    struct wp_session_add *add,
				    struct wp_error *err)
{
	enum wp_err rc = wp_rows_begin(accounts, &add->ended, err);

	if (rc != WP_OK)
		return rc;
	rc = insert_session(accounts, add, err);
	if (rc == WP_OK)
		rc = make_room(accounts, add, err);
	return wp_rows_finish(accounts, rc, &add->ended, err);
}

enum wp_err wp_accounts_session_find(struct wp_accounts *accounts,
				     const uint8_t sid[WP_SID_LEN],
				     struct wp_account_session *out,
				     struct wp_account *account_out,
				     struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);
	sqlite3_stmt *statement;
	bool is_whole = true;
	int step;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_SESSION_FIND);
	wp_rows_bind_blob(statement, 1, sid, WP_SID_LEN);
	step = sqlite3_step(statement);
	if (step == SQLITE_ROW)
		is_whole = read_session(statement, out);
	rc = wp_sqlite_told(&accounts->db, statement, step, err);
	if (rc == WP_OK && step == SQLITE_DONE)
		return wp_error_set(err, WP_ERR_NOTFOUND, "no such session");
	if (rc == WP_OK && !is_whole)
		return wp_rows_damaged(err);
	if (rc == WP_OK && account_out != NULL)
		rc = wp_accounts_find(accounts, &out->name, account_out, err);
	return rc;
}

/* Run a write on one session. */
static enum wp_err run_session(struct wp_accounts *accounts,
			       sqlite3_stmt *statement, struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_run(&accounts->db, statement, err);

	if (rc == WP_OK && sqlite3_changes(accounts->db.file.handle) == 0)
		rc = wp_error_set(err, WP_ERR_NOTFOUND, "no such session");
	return rc;
}

enum wp_err wp_accounts_session_seen(struct wp_accounts *accounts,
				     const uint8_t sid[WP_SID_LEN], int64_t day,
				     struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_SESSION_SEEN);
	wp_rows_bind_blob(statement, 1, sid, WP_SID_LEN);
	(void)sqlite3_bind_int64(statement, 2, day);
	return run_session(accounts, statement, err);
}

enum wp_err wp_accounts_session_remove(struct wp_accounts *accounts,
				       const struct wp_username *name,
				       const uint8_t sid[WP_SID_LEN],
				       struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_SESSION_REMOVE);
	wp_rows_bind_blob(statement, 1, sid, WP_SID_LEN);
	wp_rows_bind_name(statement, 2, name);
	return run_session(accounts, statement, err);
}

enum wp_err wp_accounts_session_remove_all(struct wp_accounts *accounts,
					   const struct wp_username *name,
					   const uint8_t *keep_sid,
					   struct wp_ended *ended_out,
					   struct wp_error *err)
{
	enum wp_err rc = wp_rows_begin(accounts, ended_out, err);

	if (rc != WP_OK)
		return rc;
	rc = wp_rows_end_others(accounts, name, keep_sid, ended_out, err);
	return wp_rows_finish(accounts, rc, ended_out, err);
}

enum wp_err wp_accounts_sessions(struct wp_accounts *accounts,
				 const struct wp_username *name,
				 struct wp_session_list *out,
				 struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);
	sqlite3_stmt *statement;
	bool is_whole = true;
	int step = SQLITE_DONE;

	out->n = 0;
	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_SESSIONS);
	wp_rows_bind_name(statement, 1, name);
	(void)sqlite3_bind_int(statement, 2, WP_ACCOUNT_SESSIONS_MAX);
	while (is_whole && (step = sqlite3_step(statement)) == SQLITE_ROW)
		is_whole = read_session(statement, &out->sessions[out->n++]);
	rc = wp_sqlite_told(&accounts->db, statement, step, err);
	return rc == WP_OK && !is_whole ? wp_rows_damaged(err) : rc;
}
