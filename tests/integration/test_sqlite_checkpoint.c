/*
 * Nobody writes while a checkpoint runs. A layer under SQLite sees every lock
 * that is asked for, and is where another connection does its part of what
 * damages a file (lib/sqlite/checkpoint.h), at just those moments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/sqlite/db.h"
#include "tests/support/test_redis.h"

/* sqlite.org/walformat.html "WAL locks": those of a log's index, by number. */
enum { LOCK_WRITE, LOCK_CHECKPOINT };
/* More pages of 4096 bytes than a log may have before it is moved. */
enum { MUCH = 1100 * 4096, LITTLE = 100 };

static const char *const steps[] = {
	"CREATE TABLE a (x BLOB); PRAGMA user_version = 1;",
};
static const struct wp_sqlite_kind kind = {
	.setting = "store.sqlite_path",
	.noun = "it",
	.gone = "is not there",
	.mode = 0640,
	.version = 1,
	.oldest = 1,
	.steps = steps,
};
enum { SQL_ADD, SQL_COUNT, SQL_CHECK, SQL_N };
static const char *const texts[SQL_N] = {
	[SQL_ADD] = "INSERT INTO a VALUES (zeroblob(?))",
	[SQL_COUNT] = "SELECT count(*) FROM a",
	[SQL_CHECK] = "PRAGMA integrity_check(1)",
};

/* Where another connection has its turn, once. */
enum turn { NO_TURN, WHEN_WRITTEN, BEFORE_A_LOCK, WHEN_THE_END_IS_READ };
enum part { MOVES_THE_LOG, BEGINS_TO_WRITE };

static struct {
	sqlite3_vfs *below;
	sqlite3_vfs vfs;
	const sqlite3_io_methods *methods_below;
	sqlite3_io_methods methods;
	int writing;     /* connections with LOCK_WRITE */
	int checkpoints; /* how often LOCK_CHECKPOINT was had */
	int unguarded;   /* of them, without LOCK_WRITE */
	enum turn turn;  /* comes next */
	enum part part;  /* what the other does then */
	sqlite3 *other;
	int other_rc; /* of its last commit */
} seen;

static int other_runs(const char *sql)
{
	return sqlite3_exec(seen.other, sql, NULL, NULL, NULL);
}

static int other_adds(void)
{
	return other_runs("INSERT INTO a VALUES (zeroblob(100))");
}

/* The connection under test has committed, and has no lock any more. */
static void turn_before_a_lock(void)
{
	seen.turn = NO_TURN;
	if (seen.part == BEGINS_TO_WRITE) {
		assert_int_equal(other_runs("BEGIN IMMEDIATE"), SQLITE_OK);
		return;
	}
	/* The log ends elsewhere than that connection knows, and all of it is
	 * moved, so that whoever commits next starts it anew. */
	assert_int_equal(other_adds(), SQLITE_OK);
	assert_int_equal(sqlite3_wal_checkpoint_v2(seen.other, NULL,
						   SQLITE_CHECKPOINT_PASSIVE,
						   NULL, NULL),
			 SQLITE_OK);
	seen.unguarded = 0;
	seen.turn = WHEN_THE_END_IS_READ;
}

static void note_lock(int lock, int flags)
{
	bool is_taken = (flags & SQLITE_SHM_LOCK) != 0;

	if (lock == LOCK_WRITE && is_taken) {
		seen.writing++;
	} else if (lock == LOCK_WRITE) {
		seen.writing--;
		if (seen.turn == WHEN_WRITTEN)
			seen.turn = BEFORE_A_LOCK;
	} else if (lock == LOCK_CHECKPOINT && is_taken) {
		seen.checkpoints++;
		if (seen.writing == 0)
			seen.unguarded++;
	}
}

static int shm_lock(sqlite3_file *file, int first, int n, int flags)
{
	bool is_exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
	int rc;

	if (seen.turn == BEFORE_A_LOCK && (flags & SQLITE_SHM_LOCK) != 0)
		turn_before_a_lock();
	rc = seen.methods_below->xShmLock(file, first, n, flags);
	if (rc == SQLITE_OK && is_exclusive)
		for (int lock = first; lock < first + n; lock++)
			note_lock(lock, flags);
	return rc;
}

/* A checkpoint that has just read where the log ends, and found it elsewhere,
 * lets go of what it had mapped. */
static int unfetch(sqlite3_file *file, sqlite3_int64 at, void *page)
{
	if (seen.turn == WHEN_THE_END_IS_READ && page == NULL) {
		seen.turn = NO_TURN;
		seen.other_rc = other_adds();
	}
	return seen.methods_below->xUnfetch(file, at, page);
}

static int open_below(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
		      int flags, int *flags_out)
{
	int rc = seen.below->xOpen(seen.below, name, file, flags, flags_out);

	(void)vfs;
	if (rc != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0)
		return rc;
	seen.methods_below = file->pMethods;
	seen.methods = *file->pMethods;
	seen.methods.xShmLock = shm_lock;
	seen.methods.xUnfetch = unfetch;
	file->pMethods = &seen.methods;
	return rc;
}

static int watch_sqlite(void **state)
{
	(void)state;
	seen.below = sqlite3_vfs_find(NULL);
	assert_non_null(seen.below);
	seen.vfs = *seen.below;
	seen.vfs.zName = "watched";
	seen.vfs.xOpen = open_below;
	return sqlite3_vfs_register(&seen.vfs, 1);
}

static char path[256];
static struct wp_sqlite db;

static void open_db(void)
{
	const struct wp_sqlite_setup setup = {
		.kind = &kind,
		.texts = texts,
		.n = SQL_N,
		.path = path,
		.busy_timeout_ms = 1000,
		.may_create = true,
	};

	assert_int_equal(wp_sqlite_open(&db, &setup, NULL), WP_OK);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "%s/checkpoint.db", wp_test_dir());
	(void)unlink(path);
	open_db();
	/* No timeout, and no checkpoints but those that are asked for. */
	assert_int_equal(sqlite3_open(path, &seen.other), SQLITE_OK);
	assert_int_equal(sqlite3_wal_autocheckpoint(seen.other, 0), SQLITE_OK);
	seen.checkpoints = 0;
	seen.unguarded = 0;
	seen.turn = NO_TURN;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)sqlite3_close(seen.other);
	wp_sqlite_close(&db);
	assert_int_equal(seen.writing, 0);
	return 0;
}

static void add(int bytes)
{
	sqlite3_stmt *statement;
	enum wp_err rc = wp_sqlite_begin(&db, true, NULL);

	assert_int_equal(rc, WP_OK);
	statement = wp_sqlite_get(&db, SQL_ADD);
	assert_int_equal(sqlite3_bind_int(statement, 1, bytes), SQLITE_OK);
	rc = wp_sqlite_run(&db, statement, NULL);
	assert_int_equal(wp_sqlite_end(&db, rc, NULL), WP_OK);
}

static int count(void)
{
	sqlite3_stmt *statement = wp_sqlite_get(&db, SQL_COUNT);
	int n = -1;

	if (sqlite3_step(statement) == SQLITE_ROW)
		n = sqlite3_column_int(statement, 0);
	assert_int_equal(sqlite3_reset(statement), SQLITE_OK);
	return n;
}

static void expect_whole(void)
{
	sqlite3_stmt *statement = wp_sqlite_get(&db, SQL_CHECK);

	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(statement, 0),
			    "ok");
	assert_int_equal(sqlite3_reset(statement), SQLITE_OK);
}

static void every_checkpoint_has_the_lock_of_those_who_write(void **state)
{
	(void)state;
	for (int i = 1; i <= 3; i++) {
		add(LITTLE);
		assert_int_equal(seen.checkpoints, i - 1);
		add(MUCH);
		assert_int_equal(seen.checkpoints, i);
	}
	assert_int_equal(seen.unguarded, 0);
}

static void who_cannot_have_the_lock_leaves_it_to_the_next_commit(void **state)
{
	(void)state;
	seen.turn = WHEN_WRITTEN;
	seen.part = BEGINS_TO_WRITE;
	add(MUCH);
	assert_int_equal(seen.turn, NO_TURN);
	assert_int_equal(seen.checkpoints, 0);
	assert_int_equal(other_runs("ROLLBACK"), SQLITE_OK);
	add(LITTLE);
	assert_int_equal(seen.checkpoints, 1);
}

/*
 * Without the lock, SQLite before 3.51.3 takes the log that the other starts
 * anew for the one that it was about to move, and never moves its first part.
 */
static void a_log_is_not_started_anew_under_a_checkpoint(void **state)
{
	(void)state;
	add(LITTLE);
	seen.turn = WHEN_WRITTEN;
	seen.part = MOVES_THE_LOG;
	add(MUCH);
	assert_int_equal(seen.turn, NO_TURN);
	assert_int_equal(seen.other_rc, SQLITE_BUSY);
	assert_int_equal(seen.unguarded, 0);
	for (int i = 0; i < 3; i++)
		add(MUCH);
	/* From the file alone: with the last of them goes the log. */
	assert_int_equal(sqlite3_close(seen.other), SQLITE_OK);
	seen.other = NULL;
	wp_sqlite_close(&db);
	open_db();
	assert_int_equal(count(), 6);
	expect_whole();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_checkpoint_has_the_lock_of_those_who_write, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			who_cannot_have_the_lock_leaves_it_to_the_next_commit,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_log_is_not_started_anew_under_a_checkpoint, setup,
			teardown),
	};

	if (getenv("WAYPOST_TEST_DIR") == NULL) {
		fprintf(stderr, "SKIPPED: WAYPOST_TEST_DIR is not set, nothing "
				"was tested\n");
		return WP_TEST_SKIPPED;
	}
	return cmocka_run_group_tests_name("sqlite_checkpoint", tests,
					   watch_sqlite, NULL);
}
