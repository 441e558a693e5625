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

static void every_code_has_its_own_lower_case_name(void **state)
{
	int a, b;

	(void)state;
	for (a = WP_OK; a <= WP_ERR_SYS; a++) {
		const char *name = wp_err_name((enum wp_err)a);

		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz"),
				 strlen(name));
		assert_string_not_equal(name, "unknown");
		for (b = WP_OK; b < a; b++)
			assert_string_not_equal(name,
						wp_err_name((enum wp_err)b));
	}
	assert_string_equal(wp_err_name(WP_ERR_UNAVAIL), "unavail");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_everything_and_returns_the_code),
		cmocka_unit_test(nobody_has_to_want_the_sentence),
		cmocka_unit_test(a_sentence_may_wrap_the_one_before_it),
		cmocka_unit_test(a_long_sentence_is_cut_and_terminated),
		cmocka_unit_test(a_system_error_names_errno_and_keeps_it),
		cmocka_unit_test(every_code_has_its_own_lower_case_name),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
