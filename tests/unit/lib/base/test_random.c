/* What is not spread evenly is guessable, or falls on one partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"

static void bytes_are_filled_to_the_end_and_not_beyond(void **state)
{
	unsigned char bytes[4099];
	unsigned char seen = 0;
	int i;

	(void)state;
	for (i = 0; i < 32; i++) {
		memset(bytes, 0, sizeof(bytes));
		wp_random_bytes(bytes, sizeof(bytes) - 1);
		assert_int_equal(bytes[sizeof(bytes) - 1], 0);
		seen |= bytes[sizeof(bytes) - 2];
	}
	assert_int_not_equal(seen, 0);
	wp_random_bytes(NULL, 0);
}

static void hex_is_lower_case_and_terminated(void **state)
{
	char text[2 * 65 + 2];
	size_t bytes;

	(void)state;
	for (bytes = 0; bytes <= 65; bytes++) {
		memset(text, '!', sizeof(text));
		wp_random_hex(text, bytes);
		assert_int_equal(strlen(text), 2 * bytes);
		assert_int_equal(strspn(text, "0123456789abcdef"), 2 * bytes);
		assert_int_equal(text[2 * bytes + 1], '!');
	}
}

static void two_draws_differ(void **state)
{
	char a[33], b[33];

	(void)state;
	wp_random_hex(a, 16);
	wp_random_hex(b, 16);
	assert_string_not_equal(a, b);
}

/* Over several fillings; none is given out twice. */
static void a_pool_gives_each_byte_once(void **state)
{
	struct wp_random_pool pool = { 0 };
	unsigned char taken[300][8];
	unsigned char whole[sizeof(pool.bytes)];

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		wp_random_take(&pool, taken[i], sizeof(taken[i]));
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(taken[i], taken[k],
						sizeof(taken[i]));
	}
	wp_random_take(&pool, whole, 1);
	wp_random_take(&pool, whole, sizeof(whole)); /* the rest is too short */
	assert_int_equal(pool.n_left, 0);
	wp_random_take(&pool, whole, 0);
	assert_int_equal(pool.n_left, 0);
}

static void below_reaches_every_value_and_never_the_bound(void **state)
{
	unsigned counts[7] = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 7000; i++) {
		uint32_t value = wp_random_below(7);

		assert_true(value < 7);
		counts[value]++;
	}
	/* 1000 expected, sigma 29: a false alarm once in 10^20 runs. */
	for (i = 0; i < 7; i++)
		assert_in_range(counts[i], 700, 1300);
	assert_int_equal(wp_random_below(1), 0);
	for (i = 0; i < 100; i++)
		assert_true(wp_random_below(UINT32_MAX) < UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_filled_to_the_end_and_not_beyond),
		cmocka_unit_test(hex_is_lower_case_and_terminated),
		cmocka_unit_test(two_draws_differ),
		cmocka_unit_test(a_pool_gives_each_byte_once),
		cmocka_unit_test(below_reaches_every_value_and_never_the_bound),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
