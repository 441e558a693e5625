/* When a wall clock is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/sweep_clock.h"

enum { HOUR_MS = 3600 * 1000, SLACK_MS = WP_SWEEP_CLOCK_SLACK_MS };
#define WALL INT64_C(1700000000000)

static enum wp_sweep_trust look(struct wp_sweep_clock *clock, int64_t wall_by,
				int64_t mono_by)
{
	return wp_sweep_clock_look(clock, WALL + wall_by,
				   (uint64_t)(HOUR_MS + mono_by));
}

static void the_first_look_has_nothing_to_compare_with(void **state)
{
	struct wp_sweep_clock clock = { 0 };

	(void)state;
	assert_int_equal(look(&clock, 0, 0), WP_SWEEP_FIRST);
	assert_int_equal(look(&clock, 10000, 10000), WP_SWEEP_AGREE);
}

static void a_difference_within_the_slack_is_believed(void **state)
{
	struct wp_sweep_clock clock = { 0 };

	(void)state;
	(void)look(&clock, 0, 0);
	assert_int_equal(look(&clock, 10000 + SLACK_MS, 10000), WP_SWEEP_AGREE);
	assert_int_equal(look(&clock, 20000, 20000), WP_SWEEP_AGREE);
}

static void a_step_in_either_direction_is_not(void **state)
{
	struct wp_sweep_clock clock = { 0 };

	(void)state;
	(void)look(&clock, 0, 0);
	assert_int_equal(look(&clock, 1 + SLACK_MS, 0), WP_SWEEP_JUMP);
	assert_int_equal(look(&clock, -1 - SLACK_MS, 0), WP_SWEEP_JUMP);
	/* Not even when it goes on from there. */
	assert_int_equal(look(&clock, HOUR_MS + 10, 10), WP_SWEEP_JUMP);
	assert_int_equal(look(&clock, HOUR_MS + 20, 20), WP_SWEEP_JUMP);
	/* Set right again. */
	assert_int_equal(look(&clock, 30, 30), WP_SWEEP_AGREE);
}

static void what_is_confirmed_is_believed(void **state)
{
	struct wp_sweep_clock clock = { 0 };

	(void)state;
	(void)look(&clock, 0, 0);
	assert_int_equal(look(&clock, HOUR_MS, 10), WP_SWEEP_JUMP);
	wp_sweep_clock_believe(&clock, WALL + HOUR_MS, HOUR_MS + 10);
	assert_int_equal(look(&clock, HOUR_MS + 10, 20), WP_SWEEP_AGREE);
	assert_int_equal(look(&clock, 30, 30), WP_SWEEP_JUMP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_look_has_nothing_to_compare_with),
		cmocka_unit_test(a_difference_within_the_slack_is_believed),
		cmocka_unit_test(a_step_in_either_direction_is_not),
		cmocka_unit_test(what_is_confirmed_is_believed),
	};

	return cmocka_run_group_tests_name("sweep_clock", tests, NULL, NULL);
}
