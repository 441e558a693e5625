/*
 * file.c - make, open or look at the file of a SQLite database.
 *
 * Knows where a database may lie, its settings and the version of its tables,
 * and which errors leave a connection in doubt. The file itself is never opened
 * by anybody but SQLite: closing a second descriptor would drop the locks of
 * every connection of this process (sqlite.org/howtocorrupt.html, section 2.2).
 *
 * Looking leaves no trace. Opening a database with a write-ahead log makes
 * files beside it, which then belong to whoever looked. So a database that
 * nobody has open is read as if nobody could write to it: without locks, which
 * is why nothing else in this process may have it open.
 */
#include "lib/sqlite/file.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/sqlite/checkpoint.h"

enum { RETRY_MS = 5 };

/*
 * Of the connection, not of the file. FULL: a commit is on disk when it
 * returns. The last one bounds a log that grew behind a long reader.
 */
static const char settings[] = "PRAGMA synchronous = FULL;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA journal_size_limit = 67108864;";

/* ---- errors ---- */

void wp_sqlite_file_close(struct wp_sqlite_file *file)
{
	sqlite3_stmt *statement;

	if (file->handle == NULL)
		return;
	while ((statement = sqlite3_next_stmt(file->handle, NULL)) != NULL)
		(void)sqlite3_finalize(statement);
	wp_sqlite_checkpoints_stop(file->checkpoints);
	file->checkpoints = NULL;
	/* Nothing is open on it any more, so this cannot be refused. */
	(void)sqlite3_close(file->handle);
	file->handle = NULL;
}

/* What follows the noun. */
static const char *sentence(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "is locked by another process";
	case SQLITE_FULL:
		return "cannot grow, its disk is full";
	case SQLITE_IOERR:
		return "cannot be read or written";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "is damaged; restore it from a backup";
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return "may not be written";
	case SQLITE_CANTOPEN:
		return "cannot be opened";
	case SQLITE_NOMEM:
		return "ran out of memory";
	default:
		return "failed";
	}
}

/* Errors after which a connection is as good as before. */
static bool is_harmless(int rc)
{
	int code = rc & 0xff;

	return code == SQLITE_BUSY || code == SQLITE_LOCKED ||
	       code == SQLITE_CONSTRAINT;
}

enum wp_err wp_sqlite_fail(struct wp_sqlite_file *file, int rc,
			   struct wp_error *err)
{
	int sys_errno = 0;

	if ((rc & 0xff) == SQLITE_FULL)
		sys_errno = ENOSPC; /* SQLite forgets it */
	else if ((rc & 0xff) == SQLITE_IOERR)
		sys_errno = sqlite3_system_errno(file->handle);
	/* errstr is constant text; errmsg could quote what was stored. */
	wp_error_set(err, WP_ERR_UNAVAIL, "%s %s (SQLite %d: %s)",
		     file->kind->noun, sentence(rc), rc, sqlite3_errstr(rc));
	if (err != NULL)
		err->sys_errno = sys_errno;
	/* Closing rolls back whatever is open. */
	if (!is_harmless(rc))
		wp_sqlite_file_close(file);
	return WP_ERR_UNAVAIL;
}

/* ---- where it may lie ---- */

/* Their locks and shared memory do not reach other machines. */
static const uint64_t network_fs[] = {
	0x6969,     /* NFS */
	0x517b,     /* SMB */
	0xff534d42, /* CIFS */
	0xfe534d42, /* SMB 2 and 3 */
	0x5346414f, /* AFS */
	0x73757245, /* Coda */
	0x00c36400, /* Ceph */
	0x0bd00bd0, /* Lustre */
	0x01161970, /* GFS2 */
	0x7461636f, /* OCFS2 */
};

/* Is this kind of file system (statfs f_type) shared between machines? */
static bool is_network_fs(uint64_t type)
{
	for (size_t i = 0; i < sizeof(network_fs) / sizeof(network_fs[0]); i++)
		if (network_fs[i] == type)
			return true;
	return false;
}

static enum wp_err refuse(const struct wp_sqlite_file *file, const char *why,
			  struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s: %.120s %s",
			    file->kind->setting, file->path, why);
}

static enum wp_err refuse_errno(const struct wp_sqlite_file *file,
				const char *what, struct wp_error *err)
{
	int saved = errno;

	wp_error_set(err, WP_ERR_INVAL, "%s: %s %.120s: %s",
		     file->kind->setting, what, file->path, strerror(saved));
	if (err != NULL)
		err->sys_errno = saved;
	return WP_ERR_INVAL;
}

static enum wp_err check_folder(const struct wp_sqlite_file *file,
				struct wp_error *err)
{
	char *copy = strdup(file->path);
	struct statfs fs;
	enum wp_err rc = WP_OK;

	if (copy == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	if (statfs(dirname(copy), &fs) == -1)
		rc = refuse_errno(file, "cannot look at the folder of", err);
	else if (is_network_fs((uint64_t)fs.f_type & 0xffffffffU))
		rc = refuse(file,
			    "is on a network file system; SQLite needs a "
			    "local disk",
			    err);
	free(copy);
	return rc;
}

/* An empty file of the right mode is what SQLite starts a database in. */
static enum wp_err make_file(const struct wp_sqlite_file *file,
			     struct wp_error *err)
{
	struct stat st;

	if (file->path[0] == '\0' || file->path[0] == ':')
		return refuse(file, "is no path of a file", err);
	if (mknod(file->path, S_IFREG | file->kind->mode, 0) == 0)
		return chmod(file->path, file->kind->mode) == 0
			       ? WP_OK
			       : refuse_errno(file, "cannot make", err);
	if (errno != EEXIST)
		return refuse_errno(file, "cannot make", err);
	if (stat(file->path, &st) == -1)
		return refuse_errno(file, "cannot look at", err);
	if (!S_ISREG(st.st_mode))
		return refuse(file, "is no file", err);
	if ((st.st_mode & file->kind->too_open) != 0)
		return refuse(file,
			      "is open to others; take that back by chmod",
			      err);
	return WP_OK;
}

/* ---- what is in it ---- */

/* The first column of the first row: as a number, and whether it is wanted. */
static int ask(struct wp_sqlite_file *file, const char *sql,
	       int64_t *number_out, const char *wanted, bool *is_wanted_out)
{
	sqlite3_stmt *statement = NULL;
	int rc;

	rc = sqlite3_prepare_v2(file->handle, sql, -1, &statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(statement, 0);

		if (wanted != NULL)
			*is_wanted_out =
				text != NULL &&
				strcmp((const char *)text, wanted) == 0;
		if (number_out != NULL)
			*number_out = sqlite3_column_int64(statement, 0);
	}
	(void)sqlite3_finalize(statement);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* Look before anything is changed: the file may belong to somebody else. */
static enum wp_err check_is_ours(struct wp_sqlite_file *file,
				 int64_t *version_out, struct wp_error *err)
{
	int64_t application = 0;
	int64_t tables = 0;
	int rc;

	/* Tables first: somebody may be making them, and the version with them,
	 * just now; whoever sees them sees the version as well. */
	rc = ask(file, "SELECT count(*) FROM sqlite_master", &tables, NULL,
		 NULL);
	if (rc == SQLITE_OK)
		rc = ask(file, "PRAGMA user_version", version_out, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = ask(file, "PRAGMA application_id", &application, NULL,
			 NULL);
	if ((rc & 0xff) == SQLITE_NOTADB)
		return refuse(file, "is no SQLite database", err);
	if (rc != SQLITE_OK)
		return wp_sqlite_fail(file, rc, err);
	if (tables > 0 &&
	    (*version_out < 1 || application != file->kind->application_id))
		return refuse(file, "is a database of something else", err);
	if (*version_out > file->kind->version)
		return refuse(file, "was made by a newer Waypost", err);
	return WP_OK;
}

/* Too old to serve? An empty one is not. */
static enum wp_err check_age(const struct wp_sqlite_file *file, int64_t version,
			     struct wp_error *err)
{
	if (version == 0 || version >= file->kind->oldest)
		return WP_OK;
	return refuse(file,
		      "has tables of an older Waypost; make a copy of it, then "
		      "say waypost upgrade finish --yes",
		      err);
}

static enum wp_err enter_wal(struct wp_sqlite_file *file, struct wp_error *err)
{
	uint64_t end_ms = wp_mono_ms() + (uint64_t)file->busy_timeout_ms;
	bool is_wal = false;
	int rc;

	/* Many may start on a new file at once; this lock is not waited for. */
	while (((rc = ask(file, "PRAGMA journal_mode = WAL", NULL, "wal",
			  &is_wal)) &
		0xff) == SQLITE_BUSY &&
	       wp_mono_ms() < end_ms)
		(void)sqlite3_sleep(RETRY_MS);
	if (rc != SQLITE_OK)
		return wp_sqlite_fail(file, rc, err);
	if (!is_wal)
		return refuse(file, "cannot have a write-ahead log", err);
	return WP_OK;
}

/* Inside the write lock, so that one of those who start at once does it. */
static enum wp_err make_tables(struct wp_sqlite_file *file,
			       struct wp_error *err)
{
	const struct wp_sqlite_kind *kind = file->kind;
	int64_t version = 0;
	int rc;

	rc = sqlite3_exec(file->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = ask(file, "PRAGMA user_version", &version, NULL, NULL);
	if (rc == SQLITE_OK && version == 0) {
		rc = sqlite3_exec(file->handle, kind->steps[0], NULL, NULL,
				  NULL);
		version = kind->version;
	}
	for (; rc == SQLITE_OK && version < kind->version; version++)
		rc = sqlite3_exec(file->handle, kind->steps[version], NULL,
				  NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(file->handle, "COMMIT", NULL, NULL, NULL);
	return rc == SQLITE_OK ? WP_OK : wp_sqlite_fail(file, rc, err);
}

static enum wp_err enter_schema(struct wp_sqlite_file *file, bool may_create,
				struct wp_error *err)
{
	int64_t version = 0;
	enum wp_err rc;

	rc = check_is_ours(file, &version, err);
	if (rc == WP_OK && version == 0 && !may_create)
		return refuse(file, "is empty now; it was not before", err);
	if (rc == WP_OK)
		rc = check_age(file, version, err);
	if (rc == WP_OK)
		rc = enter_wal(file, err);
	if (rc == WP_OK && version == 0)
		rc = make_tables(file, err);
	return rc;
}

static enum wp_err enter_upgrade(struct wp_sqlite_file *file,
				 struct wp_error *err)
{
	int64_t version = 0;
	enum wp_err rc = check_is_ours(file, &version, err);

	if (rc == WP_OK && version == 0)
		return refuse(file, "is empty", err);
	if (rc == WP_OK)
		rc = enter_wal(file, err);
	return rc == WP_OK ? make_tables(file, err) : rc;
}

enum open_for { TO_SERVE, TO_SERVE_OR_MAKE, TO_UPGRADE };

static enum wp_err open_file(struct wp_sqlite_file *file, enum open_for why,
			     struct wp_error *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			  SQLITE_OPEN_EXRESCODE;
	enum wp_err rc;
	int code;

	code = sqlite3_open_v2(file->path, &file->handle, flags, NULL);
	/* SQLite falls back to reading only, and would fail much later. */
	if (code == SQLITE_CANTOPEN && access(file->path, F_OK) == -1) {
		wp_sqlite_file_close(file);
		return refuse(file, file->kind->gone, err);
	}
	if ((code & 0xff) == SQLITE_CANTOPEN ||
	    (code == SQLITE_OK &&
	     sqlite3_db_readonly(file->handle, "main") == 1)) {
		wp_sqlite_file_close(file);
		return refuse(file, "cannot be opened for writing", err);
	}
	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(file->handle,
					    file->busy_timeout_ms);
	if (code == SQLITE_OK)
		code = sqlite3_exec(file->handle, settings, NULL, NULL, NULL);
	if (code == SQLITE_OK) {
		file->checkpoints = wp_sqlite_checkpoints_start(file->handle);
		if (file->checkpoints == NULL)
			code = SQLITE_NOMEM;
	}
	if (code == SQLITE_OK)
		rc = why == TO_UPGRADE
			     ? enter_upgrade(file, err)
			     : enter_schema(file, why == TO_SERVE_OR_MAKE, err);
	else if ((code & 0xff) == SQLITE_NOTADB)
		rc = refuse(file, "is no SQLite database", err);
	else
		rc = wp_sqlite_fail(file, code, err);
	if (rc != WP_OK)
		wp_sqlite_file_close(file);
	return rc;
}

enum wp_err wp_sqlite_file_open(struct wp_sqlite_file *file, bool may_create,
				struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (may_create)
		rc = check_folder(file, err);
	if (rc == WP_OK && may_create)
		rc = make_file(file, err);
	return rc == WP_OK ? open_file(file,
				       may_create ? TO_SERVE_OR_MAKE : TO_SERVE,
				       err)
			   : rc;
}

enum wp_err wp_sqlite_file_upgrade(struct wp_sqlite_file *file,
				   struct wp_error *err)
{
	enum wp_err rc = open_file(file, TO_UPGRADE, err);

	wp_sqlite_file_close(file);
	return rc;
}

/* ---- looking ---- */

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

static enum wp_err open_to_look(struct wp_sqlite_file *file,
				struct wp_error *err)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
			  SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
	enum wp_err rc = WP_OK;
	struct wp_buf uri;
	int code;

	wp_buf_init(&uri, 0);
	write_uri(&uri, file->path);
	if (!has_log(file->path))
		wp_buf_add_str(&uri, "?immutable=1");
	if (uri.failed) {
		rc = wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
		goto out;
	}
	code = sqlite3_open_v2(uri.data, &file->handle, flags, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(file->handle,
					    file->busy_timeout_ms);
	if (code != SQLITE_OK)
		rc = wp_sqlite_fail(file, code, err);
out:
	wp_buf_release(&uri);
	return rc;
}

enum wp_err wp_sqlite_file_text(struct wp_sqlite_file *file, const char *sql,
				char *out, size_t room, struct wp_error *err)
{
	sqlite3_stmt *statement = NULL;
	int rc;

	out[0] = '\0';
	rc = sqlite3_prepare_v2(file->handle, sql, -1, &statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		const char *text =
			(const char *)sqlite3_column_text(statement, 0);

		(void)snprintf(out, room, "%s", text != NULL ? text : "");
	}
	(void)sqlite3_finalize(statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return wp_sqlite_fail(file, rc, err);
	return WP_OK;
}

/* There is no file yet: could one be made? */
static enum wp_err check_can_be_made(const struct wp_sqlite_file *file,
				     struct wp_error *err)
{
	enum wp_err rc = check_folder(file, err);
	char *copy;

	if (rc != WP_OK)
		return rc;
	copy = strdup(file->path);
	if (copy == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	if (access(dirname(copy), W_OK | X_OK) == -1)
		rc = refuse(file,
			    "cannot be made: its folder is not "
			    "writable",
			    err);
	free(copy);
	return rc;
}

enum wp_err wp_sqlite_file_look_at_any(struct wp_sqlite_file *file,
				       int64_t *version_out,
				       struct wp_error *err)
{
	const char *path = file->path;
	enum wp_err rc;
	struct stat st;

	*version_out = 0;
	if (path[0] == '\0' || path[0] == ':')
		return refuse(file, "is no path of a file", err);
	if (stat(path, &st) == -1)
		return errno == ENOENT
			       ? check_can_be_made(file, err)
			       : refuse(file, "cannot be looked at", err);
	if (!S_ISREG(st.st_mode))
		return refuse(file, "is no file", err);
	if (access(path, R_OK | W_OK) == -1)
		return refuse(file, "cannot be opened for writing", err);
	rc = check_folder(file, err);
	if (rc != WP_OK || st.st_size == 0)
		return rc;
	rc = open_to_look(file, err);
	if (rc == WP_OK)
		rc = check_is_ours(file, version_out, err);
	if (rc != WP_OK)
		wp_sqlite_file_close(file);
	return rc;
}

enum wp_err wp_sqlite_file_look(struct wp_sqlite_file *file,
				int64_t *version_out, struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_file_look_at_any(file, version_out, err);

	if (rc == WP_OK)
		rc = check_age(file, *version_out, err);
	if (rc != WP_OK)
		wp_sqlite_file_close(file);
	return rc;
}
