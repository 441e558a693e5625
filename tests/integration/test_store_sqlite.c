/*
 * The SQLite backend: the contract, and what only a file on a disk can do.
 *
 * Faults come from below: SQLite lets a program replace the system calls that
 * it makes, so a full disk and a kill can be placed at each single write.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/base/clock.h"
#include "lib/store/store.h"
#include "tests/support/boxes.h"
#include "tests/support/store_contract.h"
#include "tests/support/test_redis.h"

enum { P = 3, ROWS = 40, STARTERS = 8, WRITES_MAX = 400 };

static char path[256];

static void make_conf(struct wp_conf *conf)
{
	static char backend[] = "sqlite";

	(void)snprintf(path, sizeof(path), "%s/cold.db", wp_test_dir());
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

/* The sentence when opening is refused with this code. */
static const char *refused(const struct wp_conf *conf, enum wp_err code)
{
	static struct wp_error err;
	struct wp_store *store = NULL;

	err = (struct wp_error){ 0 };
	assert_int_equal(wp_store_open(&store, conf, &err), code);
	assert_null(store);
	return err.msg;
}

static void run_sql(const char *sql)
{
	sqlite3 *raw = NULL;

	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
}

static char *ask_sql(const char *sql, char answer[32])
{
	sqlite3_stmt *statement = NULL;
	sqlite3 *raw = NULL;

	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(raw, sql, -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	(void)snprintf(answer, 32, "%s",
		       (const char *)sqlite3_column_text(statement, 0));
	(void)sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
	return answer;
}

/* ---- opening ---- */

static void the_file_is_ours_alone_and_has_a_write_ahead_log(void **state)
{
	struct wp_store *store = open_store(*state);
	struct stat st;
	char answer[32];

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_string_equal(ask_sql("PRAGMA journal_mode", answer), "wal");
	assert_string_equal(ask_sql("PRAGMA user_version", answer), "6");
	wp_store_close(&store);
}

static void what_cannot_be_a_store_is_refused_by_name(void **state)
{
	struct wp_conf conf = *(struct wp_conf *)*state;
	char dir[300];
	char backend[] = "paper";

	conf.store.backend = backend;
	assert_non_null(strstr(refused(&conf, WP_ERR_INVAL), "paper"));

	conf = *(struct wp_conf *)*state;
	conf.store.sqlite_path = dir;
	(void)snprintf(dir, sizeof(dir), "%s/missing/cold.db", wp_test_dir());
	assert_non_null(strstr(refused(&conf, WP_ERR_INVAL), "missing"));
	(void)snprintf(dir, sizeof(dir), "%s", wp_test_dir());
	assert_non_null(strstr(refused(&conf, WP_ERR_INVAL), "is no file"));
	(void)snprintf(dir, sizeof(dir), ":memory:");
	assert_non_null(strstr(refused(&conf, WP_ERR_INVAL), ":memory:"));
	dir[0] = '\0';
	(void)refused(&conf, WP_ERR_INVAL);
}

static void a_file_of_something_else_is_left_as_it_is(void **state)
{
	char answer[32];
	FILE *file;

	run_sql("CREATE TABLE diary (entry TEXT)");
	assert_non_null(strstr(refused(*state, WP_ERR_INVAL), "else"));
	assert_string_equal(ask_sql("PRAGMA journal_mode", answer), "delete");

	wipe(NULL);
	run_sql("PRAGMA user_version = 7");
	assert_non_null(strstr(refused(*state, WP_ERR_INVAL), "newer"));

	wipe(NULL);
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	assert_int_equal(fclose(file), 0);
	assert_non_null(strstr(refused(*state, WP_ERR_INVAL), "no SQLite"));
}

/* A file as the first release made it. */
static void a_file_of_version_1_gets_sizes_and_an_expiry_index(void **state)
{
	struct wp_box bob = wp_test_box(P, "bob");
	struct wp_box amy = wp_test_box(P, "amy");
	struct wp_store_size size;
	struct wp_store *stores[2];
	struct wp_store_expire expire = { .box = &bob, .now_ms = 60 };
	struct wp_error err = { 0 };
	struct wp_store_look look;
	int64_t version, newest;
	char answer[32];
	char note[WP_STORE_NOTE_MAX + 1];

	run_sql("PRAGMA journal_mode = WAL;"
		"CREATE TABLE box ("
		"  urn TEXT PRIMARY KEY, partition INTEGER NOT NULL,"
		"  ver INTEGER NOT NULL) WITHOUT ROWID;"
		"CREATE INDEX box_partition ON box (partition, urn);"
		"CREATE TABLE msg ("
		"  urn TEXT NOT NULL, band INTEGER NOT NULL,"
		"  ms INTEGER NOT NULL, seq INTEGER NOT NULL,"
		"  expires_ms INTEGER NOT NULL, json BLOB NOT NULL,"
		"  PRIMARY KEY (urn, band, ms, seq)) WITHOUT ROWID;"
		"CREATE TABLE top ("
		"  partition INTEGER PRIMARY KEY, ms INTEGER NOT NULL,"
		"  seq INTEGER NOT NULL);"
		"INSERT INTO box VALUES ('urn:sm:user:bob', 3, 4),"
		"  ('urn:sm:user:amy', 3, 2);"
		"INSERT INTO msg VALUES"
		"  ('urn:sm:user:bob', 0, 1, 0, 50, CAST('four' AS BLOB)),"
		"  ('urn:sm:user:bob', 1, 2, 0, 5000, CAST('12' AS BLOB));"
		"PRAGMA user_version = 1;");

	assert_non_null(strstr(refused(*state, WP_ERR_INVAL),
			       "waypost upgrade finish --yes"));
	assert_int_equal(wp_store_look(&look, *state, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "of an older Waypost"));
	assert_int_equal(wp_store_tables(*state, &version, &newest, &err),
			 WP_OK);
	assert_int_equal(version, 1);
	assert_int_equal(newest, 6);
	assert_int_equal(wp_store_upgrade(*state, &err), WP_OK);
	stores[0] = open_store(*state);
	stores[1] = open_store(*state);

	assert_string_equal(ask_sql("PRAGMA user_version", answer), "6");
	assert_string_equal(wp_store_test_show(stores[1], &bob), "12 |four ");
	/* Nobody knows what it began with. */
	assert_int_equal(
		wp_store_note(stores[0], WP_STORE_NOTE_MADE, note, NULL),
		WP_OK);
	assert_string_equal(note, "");
	assert_int_equal(wp_store_note_swap(stores[1], "n", "", "1", NULL),
			 WP_OK);
	assert_int_equal(wp_store_size(stores[0], &bob, &size, NULL), WP_OK);
	assert_int_equal(size.version, 4);
	assert_int_equal(size.n, 2);
	assert_int_equal(size.bytes, 6);
	assert_int_equal(wp_store_size(stores[0], &amy, &size, NULL), WP_OK);
	assert_int_equal(size.version, 2);
	assert_int_equal(size.n, 0);
	assert_int_equal(wp_store_expire(stores[1], &expire, NULL), WP_OK);
	assert_int_equal(expire.deleted, 1);
	assert_false(expire.rest.is_empty);
	assert_int_equal(expire.rest.size.bytes, 2);
	/* There are rowids, both indexes and nothing else. */
	assert_string_equal(
		ask_sql("SELECT count(rowid) || ' ' || (SELECT count(*) FROM "
			"sqlite_master WHERE tbl_name LIKE 'msg%') FROM msg",
			answer),
		"1 3");
	wp_store_close(&stores[0]);
	wp_store_close(&stores[1]);
}

/* The system call that the store asks what kind of file system this is. */
static long file_system = 0xef53;

int statfs(const char *file, struct statfs *out)
{
	(void)file;
	*out = (struct statfs){ 0 };
	out->f_type = file_system;
	return 0;
}

static void a_store_on_a_network_file_system_is_refused(void **state)
{
	static const struct {
		long type;
		enum wp_err want;
	} kinds[] = {
		{ 0x6969, WP_ERR_INVAL },                    /* NFS */
		{ (long)0xfe534d42, WP_ERR_INVAL },          /* SMB 2 */
		{ (long)(int32_t)0xfe534d42, WP_ERR_INVAL }, /* signed */
		{ 0x01021994, WP_OK },                       /* tmpfs */
		{ 0xef53, WP_OK },                           /* ext4 */
	};
	const struct wp_conf *conf = *state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct wp_error err = { 0 };
		struct wp_store_look look;
		struct wp_store *store = NULL;

		file_system = kinds[i].type;
		assert_int_equal(wp_store_look(&look, conf, &err),
				 kinds[i].want);
		assert_int_equal(wp_store_open(&store, conf, &err),
				 kinds[i].want);
		if (kinds[i].want != WP_OK)
			assert_non_null(strstr(err.msg, "network"));
		wp_store_close(&store);
	}
}

/*
 * The last connection that was opened, and what it ran last: SQLite shows a
 * program every connection and lets it listen.
 */
static struct {
	sqlite3 *handle;
	char sql[1024];
} heard;

static int on_statement(unsigned int event, void *ctx, void *statement,
			void *text)
{
	(void)event;
	(void)ctx;
	(void)text;
	(void)snprintf(heard.sql, sizeof(heard.sql), "%s",
		       sqlite3_sql(statement));
	return 0;
}

static int on_connection(sqlite3 *handle, char **message,
			 const struct sqlite3_api_routines *api)
{
	(void)message;
	(void)api;
	heard.handle = handle;
	return sqlite3_trace_v2(handle, SQLITE_TRACE_STMT, on_statement, NULL);
}

static struct wp_store *open_and_listen(void *ctx)
{
	struct wp_store *store;

	assert_int_equal(sqlite3_auto_extension((void (*)(void))on_connection),
			 SQLITE_OK);
	store = open_store(ctx);
	sqlite3_reset_auto_extension();
	return store;
}

/* One append to a mailbox that nobody wrote to. */
static enum wp_err append(struct wp_store *store, const struct wp_box *box,
			  const struct wp_store_row *rows, size_t n,
			  struct wp_error *err)
{
	struct wp_store_append one = { .box = box, .rows = rows, .n = n };
	enum wp_err rc = wp_store_append(store, &one, 1, err);

	return rc == WP_OK ? one.err.code : rc;
}

/* A page for each message of 1 KiB would make the file four times as large. */
static void a_message_of_1_kib_has_no_page_of_its_own(void **state)
{
	enum { MESSAGES = 300, BYTES = 1024 };
	struct wp_store_row rows[MESSAGES];
	struct wp_box bob = wp_test_box(P, "bob");
	struct wp_store *store = open_store(*state);
	char json[BYTES + 1];
	char answer[32];

	memset(json, 'j', BYTES);
	json[BYTES] = '\0';
	for (size_t i = 0; i < MESSAGES; i++)
		rows[i] = wp_store_test_row(WP_BAND_STANDARD, i, 0, json);
	assert_int_equal(append(store, &bob, rows, MESSAGES, NULL), WP_OK);
	(void)ask_sql("SELECT page_count * page_size FROM pragma_page_count, "
		      "pragma_page_size",
		      answer);
	assert_true(strtol(answer, NULL, 10) < 2 * MESSAGES * BYTES);
	wp_store_close(&store);
}

static void a_locked_store_is_unavailable_and_then_works_again(void **state)
{
	struct wp_conf conf = *(struct wp_conf *)*state;
	struct wp_store_row row = wp_store_test_row(0, 1, 0, "a");
	struct wp_box bob = wp_test_box(P, "bob");
	struct wp_error err = { 0 };
	struct wp_store *store;
	sqlite3 *raw = NULL;
	uint64_t start_ms;

	conf.store.busy_timeout_ms = 50;
	store = open_store(&conf);
	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, "BEGIN IMMEDIATE", NULL, NULL, NULL),
			 SQLITE_OK);

	start_ms = wp_mono_ms();
	assert_int_equal(append(store, &bob, &row, 1, &err), WP_ERR_UNAVAIL);
	assert_true(wp_mono_ms() - start_ms >= 40); /* it did wait */
	assert_non_null(strstr(err.msg, "locked"));
	assert_string_equal(wp_store_test_show(store, &bob), "|");

	assert_int_equal(sqlite3_close(raw), SQLITE_OK); /* rolls back */
	assert_int_equal(append(store, &bob, &row, 1, &err), WP_OK);
	wp_store_close(&store);
}

static int interrupt(void *ctx)
{
	(void)ctx;
	return 1;
}

static void
a_vanished_file_is_not_made_anew_behind_a_running_program(void **state)
{
	struct wp_store *store = open_and_listen(*state);
	struct wp_box bob = wp_test_box(P, "bob");
	struct wp_error err = { 0 };
	int64_t version;

	/* An error after which the connection is closed. */
	sqlite3_progress_handler(heard.handle, 1, interrupt, NULL);
	assert_int_equal(wp_store_version(store, &bob, &version, &err),
			 WP_ERR_UNAVAIL);
	wipe(NULL);

	assert_int_equal(wp_store_version(store, &bob, &version, &err),
			 WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "is not there"));
	assert_int_equal(access(path, F_OK), -1);

	/* And one that was emptied is not filled. */
	assert_int_equal(mknod(path, S_IFREG | 0640, 0), 0);
	assert_int_equal(wp_store_version(store, &bob, &version, &err),
			 WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "is empty now"));
	wp_store_close(&store);
}

static void many_may_start_on_a_new_file_at_once(void **state)
{
	pid_t pids[STARTERS];
	int go[2];

	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < STARTERS; i++) {
		pids[i] = fork();
		assert_int_not_equal(pids[i], -1);
		if (pids[i] == 0) {
			struct wp_store *store = NULL;
			enum wp_err rc;
			char byte;

			(void)close(go[1]);
			(void)!read(go[0], &byte, 1); /* all at once */
			rc = wp_store_open(&store, *state, NULL);
			wp_store_close(&store);
			_exit(rc == WP_OK ? 0 : 1);
		}
	}
	(void)close(go[0]);
	(void)close(go[1]);
	for (int i = 0; i < STARTERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

/* ---- faults at each write ---- */

static struct {
	sqlite3_syscall_ptr real;
	int left; /* writes that still work; < 0: all */
	bool is_deadly;
} disk;

static ssize_t faulty_pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (disk.left == 0 && disk.is_deadly)
		(void)kill(getpid(), SIGKILL);
	if (disk.left == 0) {
		errno = ENOSPC;
		return -1;
	}
	if (disk.left > 0)
		disk.left--;
	return pwrite(fd, data, len, at);
}

static const char pwrite_name[] = "pwrite64";

static void make_disk_faulty(int good_writes, bool is_deadly)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	sqlite3_syscall_ptr mine;

	/* ISO C has no cast between the two kinds of function pointer. */
	mine = (sqlite3_syscall_ptr)(uintptr_t)faulty_pwrite;
	disk.left = good_writes;
	disk.is_deadly = is_deadly;
	assert_int_equal(vfs->xSetSystemCall(vfs, pwrite_name, mine),
			 SQLITE_OK);
}

static void repair_disk(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	assert_int_equal(vfs->xSetSystemCall(vfs, pwrite_name, NULL),
			 SQLITE_OK);
}

/* Rows that need several pages, so that a batch takes several writes. */
static void make_rows(struct wp_store_row rows[ROWS])
{
	static char text[2001];

	memset(text, 'x', sizeof(text) - 1);
	for (uint64_t i = 0; i < ROWS; i++)
		rows[i] = wp_store_test_row(i % 2 == 0 ? WP_BAND_STANDARD
						       : WP_BAND_HIGH,
					    1, i, text);
}

static bool count_row(void *ctx, const struct wp_store_row *row)
{
	(void)row;
	++*(unsigned int *)ctx;
	return true;
}

/* A batch is there as a whole with its version, or not at all. */
static bool is_there(struct wp_store *store, const struct wp_box *box)
{
	struct wp_entry_id top = { 0 };
	struct wp_error err = { 0 };
	unsigned int n = 0;
	int64_t version = -1;
	const struct wp_store_read read = {
		.box = box,
		.now_ms = 1,
		.on_row = count_row,
		.ctx = &n,
	};

	if (wp_store_version(store, box, &version, &err) != WP_OK ||
	    wp_store_read(store, &read, &err) != WP_OK ||
	    wp_store_top(store, P, &top, &err) != WP_OK)
		fail_msg("after the fault: %s", err.msg);
	if (version == 0) {
		assert_int_equal(n, 0);
		assert_int_equal(top.ms, 0);
		return false;
	}
	assert_int_equal(version, 1);
	assert_int_equal(n, ROWS);
	assert_int_equal(top.seq, ROWS - 1);
	return true;
}

static bool name_user(void *ctx, const struct wp_box *box)
{
	assert_int_equal(box->partition, P);
	strcat(ctx, box->text + strlen("urn:sm:user:"));
	return true;
}

/* Damage, or another release with other rules: they cost nobody else. */
static void users_that_the_rules_refuse_are_passed_over(void **state)
{
	struct wp_store_row row =
		wp_store_test_row(WP_BAND_STANDARD, 1, 1, "x");
	struct wp_box bob = wp_test_box(P, "bob");
	struct wp_store *store = open_store(*state);
	struct wp_store_place place = { 0 };
	char names[80] = "";
	struct wp_store_walk walk = {
		.place = &place,
		.max_looked = 1,
		.on_box = name_user,
		.ctx = names,
	};

	row.expires_ms = 7;
	assert_int_equal(append(store, &bob, &row, 1, NULL), WP_OK);
	run_sql("INSERT INTO box (urn, partition, ver, n) VALUES"
		" ('urn:no', 3, 1, 1), ('bob', 3, 1, 1), ('', 3, 1, 1),"
		" (x'00ff', 3, 1, 1), ('urn:sm:user:a b', 3, 1, 1);"
		"INSERT INTO msg SELECT urn, 0, 1, 1, 7, 'x' FROM box"
		" WHERE ver = 1 ON CONFLICT DO NOTHING");
	assert_int_equal(wp_store_users(store, P, &walk, NULL), WP_OK);
	assert_string_equal(names, "bob");
	assert_false(place.is_end);
	walk.max_looked = 9;
	assert_int_equal(wp_store_users(store, P, &walk, NULL), WP_OK);
	assert_true(place.is_end);
	assert_string_equal(names, "bob");
	/* '' is not behind the start, so it is not even looked at. */
	assert_int_equal(wp_store_refused(store), 4);

	place = (struct wp_store_place){ 0 };
	names[0] = '\0';
	assert_int_equal(wp_store_expired_users(store, 9, &walk, NULL), WP_OK);
	assert_string_equal(names, "bob");
	assert_true(place.is_end);
	wp_store_close(&store);
}

static bool pass(void *ctx, const struct wp_box *box)
{
	(void)ctx;
	(void)box;
	return true;
}

/* How SQLite goes about what it ran last, its steps one behind the other. */
static void explain(char *plan, size_t size)
{
	sqlite3_stmt *statement = NULL;
	sqlite3 *raw = NULL;
	char text[sizeof(heard.sql) + 32];
	size_t used = 0;

	(void)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", heard.sql);
	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(raw, text, -1, &statement, NULL),
			 SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW && used < size)
		used += (size_t)snprintf(
			plan + used, size - used, "%s; ",
			(const char *)sqlite3_column_text(statement, 3));
	(void)sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
}

static void expect_steps(const char *first, const char *second)
{
	char plan[1024] = "";

	explain(plan, sizeof(plan));
	if (strstr(plan, first) == NULL || strstr(plan, second) == NULL)
		fail_msg("no \"%s\" or no \"%s\" in: %s", first, second, plan);
	assert_null(strstr(plan, "SCAN"));
	assert_null(strstr(plan, "TEMP B-TREE"));
}

/* A walk costs what it looks at, whatever else the file holds. */
static void walks_go_along_an_index(void **state)
{
	struct wp_store *store = open_and_listen(*state);
	struct wp_store_place place = { 0 };
	const struct wp_store_walk walk = {
		.place = &place,
		.max_looked = 9,
		.on_box = pass,
	};

	assert_int_equal(wp_store_users(store, P, &walk, NULL), WP_OK);
	expect_steps("SEARCH box USING COVERING INDEX box_partition "
		     "(partition=? AND urn>?)",
		     "SEARCH msg USING COVERING INDEX sqlite_autoindex_msg_1 "
		     "(urn=?)");
	place = (struct wp_store_place){ 0 };
	assert_int_equal(wp_store_expired_users(store, 9, &walk, NULL), WP_OK);
	expect_steps("SEARCH msg USING COVERING INDEX msg_expiry "
		     "((expires_ms,urn)>(?,?) AND expires_ms<?)",
		     "SEARCH box USING PRIMARY KEY (urn=?)");
	wp_store_close(&store);
}

static void a_full_disk_is_an_error_and_never_half_a_batch(void **state)
{
	struct wp_box bob = wp_test_box(P, "bob");
	struct wp_store_row rows[ROWS];
	enum wp_err rc = WP_ERR_UNAVAIL;
	int faults = 0;

	make_rows(rows);
	for (int good = 0; rc != WP_OK && good < WRITES_MAX; good++) {
		struct wp_error err = { 0 };
		struct wp_store *store;

		wipe(NULL);
		store = open_store(*state);
		make_disk_faulty(good, false);
		rc = append(store, &bob, rows, ROWS, &err);
		disk.left = -1; /* somebody made room */
		if (rc != WP_OK) {
			faults++;
			assert_int_equal(rc, WP_ERR_UNAVAIL);
			assert_non_null(strstr(err.msg, "full"));
			assert_int_equal(err.sys_errno, ENOSPC);
			assert_false(is_there(store, &bob));
			assert_int_equal(append(store, &bob, rows, ROWS, &err),
					 WP_OK);
		}
		assert_true(is_there(store, &bob));
		wp_store_close(&store);
		repair_disk();
	}
	assert_int_equal(rc, WP_OK);
	assert_true(faults > ROWS / 4); /* the sweep did sweep */
}

static void append_in_child(const struct wp_conf *conf, int good_writes)
{
	struct wp_box bob = wp_test_box(P, "bob");
	struct wp_store_row rows[ROWS];
	struct wp_store *store = NULL;

	make_rows(rows);
	if (wp_store_open(&store, conf, NULL) != WP_OK)
		_exit(2);
	make_disk_faulty(good_writes, true);
	if (append(store, &bob, rows, ROWS, NULL) != WP_OK)
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
		append_in_child(conf, good_writes);
		_exit(4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return WTERMSIG(status);
}

static void a_kill_at_any_write_leaves_all_or_nothing(void **state)
{
	struct wp_box bob = wp_test_box(P, "bob");
	int nothing = 0, signo = SIGKILL;

	for (int good = 0; signo == SIGKILL && good < WRITES_MAX; good++) {
		struct wp_store *store;

		wipe(NULL);
		store = open_store(*state);
		wp_store_close(&store);
		signo = run_child(*state, good);

		store = open_store(*state);
		if (signo == SIGKILL)
			nothing += !is_there(store, &bob);
		else
			assert_true(is_there(store, &bob));
		wp_store_close(&store);
	}
	assert_int_equal(signo, SIGUSR1);
	assert_true(nothing > ROWS / 4);
}

static void a_kill_after_the_answer_loses_nothing(void **state)
{
	struct wp_box bob = wp_test_box(P, "bob");
	struct wp_store *store;

	assert_int_equal(run_child(*state, -1), SIGUSR1);

	store = open_store(*state);
	assert_true(is_there(store, &bob));
	wp_store_close(&store);
}

/* Nobody has to wait for it: a transaction is open on the other side. */
static void a_copy_is_of_one_moment(void **state)
{
	char copy[sizeof(path) + 8];
	struct wp_store *store = open_store(*state);
	struct wp_store_look look;
	struct wp_error err = { 0 };
	char id[WP_STORE_ID_LEN + 1];
	sqlite3 *other = NULL;
	FILE *file;

	assert_int_equal(wp_store_id(store, id, NULL), WP_OK);
	wp_store_close(&store);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other,
				      "BEGIN IMMEDIATE;"
				      "UPDATE note SET value = 'x';",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	(void)snprintf(copy, sizeof(copy), "%s.copy", path);
	(void)unlink(copy);
	file = fopen(copy, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(wp_store_verify(&look, *state, copy, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "is empty"));
	assert_int_equal(wp_store_copy(*state, copy, &err), WP_OK);
	assert_int_equal(wp_store_verify(&look, *state, copy, &err), WP_OK);
	assert_string_equal(look.id, id);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	/* Where somebody else writes. */
	assert_int_equal(sqlite3_open(copy, &other), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(wp_store_copy(*state, copy, &err), WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "SQLite 5:"));
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(unlink(copy), 0);
	/* Where it cannot go. */
	assert_int_equal(wp_store_copy(*state, copy, &err), WP_ERR_UNAVAIL);
}

static void a_damaged_file_is_an_error_with_advice(void **state)
{
	struct wp_box bob = wp_test_box(P, "bob");
	struct wp_store_row rows[ROWS];
	struct wp_error err = { 0 };
	unsigned int n = 0;
	struct wp_store_read read = {
		.box = &bob,
		.now_ms = 1,
		.on_row = count_row,
		.ctx = &n,
	};
	struct wp_store *store = open_store(*state);
	struct wp_store_look look;
	char garbage[4096];
	FILE *file;

	make_rows(rows);
	assert_int_equal(append(store, &bob, rows, ROWS, &err), WP_OK);
	wp_store_close(&store); /* checkpoints: everything is in the file */
	memset(garbage, 0xa5, sizeof(garbage));
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 4096, SEEK_SET), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(fwrite(garbage, sizeof(garbage), 1, file), 1);
	assert_int_equal(fclose(file), 0);

	assert_int_not_equal(wp_store_verify(&look, *state, path, &err), WP_OK);
	assert_non_null(strstr(err.msg, "is damaged"));
	store = open_store(*state);
	assert_int_equal(wp_store_read(store, &read, &err), WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "backup"));
	wp_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			the_file_is_ours_alone_and_has_a_write_ahead_log,
			setup),
		cmocka_unit_test_setup(
			what_cannot_be_a_store_is_refused_by_name, setup),
		cmocka_unit_test_setup(
			a_file_of_something_else_is_left_as_it_is, setup),
		cmocka_unit_test_setup(
			a_file_of_version_1_gets_sizes_and_an_expiry_index,
			setup),
		cmocka_unit_test_setup(
			a_store_on_a_network_file_system_is_refused, setup),
		cmocka_unit_test_setup(
			a_locked_store_is_unavailable_and_then_works_again,
			setup),
		cmocka_unit_test_setup(
			a_vanished_file_is_not_made_anew_behind_a_running_program,
			setup),
		cmocka_unit_test_setup(
			a_message_of_1_kib_has_no_page_of_its_own, setup),
		cmocka_unit_test_setup(many_may_start_on_a_new_file_at_once,
				       setup),
		cmocka_unit_test_setup(
			users_that_the_rules_refuse_are_passed_over, setup),
		cmocka_unit_test_setup(walks_go_along_an_index, setup),
		cmocka_unit_test_setup(
			a_full_disk_is_an_error_and_never_half_a_batch, setup),
		cmocka_unit_test_setup(
			a_kill_at_any_write_leaves_all_or_nothing, setup),
		cmocka_unit_test_setup(a_kill_after_the_answer_loses_nothing,
				       setup),
		cmocka_unit_test_setup(a_copy_is_of_one_moment, setup),
		cmocka_unit_test_setup(a_damaged_file_is_an_error_with_advice,
				       setup),
	};
	struct wp_store_contract contract = {
		.name = "store_contract_sqlite",
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
	failed = wp_store_contract_run(&contract);
	return failed +
	       cmocka_run_group_tests_name("store_sqlite", tests, NULL, NULL);
}
