/* A sentence must arrive whole, or cut, but never break its container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/err.h"

static void set_fills_everything_and_returns_the_code(void **state)
{
	struct wp_error err = { .sys_errno = EIO };

	(void)state;
	assert_int_equal(wp_error_set(&err, WP_ERR_FULL, "over %d", 7),
			 WP_ERR_FULL);
	assert_int_equal(err.code, WP_ERR_FULL);
	assert_int_equal(err.sys_errno, 0);
	assert_string_equal(err.msg, "over 7");
}

static void nobody_has_to_want_the_sentence(void **state)
{
	(void)state;
	assert_int_equal(wp_error_set(NULL, WP_ERR_STALE, "x"), WP_ERR_STALE);
	assert_int_equal(wp_error_sys(NULL, "x"), WP_ERR_SYS);
}

static void a_sentence_may_wrap_the_one_before_it(void **state)
{
	struct wp_error err;

	(void)state;
	wp_error_set(&err, WP_ERR_INVAL, "no colon");
	wp_error_set(&err, WP_ERR_INVAL, "line 3: %s", err.msg);
	assert_string_equal(err.msg, "line 3: no colon");
}

static void a_long_sentence_is_cut_and_terminated(void **state)
{
	struct wp_error err;
	char text[2 * sizeof(err.msg)];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	wp_error_set(&err, WP_ERR_INVAL, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	errno = EIO;
	wp_error_sys(&err, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void a_system_error_names_errno_and_keeps_it(void **state)
{
	struct wp_error err;
	char want[128] = "open x: ";

	(void)state;
	strncat(want, strerror(ENOENT), sizeof(want) - strlen(want) - 1);
	errno = ENOENT;
	assert_int_equal(wp_error_sys(&err, "open %s", "x"), WP_ERR_SYS);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_string_equal(err.msg, want);
}

/* ---- all that is wrong, in order, and the first of it as the error ---- */

static void the_first_bad_verdict_is_the_error(void **state)
{
	struct wp_faults faults = { 0 };
	struct wp_error err = { 0 }, why;
	enum wp_err rc = WP_OK, one;

	(void)state;
	wp_faults_note(&faults, WP_OK, &err, &rc, &err);
	assert_int_equal(faults.n, 0);
	one = wp_error_set(&why, WP_ERR_INVAL, "first");
	wp_faults_note(&faults, one, &why, &rc, &err);
	one = wp_error_set(&why, WP_ERR_UNAVAIL, "second");
	wp_faults_note(&faults, one, &why, &rc, &err);
	wp_faults_note(&faults, WP_OK, &why, &rc, &err);

	assert_int_equal(rc, WP_ERR_INVAL);
	assert_string_equal(err.msg, "first");
	assert_int_equal(faults.n, 2);
	assert_string_equal(faults.list[1].msg, "second");
}

static void who_wants_one_gets_one(void **state)
{
	enum wp_err rc = WP_OK;
	struct wp_error why;
	enum wp_err one = wp_error_set(&why, WP_ERR_INVAL, "first");

	(void)state;
	wp_faults_note(NULL, one, &why, &rc, NULL);
	assert_int_equal(rc, WP_ERR_INVAL);
}

static void what_finds_no_room_is_counted(void **state)
{
	struct wp_faults faults = { 0 };
	struct wp_error err = { 0 }, why;
	enum wp_err rc = WP_OK, one;

	(void)state;
	for (size_t i = 0; i < WP_FAULTS_MAX + 3; i++) {
		one = wp_error_set(&why, WP_ERR_INVAL, "number %zu", i);
		wp_faults_note(&faults, one, &why, &rc, &err);
	}
	assert_int_equal(faults.n, WP_FAULTS_MAX + 3);
}

static void the_same_is_said_once(void **state)
{
	struct wp_faults faults = { 0 };
	struct wp_error why;
	enum wp_err rc = WP_OK, one;

	(void)state;
	one = wp_error_set(&why, WP_ERR_INVAL, "first");
	wp_faults_note(&faults, one, &why, &rc, NULL);
	rc = WP_OK;
	wp_faults_note(&faults, one, &why, &rc, NULL);
	assert_int_equal(faults.n, 1);
	assert_int_equal(rc, WP_ERR_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_everything_and_returns_the_code),
		cmocka_unit_test(nobody_has_to_want_the_sentence),
		cmocka_unit_test(a_sentence_may_wrap_the_one_before_it),
		cmocka_unit_test(a_long_sentence_is_cut_and_terminated),
		cmocka_unit_test(a_system_error_names_errno_and_keeps_it),
		cmocka_unit_test(the_first_bad_verdict_is_the_error),
		cmocka_unit_test(who_wants_one_gets_one),
		cmocka_unit_test(what_finds_no_room_is_counted),
		cmocka_unit_test(the_same_is_said_once),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
