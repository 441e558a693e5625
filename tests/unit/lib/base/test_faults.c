/* All that is wrong, in order, and the first of it as the error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/base/faults.h"

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
	enum wp_err one = wp_error_set(&why, WP_ERR_INVAL, "one of many");
	enum wp_err rc = WP_OK;

	(void)state;
	for (size_t i = 0; i < WP_FAULTS_MAX + 3; i++)
		wp_faults_note(&faults, one, &why, &rc, &err);
	assert_int_equal(faults.n, WP_FAULTS_MAX + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_bad_verdict_is_the_error),
		cmocka_unit_test(who_wants_one_gets_one),
		cmocka_unit_test(what_finds_no_room_is_counted),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
