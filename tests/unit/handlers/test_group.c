/* Elements of a partition come together and keep their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/group.h"

static void grouping_is_stable(void **state)
{
	static const uint32_t partitions[] = { 7, 3, 7, 0, 3, 7 };
	static const size_t wanted[] = { 3, 1, 4, 0, 2, 5 };
	size_t order[6];

	(void)state;

	wp_group(partitions, 6, order);

	assert_memory_equal(order, wanted, sizeof(wanted));
	assert_int_equal(wp_group_len(partitions, order, 0, 6), 1);
	assert_int_equal(wp_group_len(partitions, order, 1, 6), 2);
	assert_int_equal(wp_group_len(partitions, order, 3, 6), 3);
}

static void the_largest_group_is_one_group(void **state)
{
	static const uint32_t partitions[WP_GROUP_MAX];
	size_t order[WP_GROUP_MAX];

	(void)state;

	wp_group(partitions, WP_GROUP_MAX, order);

	for (size_t i = 0; i < WP_GROUP_MAX; i++)
		assert_int_equal(order[i], i);
	assert_int_equal(wp_group_len(partitions, order, 0, WP_GROUP_MAX),
			 WP_GROUP_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grouping_is_stable),
		cmocka_unit_test(the_largest_group_is_one_group),
	};

	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
