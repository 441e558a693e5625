/* When somebody wants to be asked again, in all the ways that are said, and in
 * those that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/http/retry_after.h"

/* Sun, 06 Nov 1994 08:49:37 GMT, which the RFC has as its example */
static const int64_t THEN = 784111777;

static void expect(const char *text, int64_t now_s, int64_t wanted)
{
	int64_t got = wp_retry_after(text, now_s);

	if (got != wanted)
		fail_msg("%s: %lld", text, (long long)got);
}

static void seconds_are_kept_within_an_hour(void **state)
{
	(void)state;
	expect("1", 0, 1);
	expect("120", 0, 120);
	expect("3599", 0, 3599);
	expect("3600", 0, 3600);
	expect("3601", 0, 3600);
	expect("0", 0, 1);
	expect("000120", 0, 120);
	expect("9223372036854775808", 0, 3600);
	expect("99999999999999999999999999999999999999", 0, 3600);
}

static void dates_have_three_forms(void **state)
{
	static const char *const texts[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		expect(texts[i], THEN - 90, 90);
		expect(texts[i], THEN - 3600, 3600);
		expect(texts[i], THEN - 3601, 3600);
		expect(texts[i], THEN - 1, 1);
		expect(texts[i], THEN, 1);
		expect(texts[i], THEN + 1000, 1);
		expect(texts[i], 0, 3600);
	}
}

static void what_is_neither_says_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"-1",
		"+1",
		"1.5",
		"1 ",
		"0x10",
		"soon",
		"120, 120",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT.",
		"Sun, 36 Nov 1994 08:49:37 GMT",
		"1994-11-06T08:49:37Z",
	};

	(void)state;
	assert_int_equal(wp_retry_after(NULL, THEN), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect(texts[i], THEN, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seconds_are_kept_within_an_hour),
		cmocka_unit_test(dates_have_three_forms),
		cmocka_unit_test(what_is_neither_says_nothing),
	};

	return cmocka_run_group_tests_name("lib/http/retry_after", tests, NULL,
					   NULL);
}
