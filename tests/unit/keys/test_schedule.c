/* When an issuer is asked, by a clock that the test holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "keys/schedule.h"

enum { REFRESH_S = 900, DRAWS = 2000 };

static const uint64_t start_ms = 1000000;

static struct wp_schedule fresh(void)
{
	struct wp_schedule s;

	wp_schedule_init(&s, REFRESH_S, start_ms);
	return s;
}

static void the_first_one_is_due_at_once(void **state)
{
	struct wp_schedule s = fresh();

	(void)state;
	assert_true(wp_schedule_is_due(&s, start_ms));
	wp_schedule_begin(&s, start_ms);
	assert_false(wp_schedule_is_due(&s, start_ms + 1000));
}

static void what_is_known_is_not_asked_for_again_at_once(void **state)
{
	struct wp_schedule s = fresh();

	(void)state;
	wp_schedule_know(&s, 100, start_ms);
	assert_false(wp_schedule_is_due(&s, start_ms + 799 * 1000));
	assert_true(wp_schedule_is_due(&s, start_ms + 800 * 1000));

	s = fresh();
	wp_schedule_know(&s, REFRESH_S, start_ms);
	assert_true(wp_schedule_is_due(&s, start_ms));
	s = fresh();
	wp_schedule_know(&s, -1, start_ms);
	assert_true(wp_schedule_is_due(&s, start_ms));
}

/* The shortest and longest wait after a good answer, of many. */
static void draw(int64_t max_age_s, uint64_t *low, uint64_t *high)
{
	*low = UINT64_MAX;
	*high = 0;
	for (int i = 0; i < DRAWS; i++) {
		struct wp_schedule s = fresh();
		uint64_t wait_ms;

		wp_schedule_begin(&s, start_ms);
		wp_schedule_succeed(&s, max_age_s, start_ms);
		wait_ms = s.due_ms - start_ms;
		*low = wait_ms < *low ? wait_ms : *low;
		*high = wait_ms > *high ? wait_ms : *high;
	}
}

static void expect_about(int64_t max_age_s, uint64_t seconds)
{
	uint64_t low, high;

	draw(max_age_s, &low, &high);
	assert_in_range(low, seconds * 900, seconds * 930);
	assert_in_range(high, seconds * 1070, seconds * 1100);
}

static void a_good_answer_holds_for_the_interval_or_its_max_age(void **state)
{
	(void)state;
	expect_about(-1, REFRESH_S);
	expect_about(299, REFRESH_S);
	expect_about(300, 300);
	expect_about(3600, 3600);
	expect_about(3601, REFRESH_S);
	expect_about(0, REFRESH_S);
}

static void failures_are_tried_again_ever_more_slowly(void **state)
{
	static const uint64_t most_s[] = { 5, 10, 20, 40, 80, 160, 300, 300 };
	struct wp_schedule s = fresh();
	uint64_t now_ms = start_ms;

	(void)state;
	for (size_t i = 0; i < sizeof(most_s) / sizeof(most_s[0]); i++) {
		wp_schedule_begin(&s, now_ms);
		wp_schedule_fail(&s, now_ms);
		assert_in_range(s.due_ms - now_ms, most_s[i] * 500,
				most_s[i] * 1000);
		now_ms = s.due_ms;
	}
	wp_schedule_begin(&s, now_ms);
	wp_schedule_succeed(&s, -1, now_ms);
	wp_schedule_begin(&s, now_ms);
	wp_schedule_fail(&s, now_ms);
	assert_in_range(s.due_ms - now_ms, 2500, 5000);
}

/* Ask every step_ms for span_ms; each grant is a fetch. */
static int count_granted(struct wp_schedule *s, uint64_t span_ms,
			 uint64_t step_ms)
{
	int n = 0;

	for (uint64_t at = 0; at < span_ms; at += step_ms) {
		uint64_t now_ms = start_ms + at;

		if (!wp_schedule_want(s, now_ms))
			continue;
		assert_true(wp_schedule_is_due(s, now_ms));
		wp_schedule_begin(s, now_ms);
		wp_schedule_succeed(s, 3600, now_ms);
		n++;
	}
	return n;
}

static void a_flood_of_wishes_costs_seven_in_a_minute(void **state)
{
	struct wp_schedule s = fresh();

	(void)state;
	wp_schedule_know(&s, 0, start_ms);
	assert_in_range(count_granted(&s, 60 * 1000, 7), 6, 7);
}

static void a_flood_of_wishes_costs_sixty_six_in_an_hour(void **state)
{
	struct wp_schedule s = fresh();

	(void)state;
	wp_schedule_know(&s, 0, start_ms);
	assert_in_range(count_granted(&s, 890 * 1000, 101), 19, 21);
}

static void wishes_are_ten_seconds_apart(void **state)
{
	struct wp_schedule s = fresh();

	(void)state;
	wp_schedule_begin(&s, start_ms);
	assert_false(wp_schedule_want(&s, start_ms)); /* under way */
	wp_schedule_succeed(&s, -1, start_ms + 100);
	assert_false(wp_schedule_want(&s, start_ms + 9999));
	assert_true(wp_schedule_want(&s, start_ms + 10000));
	/* Due already: nothing is paid for it. */
	assert_false(wp_schedule_want(&s, start_ms + 10001));
	assert_int_equal(s.early, WP_SCHEDULE_EARLY_MAX - 1);
}

static void a_wish_ends_a_long_wait_after_failures(void **state)
{
	struct wp_schedule s = fresh();
	uint64_t now_ms = start_ms;

	(void)state;
	for (int i = 0; i < 10; i++) {
		wp_schedule_begin(&s, now_ms);
		wp_schedule_fail(&s, now_ms);
		now_ms = s.due_ms;
	}
	wp_schedule_begin(&s, now_ms);
	wp_schedule_fail(&s, now_ms);
	assert_true(wp_schedule_want(&s, now_ms + WP_SCHEDULE_GAP_MS));
	assert_true(wp_schedule_is_due(&s, now_ms + WP_SCHEDULE_GAP_MS));
}

static void max_age_is_read_as_it_is_written(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} lines[] = {
		{ "", -1 },
		{ "max-age=900", 900 },
		{ "public, max-age=600", 600 },
		{ "Max-Age=1 , public", 1 },
		{ "max-age=\"300\"", 300 },
		{ "max-age=900, max-age=600", 600 },
		{ "max-age=99999999999999999999999", INT64_C(1) << 31 },
		{ "no-store", -1 },
		{ "max-age=900, no-cache", -1 },
		{ "max-age", -1 },
		{ "max-age=", -1 },
		{ "max-age=-1", -1 },
		{ "max-age=1.5", -1 },
		{ "max-age=9s", -1 },
		{ "s-maxage=900", -1 },
		{ "x=\"a, max-age=5\"", -1 },
		{ "x=\"\\\", max-age=5\"", -1 },
		{ "x=\"y\", max-age=5", 5 },
		{ ",,, max-age=5,", 5 },
		{ "private=\"x\";max-age=5", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *text = lines[i].text;
		int64_t found = wp_schedule_max_age(text, strlen(text));

		if (found != lines[i].seconds)
			fail_msg("%s: %lld", text, (long long)found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_one_is_due_at_once),
		cmocka_unit_test(what_is_known_is_not_asked_for_again_at_once),
		cmocka_unit_test(
			a_good_answer_holds_for_the_interval_or_its_max_age),
		cmocka_unit_test(failures_are_tried_again_ever_more_slowly),
		cmocka_unit_test(a_flood_of_wishes_costs_seven_in_a_minute),
		cmocka_unit_test(a_flood_of_wishes_costs_sixty_six_in_an_hour),
		cmocka_unit_test(wishes_are_ten_seconds_apart),
		cmocka_unit_test(a_wish_ends_a_long_wait_after_failures),
		cmocka_unit_test(max_age_is_read_as_it_is_written),
	};

	return cmocka_run_group_tests_name("keys/schedule", tests, NULL, NULL);
}
