/* Workers who see the same list divide the partitions without a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/own.h"

static void one_worker_gets_everything(void **state)
{
	struct wp_share share = wp_own_share(64, 1, 0);

	(void)state;
	assert_int_equal(share.count, 64);
	assert_int_equal(share.first, 0);
}

static void shares_add_up_and_differ_by_one_at_most(void **state)
{
	static const uint32_t partitions[] = { 1, 2, 7, 64, 65536 };

	(void)state;
	for (size_t k = 0; k < sizeof(partitions) / sizeof(partitions[0]); k++)
		for (size_t workers = 1; workers <= 70; workers++) {
			uint32_t sum = 0, least = UINT32_MAX, most = 0;

			for (size_t rank = 0; rank < workers; rank++) {
				uint32_t n = wp_own_share(partitions[k],
							  workers, rank)
						     .count;

				sum += n;
				least = n < least ? n : least;
				most = n > most ? n : most;
			}
			assert_int_equal(sum, partitions[k]);
			assert_true(most - least <= 1);
		}
}

static void ranges_touch_and_do_not_overlap(void **state)
{
	uint32_t next = 0;

	(void)state;
	for (size_t rank = 0; rank < 5; rank++) {
		struct wp_share share = wp_own_share(64, 5, rank);

		assert_int_equal(share.first, next);
		next += share.count;
	}
	assert_int_equal(next, 64);
}

static void more_workers_than_partitions_leave_some_without(void **state)
{
	(void)state;
	assert_int_equal(wp_own_share(2, 3, 0).count, 1);
	assert_int_equal(wp_own_share(2, 3, 1).count, 1);
	assert_int_equal(wp_own_share(2, 3, 2).count, 0);
	assert_in_range(wp_own_share(2, 3, 2).first, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker_gets_everything),
		cmocka_unit_test(shares_add_up_and_differ_by_one_at_most),
		cmocka_unit_test(ranges_touch_and_do_not_overlap),
		cmocka_unit_test(
			more_workers_than_partitions_leave_some_without),
	};

	return cmocka_run_group_tests_name("own", tests, NULL, NULL);
}
