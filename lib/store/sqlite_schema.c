/*
 * sqlite_schema.c - make or open the file of a SQLite cold store.
 *
 * Knows where a store may lie, its settings and its tables. The file itself is
 * never opened by anybody but SQLite: closing a second descriptor would drop
 * the locks of every connection of this process (sqlite.org/howtocorrupt.html,
 * section 2.2).
 */
#include "lib/store/sqlite_db.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/store/store.h"

enum {
	SCHEMA_VERSION = 3,
	STORE_MODE = 0640,
	RETRY_MS = 5,
};

/* Lives of Redis that were reconciled; the highest epoch is the present one. */
#define LIFE_TABLE                                   \
	"CREATE TABLE life ("                        \
	"  epoch INTEGER PRIMARY KEY AUTOINCREMENT," \
	"  run_id TEXT NOT NULL UNIQUE);"

/* See wp_store_note(). */
#define NOTE_TABLE            \
	"CREATE TABLE note (" \
	"  name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

static const char schema[] =
	"CREATE TABLE box ("
	"  urn TEXT PRIMARY KEY, partition INTEGER NOT NULL,"
	"  ver INTEGER NOT NULL, n INTEGER NOT NULL DEFAULT 0,"
	"  bytes INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE INDEX box_partition ON box (partition, urn);"
	"CREATE TABLE msg ("
	"  urn TEXT NOT NULL, band INTEGER NOT NULL,"
	"  ms INTEGER NOT NULL, seq INTEGER NOT NULL,"
	"  expires_ms INTEGER NOT NULL, json BLOB NOT NULL,"
	"  PRIMARY KEY (urn, band, ms, seq)) WITHOUT ROWID;"
	"CREATE INDEX msg_expiry ON msg (expires_ms);"
	"CREATE TABLE top ("
	"  partition INTEGER PRIMARY KEY, ms INTEGER NOT NULL,"
	"  seq INTEGER NOT NULL);" LIFE_TABLE NOTE_TABLE
	"INSERT INTO note VALUES ('" WP_STORE_NOTE_MADE "', 'empty');"
	"PRAGMA user_version = 3;";

/* What version 1 lacks: how much a mailbox holds, and what expires when. */
static const char upgrade_1[] =
	"ALTER TABLE box ADD COLUMN n INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE box ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
	"UPDATE box SET (n, bytes) ="
	"  (SELECT count(*), coalesce(sum(length(json)), 0)"
	"   FROM msg WHERE msg.urn = box.urn);"
	"CREATE INDEX msg_expiry ON msg (expires_ms);" LIFE_TABLE
	"PRAGMA user_version = 2;";

/* Version 2 lacks notes; how it was made is not known. */
static const char upgrade_2[] = NOTE_TABLE "PRAGMA user_version = 3;";

/*
 * Of the connection, not of the file. FULL: a commit is on disk when it
 * returns. The last one bounds a log that grew behind a long reader.
 */
static const char settings[] = "PRAGMA synchronous = FULL;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA journal_size_limit = 67108864;";

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

bool wp_sqlite_is_network_fs(uint64_t type)
{
	for (size_t i = 0; i < sizeof(network_fs) / sizeof(network_fs[0]); i++)
		if (network_fs[i] == type)
			return true;
	return false;
}

enum wp_err wp_sqlite_refuse(const char *path, const char *why,
			     struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_INVAL, "store.sqlite_path: %.120s %s",
			    path, why);
}

static enum wp_err refuse(const struct wp_sqlite_db *db, const char *why,
			  struct wp_error *err)
{
	return wp_sqlite_refuse(db->path, why, err);
}

static enum wp_err refuse_errno(const char *path, const char *what,
				struct wp_error *err)
{
	int saved = errno;

	wp_error_set(err, WP_ERR_INVAL, "store.sqlite_path: %s %.120s: %s",
		     what, path, strerror(saved));
	if (err != NULL)
		err->sys_errno = saved;
	return WP_ERR_INVAL;
}

enum wp_err wp_sqlite_check_folder(const char *path, struct wp_error *err)
{
	char *copy = strdup(path);
	struct statfs fs;
	enum wp_err rc = WP_OK;

	if (copy == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	if (statfs(dirname(copy), &fs) == -1)
		rc = refuse_errno(path, "cannot look at the folder of", err);
	else if (wp_sqlite_is_network_fs((uint64_t)fs.f_type & 0xffffffffU))
		rc = wp_sqlite_refuse(
			path,
			"is on a network file system; SQLite needs a "
			"local disk",
			err);
	free(copy);
	return rc;
}

/* An empty file of the right mode is what SQLite starts a database in. */
static enum wp_err make_file(const struct wp_sqlite_db *db,
			     struct wp_error *err)
{
	struct stat st;

	if (db->path[0] == '\0' || db->path[0] == ':')
		return refuse(db, "is no path of a file", err);
	if (mknod(db->path, S_IFREG | STORE_MODE, 0) == 0)
		return chmod(db->path, STORE_MODE) == 0
			       ? WP_OK
			       : refuse_errno(db->path, "cannot make", err);
	if (errno != EEXIST)
		return refuse_errno(db->path, "cannot make", err);
	if (stat(db->path, &st) == -1)
		return refuse_errno(db->path, "cannot look at", err);
	return S_ISREG(st.st_mode) ? WP_OK : refuse(db, "is no file", err);
}

/* The first column of the first row: as a number, and whether it is wanted. */
static int ask(struct wp_sqlite_db *db, const char *sql, int64_t *number_out,
	       const char *wanted, bool *is_wanted_out)
{
	sqlite3_stmt *statement = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
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
enum wp_err wp_sqlite_check_is_ours(struct wp_sqlite_db *db,
				    int64_t *version_out, struct wp_error *err)
{
	int64_t tables = 0;
	int rc;

	/* Tables first: somebody may be making them, and the version with them,
	 * just now; whoever sees them sees the version as well. */
	rc = ask(db, "SELECT count(*) FROM sqlite_master", &tables, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = ask(db, "PRAGMA user_version", version_out, NULL, NULL);
	if ((rc & 0xff) == SQLITE_NOTADB)
		return refuse(db, "is no SQLite database", err);
	if (rc != SQLITE_OK)
		return wp_sqlite_fail(db, rc, err);
	if (*version_out > SCHEMA_VERSION)
		return refuse(db, "was made by a newer Waypost", err);
	if (*version_out < 1 && tables > 0)
		return refuse(db, "is a database of something else", err);
	return WP_OK;
}

static enum wp_err enter_wal(struct wp_sqlite_db *db, struct wp_error *err)
{
	uint64_t end_ms = wp_mono_ms() + (uint64_t)db->busy_timeout_ms;
	bool is_wal = false;
	int rc;

	/* Many may start on a new file at once; this lock is not waited for. */
	while (((rc = ask(db, "PRAGMA journal_mode = WAL", NULL, "wal",
			  &is_wal)) &
		0xff) == SQLITE_BUSY &&
	       wp_mono_ms() < end_ms)
		(void)sqlite3_sleep(RETRY_MS);
	if (rc != SQLITE_OK)
		return wp_sqlite_fail(db, rc, err);
	if (!is_wal)
		return refuse(db, "cannot have a write-ahead log", err);
	return WP_OK;
}

/* Inside the write lock, so that one of those who start at once does it. */
static enum wp_err make_tables(struct wp_sqlite_db *db, struct wp_error *err)
{
	int64_t version = 0;
	int rc;

	rc = sqlite3_exec(db->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = ask(db, "PRAGMA user_version", &version, NULL, NULL);
	if (rc == SQLITE_OK && version == 0)
		rc = sqlite3_exec(db->handle, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK && version == 1)
		rc = sqlite3_exec(db->handle, upgrade_1, NULL, NULL, NULL);
	if (rc == SQLITE_OK && (version == 1 || version == 2))
		rc = sqlite3_exec(db->handle, upgrade_2, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->handle, "COMMIT", NULL, NULL, NULL);
	return rc == SQLITE_OK ? WP_OK : wp_sqlite_fail(db, rc, err);
}

static enum wp_err enter_schema(struct wp_sqlite_db *db, bool may_create,
				struct wp_error *err)
{
	int64_t version = 0;
	enum wp_err rc;

	rc = wp_sqlite_check_is_ours(db, &version, err);
	if (rc == WP_OK && version == 0 && !may_create)
		return refuse(db, "is empty now; it was not before", err);
	if (rc == WP_OK)
		rc = enter_wal(db, err);
	if (rc == WP_OK && version < SCHEMA_VERSION)
		rc = make_tables(db, err);
	return rc;
}

static enum wp_err open_file(struct wp_sqlite_db *db, bool may_create,
			     struct wp_error *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			  SQLITE_OPEN_EXRESCODE;
	enum wp_err rc;
	int code;

	code = sqlite3_open_v2(db->path, &db->handle, flags, NULL);
	/* SQLite falls back to reading only, and would fail much later. */
	if (code == SQLITE_CANTOPEN && access(db->path, F_OK) == -1) {
		wp_sqlite_db_close(db);
		return refuse(db,
			      "is not there, but this deployment has a store; "
			      "all programs must use its file",
			      err);
	}
	if ((code & 0xff) == SQLITE_CANTOPEN ||
	    (code == SQLITE_OK &&
	     sqlite3_db_readonly(db->handle, "main") == 1)) {
		wp_sqlite_db_close(db);
		return refuse(db, "cannot be opened for writing", err);
	}
	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(db->handle, db->busy_timeout_ms);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db->handle, settings, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		rc = enter_schema(db, may_create, err);
	else if ((code & 0xff) == SQLITE_NOTADB)
		rc = refuse(db, "is no SQLite database", err);
	else
		rc = wp_sqlite_fail(db, code, err);
	if (rc != WP_OK)
		wp_sqlite_db_close(db);
	return rc;
}

enum wp_err wp_sqlite_db_open(struct wp_sqlite_db *db, struct wp_error *err)
{
	return open_file(db, false, err);
}

enum wp_err wp_sqlite_db_create(struct wp_sqlite_db *db, struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_check_folder(db->path, err);

	if (rc == WP_OK)
		rc = make_file(db, err);
	if (rc == WP_OK)
		rc = open_file(db, true, err);
	return rc;
}
