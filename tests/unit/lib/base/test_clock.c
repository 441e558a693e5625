/* Times that leave the process must read the same everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/base/clock.h"

static void rfc3339_is(int64_t wall_ms, const char *want)
{
	char text[WP_RFC3339_LEN];

	wp_rfc3339(wall_ms, text);
	assert_string_equal(text, want);
}

static void known_instants_have_their_known_text(void **state)
{
	(void)state;
	rfc3339_is(0, "1970-01-01T00:00:00.000Z");
	rfc3339_is(1, "1970-01-01T00:00:00.001Z");
	rfc3339_is(951782399999, "2000-02-28T23:59:59.999Z");
	rfc3339_is(951782400000, "2000-02-29T00:00:00.000Z");
	rfc3339_is(1795225140123, "2026-11-21T01:39:00.123Z");
	rfc3339_is(4107542399999, "2100-02-28T23:59:59.999Z");
	rfc3339_is(4107542400000, "2100-03-01T00:00:00.000Z");
}

/* Of the first 9,999 years all days that can be told. */
static void each_day_is_that_of_libc(void **state)
{
	const int64_t day_ms = INT64_C(24) * 3600 * 1000;
	char text[WP_RFC3339_LEN];
	char want[WP_RFC3339_LEN];

	(void)state;
	for (int64_t day = 0; day < 2932897; day++) {
		time_t second = (time_t)(day * 24 * 3600 + day % (24 * 3600));
		struct tm utc;

		assert_non_null(gmtime_r(&second, &utc));
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.007Z", &utc);
		wp_rfc3339((int64_t)second * 1000 + 7, text);
		if (strcmp(text, want) != 0)
			fail_msg("%s is not %s", text, want);
	}
	wp_rfc3339(INT64_C(2932896) * day_ms, text);
	assert_string_equal(text, "9999-12-31T00:00:00.000Z");
}

static void years_that_do_not_fit_are_clamped(void **state)
{
	(void)state;
	rfc3339_is(-1, "1970-01-01T00:00:00.000Z");
	rfc3339_is(INT64_MIN, "1970-01-01T00:00:00.000Z");
	rfc3339_is(253402300799999, "9999-12-31T23:59:59.999Z");
	rfc3339_is(253402300800000, "9999-12-31T23:59:59.999Z");
	rfc3339_is(INT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void the_monotonic_clock_never_goes_back(void **state)
{
	uint64_t last = wp_mono_us();
	int i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		uint64_t now = wp_mono_us();

		assert_true(now >= last);
		last = now;
	}
}

static void both_monotonic_units_are_one_clock(void **state)
{
	uint64_t before = wp_mono_us();
	uint64_t middle = wp_mono_ms();
	uint64_t after = wp_mono_us();

	(void)state;
	assert_true(before / 1000 <= middle);
	assert_true(middle <= after / 1000);
}

static void wall_time_is_milliseconds_of_this_century(void **state)
{
	char text[WP_RFC3339_LEN];

	(void)state;
	wp_rfc3339(wp_wall_ms(), text);
	assert_memory_equal(text, "20", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_instants_have_their_known_text),
		cmocka_unit_test(each_day_is_that_of_libc),
		cmocka_unit_test(years_that_do_not_fit_are_clamped),
		cmocka_unit_test(the_monotonic_clock_never_goes_back),
		cmocka_unit_test(both_monotonic_units_are_one_clock),
		cmocka_unit_test(wall_time_is_milliseconds_of_this_century),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
