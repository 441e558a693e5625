/* When something is late, and when the way is not good any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ws-daemon/flight.h"

enum { BEGIN = 1000, LIMIT = 100 };

static void nothing_is_known_before_it_is_looked_at(void **state)
{
	const struct wp_flight flight = { 0 };

	(void)state;
	assert_false(wp_flight_is_out(&flight));
	assert_false(wp_flight_is_late(&flight, BEGIN, LIMIT));
	assert_false(wp_flight_is_stale(&flight, BEGIN, LIMIT));
}

static void one_that_comes_back_makes_the_way_good(void **state)
{
	struct wp_flight flight = { 0 };

	(void)state;
	wp_flight_renew(&flight, BEGIN);
	wp_flight_begin(&flight, BEGIN + 10);
	assert_true(wp_flight_is_out(&flight));
	assert_int_equal(wp_flight_back(&flight, BEGIN + 17), 7);
	assert_false(wp_flight_is_out(&flight));
	assert_false(wp_flight_is_stale(&flight, BEGIN + 17 + LIMIT, LIMIT));
	assert_true(wp_flight_is_stale(&flight, BEGIN + 18 + LIMIT, LIMIT));
}

static void one_that_does_not_is_late_and_then_the_way_is_bad(void **state)
{
	struct wp_flight flight = { 0 };

	(void)state;
	wp_flight_renew(&flight, BEGIN);
	wp_flight_begin(&flight, BEGIN + 10);
	assert_false(wp_flight_is_late(&flight, BEGIN + 10 + LIMIT, LIMIT));
	assert_true(wp_flight_is_late(&flight, BEGIN + 11 + LIMIT, LIMIT));
	assert_true(wp_flight_is_stale(&flight, BEGIN + 11 + LIMIT, LIMIT));

	/* To give it up, and to begin another, makes nothing better. */
	wp_flight_give_up(&flight);
	assert_false(wp_flight_is_late(&flight, BEGIN + 11 + LIMIT, LIMIT));
	wp_flight_begin(&flight, BEGIN + 20 + LIMIT);
	assert_true(wp_flight_is_stale(&flight, BEGIN + 20 + LIMIT, LIMIT));
	(void)wp_flight_back(&flight, BEGIN + 30 + LIMIT);
	assert_false(wp_flight_is_stale(&flight, BEGIN + 30 + LIMIT, LIMIT));
}

static void what_was_before_it_was_looked_at_anew_proves_nothing(void **state)
{
	struct wp_flight flight = { 0 };

	(void)state;
	wp_flight_renew(&flight, BEGIN);
	assert_true(wp_flight_is_stale(&flight, BEGIN + 2 * LIMIT, LIMIT));
	wp_flight_renew(&flight, BEGIN + 2 * LIMIT);
	assert_false(wp_flight_is_stale(&flight, BEGIN + 3 * LIMIT, LIMIT));
	assert_true(wp_flight_is_stale(&flight, BEGIN + 3 * LIMIT + 1, LIMIT));
}

static void what_is_not_looked_at_is_not_extended(void **state)
{
	struct wp_flight flight = { 0 };

	(void)state;
	wp_flight_extend(&flight, BEGIN);
	assert_false(wp_flight_is_stale(&flight, BEGIN + 2 * LIMIT, LIMIT));
	wp_flight_renew(&flight, BEGIN);
	wp_flight_extend(&flight, BEGIN + LIMIT);
	assert_false(wp_flight_is_stale(&flight, BEGIN + 2 * LIMIT, LIMIT));
	assert_true(wp_flight_is_stale(&flight, BEGIN + 2 * LIMIT + 1, LIMIT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_before_it_is_looked_at),
		cmocka_unit_test(one_that_comes_back_makes_the_way_good),
		cmocka_unit_test(
			one_that_does_not_is_late_and_then_the_way_is_bad),
		cmocka_unit_test(
			what_was_before_it_was_looked_at_anew_proves_nothing),
		cmocka_unit_test(what_is_not_looked_at_is_not_extended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
