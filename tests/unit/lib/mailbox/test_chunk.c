/* How much of a mailbox a migration asks for at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/mailbox/chunk.h"

enum { LONGEST = 1000, MOST = 5 * LONGEST, UNKNOWN = -1 };

static const struct wp_chunk_room room = {
	.rows = 10,
	.bytes = 800,
	.most = MOST,
	.longest = LONGEST,
};

/* bytes: of so many entries that wait in ingress and hot */
static struct wp_chunk chunk_of(int64_t high, int64_t standard, int64_t bytes)
{
	return (struct wp_chunk){
		.waiting = { [WP_BAND_HIGH] = high,
			     [WP_BAND_STANDARD] = standard },
		.bytes = bytes,
		.entries = high + standard,
	};
}

static void expect_plan(struct wp_chunk *chunk, int64_t high, int64_t standard,
			int64_t bytes)
{
	assert_int_equal(wp_chunk_plan(chunk, &room), bytes);
	assert_int_equal(chunk->count[WP_BAND_HIGH], high);
	assert_int_equal(chunk->count[WP_BAND_STANDARD], standard);
}

static void all_that_waits_is_taken_where_it_fits(void **state)
{
	struct wp_chunk chunk = chunk_of(2, 3, 800);

	(void)state;
	expect_plan(&chunk, 2, 3, 800);
}

static void each_band_has_its_rows(void **state)
{
	struct wp_chunk chunk = chunk_of(30, 40, 700);

	(void)state;
	expect_plan(&chunk, 10, 10, 700);
}

static void long_ones_are_taken_few_at_a_time(void **state)
{
	struct wp_chunk chunk = chunk_of(0, 50, 50 * 199);

	(void)state;
	expect_plan(&chunk, 0, 4, 4 * LONGEST);
}

static void the_high_band_comes_first(void **state)
{
	struct wp_chunk chunk = chunk_of(3, 47, 50 * 199);

	(void)state;
	expect_plan(&chunk, 3, 1, 4 * LONGEST);
}

static void one_is_always_taken(void **state)
{
	struct wp_chunk chunk = chunk_of(0, 2, 2 * 900);

	(void)state;
	expect_plan(&chunk, 0, 1, LONGEST);
}

static void what_nobody_has_counted_is_as_long_as_may_be(void **state)
{
	struct wp_chunk chunk = chunk_of(1, 2, UNKNOWN);

	(void)state;
	expect_plan(&chunk, 1, 0, LONGEST);
}

static void no_more_bytes_than_wait_can_come(void **state)
{
	struct wp_chunk chunk = chunk_of(0, 50, 1500);

	(void)state;
	expect_plan(&chunk, 0, 10, 1500);
}

/* The others may be short, so that they tell nothing of the oldest. */
static void a_huge_mailbox_begins_with_its_longest(void **state)
{
	struct wp_chunk chunk = chunk_of(1, MOST, MOST + 1);

	(void)state;
	expect_plan(&chunk, 1, 3, 4 * LONGEST);

	chunk = chunk_of(0, MOST, MOST);
	expect_plan(&chunk, 0, 10, MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_waits_is_taken_where_it_fits),
		cmocka_unit_test(each_band_has_its_rows),
		cmocka_unit_test(long_ones_are_taken_few_at_a_time),
		cmocka_unit_test(the_high_band_comes_first),
		cmocka_unit_test(one_is_always_taken),
		cmocka_unit_test(what_nobody_has_counted_is_as_long_as_may_be),
		cmocka_unit_test(no_more_bytes_than_wait_can_come),
		cmocka_unit_test(a_huge_mailbox_begins_with_its_longest),
	};

	return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
