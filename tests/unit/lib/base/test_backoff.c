/* Retries must spread out, slow down, and never stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/backoff.h"

static void delays_double_within_their_jitter_up_to_the_cap(void **state)
{
	const uint32_t want[] = { 100, 200, 400, 800, 1000, 1000, 1000 };
	int round;
	size_t i;

	(void)state;
	for (round = 0; round < 200; round++) {
		struct wp_backoff backoff;

		wp_backoff_init(&backoff, 100, 1000);
		for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
			uint32_t delay = wp_backoff_next_ms(&backoff);

			assert_in_range(delay, want[i] / 2, want[i]);
		}
	}
}

static void a_success_starts_over(void **state)
{
	struct wp_backoff backoff;
	int i;

	(void)state;
	wp_backoff_init(&backoff, 10, 100000);
	for (i = 0; i < 10; i++)
		(void)wp_backoff_next_ms(&backoff);
	wp_backoff_reset(&backoff);
	assert_in_range(wp_backoff_next_ms(&backoff), 5, 10);
}

static void many_failures_never_overflow(void **state)
{
	struct wp_backoff backoff;

	(void)state;
	wp_backoff_init(&backoff, UINT32_MAX, UINT32_MAX);
	backoff.attempt = UINT32_MAX;
	assert_in_range(wp_backoff_next_ms(&backoff), UINT32_MAX / 2,
			UINT32_MAX);
	assert_int_equal(backoff.attempt, UINT32_MAX);
	wp_backoff_init(&backoff, 1, 1);
	assert_in_range(wp_backoff_next_ms(&backoff), 0, 1);
}

static void two_peers_do_not_march_together(void **state)
{
	struct wp_backoff a, b;
	int i, differ = 0;

	(void)state;
	wp_backoff_init(&a, 1000000, 1000000);
	wp_backoff_init(&b, 1000000, 1000000);
	for (i = 0; i < 10; i++)
		differ += wp_backoff_next_ms(&a) != wp_backoff_next_ms(&b);
	assert_true(differ > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			delays_double_within_their_jitter_up_to_the_cap),
		cmocka_unit_test(a_success_starts_over),
		cmocka_unit_test(many_failures_never_overflow),
		cmocka_unit_test(two_peers_do_not_march_together),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
