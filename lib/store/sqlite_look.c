/*
 * sqlite_look.c - see which store a file is, and leave no trace.
 *
 * Opening a database with a write-ahead log makes files beside it, which then
 * belong to whoever looked. So a database that nobody has open is read as if
 * nobody could write to it: without locks, which is why nothing else in this
 * process may have it open (see the head of sqlite_schema.c).
 */
#include "lib/store/sqlite_db.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"

enum { FIRST_VERSION_WITH_LIVES = 2, FIRST_VERSION_WITH_NOTES = 3 };

/* file:<path>, every character that means something in a URI escaped. */
static void write_uri(struct wp_buf *out, const char *path)
{
	wp_buf_add_str(out, "file:");
	for (; *path != '\0'; path++)
		if (strchr("%?#", *path) != NULL)
			wp_buf_printf(out, "%%%02x", (unsigned char)*path);
		else
			wp_buf_add_char(out, *path);
}

/* Does somebody have it open, or did somebody die with it open? */
static bool has_log(const char *path)
{
	struct wp_buf name;
	bool is_there;

	wp_buf_init(&name, 0);
	wp_buf_printf(&name, "%s-wal", path);
	is_there = name.failed || access(name.data, F_OK) == 0;
	wp_buf_release(&name);
	return is_there;
}

static enum wp_err open_to_look(struct wp_sqlite_db *db, struct wp_error *err)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
			  SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
	enum wp_err rc = WP_OK;
	struct wp_buf uri;
	int code;

	wp_buf_init(&uri, 0);
	write_uri(&uri, db->path);
	if (!has_log(db->path))
		wp_buf_add_str(&uri, "?immutable=1");
	if (uri.failed) {
		rc = wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
		goto out;
	}
	code = sqlite3_open_v2(uri.data, &db->handle, flags, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(db->handle, db->busy_timeout_ms);
	if (code != SQLITE_OK)
		rc = wp_sqlite_fail(db, code, err);
out:
	wp_buf_release(&uri);
	return rc;
}

/* The first column of the first row as text; "" when there is none. */
static enum wp_err read_text(struct wp_sqlite_db *db, const char *sql,
			     char *out, size_t room, struct wp_error *err)
{
	sqlite3_stmt *statement = NULL;
	int rc;

	out[0] = '\0';
	rc = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		const char *text =
			(const char *)sqlite3_column_text(statement, 0);

		(void)snprintf(out, room, "%s", text != NULL ? text : "");
	}
	(void)sqlite3_finalize(statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return wp_sqlite_fail(db, rc, err);
	return WP_OK;
}

static enum wp_err read_look(struct wp_sqlite_db *db, struct wp_store_look *out,
			     struct wp_error *err)
{
	char life[sizeof("1")];
	int64_t version = 0;
	enum wp_err rc;

	rc = wp_sqlite_check_is_ours(db, &version, err);
	if (rc == WP_OK && version >= FIRST_VERSION_WITH_LIVES) {
		rc = read_text(db, "SELECT count(*) > 0 FROM life", life,
			       sizeof(life), err);
		out->has_life = rc == WP_OK && life[0] == '1';
	}
	if (rc == WP_OK && version >= FIRST_VERSION_WITH_NOTES)
		rc = read_text(db,
			       "SELECT value FROM note WHERE name = "
			       "'" WP_STORE_NOTE_ID "'",
			       out->id, sizeof(out->id), err);
	return rc;
}

/* There is no file yet: could one be made? */
static enum wp_err check_can_be_made(const char *path, struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_check_folder(path, err);
	char *copy;

	if (rc != WP_OK)
		return rc;
	copy = strdup(path);
	if (copy == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	if (access(dirname(copy), W_OK | X_OK) == -1)
		rc = wp_sqlite_refuse(path,
				      "cannot be made: its folder is not "
				      "writable",
				      err);
	free(copy);
	return rc;
}

enum wp_err wp_sqlite_look(struct wp_store_look *out, const char *path,
			   int busy_timeout_ms, struct wp_error *err)
{
	struct wp_sqlite_db db = { .busy_timeout_ms = busy_timeout_ms };
	enum wp_err rc;
	struct stat st;

	if (path[0] == '\0' || path[0] == ':')
		return wp_sqlite_refuse(path, "is no path of a file", err);
	if (stat(path, &st) == -1)
		return errno == ENOENT
			       ? check_can_be_made(path, err)
			       : wp_sqlite_refuse(path, "cannot be looked at",
						  err);
	if (!S_ISREG(st.st_mode))
		return wp_sqlite_refuse(path, "is no file", err);
	if (access(path, R_OK | W_OK) == -1)
		return wp_sqlite_refuse(path, "cannot be opened for writing",
					err);
	rc = wp_sqlite_check_folder(path, err);
	if (rc != WP_OK || st.st_size == 0)
		return rc;
	db.path = strdup(path);
	if (db.path == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	out->is_there = true;
	rc = open_to_look(&db, err);
	if (rc == WP_OK)
		rc = read_look(&db, out, err);
	wp_sqlite_db_close(&db);
	free(db.path);
	return rc;
}
