/* How far apart pushes and tries are, and what a device is known to know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "notifier/plan/ladder.h"
#include "notifier/plan/told.h"

enum { S = 1000, MIN = 60 * S, HOUR = 60 * MIN };

static const int64_t NOW = INT64_C(1796076000000);

static void gaps_grow_to_an_hour(void **state)
{
	static const struct {
		uint32_t step;
		int64_t standard, high;
	} cases[] = {
		{ 0, 0, 0 },
		{ 1, 30 * S, 10 * S },
		{ 2, 2 * MIN, 10 * S },
		{ 3, 10 * MIN, 10 * S },
		{ 4, 30 * MIN, 30 * MIN },
		{ 5, HOUR, HOUR },
		{ 6, HOUR, HOUR },
		{ UINT32_MAX, HOUR, HOUR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(wp_ladder_gap_ms(cases[i].step, false),
				 cases[i].standard);
		assert_int_equal(wp_ladder_gap_ms(cases[i].step, true),
				 cases[i].high);
	}
}

static void tries_come_later_each_time_by_a_quarter_or_so(void **state)
{
	static const int64_t delays[] = { 10 * S,   30 * S, 2 * MIN, 10 * MIN,
					  30 * MIN, HOUR,   2 * HOUR };

	(void)state;
	for (uint32_t tries = 1; tries < WP_LADDER_TRIES_MAX; tries++) {
		int64_t delay = delays[tries - 1];
		int64_t least = INT64_MAX, most = 0;

		for (uint32_t seed = 0; seed < 5000; seed++) {
			int64_t got =
				wp_ladder_retry_ms(tries, 0, seed * 858993u);

			least = got < least ? got : least;
			most = got > most ? got : most;
		}
		assert_true(least >= delay - delay / 4);
		assert_true(most <= delay + delay / 4);
		/* And all of it is used. */
		assert_true(least < delay - delay / 5);
		assert_true(most > delay + delay / 5);
	}
	assert_int_equal(wp_ladder_retry_ms(1, 600, 0), 600 * S);
	assert_int_equal(wp_ladder_retry_ms(1, 7, 0), 7500);
}

static void what_is_kept_comes_back(void **state)
{
	const struct wp_told all = {
		.id = { (UINT64_C(1) << 48) - 1, (UINT64_C(1) << 40) - 1 },
		.at_ms = INT64_C(99999999999999999),
		.step = UINT32_MAX,
		.tries = WP_LADDER_TRIES_MAX - 1,
		.next_ms = INT64_C(99999999999999999),
	};
	const struct wp_told none = { .at_ms = 0 };
	char text[WP_TOLD_TEXT_MAX];
	struct wp_told told;

	(void)state;
	wp_told_format(&all, text);
	assert_true(wp_told_parse(&told, text));
	assert_int_equal(told.id.ms, all.id.ms);
	assert_int_equal(told.id.seq, all.id.seq);
	assert_int_equal(told.at_ms, all.at_ms);
	assert_int_equal(told.step, all.step);
	assert_int_equal(told.tries, all.tries);
	assert_int_equal(told.next_ms, all.next_ms);
	wp_told_format(&none, text);
	assert_string_equal(text, "0-0 0 0 0 0");
	assert_true(wp_told_parse(&told, text));
}

static void what_is_no_such_text_is_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"1-0",
		"1-0 1 1 1",
		"1-0 1 1 1 ",
		"1-0 1 1 1 1 ",
		"1-0 1 1 1 1 1",
		"1-0  1 1 1 1",
		"1 1 1 1 1",
		"1-0 -1 1 1 1",
		"1-0 1 4294967296 1 1",
		"1-0 1 1 8 1",
		"1-0 1 1 1 100000000000000000",
		"1-0 1 1 1 1x",
	};
	const struct wp_told none = { .at_ms = 0 };
	struct wp_told told;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		memset(&told, 0xff, sizeof(told));
		if (wp_told_parse(&told, texts[i]))
			fail_msg("%s", texts[i]);
		assert_int_equal(told.id.ms, none.id.ms);
		assert_int_equal(told.tries, none.tries);
		assert_int_equal(told.next_ms, none.next_ms);
	}
}

static void what_was_accepted_is_a_step(void **state)
{
	const struct wp_entry_id first = { 10, 0 }, second = { 11, 0 };
	struct wp_told told = { .at_ms = 0 };

	(void)state;
	assert_true(wp_told_failed(&told, &first, 0, NOW, 1));
	wp_told_accepted(&told, &first, false, NOW);
	assert_int_equal(told.id.ms, 10);
	assert_int_equal(told.at_ms, NOW);
	assert_int_equal(told.step, 1);
	assert_int_equal(told.tries, 0);
	assert_int_equal(told.next_ms, 0);
	wp_told_accepted(&told, &second, false, NOW + 1);
	assert_int_equal(told.step, 2);
	/* Its user was there meanwhile: it is the first one again. */
	wp_told_accepted(&told, &second, true, NOW + 2);
	assert_int_equal(told.step, 1);
}

static void the_eighth_failure_is_the_last(void **state)
{
	const struct wp_entry_id want = { 10, 0 }, newer = { 10, 1 };
	struct wp_told told = { .step = 3, .at_ms = 5 };

	(void)state;
	for (uint32_t i = 1; i < WP_LADDER_TRIES_MAX; i++) {
		assert_true(wp_told_failed(&told, &want, 0, NOW, 0));
		assert_int_equal(told.tries, i);
		assert_int_equal(told.next_ms,
				 NOW + wp_ladder_retry_ms(i, 0, 0));
	}
	assert_false(wp_told_failed(&told, &want, 0, NOW, 0));
	assert_int_equal(told.id.ms, 10);
	assert_int_equal(told.tries, 0);
	assert_int_equal(told.next_ms, 0);
	/* It was no push: the ladder does not know of it. */
	assert_int_equal(told.step, 3);
	assert_int_equal(told.at_ms, 5);

	/* A newer message begins anew. */
	for (int i = 0; i < 5; i++)
		assert_true(wp_told_failed(&told, &want, 0, NOW, 0));
	assert_true(wp_told_failed(&told, &newer, 0, NOW, 0));
	assert_int_equal(told.tries, 1);
	assert_int_equal(told.id.seq, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gaps_grow_to_an_hour),
		cmocka_unit_test(tries_come_later_each_time_by_a_quarter_or_so),
		cmocka_unit_test(what_is_kept_comes_back),
		cmocka_unit_test(what_is_no_such_text_is_nothing),
		cmocka_unit_test(what_was_accepted_is_a_step),
		cmocka_unit_test(the_eighth_failure_is_the_last),
	};

	return cmocka_run_group_tests_name("notifier/plan/told", tests, NULL,
					   NULL);
}
