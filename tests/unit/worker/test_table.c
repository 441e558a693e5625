/* Nobody acts for a partition whose lease may have lapsed. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/table.h"

enum { PARTITIONS = 8 };

static int setup(void **state)
{
	struct wp_table *table = NULL;

	assert_int_equal(wp_table_new(&table, PARTITIONS, NULL), WP_OK);
	*state = table;
	return 0;
}

static int teardown(void **state)
{
	struct wp_table *table = *state;

	wp_table_free(&table);
	return 0;
}

static bool is_ours(struct wp_table *table, uint32_t partition,
		    enum wp_table_filter filter, uint64_t now_ms)
{
	char owner[WP_OWNER_MAX + 1];

	return wp_table_owner(table, partition, filter, now_ms, owner);
}

static void a_lease_ends_by_our_clock(void **state)
{
	struct wp_table *table = *state;
	char owner[WP_OWNER_MAX + 1];

	wp_table_take(table, 3, "1:w", 1000);

	assert_true(wp_table_owner(table, 3, WP_TABLE_ALL, 999, owner));
	assert_string_equal(owner, "1:w");
	assert_false(is_ours(table, 3, WP_TABLE_ALL, 1000));
	assert_false(is_ours(table, 2, WP_TABLE_ALL, 0));
	assert_int_equal(wp_table_count(table), 1);
	assert_int_equal(wp_table_expire(table, 999), 0);
	assert_int_equal(wp_table_expire(table, 1000), 1);
	assert_int_equal(wp_table_count(table), 0);
}

static void renewing_prolongs_only_the_lease_it_was_for(void **state)
{
	struct wp_table *table = *state;

	wp_table_take(table, 3, "2:w", 1000);

	wp_table_renew(table, 3, "1:w", 9000);
	assert_false(is_ours(table, 3, WP_TABLE_ALL, 1500));
	wp_table_renew(table, 3, "2:w", 2000);
	assert_true(is_ours(table, 3, WP_TABLE_ALL, 1500));
	wp_table_renew(table, 3, "2:w", 1200); /* a late answer */
	assert_true(is_ours(table, 3, WP_TABLE_ALL, 1500));
}

static void a_late_drop_does_not_hit_a_new_lease(void **state)
{
	struct wp_table *table = *state;

	wp_table_take(table, 3, "1:w", 1000);
	wp_table_take(table, 3, "2:w", 1000);

	assert_int_equal(wp_table_count(table), 1);
	assert_false(wp_table_drop(table, 3, "1:w"));
	assert_true(is_ours(table, 3, WP_TABLE_ALL, 0));
	assert_true(wp_table_drop(table, 3, "2:w"));
	assert_false(wp_table_drop(table, 3, "2:w"));
	assert_int_equal(wp_table_count(table), 0);
}

static void lists_hold_what_passes(void **state)
{
	struct wp_table *table = *state;
	struct wp_owned list[PARTITIONS];

	for (uint32_t p = 1; p <= 4; p++)
		wp_table_take(table, p, "1:w", 1000);
	wp_table_set_open(table, 2, "1:w", false);
	wp_table_stop_migration(table, 3, "1:w");

	assert_int_equal(wp_table_list(table, WP_TABLE_ALL, 0, list), 4);
	assert_int_equal(wp_table_list(table, WP_TABLE_OPEN, 0, list), 3);
	assert_int_equal(wp_table_list(table, WP_TABLE_CLOSED, 0, list), 1);
	assert_int_equal(list[0].partition, 2);
	assert_string_equal(list[0].owner, "1:w");
	assert_int_equal(wp_table_list(table, WP_TABLE_MIGRATE, 0, list), 2);
	assert_int_equal(list[1].partition, 4);
	assert_int_equal(wp_table_list(table, WP_TABLE_ALL, 1000, list), 0);
}

static void a_new_lease_migrates_again(void **state)
{
	struct wp_table *table = *state;

	wp_table_take(table, 3, "1:w", 1000);
	wp_table_stop_migration(table, 3, "0:w"); /* of an older lease */
	assert_true(is_ours(table, 3, WP_TABLE_MIGRATE, 0));
	wp_table_stop_migration(table, 3, "1:w");
	assert_false(is_ours(table, 3, WP_TABLE_MIGRATE, 0));

	wp_table_take(table, 3, "2:w", 1000);

	assert_true(is_ours(table, 3, WP_TABLE_MIGRATE, 0));
}

static void closed_partitions_are_counted(void **state)
{
	struct wp_table *table = *state;

	assert_false(wp_table_has_closed(table));
	wp_table_take(table, 3, "1:w", 1000);
	wp_table_set_open(table, 3, "1:w", false);
	wp_table_set_open(table, 3, "1:w", false);
	assert_true(wp_table_has_closed(table));

	wp_table_set_open(table, 3, "0:w", true); /* of an older lease */
	assert_true(wp_table_has_closed(table));
	wp_table_set_open(table, 3, "1:w", true);
	assert_false(wp_table_has_closed(table));

	wp_table_set_open(table, 3, "1:w", false);
	(void)wp_table_expire(table, 1000);
	assert_false(wp_table_has_closed(table));
}

static void note(void *ctx, uint32_t partition)
{
	*(unsigned int *)ctx |= 1U << partition;
}

static unsigned int fresh(struct wp_table *table)
{
	unsigned int set = 0;

	wp_table_clear_event(table);
	wp_table_each_fresh(table, note, &set);
	return set;
}

static bool has_event(const struct wp_table *table)
{
	struct pollfd fd = { .fd = wp_table_event_fd(table), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void nobody_waits_for_an_ailing_partition(void **state)
{
	struct wp_table *table = *state;

	wp_table_take(table, 3, "1:w", 1000);
	wp_table_set_ailing(table, 3, "1:w"); /* it is open */
	assert_true(is_ours(table, 3, WP_TABLE_OPEN, 0));
	wp_table_set_open(table, 3, "1:w", false);
	wp_table_set_ailing(table, 3, "0:w"); /* of an older lease */
	assert_true(wp_table_has_closed(table));
	wp_table_set_ailing(table, 3, "1:w");
	wp_table_set_ailing(table, 3, "1:w");
	assert_false(wp_table_has_closed(table));
	assert_true(is_ours(table, 3, WP_TABLE_AILING, 0));
	assert_false(is_ours(table, 3, WP_TABLE_CLOSED, 0));
	assert_false(is_ours(table, 3, WP_TABLE_OPEN, 0));

	wp_table_set_open(table, 3, "1:w", true);
	assert_false(is_ours(table, 3, WP_TABLE_AILING, 0));
	assert_true(is_ours(table, 3, WP_TABLE_OPEN, 0));
	wp_table_set_open(table, 3, "1:w", false);
	assert_true(wp_table_has_closed(table));
	wp_table_set_ailing(table, 3, "1:w");
	assert_true(wp_table_drop(table, 3, "1:w"));
	assert_false(wp_table_has_closed(table));
}

static void what_was_taken_or_opened_is_looked_at_once(void **state)
{
	struct wp_table *table = *state;

	assert_false(has_event(table));
	wp_table_take(table, 0, "1:w", 1000);
	wp_table_take(table, 7, "1:w", 1000);

	assert_true(has_event(table));
	assert_int_equal(fresh(table), 1U << 0 | 1U << 7);
	assert_false(has_event(table));
	assert_int_equal(fresh(table), 0);

	wp_table_set_open(table, 7, "1:w", false);
	assert_int_equal(fresh(table), 0);
	wp_table_set_open(table, 7, "1:w", true);
	assert_true(has_event(table));
	assert_int_equal(fresh(table), 1U << 7);

	wp_table_refresh(table);
	assert_int_equal(fresh(table), 1U << 0 | 1U << 7);
}

static void *wait_long(void *ctx)
{
	wp_table_wait(ctx, 60000, false);
	return NULL;
}

static void a_closed_partition_ends_the_wait(void **state)
{
	struct wp_table *table = *state;
	pthread_t thread;

	wp_table_take(table, 3, "1:w", 1000);
	assert_int_equal(pthread_create(&thread, NULL, wait_long, table), 0);
	wp_table_set_open(table, 3, "1:w", false);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(wp_table_is_stopping(table));
}

static void stopping_ends_every_wait(void **state)
{
	struct wp_table *table = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, wait_long, table), 0);
	wp_table_stop(table);
	assert_int_equal(pthread_join(thread, NULL), 0);

	wp_table_wait(table, 60000, true);
	assert_true(wp_table_is_stopping(table));
	assert_true(has_event(table));
}

static void who_may_be_due_is_told_once(void **state)
{
	struct wp_table *table = *state;

	assert_false(wp_table_take_due(table, 3));
	wp_table_tell_due(table, 3);
	assert_false(wp_table_take_due(table, 4));
	assert_true(wp_table_take_due(table, 3));
	assert_false(wp_table_take_due(table, 3));
	wp_table_take(table, 3, "1:w", 1000); /* others may have left marks */
	assert_true(wp_table_take_due(table, 3));
}

static void *wait_for_due(void *ctx)
{
	wp_table_wait_due(ctx, 0, 60000);
	return NULL;
}

static void a_wait_ends_when_somebody_may_be_due(void **state)
{
	struct wp_table *table = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, wait_for_due, table), 0);
	wp_table_tell_due(table, 3);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* The next wait is for what is told from now on. */
	wp_table_wait_due(table, 0, 1);
	wp_table_tell_due(table, 3);
	wp_table_wait_due(table, 0, 60000);
	wp_table_stop(table);
	wp_table_wait_due(table, 60000, 60000);
}

static void rows_end_a_wait_at_once_but_not_for_ever(void **state)
{
	struct wp_table *table = *state;

	wp_table_set_rows(table, true);
	assert_true(wp_table_wait_due(table, 60000, 60000));
	wp_table_wait(table, 1, true); /* who is deaf waits all the same */
	/* Whoever is due has his turn once the least time is over. */
	wp_table_tell_due(table, 3);
	assert_true(wp_table_wait_due(table, 60000, 60000));
	assert_false(wp_table_wait_due(table, 0, 60000));
	assert_true(wp_table_wait_due(table, 0, 60000));
	/* So has the round. */
	assert_false(wp_table_wait_due(table, 0, 0));
	wp_table_set_rows(table, false);
	assert_false(wp_table_wait_due(table, 0, 1));
	/* At the end nobody is to write them any more. */
	wp_table_set_rows(table, true);
	wp_table_stop(table);
	assert_false(wp_table_wait_due(table, 60000, 60000));
	assert_false(wp_table_wait_due(table, 0, 60000));
}

static void a_thread_is_stuck_when_its_step_takes_too_long(void **state)
{
	struct wp_table *table = *state;

	/* Nobody has begun. */
	assert_false(wp_table_is_stuck(table, 0));
	wp_table_step(table, WP_TABLE_COLD, 0);
	assert_true(wp_table_is_stuck(table, 0));
	assert_false(wp_table_is_stuck(table, 60000));
	/* What it waits is no part of the step. */
	wp_table_step(table, WP_TABLE_COLD, 60000);
	assert_false(wp_table_is_stuck(table, 0));
	/* One that waits is no excuse for the other. */
	wp_table_step(table, WP_TABLE_HOT, 0);
	assert_true(wp_table_is_stuck(table, 0));
	wp_table_leave(table, WP_TABLE_HOT);
	assert_false(wp_table_is_stuck(table, 0));
}

#define TABLE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(a_lease_ends_by_our_clock),
		TABLE_TEST(renewing_prolongs_only_the_lease_it_was_for),
		TABLE_TEST(a_late_drop_does_not_hit_a_new_lease),
		TABLE_TEST(lists_hold_what_passes),
		TABLE_TEST(a_new_lease_migrates_again),
		TABLE_TEST(closed_partitions_are_counted),
		TABLE_TEST(nobody_waits_for_an_ailing_partition),
		TABLE_TEST(what_was_taken_or_opened_is_looked_at_once),
		TABLE_TEST(a_closed_partition_ends_the_wait),
		TABLE_TEST(who_may_be_due_is_told_once),
		TABLE_TEST(a_wait_ends_when_somebody_may_be_due),
		TABLE_TEST(rows_end_a_wait_at_once_but_not_for_ever),
		TABLE_TEST(stopping_ends_every_wait),
		TABLE_TEST(a_thread_is_stuck_when_its_step_takes_too_long),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
