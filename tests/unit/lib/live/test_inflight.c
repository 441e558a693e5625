/* One user's part of what may wait, and everybody's together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/live/inflight.h"

enum { BYTES = 100000, CHARGES = 1024 };

static struct wp_inflight inflight;
static struct wp_charge charges[CHARGES];
static size_t n_charges;

static int setup(void **state)
{
	(void)state;
	inflight = (struct wp_inflight){ 0 };
	for (size_t i = 0; i < CHARGES; i++)
		charges[i] = (struct wp_charge){ 0 };
	n_charges = 0;
	return 0;
}

static size_t take_all(uint32_t hash, size_t bytes)
{
	size_t taken = 0;

	while (wp_inflight_take(&inflight, &charges[n_charges], hash, bytes)) {
		taken += charges[n_charges++].bytes;
		assert_true(n_charges < CHARGES);
	}
	return taken;
}

static void one_user_takes_a_part_only(void **state)
{
	size_t taken = take_all(7, BYTES);

	(void)state;
	assert_true(taken <= WP_INFLIGHT_USER_MAX);
	assert_true(taken > WP_INFLIGHT_USER_MAX - 2 * BYTES);
	assert_int_equal(taken, n_charges * (BYTES + WP_INFLIGHT_CALL_COST));
	/* A smaller one still fits, and everybody else's. */
	assert_true(wp_inflight_take(&inflight, &charges[n_charges++], 7, 10));
	assert_true(
		wp_inflight_take(&inflight, &charges[n_charges++], 8, BYTES));
}

static void all_together_stay_within_the_bound(void **state)
{
	size_t taken = 0;

	(void)state;
	for (uint32_t hash = 0; hash < 10; hash++)
		taken += take_all(hash, BYTES);
	assert_true(taken <= WP_INFLIGHT_MAX);
	assert_true(taken > WP_INFLIGHT_MAX - 2 * BYTES);
	assert_int_equal(inflight.total, taken);
}

static void what_is_given_back_may_be_taken_again(void **state)
{
	size_t taken = take_all(7, BYTES);

	(void)state;
	for (size_t i = 0; i < n_charges; i++) {
		wp_inflight_give(&inflight, &charges[i]);
		wp_inflight_give(&inflight, &charges[i]);
	}
	assert_int_equal(inflight.total, 0);
	assert_int_equal(inflight.of_user[7], 0);
	n_charges = 0;
	assert_int_equal(take_all(7, BYTES), taken);
}

static void no_number_is_too_large_to_be_refused(void **state)
{
	(void)state;
	assert_false(wp_inflight_take(&inflight, &charges[0], 1, SIZE_MAX));
	assert_false(wp_inflight_take(&inflight, &charges[0], 1,
				      WP_INFLIGHT_USER_MAX));
	assert_int_equal(inflight.total, 0);
	assert_true(
		wp_inflight_take(&inflight, &charges[0], UINT32_MAX,
				 WP_INFLIGHT_USER_MAX - WP_INFLIGHT_CALL_COST));
	assert_false(wp_inflight_take(&inflight, &charges[1], UINT32_MAX, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_user_takes_a_part_only, setup),
		cmocka_unit_test_setup(all_together_stay_within_the_bound,
				       setup),
		cmocka_unit_test_setup(what_is_given_back_may_be_taken_again,
				       setup),
		cmocka_unit_test_setup(no_number_is_too_large_to_be_refused,
				       setup),
	};

	return cmocka_run_group_tests_name("inflight", tests, NULL, NULL);
}
