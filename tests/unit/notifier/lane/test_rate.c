/* How fast, and how much at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/lane/rate.h"

enum { MS = 1000, SECOND = 1000 * MS, RATE = 100, MOST = 1000 };

static const uint64_t NOW = UINT64_C(5000000000);
static const uint64_t RAMPED = UINT64_C(5000000000) + 60 * SECOND;

/* How many go in a second, if each is sent when its slot comes. */
static unsigned int in_a_second(struct wp_rate *rate, uint64_t from_us)
{
	unsigned int n = 0;

	for (uint64_t us = 0; us < SECOND; us += MS) {
		if (wp_rate_wait_ms(rate, from_us + us) > 0)
			continue;
		assert_int_equal(wp_rate_take(rate, from_us + us), 0);
		n++;
	}
	return n;
}

static void it_begins_slowly_and_doubles(void **state)
{
	static const unsigned int wanted[] = { 10, 20, 40, 80, 100, 100 };
	struct wp_rate rate;

	(void)state;
	wp_rate_init(&rate, RATE, MOST, NOW);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint64_t at = NOW + i * WP_RATE_RAMP_STEP_MS * MS;

		/* A millisecond is all that it is told of, and is lost. */
		assert_in_range(in_a_second(&rate, at + SECOND),
				wanted[i] * 19 / 20, wanted[i] + 1);
		/* Also at the end of the step. */
		assert_in_range(in_a_second(&rate, at + 13 * SECOND),
				wanted[i] * 19 / 20, wanted[i] + 1);
	}
	wp_rate_ramp(&rate, RAMPED + 60 * SECOND);
	assert_in_range(in_a_second(&rate, RAMPED + 61 * SECOND), 9, 11);
}

static void who_was_idle_begins_anew(void **state)
{
	struct wp_rate rate;
	uint64_t at;

	(void)state;
	wp_rate_init(&rate, RATE, MOST, NOW);
	(void)wp_rate_take(&rate, RAMPED);
	at = RAMPED + (uint64_t)WP_RATE_IDLE_MS * MS;
	/* Not quite. */
	assert_in_range(in_a_second(&rate, at - 2 * SECOND), 99, 101);

	wp_rate_init(&rate, RATE, MOST, NOW);
	(void)wp_rate_take(&rate, RAMPED);
	assert_in_range(in_a_second(&rate, at), 9, 11);

	/* Something that takes so long is no idleness. */
	wp_rate_init(&rate, RATE, MOST, NOW);
	(void)wp_rate_take(&rate, RAMPED);
	assert_true(wp_rate_place(&rate));
	assert_in_range(in_a_second(&rate, at), 99, 101);
}

static void slots_that_are_taken_ahead_are_a_unit_apart(void **state)
{
	struct wp_rate rate;

	(void)state;
	wp_rate_init(&rate, RATE, MOST, NOW);
	for (uint64_t i = 0; i < 50; i++) {
		assert_int_equal(wp_rate_wait_ms(&rate, RAMPED), 10 * i);
		assert_int_equal(wp_rate_take(&rate, RAMPED), 10 * i);
	}
	/* No slot of the past is left over. */
	assert_int_equal(wp_rate_wait_ms(&rate, RAMPED + 10 * SECOND), 0);
	assert_int_equal(wp_rate_take(&rate, RAMPED + 10 * SECOND), 0);
	assert_int_equal(wp_rate_wait_ms(&rate, RAMPED + 10 * SECOND), 10);
}

static void no_more_are_under_way_than_may_be(void **state)
{
	struct wp_rate rate;

	(void)state;
	wp_rate_init(&rate, RATE, 2, NOW);
	/* Who waits for his slot is not under way. */
	for (int i = 0; i < 5; i++)
		(void)wp_rate_take(&rate, RAMPED);
	assert_true(wp_rate_place(&rate));
	assert_true(wp_rate_place(&rate));
	assert_false(wp_rate_place(&rate));
	wp_rate_give(&rate);
	assert_true(wp_rate_place(&rate));
	assert_int_equal(rate.under_way, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_slowly_and_doubles),
		cmocka_unit_test(who_was_idle_begins_anew),
		cmocka_unit_test(slots_that_are_taken_ahead_are_a_unit_apart),
		cmocka_unit_test(no_more_are_under_way_than_may_be),
	};

	return cmocka_run_group_tests_name("notifier/lane/rate", tests, NULL,
					   NULL);
}
