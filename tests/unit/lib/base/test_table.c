/* A table keeps what it has, where it is, however much it grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/table.h"

enum { STEP = 700, MANY = 20 * STEP };

static void items_stay_where_they_are_and_new_ones_are_zeroed(void **state)
{
	struct wp_table table = { 0 };
	void *places[MANY];

	(void)state;
	for (size_t n = STEP; n <= MANY; n += STEP) {
		assert_true(wp_table_grow(&table, n));
		assert_in_range(table.n, n, n + WP_TABLE_PAGE - 1);
		for (size_t i = n - STEP; i < n; i++) {
			uintptr_t *item = wp_table_at(&table, i);

			assert_int_equal(*item, 0);
			*item = i + 1;
			places[i] = item;
		}
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_ptr_equal(wp_table_at(&table, i), places[i]);
		assert_int_equal(*(uintptr_t *)places[i], i + 1);
	}
	wp_table_release(&table);
	assert_int_equal(table.n, 0);
}

static void to_have_less_changes_nothing(void **state)
{
	struct wp_table table = { 0 };
	size_t n;

	(void)state;
	assert_true(wp_table_grow(&table, 0));
	assert_int_equal(table.n, 0);
	assert_true(wp_table_grow(&table, 1));
	n = table.n;
	assert_true(wp_table_grow(&table, 1));
	assert_int_equal(table.n, n);
	wp_table_release(&table);
	wp_table_release(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			items_stay_where_they_are_and_new_ones_are_zeroed),
		cmocka_unit_test(to_have_less_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
