/*
 * Devices in the SQLite backend: the contract, and what only a file on a disk
 * can do: be of an earlier release, break off anywhere, and grow.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/store/push.h"
#include "tests/support/push_contract.h"
#include "tests/support/test_redis.h"

enum { WRITES_MAX = 400 };

static char path[256];

static void make_conf(struct wp_conf *conf)
{
	static char backend[] = "sqlite";

	(void)snprintf(path, sizeof(path), "%s/push.db", wp_test_dir());
	*conf = (struct wp_conf){
		.store = { .backend = backend,
			   .sqlite_path = path,
			   .busy_timeout_ms = 20000 },
	};
}

static void wipe(void *ctx)
{
	static const char *const endings[] = { "", "-wal", "-shm", "-journal" };
	char name[300];

	(void)ctx;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
		(void)unlink(name);
	}
}

static struct wp_store *open_store(void *ctx)
{
	struct wp_store *store = NULL;
	struct wp_error err = { 0 };

	if (wp_store_open(&store, ctx, &err) != WP_OK)
		fail_msg("open: %s", err.msg);
	return store;
}

static int setup(void **state)
{
	static struct wp_conf conf;

	make_conf(&conf);
	wipe(NULL);
	*state = &conf;
	return 0;
}

static int64_t ask_sql(sqlite3 *raw, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int64_t answer;

	assert_int_equal(sqlite3_prepare_v2(raw, sql, -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	answer = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	return answer;
}

static sqlite3 *open_raw(void)
{
	sqlite3 *raw = NULL;

	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	return raw;
}

/* Undo what this release adds, so that it is as version 4 made it. */
static void a_file_of_version_4_gets_tables_for_devices(void **state)
{
	struct wp_store *store = open_store(*state);
	sqlite3 *raw;

	wp_store_close(&store);
	raw = open_raw();
	assert_int_equal(sqlite3_exec(raw,
				      "DROP TABLE push_token;"
				      "DROP TABLE push_letter;"
				      "DROP TABLE push_end;"
				      "DROP TABLE push_pref;"
				      "INSERT INTO box VALUES"
				      "  ('urn:sm:user:bob', 3, 4, 0, 0);"
				      "PRAGMA user_version = 4;",
				      NULL, NULL, NULL),
			 SQLITE_OK);

	assert_int_equal(wp_store_upgrade(*state, NULL), WP_OK);
	store = open_store(*state);

	assert_int_equal(ask_sql(raw, "PRAGMA user_version"), 6);
	assert_int_equal(ask_sql(raw, "SELECT ver FROM box"), 4);
	assert_int_equal(
		wp_push_test_put(
			store,
			&(struct wp_push_test){ .user = "bob", .token = "t1" },
			NULL),
		WP_OK);
	assert_string_equal(wp_push_test_show(store, "bob"), "t1:@");
	wp_store_close(&store);
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
}

/* As version 5 made it, with a device in it. */
static void a_file_of_version_5_gets_codes(void **state)
{
	static const struct wp_push_test mail = { .user = "bob",
						  .token = "a",
						  .kind = "email",
						  .must_verify = true };
	struct wp_store *store = open_store(*state);
	struct wp_push_put put;
	sqlite3 *raw;

	assert_int_equal(
		wp_push_test_put(
			store,
			&(struct wp_push_test){ .user = "bob", .token = "t1" },
			NULL),
		WP_OK);
	wp_store_close(&store);
	raw = open_raw();
	assert_int_equal(
		sqlite3_exec(raw,
			     "ALTER TABLE push_token DROP COLUMN code_s;"
			     "ALTER TABLE push_token DROP COLUMN tries;"
			     "DROP TABLE push_letter;"
			     "PRAGMA user_version = 5;",
			     NULL, NULL, NULL),
		SQLITE_OK);

	assert_int_equal(wp_store_upgrade(*state, NULL), WP_OK);
	store = open_store(*state);

	assert_int_equal(ask_sql(raw, "PRAGMA user_version"), 6);
	assert_int_equal(wp_push_test_put(store, &mail, &put), WP_OK);
	assert_true(put.wants_code);
	assert_string_equal(wp_push_test_show(store, "bob"),
			    "t1:@ a:@(unverified)");
	wp_store_close(&store);
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
}

/* Clients register at every start. */
static void a_refresh_that_says_nothing_new_writes_nothing(void **state)
{
	struct wp_store *store = open_store(*state);
	sqlite3 *raw = open_raw();
	struct wp_push_test test = {
		.user = "bob", .token = "t1", .device = "d", .session = "one"
	};
	int64_t version;

	assert_int_equal(wp_push_test_put(store, &test, NULL), WP_OK);
	version = ask_sql(raw, "PRAGMA data_version");

	assert_int_equal(wp_push_test_put(store, &test, NULL), WP_OK);
	assert_int_equal(ask_sql(raw, "PRAGMA data_version"), version);
	test.session = "two";
	assert_int_equal(wp_push_test_put(store, &test, NULL), WP_OK);
	assert_int_not_equal(ask_sql(raw, "PRAGMA data_version"), version);

	wp_store_close(&store);
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
}

/* Whatever the file holds, nothing in it is walked through. */
static void no_statement_goes_through_all_devices(void **state)
{
	static const char *const texts[] = {
		"DELETE FROM push_token WHERE (session = ? OR subject = ? OR "
		"owner = ?) AND issued_s <= ?",
		"DELETE FROM push_token WHERE rowid IN (SELECT rowid FROM "
		"push_token WHERE refreshed_day < ? LIMIT 9)",
		"DELETE FROM push_token WHERE rowid IN (SELECT rowid FROM "
		"push_token WHERE state = 2 AND marked_s < ? LIMIT 9)",
		"SELECT * FROM push_token WHERE urn = ?",
		"DELETE FROM push_token WHERE tok = ? AND urn <> ?",
		"UPDATE push_token SET state = 1 WHERE id = ?",
		"DELETE FROM push_end WHERE forget_s <= ?",
		"DELETE FROM push_letter WHERE (tok, urn) IN (SELECT tok, urn "
		"FROM push_letter WHERE day < ? LIMIT 9)",
		"SELECT sum(n) FROM push_letter WHERE tok = ? AND day = ?",
		"SELECT sum(n) FROM push_letter WHERE urn = ? AND day = ?",
	};
	struct wp_store *store = open_store(*state);
	sqlite3 *raw = open_raw();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		sqlite3_stmt *statement = NULL;
		char text[256];

		(void)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s",
			       texts[i]);
		assert_int_equal(
			sqlite3_prepare_v2(raw, text, -1, &statement, NULL),
			SQLITE_OK);
		while (sqlite3_step(statement) == SQLITE_ROW)
			assert_null(strstr(
				(const char *)sqlite3_column_text(statement, 3),
				"SCAN"));
		(void)sqlite3_finalize(statement);
	}
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
	wp_store_close(&store);
}

/* ---- a kill at each write ---- */

static int writes_left = -1; /* < 0: all */

static ssize_t deadly_pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (writes_left == 0)
		(void)kill(getpid(), SIGKILL);
	if (writes_left > 0)
		writes_left--;
	return pwrite(fd, data, len, at);
}

/* All that one registration can do: it moves, rotates, adds and pushes out. */
static const struct wp_push_test before[] = {
	{ .user = "amy", .token = "t1", .device = "hers" },
	{ .user = "bob", .token = "t2", .device = "phone" },
	{ .user = "bob", .token = "t3", .now_s = WP_PUSH_TEST_S - 86400 },
	{ .user = "bob", .token = "t4" },
};
static const struct wp_push_test change = {
	.user = "bob", .token = "t1", .device = "phone", .max = 2
};
static const char was[] = "t3:@ t2:@phone t4:@ | t1:@hers";
static const char is[] = "t4:@ t1:@phone | ";

static void change_in_child(const struct wp_conf *conf, int good_writes)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	struct wp_store *store = NULL;

	if (wp_store_open(&store, conf, NULL) != WP_OK)
		_exit(2);
	if (vfs->xSetSystemCall(vfs, "pwrite64",
				(sqlite3_syscall_ptr)deadly_pwrite) !=
	    SQLITE_OK)
		_exit(5);
	writes_left = good_writes;
	if (wp_push_test_put(store, &change, NULL) != WP_OK)
		_exit(3);
	/* The answer is out: from here on it must be on disk. */
	(void)kill(getpid(), SIGUSR1);
}

/* Returns the signal that ended the child. */
static int run_child(const struct wp_conf *conf, int good_writes)
{
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		(void)signal(SIGUSR1, SIG_DFL);
		change_in_child(conf, good_writes);
		_exit(4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return WTERMSIG(status);
}

static const char *show_both(const struct wp_conf *conf)
{
	static char text[256];
	struct wp_store *store = NULL;

	assert_int_equal(wp_store_open(&store, conf, NULL), WP_OK);
	(void)snprintf(text, sizeof(text), "%s | ",
		       wp_push_test_show(store, "bob"));
	strncat(text, wp_push_test_show(store, "amy"),
		sizeof(text) - strlen(text) - 1);
	wp_store_close(&store);
	return text;
}

static void
a_kill_at_any_write_leaves_all_of_a_registration_or_nothing(void **state)
{
	int signo = SIGKILL, kills = 0;

	for (int good = 0; signo == SIGKILL && good < WRITES_MAX; good++) {
		struct wp_store *store;

		wipe(NULL);
		store = open_store(*state);
		for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
			assert_int_equal(
				wp_push_test_put(store, &before[i], NULL),
				WP_OK);
		wp_store_close(&store);
		assert_string_equal(show_both(*state), was);
		signo = run_child(*state, good);
		if (signo == SIGUSR1)
			assert_string_equal(show_both(*state), is);
		else if (strcmp(show_both(*state), is) != 0)
			assert_string_equal(show_both(*state), was);
		kills += signo == SIGKILL;
	}
	assert_int_equal(signo, SIGUSR1);
	assert_true(kills > 5); /* the sweep did sweep */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_file_of_version_4_gets_tables_for_devices, setup),
		cmocka_unit_test_setup(a_file_of_version_5_gets_codes, setup),
		cmocka_unit_test_setup(
			a_refresh_that_says_nothing_new_writes_nothing, setup),
		cmocka_unit_test_setup(no_statement_goes_through_all_devices,
				       setup),
		cmocka_unit_test_setup(
			a_kill_at_any_write_leaves_all_of_a_registration_or_nothing,
			setup),
	};
	struct wp_store_contract contract = {
		.name = "push_contract_sqlite",
		.wipe = wipe,
		.open = open_store,
	};
	struct wp_conf conf;
	int failed;

	if (getenv("WAYPOST_TEST_DIR") == NULL) {
		fprintf(stderr, "SKIPPED: WAYPOST_TEST_DIR is not set, nothing "
				"was tested\n");
		return WP_TEST_SKIPPED;
	}
	make_conf(&conf);
	contract.ctx = &conf;
	failed = wp_push_contract_run(&contract);
	return failed + cmocka_run_group_tests_name("store_sqlite_push", tests,
						    NULL, NULL);
}
