/*
 * Tables of several releases: none is changed by a start, so that the release
 * before can come back; after an upgrade it is refused.
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

#include "lib/sqlite/file.h"
#include "tests/support/test_redis.h"

#define FIRST "CREATE TABLE a (x INTEGER); PRAGMA user_version = 1;"
#define SECOND "CREATE TABLE b (x INTEGER); PRAGMA user_version = 2;"

static const char *const steps[] = {
	"CREATE TABLE a (x INTEGER);" SECOND,
	SECOND,
};
static const char *const first_steps[] = { FIRST };
static const char *const broken_steps[] = {
	FIRST,
	"CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER);",
};

#define KIND(is, from, with)                                           \
	{                                                              \
		.setting = "store.sqlite_path", .noun = "it",          \
		.gone = "is not there", .mode = 0640, .version = (is), \
		.oldest = (from), .steps = (with)                      \
	}
static const struct wp_sqlite_kind before = KIND(1, 1, first_steps);
static const struct wp_sqlite_kind now = KIND(2, 1, steps);
static const struct wp_sqlite_kind later = KIND(2, 2, steps);
static const struct wp_sqlite_kind broken = KIND(2, 1, broken_steps);

static char path[256];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "%s/tables.db", wp_test_dir());
	(void)unlink(path);
	return 0;
}

static enum wp_err try_open(const struct wp_sqlite_kind *kind, bool may_create,
			    char why[256])
{
	struct wp_sqlite_file file = { .kind = kind, .path = path };
	struct wp_error err = { 0 };
	enum wp_err rc = wp_sqlite_file_open(&file, may_create, &err);

	wp_sqlite_file_close(&file);
	(void)snprintf(why, 256, "%s", err.msg);
	return rc;
}

static void opens(const struct wp_sqlite_kind *kind)
{
	char why[256];

	if (try_open(kind, true, why) != WP_OK)
		fail_msg("%s", why);
}

static void refuses(const struct wp_sqlite_kind *kind, const char *part)
{
	struct wp_sqlite_file file = { .kind = kind, .path = path };
	struct wp_error err = { 0 };
	int64_t version;
	char why[256];

	assert_int_equal(try_open(kind, true, why), WP_ERR_INVAL);
	assert_non_null(strstr(why, part));
	/* Who only looks says the same. */
	assert_int_equal(wp_sqlite_file_look(&file, &version, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, part));
	assert_null(file.handle);
}

static int64_t version_now(void)
{
	struct wp_sqlite_file file = { .kind = &now, .path = path };
	int64_t version = -1;

	assert_int_equal(wp_sqlite_file_look_at_any(&file, &version, NULL),
			 WP_OK);
	wp_sqlite_file_close(&file);
	return version;
}

static enum wp_err upgrade(const struct wp_sqlite_kind *kind,
			   struct wp_error *err)
{
	struct wp_sqlite_file file = { .kind = kind, .path = path };
	enum wp_err rc = wp_sqlite_file_upgrade(&file, err);

	assert_null(file.handle);
	return rc;
}

static void
a_start_leaves_the_tables_so_the_release_before_comes_back(void **state)
{
	(void)state;
	opens(&before);
	opens(&now);
	assert_int_equal(version_now(), 1);
	opens(&before);
}

static void after_an_upgrade_the_release_before_refuses(void **state)
{
	(void)state;
	opens(&before);
	assert_int_equal(upgrade(&now, NULL), WP_OK);
	assert_int_equal(version_now(), 2);
	refuses(&before, "was made by a newer Waypost");
	opens(&now);
	opens(&later);
	assert_int_equal(upgrade(&now, NULL), WP_OK);
	assert_int_equal(version_now(), 2);
}

static void tables_that_are_too_old_say_what_to_do(void **state)
{
	(void)state;
	opens(&before);
	refuses(&later, "waypost upgrade finish --yes");
	assert_int_equal(version_now(), 1);
	assert_int_equal(upgrade(&later, NULL), WP_OK);
	opens(&later);
}

static void a_new_file_has_the_newest_tables(void **state)
{
	(void)state;
	opens(&now);
	assert_int_equal(version_now(), 2);
}

static void an_upgrade_that_fails_changes_nothing(void **state)
{
	struct wp_error err = { 0 };

	(void)state;
	opens(&before);
	assert_int_equal(upgrade(&broken, &err), WP_ERR_UNAVAIL);
	assert_int_equal(version_now(), 1);
	assert_int_equal(upgrade(&now, NULL), WP_OK);
}

static void an_upgrade_makes_no_file(void **state)
{
	struct wp_error err = { 0 };
	FILE *file;

	(void)state;
	assert_int_equal(upgrade(&now, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "is not there"));
	assert_int_equal(access(path, F_OK), -1);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(upgrade(&now, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "is empty"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_start_leaves_the_tables_so_the_release_before_comes_back,
			setup),
		cmocka_unit_test_setup(
			after_an_upgrade_the_release_before_refuses, setup),
		cmocka_unit_test_setup(tables_that_are_too_old_say_what_to_do,
				       setup),
		cmocka_unit_test_setup(a_new_file_has_the_newest_tables, setup),
		cmocka_unit_test_setup(an_upgrade_that_fails_changes_nothing,
				       setup),
		cmocka_unit_test_setup(an_upgrade_makes_no_file, setup),
	};

	if (getenv("WAYPOST_TEST_DIR") == NULL) {
		fprintf(stderr, "SKIPPED: WAYPOST_TEST_DIR is not set, nothing "
				"was tested\n");
		return WP_TEST_SKIPPED;
	}
	return cmocka_run_group_tests_name("sqlite_file", tests, NULL, NULL);
}
