/*
 * Accounts in a SQLite file: the contract, and what only a file can do.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/accounts/accounts.h"
#include "lib/store/store.h"
#include "tests/support/accounts_contract.h"
#include "tests/support/test_redis.h"

enum { TIMEOUT_MS = 20000, MANY = 200 };

static char path[256];

static void wipe(void *ctx)
{
	static const char *const endings[] = { "", "-wal", "-shm", "-journal" };
	char name[300];

	(void)ctx;
	(void)snprintf(path, sizeof(path), "%s/accounts.db", wp_test_dir());
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
		(void)unlink(name);
	}
}

static struct wp_accounts *open_accounts(void *ctx)
{
	struct wp_accounts *accounts = NULL;
	struct wp_error err = { 0 };

	(void)ctx;
	if (wp_accounts_open(&accounts, path, TIMEOUT_MS, &err) != WP_OK)
		fail_msg("open: %s", err.msg);
	return accounts;
}

static int setup(void **state)
{
	wipe(NULL);
	*state = NULL;
	return 0;
}

static void refused(const char *sentence)
{
	struct wp_accounts *accounts = NULL;
	struct wp_error err = { 0 };

	assert_int_equal(wp_accounts_open(&accounts, path, 20, &err),
			 WP_ERR_INVAL);
	assert_null(accounts);
	if (strstr(err.msg, sentence) == NULL)
		fail_msg("refused for another reason: %s", err.msg);
}

static struct wp_account account_of(const char *text)
{
	struct wp_account account = {
		.password = { .cost = { 19456, 2 } },
		.created_s = 1,
	};

	assert_int_equal(
		wp_username_read(&account.name, text, strlen(text), NULL),
		WP_OK);
	return account;
}

static mode_t mode_of(const char *ending)
{
	char name[300];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s%s", path, ending);
	assert_int_equal(stat(name, &st), 0);
	return st.st_mode & 07777;
}

static void nobody_else_may_read_it(void **state)
{
	struct wp_accounts *accounts = open_accounts(NULL);
	struct wp_account bob = account_of("bob");

	(void)state;
	assert_int_equal(wp_accounts_create(accounts, &bob, NULL), WP_OK);
	assert_int_equal(mode_of(""), 0600);
	assert_int_equal(mode_of("-wal"), 0600);
	assert_int_equal(mode_of("-shm"), 0600);
	wp_accounts_close(&accounts);
	assert_int_equal(chmod(path, 0644), 0);
	refused("open to others");
}

static void a_file_of_something_else_is_left_alone(void **state)
{
	struct wp_conf conf;
	struct wp_store *store = NULL;
	struct wp_accounts *accounts;
	struct wp_error err = { 0 };

	(void)state;
	wp_test_conf(&conf, NULL);
	conf.store.sqlite_path = path;
	assert_int_equal(wp_store_open(&store, &conf, NULL), WP_OK);
	wp_store_close(&store);
	assert_int_equal(chmod(path, 0600), 0);
	refused("a database of something else");
	wipe(NULL);
	accounts = open_accounts(NULL);
	wp_accounts_close(&accounts);
	assert_int_equal(wp_store_open(&store, &conf, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "a database of something else"));
}

static void run_sql(const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_file_of_a_newer_release_is_left_alone(void **state)
{
	struct wp_accounts *accounts = open_accounts(NULL);

	(void)state;
	wp_accounts_close(&accounts);
	run_sql("PRAGMA user_version = 2");
	refused("newer Waypost");
}

static void looking_makes_nothing(void **state)
{
	char id[WP_ACCOUNTS_ID_LEN + 1];
	struct wp_accounts_look look;
	struct wp_accounts *accounts;

	(void)state;
	assert_int_equal(wp_accounts_look(&look, path, 20, NULL), WP_OK);
	assert_string_equal(look.id, "");
	assert_int_equal(access(path, F_OK), -1);
	accounts = open_accounts(NULL);
	assert_int_equal(wp_accounts_id(accounts, id, NULL), WP_OK);
	wp_accounts_close(&accounts);
	assert_int_equal(wp_accounts_look(&look, path, 20, NULL), WP_OK);
	assert_string_equal(look.id, id);
	assert_string_equal(look.pepper, "");
	run_sql("PRAGMA application_id = 5");
	assert_int_equal(wp_accounts_look(&look, path, 20, NULL), WP_ERR_INVAL);
	assert_string_equal(look.id, "");
}

/* ---- the pepper ---- */

static const char ours[] = "0123456789abcdef0123456789abcdef";
static const char other[] = "fedcba9876543210fedcba9876543210";

static struct wp_accounts *open_with(const char *mark)
{
	struct wp_accounts *accounts = open_accounts(NULL);

	assert_int_equal(wp_accounts_use_pepper(accounts, mark, NULL), WP_OK);
	return accounts;
}

static void expect_noted(const char *mark)
{
	struct wp_accounts_look look;

	assert_int_equal(wp_accounts_look(&look, path, 20, NULL), WP_OK);
	assert_string_equal(look.pepper, mark);
}

static void refuses(struct wp_accounts *accounts, const char *mark)
{
	struct wp_error err = { 0 };

	assert_int_equal(wp_accounts_use_pepper(accounts, mark, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "auth.store_secret is not the one"));
}

/* Nothing was hashed before: whoever was wrong may begin anew. */
static void the_pepper_is_that_of_the_first_account(void **state)
{
	struct wp_accounts *accounts = open_with(other);
	struct wp_account bob = account_of("bob"), eve = account_of("eve");

	(void)state;
	wp_accounts_close(&accounts);
	expect_noted("");
	accounts = open_with(ours);
	assert_int_equal(wp_accounts_create(accounts, &bob, NULL), WP_OK);
	assert_int_equal(wp_accounts_create(accounts, &eve, NULL), WP_OK);
	refuses(accounts, other);
	wp_accounts_close(&accounts);
	expect_noted(ours);
	accounts = open_accounts(NULL);
	refuses(accounts, other);
	wp_accounts_close(&accounts);
	accounts = open_with(ours);
	wp_accounts_close(&accounts);
}

static void of_two_peppers_that_begin_at_once_one_makes_accounts(void **state)
{
	struct wp_accounts *one = open_with(ours), *two = open_with(other);
	struct wp_account bob = account_of("bob"), eve = account_of("eve");
	struct wp_account found;
	struct wp_error err = { 0 };

	(void)state;
	assert_int_equal(wp_accounts_create(one, &bob, NULL), WP_OK);
	assert_int_equal(wp_accounts_create(two, &eve, &err), WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "auth.store_secret is not the one"));
	assert_int_equal(wp_accounts_find(one, &eve.name, &found, NULL),
			 WP_ERR_NOTFOUND);
	wp_accounts_close(&two);
	wp_accounts_close(&one);
	expect_noted(ours);
}

/* Whoever opens a file of an earlier release may be the one who is wrong. */
static void a_file_of_before_has_the_pepper_of_who_was_right(void **state)
{
	struct wp_accounts *accounts = open_accounts(NULL), *wrong;
	struct wp_account bob = account_of("bob"), eve = account_of("eve");

	(void)state;
	assert_int_equal(wp_accounts_create(accounts, &bob, NULL), WP_OK);
	assert_int_equal(wp_accounts_proved(accounts, NULL), WP_OK);
	wp_accounts_close(&accounts);
	expect_noted("");

	wrong = open_with(other);
	accounts = open_with(ours);
	assert_int_equal(wp_accounts_create(accounts, &eve, NULL), WP_OK);
	expect_noted("");
	assert_int_equal(wp_accounts_proved(accounts, NULL), WP_OK);
	expect_noted(ours);
	assert_int_equal(wp_accounts_proved(wrong, NULL), WP_OK);
	expect_noted(ours);
	refuses(wrong, other);
	wp_accounts_close(&wrong);
	wp_accounts_close(&accounts);
}

/* A reader waits for nobody; a writer waits, and then says so. */
static void a_locked_file_is_unavailable_and_then_works_again(void **state)
{
	struct wp_accounts *accounts = NULL;
	struct wp_account bob = account_of("bob"), eve = account_of("eve");
	struct wp_account found;
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(wp_accounts_open(&accounts, path, 20, NULL), WP_OK);
	assert_int_equal(wp_accounts_create(accounts, &bob, NULL), WP_OK);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(wp_accounts_create(accounts, &eve, NULL),
			 WP_ERR_UNAVAIL);
	assert_int_equal(wp_accounts_find(accounts, &bob.name, &found, NULL),
			 WP_OK);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(wp_accounts_create(accounts, &eve, NULL), WP_OK);
	wp_accounts_close(&accounts);
}

/* Rows that nobody here has written are told, not believed. */
static void a_damaged_row_is_told(void **state)
{
	struct wp_accounts *accounts = open_accounts(NULL);
	struct wp_account bob = account_of("bob"), found;

	(void)state;
	assert_int_equal(wp_accounts_create(accounts, &bob, NULL), WP_OK);
	run_sql("UPDATE account SET tag = x'00'");
	assert_int_equal(wp_accounts_find(accounts, &bob.name, &found, NULL),
			 WP_ERR_UNAVAIL);
	run_sql("UPDATE account SET tag = zeroblob(32), state = 7");
	assert_int_equal(wp_accounts_find(accounts, &bob.name, &found, NULL),
			 WP_ERR_UNAVAIL);
	run_sql("UPDATE account SET state = 0");
	assert_int_equal(wp_accounts_find(accounts, &bob.name, &found, NULL),
			 WP_OK);
	wp_accounts_close(&accounts);
}

/* Says "created" by one byte per account, and is killed while it goes on. */
static void create_until_killed(int out)
{
	struct wp_accounts *accounts = open_accounts(NULL);

	for (int i = 0; i < MANY; i++) {
		char text[16];
		struct wp_account account;

		(void)snprintf(text, sizeof(text), "user%d", i);
		account = account_of(text);
		if (wp_accounts_create(accounts, &account, NULL) != WP_OK ||
		    write(out, "x", 1) != 1)
			_exit(1);
	}
	for (;;)
		pause();
}

static void who_was_told_that_he_has_an_account_has_one(void **state)
{
	struct wp_accounts *accounts;
	int created[2], told = 0;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(created), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0)
		create_until_killed(created[1]);
	close(created[1]);
	while (told < 20 && read(created[0], &byte, 1) == 1)
		told++;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (read(created[0], &byte, 1) == 1)
		told++;
	close(created[0]);
	accounts = open_accounts(NULL);
	for (int i = 0; i < told; i++) {
		char text[16];
		struct wp_account wanted, found;

		(void)snprintf(text, sizeof(text), "user%d", i);
		wanted = account_of(text);
		assert_int_equal(
			wp_accounts_find(accounts, &wanted.name, &found, NULL),
			WP_OK);
	}
	wp_accounts_close(&accounts);
}

static void a_file_that_vanished_is_not_made_anew(void **state)
{
	struct wp_accounts *accounts = open_accounts(NULL);
	struct wp_account bob = account_of("bob");

	(void)state;
	assert_int_equal(wp_accounts_create(accounts, &bob, NULL), WP_OK);
	/* What leaves the connection in doubt: it is closed. */
	run_sql("DROP TABLE account");
	assert_int_equal(wp_accounts_create(accounts, &bob, NULL),
			 WP_ERR_UNAVAIL);
	wipe(NULL);
	assert_int_equal(wp_accounts_create(accounts, &bob, NULL),
			 WP_ERR_UNAVAIL);
	assert_int_equal(access(path, F_OK), -1);
	wp_accounts_close(&accounts);
}

int main(void)
{
	const struct wp_accounts_contract contract = {
		.name = "accounts contract: sqlite",
		.open = open_accounts,
		.wipe = wipe,
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nobody_else_may_read_it, setup),
		cmocka_unit_test_setup(a_file_of_something_else_is_left_alone,
				       setup),
		cmocka_unit_test_setup(a_file_of_a_newer_release_is_left_alone,
				       setup),
		cmocka_unit_test_setup(looking_makes_nothing, setup),
		cmocka_unit_test_setup(the_pepper_is_that_of_the_first_account,
				       setup),
		cmocka_unit_test_setup(
			of_two_peppers_that_begin_at_once_one_makes_accounts,
			setup),
		cmocka_unit_test_setup(
			a_file_of_before_has_the_pepper_of_who_was_right,
			setup),
		cmocka_unit_test_setup(
			a_locked_file_is_unavailable_and_then_works_again,
			setup),
		cmocka_unit_test_setup(a_damaged_row_is_told, setup),
		cmocka_unit_test_setup(
			who_was_told_that_he_has_an_account_has_one, setup),
		cmocka_unit_test_setup(a_file_that_vanished_is_not_made_anew,
				       setup),
	};
	int failed;

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	failed = wp_accounts_contract_run(&contract);
	return failed + cmocka_run_group_tests_name("accounts in SQLite", tests,
						    NULL, NULL);
}
