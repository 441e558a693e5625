/* Quiet hours: both sides of each boundary, over midnight, over changes of the
 * clock in both directions, and without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "notifier/plan/quiet.h"

enum { ALL_DAYS = 0x7f, MON = 1, SUN = 0x40, MINUTE_MS = 60 * 1000 };

/* "2026-11-30T22:00:00" of UTC, in ms */
static int64_t utc(const char *text)
{
	struct tm tm = { 0 };

	assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%S", &tm));
	return (int64_t)timegm(&tm) * 1000;
}

static struct wp_prefs prefs_of(const char *zone,
				const struct wp_prefs_hours *hours, size_t n)
{
	struct wp_prefs prefs;

	wp_prefs_init(&prefs);
	memcpy(prefs.zone, zone, strlen(zone) + 1);
	memcpy(prefs.hours, hours, n * sizeof(*hours));
	prefs.n_hours = n;
	return prefs;
}

static void expect(const struct wp_prefs *prefs, const char *at,
		   const char *until)
{
	int64_t wanted = until == NULL ? 0 : utc(until);
	int64_t got = wp_quiet_until(prefs, utc(at));

	if (got != wanted)
		fail_msg("%s %s: %lld, not %lld", prefs->zone, at,
			 (long long)(got / 1000), (long long)(wanted / 1000));
}

static void without_hours_it_is_never_quiet(void **state)
{
	struct wp_prefs prefs;

	(void)state;
	wp_prefs_init(&prefs);
	assert_int_equal(wp_quiet_until(&prefs, utc("2026-11-30T03:00:00")), 0);
}

static void a_window_has_two_ends(void **state)
{
	static const struct wp_prefs_hours noon = { MON, 12 * 60, 13 * 60 };
	const struct wp_prefs prefs = prefs_of("UTC", &noon, 1);

	(void)state;
	expect(&prefs, "2026-11-30T11:59:59", NULL); /* a Monday */
	expect(&prefs, "2026-11-30T12:00:00", "2026-11-30T13:00:00");
	expect(&prefs, "2026-11-30T12:59:59", "2026-11-30T13:00:00");
	expect(&prefs, "2026-11-30T13:00:00", NULL);
	expect(&prefs, "2026-11-29T12:30:00", NULL);
	expect(&prefs, "2026-12-01T12:30:00", NULL);
}

static void over_midnight_it_is_of_the_day_on_which_it_began(void **state)
{
	static const struct wp_prefs_hours night = { SUN, 22 * 60, 7 * 60 };
	const struct wp_prefs prefs = prefs_of("UTC", &night, 1);

	(void)state;
	expect(&prefs, "2026-11-29T06:59:59", NULL); /* a Sunday */
	expect(&prefs, "2026-11-29T21:59:59", NULL);
	expect(&prefs, "2026-11-29T22:00:00", "2026-11-30T07:00:00");
	expect(&prefs, "2026-11-29T23:59:59", "2026-11-30T07:00:00");
	expect(&prefs, "2026-11-30T00:00:00", "2026-11-30T07:00:00");
	expect(&prefs, "2026-11-30T06:59:59", "2026-11-30T07:00:00");
	expect(&prefs, "2026-11-30T07:00:00", NULL);
	expect(&prefs, "2026-11-30T22:00:00", NULL);
}

static void the_clock_is_that_of_the_zone(void **state)
{
	static const struct wp_prefs_hours night = { ALL_DAYS, 22 * 60,
						     7 * 60 };
	const struct wp_prefs berlin = prefs_of("Europe/Berlin", &night, 1);
	const struct wp_prefs nepal = prefs_of("Asia/Kathmandu", &night, 1);
	const struct wp_prefs tonga = prefs_of("Pacific/Tongatapu", &night, 1);

	(void)state;
	/* In turns: one zone leaves nothing behind for the next. */
	for (int i = 0; i < 2; i++) {
		expect(&berlin, "2026-11-30T20:59:59", NULL);
		expect(&nepal, "2026-11-30T16:15:00", "2026-12-01T01:15:00");
		expect(&berlin, "2026-11-30T21:00:00", "2026-12-01T06:00:00");
		expect(&nepal, "2026-11-30T16:14:59", NULL);
		expect(&tonga, "2026-11-30T09:00:00", "2026-11-30T18:00:00");
		expect(&tonga, "2026-11-30T18:00:00", NULL);
	}
}

/* Berlin: 29 March 2026 02:00 becomes 03:00, 25 October 03:00 becomes 02:00. */
static void the_clock_is_put_forward_and_back(void **state)
{
	static const struct wp_prefs_hours night = { ALL_DAYS, 22 * 60,
						     7 * 60 };
	static const struct wp_prefs_hours small[] = {
		{ ALL_DAYS, 60, 150 }, /* 01:00 to 02:30 */
		{ ALL_DAYS, 150, 200 } /* 02:30 to 03:20 */
	};
	const struct wp_prefs berlin = prefs_of("Europe/Berlin", &night, 1);
	const struct wp_prefs one = prefs_of("Europe/Berlin", small, 1);
	const struct wp_prefs other = prefs_of("Europe/Berlin", small + 1, 1);

	(void)state;
	/* Eight hours, and ten. */
	expect(&berlin, "2026-03-28T21:00:00", "2026-03-29T05:00:00");
	expect(&berlin, "2026-10-24T20:00:00", "2026-10-25T06:00:00");
	/* An end that is never shown: when the clock is beyond it. */
	expect(&one, "2026-03-29T00:30:00", "2026-03-29T01:30:00");
	expect(&one, "2026-03-29T01:30:00", NULL);
	/* And a beginning. */
	expect(&other, "2026-03-29T00:59:59", NULL);
	expect(&other, "2026-03-29T01:00:00", "2026-03-29T01:20:00");
	/* Ends and beginnings that are shown twice, and begin twice. */
	expect(&one, "2026-10-24T23:30:00", "2026-10-25T00:30:00");
	expect(&one, "2026-10-25T00:30:00", NULL);
	expect(&one, "2026-10-25T00:59:59", NULL);
	expect(&one, "2026-10-25T01:00:00", "2026-10-25T01:30:00");
	expect(&one, "2026-10-25T01:30:00", NULL);
	expect(&other, "2026-10-25T00:30:00", "2026-10-25T02:20:00");
	expect(&other, "2026-10-25T01:40:00", "2026-10-25T02:20:00");
}

/* New York: 8 March 2026 02:00 becomes 03:00, 1 November 02:00 becomes 01:00;
 * Lord Howe goes by half an hour. */
static void so_it_is_in_other_zones(void **state)
{
	static const struct wp_prefs_hours night = { ALL_DAYS, 22 * 60,
						     7 * 60 };
	static const struct wp_prefs_hours early = { ALL_DAYS, 60, 105 };
	const struct wp_prefs york = prefs_of("America/New_York", &night, 1);
	const struct wp_prefs howe = prefs_of("Australia/Lord_Howe", &early, 1);

	(void)state;
	expect(&york, "2026-03-08T03:00:00", "2026-03-08T11:00:00");
	expect(&york, "2026-11-01T02:00:00", "2026-11-01T12:00:00");
	/* 5 April 2026: 02:00 at +11 becomes 01:30 at +10:30. */
	expect(&howe, "2026-04-04T14:00:00", "2026-04-04T14:45:00");
	expect(&howe, "2026-04-04T14:50:00", NULL);
	expect(&howe, "2026-04-04T15:00:00", "2026-04-04T15:15:00");
	expect(&howe, "2026-04-04T15:15:00", NULL);
}

static void windows_that_follow_each_other_are_one(void **state)
{
	static const struct wp_prefs_hours hours[] = {
		{ MON, 22 * 60, 24 * 60 },
		{ 2, 0, 6 * 60 },
		{ 2, 5 * 60, 8 * 60 },
		{ 2, 8 * 60 + 1, 9 * 60 },
	};
	const struct wp_prefs prefs = prefs_of("UTC", hours, 4);

	(void)state;
	expect(&prefs, "2026-11-30T22:00:00", "2026-12-01T08:00:00");
	expect(&prefs, "2026-12-01T08:00:00", NULL);
	expect(&prefs, "2026-12-01T08:01:00", "2026-12-01T09:00:00");
}

static void fourteen_windows_are_fourteen(void **state)
{
	struct wp_prefs_hours hours[WP_PREFS_HOURS_MAX];
	struct wp_prefs prefs;
	int n_quiet = 0;

	(void)state;
	for (unsigned int i = 0; i < WP_PREFS_HOURS_MAX; i++)
		hours[i] = (struct wp_prefs_hours){
			.days = (uint8_t)(1U << i / 2),
			.from_min = i % 2 == 0 ? 60 : 13 * 60,
			.to_min = i % 2 == 0 ? 2 * 60 : 14 * 60,
		};
	prefs = prefs_of("UTC", hours, WP_PREFS_HOURS_MAX);
	for (int i = 0; i < 7 * 24; i++)
		n_quiet += wp_quiet_until(&prefs,
					  utc("2026-11-30T00:30:00") +
						  i * INT64_C(3600000)) != 0;
	assert_int_equal(n_quiet, WP_PREFS_HOURS_MAX);
}

static void without_end_a_day_is_looked_ahead(void **state)
{
	static const struct wp_prefs_hours always = { ALL_DAYS, 0, 24 * 60 };
	const struct wp_prefs prefs = prefs_of("Europe/Berlin", &always, 1);
	int64_t at_ms = utc("2026-03-28T12:00:00") + 999;

	(void)state;
	assert_int_equal(wp_quiet_until(&prefs, at_ms),
			 (at_ms + WP_QUIET_MAX_MS) / 1000 * 1000);
}

/* Over all minutes of the days around each change of some zones: an end lies
 * ahead, is no more than a day and an hour away, and is no quiet minute; and
 * asked again it is the same. */
static void an_end_is_an_end(void **state)
{
	static const char *const zones[] = { "Europe/Berlin",
					     "America/New_York",
					     "Australia/Lord_Howe",
					     "Africa/Casablanca", "UTC" };
	static const char *const days[] = {
		"2026-03-08T00:00:00", "2026-03-28T12:00:00",
		"2026-04-04T06:00:00", "2026-10-24T12:00:00",
		"2026-10-31T18:00:00", "2026-02-14T18:00:00",
	};
	static const struct wp_prefs_hours hours[] = {
		{ ALL_DAYS, 22 * 60, 90 },
		{ ALL_DAYS, 100, 110 },
		{ ALL_DAYS, 120, 155 },
	};

	(void)state;
	for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
		const struct wp_prefs prefs = prefs_of(zones[z], hours, 3);

		for (size_t d = 0; d < sizeof(days) / sizeof(days[0]); d++)
			for (int m = 0; m < 40 * 60; m += 7) {
				int64_t at =
					utc(days[d]) + m * (int64_t)MINUTE_MS;
				int64_t end = wp_quiet_until(&prefs, at);

				assert_int_equal(wp_quiet_until(&prefs, at),
						 end);
				if (end == 0)
					continue;
				assert_true(end > at);
				assert_true(end <= at + WP_QUIET_MAX_MS);
				assert_int_equal(wp_quiet_until(&prefs, end),
						 0);
				assert_true(wp_quiet_until(&prefs,
							   end - 1000) == end);
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_hours_it_is_never_quiet),
		cmocka_unit_test(a_window_has_two_ends),
		cmocka_unit_test(
			over_midnight_it_is_of_the_day_on_which_it_began),
		cmocka_unit_test(the_clock_is_that_of_the_zone),
		cmocka_unit_test(the_clock_is_put_forward_and_back),
		cmocka_unit_test(so_it_is_in_other_zones),
		cmocka_unit_test(windows_that_follow_each_other_are_one),
		cmocka_unit_test(fourteen_windows_are_fourteen),
		cmocka_unit_test(without_end_a_day_is_looked_ahead),
		cmocka_unit_test(an_end_is_an_end),
	};

	wp_quiet_init();
	return cmocka_run_group_tests_name("notifier/plan/quiet", tests, NULL,
					   NULL);
}
