/*
 * copy.c - SQLite's online backup, and its check of a whole file.
 */
#include "lib/sqlite/copy.h"

#include <stdlib.h>
#include <string.h>

enum { ALL_PAGES = -1 };

static int copy_pages(struct wp_sqlite_file *from, sqlite3 *to)
{
	sqlite3_backup *backup =
		sqlite3_backup_init(to, "main", from->handle, "main");

	int step, finish;

	if (backup == NULL)
		return sqlite3_extended_errcode(to);
	step = sqlite3_backup_step(backup, ALL_PAGES);
	/* Of a file that was busy this says nothing. */
	finish = sqlite3_backup_finish(backup);
	return step == SQLITE_DONE ? finish : step;
}

enum wp_err wp_sqlite_copy(const struct wp_sqlite_kind *kind, const char *path,
			   int busy_timeout_ms, const char *to,
			   struct wp_error *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			  SQLITE_OPEN_EXRESCODE;
	struct wp_sqlite_file from = { .kind = kind,
				       .path = strdup(path),
				       .busy_timeout_ms = busy_timeout_ms };
	sqlite3 *copy = NULL;
	enum wp_err rc;
	int code;

	if (from.path == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	rc = wp_sqlite_file_open(&from, false, err);
	if (rc != WP_OK)
		goto out;
	code = sqlite3_open_v2(to, &copy, flags, NULL);
	if (code == SQLITE_OK)
		code = copy_pages(&from, copy);
	if (code != SQLITE_OK)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "%s cannot be copied to %.120s (SQLite %d: "
				  "%s)",
				  kind->noun, to, code, sqlite3_errstr(code));
out:
	(void)sqlite3_close(copy);
	wp_sqlite_file_close(&from);
	free(from.path);
	return rc;
}

static enum wp_err read_all(struct wp_sqlite_file *file, struct wp_error *err)
{
	char said[sizeof("ok") + 1];
	int64_t version;
	enum wp_err rc = wp_sqlite_file_look(file, &version, err);

	if (rc != WP_OK)
		return rc;
	if (version == 0)
		return wp_error_set(err, WP_ERR_INVAL, "%.150s is empty",
				    file->path);
	rc = wp_sqlite_file_text(file, "PRAGMA quick_check(1)", said,
				 sizeof(said), err);
	if (rc == WP_OK && strcmp(said, "ok") != 0)
		rc = wp_error_set(err, WP_ERR_INVAL, "%.150s is damaged",
				  file->path);
	return rc;
}

enum wp_err wp_sqlite_verify(const struct wp_sqlite_kind *kind,
			     const char *path, struct wp_error *err)
{
	struct wp_sqlite_file file = { .kind = kind, .path = strdup(path) };
	enum wp_err rc;

	if (file.path == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	rc = read_all(&file, err);
	wp_sqlite_file_close(&file);
	free(file.path);
	return rc;
}
