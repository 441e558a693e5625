/* Who sees the same list divides the partitions without a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/mailbox/share.h"

static void one_gets_everything(void **state)
{
	struct wp_fair_share share = wp_fair_share(64, 1, 0);

	(void)state;
	assert_int_equal(share.count, 64);
	assert_int_equal(share.first, 0);
}

static void shares_add_up_and_differ_by_one_at_most(void **state)
{
	static const uint32_t partitions[] = { 1, 2, 7, 64, 65536 };

	(void)state;
	for (size_t k = 0; k < sizeof(partitions) / sizeof(partitions[0]); k++)
		for (size_t n = 1; n <= 70; n++) {
			uint32_t sum = 0, least = UINT32_MAX, most = 0;

			for (size_t rank = 0; rank < n; rank++) {
				uint32_t part =
					wp_fair_share(partitions[k], n, rank)
						.count;

				sum += part;
				least = part < least ? part : least;
				most = part > most ? part : most;
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
		struct wp_fair_share share = wp_fair_share(64, 5, rank);

		assert_int_equal(share.first, next);
		next += share.count;
	}
	assert_int_equal(next, 64);
}

static void more_than_partitions_leave_some_without(void **state)
{
	(void)state;
	assert_int_equal(wp_fair_share(2, 3, 0).count, 1);
	assert_int_equal(wp_fair_share(2, 3, 1).count, 1);
	assert_int_equal(wp_fair_share(2, 3, 2).count, 0);
	assert_in_range(wp_fair_share(2, 3, 2).first, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_gets_everything),
		cmocka_unit_test(shares_add_up_and_differ_by_one_at_most),
		cmocka_unit_test(ranges_touch_and_do_not_overlap),
		cmocka_unit_test(more_than_partitions_leave_some_without),
	};

	return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
