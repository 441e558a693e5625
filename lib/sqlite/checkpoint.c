/*
 * checkpoint.c - checkpoints while the lock of those who write is held.
 *
 * A log is started anew by a commit, so by whoever has that lock, and a
 * checkpoint has read where the log ends while nobody can. A connection cannot
 * move the log inside its own transaction, so a second one to the same file
 * holds the lock: it begins a transaction, writes nothing, and rolls back.
 * SQLite's mode FULL takes the lock too, but goes on without it when it cannot
 * have it.
 *
 * The last connection to close moves the log as well. It has the whole file for
 * itself then, or does not do it.
 */
#include "lib/sqlite/checkpoint.h"

#include <stdlib.h>

/* SQLITE_DEFAULT_WAL_AUTOCHECKPOINT: 4 MB of the pages that we have. */
enum { LOG_PAGES = 1000 };

struct wp_sqlite_checkpoints {
	sqlite3 *handle;
	sqlite3 *guard; /* has the lock meanwhile; NULL until it is needed */
};

static void close_guard(struct wp_sqlite_checkpoints *checkpoints)
{
	(void)sqlite3_close(checkpoints->guard);
	checkpoints->guard = NULL;
}

static int open_guard(struct wp_sqlite_checkpoints *checkpoints)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	/* With no timeout: who cannot have the lock at once does without. */
	return sqlite3_open_v2(sqlite3_db_filename(checkpoints->handle, "main"),
			       &checkpoints->guard, flags, NULL);
}

/*
 * A failure is nobody's: what was committed is in the log, and stays there.
 * The next commit tries again, with another guard if this one is in doubt.
 */
static void move_log(struct wp_sqlite_checkpoints *checkpoints)
{
	int rc = SQLITE_OK;

	if (checkpoints->guard == NULL)
		rc = open_guard(checkpoints);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(checkpoints->guard, "BEGIN IMMEDIATE", NULL,
				  NULL, NULL);
	if (rc == SQLITE_BUSY)
		return;
	if (rc == SQLITE_OK) {
		(void)sqlite3_wal_checkpoint_v2(checkpoints->handle, "main",
						SQLITE_CHECKPOINT_PASSIVE, NULL,
						NULL);
		rc = sqlite3_exec(checkpoints->guard, "ROLLBACK", NULL, NULL,
				  NULL);
	}
	if (rc != SQLITE_OK)
		close_guard(checkpoints);
}

/* sqlite3_wal_hook(): the commit is over, and its lock is given back. */
static int on_commit(void *ctx, sqlite3 *handle, const char *name, int pages)
{
	(void)handle;
	(void)name;
	if (pages >= LOG_PAGES)
		move_log(ctx);
	return SQLITE_OK;
}

struct wp_sqlite_checkpoints *wp_sqlite_checkpoints_start(sqlite3 *handle)
{
	struct wp_sqlite_checkpoints *checkpoints =
		calloc(1, sizeof(*checkpoints));

	if (checkpoints == NULL)
		return NULL;
	checkpoints->handle = handle;
	/* SQLite's own are such a hook, and go with it. */
	(void)sqlite3_wal_hook(handle, on_commit, checkpoints);
	return checkpoints;
}

void wp_sqlite_checkpoints_stop(struct wp_sqlite_checkpoints *checkpoints)
{
	if (checkpoints == NULL)
		return;
	(void)sqlite3_wal_hook(checkpoints->handle, NULL, NULL);
	close_guard(checkpoints);
	free(checkpoints);
}
