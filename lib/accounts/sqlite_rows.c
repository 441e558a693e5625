/*
 * sqlite_rows.c - the file of accounts: its tables and statements, and what
 * those are fed with and say.
 */
#include "lib/accounts/sqlite_rows.h"

#include <stdlib.h>
#include <string.h>

#include "lib/sqlite/copy.h"

enum {
	SCHEMA_VERSION = 1,
	OLDEST_VERSION = 1,
	ACCOUNTS_MODE = 0600,
	TOO_OPEN = 0027,
};

static const char schema[] =
	"CREATE TABLE account ("
	"  name TEXT PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
	"  urn TEXT NOT NULL UNIQUE, state INTEGER NOT NULL,"
	"  m INTEGER NOT NULL, t INTEGER NOT NULL,"
	"  salt BLOB NOT NULL, tag BLOB NOT NULL, recovery BLOB,"
	"  created_s INTEGER NOT NULL, changed_s INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE TABLE session ("
	"  sid BLOB PRIMARY KEY, name TEXT NOT NULL, device TEXT NOT NULL,"
	"  device_name TEXT NOT NULL, created_s INTEGER NOT NULL,"
	"  seen_day INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX session_name ON session (name);"
	"CREATE TABLE note ("
	"  name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"INSERT INTO note VALUES ('id', lower(hex(randomblob(16))));"
	"PRAGMA application_id = 1464885603;" /* "WPac" */
	"PRAGMA user_version = 1;";

static const char *const steps[SCHEMA_VERSION] = { schema };

static const struct wp_sqlite_kind kind = {
	.setting = "accounts.sqlite_path",
	.noun = "the file of accounts",
	.gone = "is not there any more; put it back, or start the programs "
		"anew without any accounts",
	.mode = ACCOUNTS_MODE,
	.too_open = TOO_OPEN,
	.application_id = 1464885603,
	.version = SCHEMA_VERSION,
	.oldest = OLDEST_VERSION,
	.steps = steps,
};

#define SESSION_COLUMNS "sid, name, device, device_name, created_s, seen_day"

static const char id_sql[] = "SELECT value FROM note WHERE name = 'id'";
static const char pepper_sql[] = "SELECT value FROM note WHERE name = 'pepper'";

static const char *const texts[WP_ROWS_COUNT] = {
	[WP_ROWS_ID] = id_sql,
	[WP_ROWS_PEPPER] = pepper_sql,
	[WP_ROWS_PEPPER_FIRST] =
		"INSERT INTO note SELECT 'pepper', ?1 "
		"WHERE NOT EXISTS (SELECT 1 FROM account) "
		"ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	[WP_ROWS_PEPPER_PROVED] = "INSERT INTO note VALUES ('pepper', ?1) "
				  "ON CONFLICT DO NOTHING",
	[WP_ROWS_CREATE] =
		"INSERT INTO account (name, id, urn, state, m, t, salt, tag, "
		"recovery, created_s, changed_s) "
		"VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?9) "
		"ON CONFLICT DO NOTHING",
	[WP_ROWS_FIND] =
		"SELECT id, state, m, t, salt, tag, recovery, created_s, "
		"changed_s FROM account WHERE name = ?1",
	[WP_ROWS_LIST] = "SELECT name, state, created_s FROM account "
			 "WHERE name > ?1 ORDER BY name LIMIT ?2",
	[WP_ROWS_SET_PASSWORD] =
		"UPDATE account SET m = ?4, t = ?5, salt = ?6, tag = ?7, "
		"recovery = coalesce(?8, recovery), "
		"changed_s = max(?9, changed_s + 1) "
		"WHERE name = ?1 AND changed_s = ?2 AND state = 0 "
		"AND (?3 IS NULL OR recovery = ?3) RETURNING changed_s",
	[WP_ROWS_REHASH] =
		"UPDATE account SET m = ?4, t = ?5, salt = ?6, tag = ?7 "
		"WHERE name = ?1 AND changed_s = ?2 AND state = 0",
	[WP_ROWS_SET_RECOVERY] =
		"UPDATE account SET recovery = ?8 "
		"WHERE name = ?1 AND changed_s = ?2 AND state = 0",
	[WP_ROWS_SET_STATE] =
		"UPDATE account SET state = ?2, "
		"m = iif(?2 = 2, 0, m), t = iif(?2 = 2, 0, t), "
		"salt = iif(?2 = 2, x'', salt), tag = iif(?2 = 2, x'', tag), "
		"recovery = iif(?2 = 2, NULL, recovery) "
		"WHERE name = ?1 AND (state <> 2 OR ?2 = 2)",
	[WP_ROWS_SESSION_ADD] =
		"INSERT INTO session (" SESSION_COLUMNS ") "
		"SELECT ?1, name, ?3, ?4, ?5, ?6 FROM account "
		"WHERE name = ?2 AND state = 0 AND changed_s = ?7 "
		"ON CONFLICT DO NOTHING",
	[WP_ROWS_SESSION_END_DEVICE] = "DELETE FROM session WHERE name = ?2 "
				       "AND device = ?3 AND sid <> ?1 "
				       "RETURNING sid",
	[WP_ROWS_SESSION_END_OLD] =
		"DELETE FROM session WHERE sid IN "
		"(SELECT sid FROM session WHERE name = ?2 AND sid <> ?1 "
		"ORDER BY seen_day DESC, created_s DESC, sid "
		"LIMIT -1 OFFSET ?3) RETURNING sid",
	/* IS NOT: nothing is kept where ?1 is NULL. */
	[WP_ROWS_SESSION_END_OTHERS] = "DELETE FROM session WHERE name = ?2 "
				       "AND sid IS NOT ?1 RETURNING sid",
	[WP_ROWS_SESSION_FIND] =
		"SELECT " SESSION_COLUMNS " FROM session WHERE sid = ?1",
	[WP_ROWS_SESSION_SEEN] =
		"UPDATE session SET seen_day = max(seen_day, ?2) "
		"WHERE sid = ?1",
	[WP_ROWS_SESSION_REMOVE] =
		"DELETE FROM session WHERE sid = ?1 AND name = ?2",
	[WP_ROWS_SESSIONS] =
		"SELECT " SESSION_COLUMNS " FROM session WHERE name = ?1 "
		"ORDER BY created_s DESC, sid LIMIT ?2",
};

/* ---- opening ---- */

enum wp_err wp_accounts_open(struct wp_accounts **out, const char *path,
			     int busy_timeout_ms, struct wp_error *err)
{
	const struct wp_sqlite_setup setup = {
		.kind = &kind,
		.texts = texts,
		.n = WP_ROWS_COUNT,
		.path = path,
		.busy_timeout_ms = busy_timeout_ms,
		.may_create = true,
	};
	struct wp_accounts *accounts = calloc(1, sizeof(*accounts));
	enum wp_err rc;

	*out = NULL;
	if (accounts == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	rc = wp_sqlite_open(&accounts->db, &setup, err);
	if (rc == WP_OK)
		*out = accounts;
	else
		free(accounts);
	return rc;
}

void wp_accounts_close(struct wp_accounts **accounts)
{
	if (*accounts == NULL)
		return;
	wp_sqlite_close(&(*accounts)->db);
	free(*accounts);
	*accounts = NULL;
}

enum wp_err wp_accounts_look(struct wp_accounts_look *out, const char *path,
			     int busy_timeout_ms, struct wp_error *err)
{
	struct wp_sqlite_file file = {
		.kind = &kind,
		.path = strdup(path),
		.busy_timeout_ms = busy_timeout_ms,
	};
	int64_t version;
	enum wp_err rc;

	*out = (struct wp_accounts_look){ .id = "" };
	if (file.path == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	rc = wp_sqlite_file_look(&file, &version, err);
	if (rc == WP_OK && version > 0)
		rc = wp_sqlite_file_text(&file, id_sql, out->id,
					 sizeof(out->id), err);
	if (rc == WP_OK && version > 0)
		rc = wp_sqlite_file_text(&file, pepper_sql, out->pepper,
					 sizeof(out->pepper), err);
	wp_sqlite_file_close(&file);
	free(file.path);
	return rc;
}

enum wp_err wp_accounts_copy(const char *path, int busy_timeout_ms,
			     const char *to, struct wp_error *err)
{
	return wp_sqlite_copy(&kind, path, busy_timeout_ms, to, err);
}

enum wp_err wp_accounts_verify(const char *copy, struct wp_error *err)
{
	return wp_sqlite_verify(&kind, copy, err);
}

/* ---- columns ---- */

enum wp_err wp_rows_be_open(struct wp_accounts *accounts, struct wp_error *err)
{
	if (accounts == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "the file of accounts is not open");
	return wp_sqlite_be_open(&accounts->db, err);
}

void wp_rows_bind_name(sqlite3_stmt *statement, int index,
		       const struct wp_username *name)
{
	/* Binding in place cannot fail: the indexes are right. */
	(void)sqlite3_bind_text(statement, index, name->text, name->len,
				SQLITE_STATIC);
}

/* NULL is SQL's NULL. */
void wp_rows_bind_blob(sqlite3_stmt *statement, int index, const uint8_t *data,
		       int len)
{
	(void)sqlite3_bind_blob(statement, index, data, len, SQLITE_STATIC);
}

/* Exactly len bytes; false when there are others. */
bool wp_rows_read_blob(sqlite3_stmt *statement, int index, uint8_t *out,
		       size_t len)
{
	const void *data = sqlite3_column_blob(statement, index);

	if (data == NULL ||
	    (size_t)sqlite3_column_bytes(statement, index) != len)
		return false;
	memcpy(out, data, len);
	return true;
}

bool wp_rows_read_text(sqlite3_stmt *statement, int index, char *out,
		       size_t room)
{
	const void *data = sqlite3_column_text(statement, index);
	size_t len = (size_t)sqlite3_column_bytes(statement, index);

	if (data == NULL || len >= room)
		return false;
	memcpy(out, data, len);
	out[len] = '\0';
	return true;
}

/* A row that nobody here has written. */
enum wp_err wp_rows_damaged(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "the file of accounts is damaged; restore it from "
			    "a backup");
}

enum wp_err wp_rows_stale(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_STALE, "the account was changed");
}

/* Run a write that must change exactly what was found. */
enum wp_err wp_rows_run_found(struct wp_accounts *accounts,
			      sqlite3_stmt *statement, struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_run(&accounts->db, statement, err);

	if (rc == WP_OK && sqlite3_changes(accounts->db.file.handle) == 0)
		rc = wp_rows_stale(err);
	return rc;
}

/* Run a statement that deletes sessions and gives the sid of each. */
enum wp_err wp_rows_run_end(struct wp_accounts *accounts,
			    sqlite3_stmt *statement, struct wp_ended *ended,
			    struct wp_error *err)
{
	bool is_whole = true;
	int step;

	while ((step = sqlite3_step(statement)) == SQLITE_ROW && is_whole) {
		is_whole = ended->n <= WP_ACCOUNT_SESSIONS_MAX &&
			   wp_rows_read_blob(statement, 0, ended->sid[ended->n],
					     WP_SID_LEN);
		ended->n += is_whole;
	}
	if (!is_whole) {
		(void)sqlite3_reset(statement);
		return wp_rows_damaged(err);
	}
	return wp_sqlite_told(&accounts->db, statement, step, err);
}

enum wp_err wp_rows_end_others(struct wp_accounts *accounts,
			       const struct wp_username *name,
			       const uint8_t *keep_sid, struct wp_ended *ended,
			       struct wp_error *err)
{
	sqlite3_stmt *statement =
		wp_sqlite_get(&accounts->db, WP_ROWS_SESSION_END_OTHERS);

	wp_rows_bind_blob(statement, 1, keep_sid, WP_SID_LEN);
	wp_rows_bind_name(statement, 2, name);
	return wp_rows_run_end(accounts, statement, ended, err);
}

enum wp_err wp_rows_begin(struct wp_accounts *accounts, struct wp_ended *ended,
			  struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);

	ended->n = 0;
	return rc == WP_OK ? wp_sqlite_begin(&accounts->db, true, err) : rc;
}

/* Of a transaction whose end this was: what it did not do was not done. */
enum wp_err wp_rows_finish(struct wp_accounts *accounts, enum wp_err rc,
			   struct wp_ended *ended, struct wp_error *err)
{
	rc = wp_sqlite_end(&accounts->db, rc, err);
	if (rc != WP_OK)
		ended->n = 0;
	return rc;
}
