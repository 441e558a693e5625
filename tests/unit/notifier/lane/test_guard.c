/* Dead devices, or wrong settings? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/lane/guard.h"

enum { MINUTE = 60, HOUR = 3600 };

static const int64_t NOW = 1796076000;

static void note(struct wp_guard *guard, enum wp_verdict verdict, int n,
		 int64_t now_s)
{
	static uint64_t user; /* each is another one */

	for (int i = 0; i < n; i++)
		wp_guard_note(guard, verdict, ++user, now_s);
}

static void many_and_a_large_part_turn_it_on(void **state)
{
	struct wp_guard guard = { .on_s = 0 };

	(void)state;
	note(&guard, WP_VERDICT_SUSPECT, 19, NOW);
	assert_false(guard.is_on);
	note(&guard, WP_VERDICT_SUSPECT, 1, NOW);
	assert_true(guard.is_on);

	/* 30 of 100 are not more than 30 per cent, 31 of 101 are. */
	guard = (struct wp_guard){ .on_s = 0 };
	note(&guard, WP_VERDICT_ACCEPTED, 70, NOW);
	note(&guard, WP_VERDICT_SUSPECT, 30, NOW);
	assert_false(guard.is_on);
	note(&guard, WP_VERDICT_SUSPECT, 1, NOW);
	assert_true(guard.is_on);
	wp_guard_resume(&guard);
	assert_false(guard.is_on);
	note(&guard, WP_VERDICT_SUSPECT, 19, NOW);
	assert_false(guard.is_on);
}

/* Of what he registers he may have made up all. */
static void one_user_counts_once_in_that_time(void **state)
{
	struct wp_guard guard = { .on_s = 0 };
	int64_t now = NOW;

	(void)state;
	for (int i = 0; i < 100; i++, now += 5)
		wp_guard_note(&guard, WP_VERDICT_SUSPECT, 0, now);
	assert_false(guard.is_on);
	/* Of others all count, and so does what is good of him. */
	note(&guard, WP_VERDICT_SUSPECT, 18, now);
	assert_false(guard.is_on);
	for (int i = 0; i < 50; i++)
		wp_guard_note(&guard, WP_VERDICT_ACCEPTED, 0, now);
	note(&guard, WP_VERDICT_SUSPECT, 1, now);
	assert_false(guard.is_on);
	/* Ten minutes later he does again. */
	guard = (struct wp_guard){ .on_s = 0 };
	wp_guard_note(&guard, WP_VERDICT_SUSPECT, 0, NOW);
	note(&guard, WP_VERDICT_SUSPECT, 18, NOW + 10 * MINUTE);
	wp_guard_note(&guard, WP_VERDICT_SUSPECT, 0, NOW + 10 * MINUTE);
	assert_false(guard.is_on);
	note(&guard, WP_VERDICT_SUSPECT, 1, NOW + 10 * MINUTE);
	assert_true(guard.is_on);
}

static void ten_minutes_count(void **state)
{
	struct wp_guard guard = { .on_s = 0 };

	(void)state;
	note(&guard, WP_VERDICT_SUSPECT, 19, NOW);
	note(&guard, WP_VERDICT_SUSPECT, 1, NOW + 9 * MINUTE);
	assert_true(guard.is_on);
	guard = (struct wp_guard){ .on_s = 0 };
	note(&guard, WP_VERDICT_SUSPECT, 19, NOW);
	note(&guard, WP_VERDICT_SUSPECT, 1, NOW + 10 * MINUTE);
	assert_false(guard.is_on);
	guard = (struct wp_guard){ .on_s = 0 };
	note(&guard, WP_VERDICT_SUSPECT, 19, NOW);
	note(&guard, WP_VERDICT_SUSPECT, 1, NOW + 15 * MINUTE);
	assert_false(guard.is_on);
	note(&guard, WP_VERDICT_GONE, 1, NOW + 30 * MINUTE);
	note(&guard, WP_VERDICT_SUSPECT, 18, NOW + 30 * MINUTE);
	assert_false(guard.is_on);
}

static void ten_calm_minutes_turn_it_off(void **state)
{
	struct wp_guard guard = { .on_s = 0 };
	int64_t now = NOW;

	(void)state;
	note(&guard, WP_VERDICT_SUSPECT, 20, now);
	/* One in ten is not calm. */
	for (int i = 0; i < 30; i++, now += MINUTE) {
		note(&guard, WP_VERDICT_ACCEPTED, 9, now);
		note(&guard, WP_VERDICT_SUSPECT, 1, now);
		assert_true(guard.is_on);
	}
	/* One in twenty is: when ten minutes are, and have been for ten. */
	for (int i = 0; i < 25 && guard.is_on; i++, now += MINUTE) {
		note(&guard, WP_VERDICT_ACCEPTED, 19, now);
		note(&guard, WP_VERDICT_SUSPECT, 1, now);
	}
	assert_false(guard.is_on);
	assert_in_range(now - NOW, 40 * MINUTE, 52 * MINUTE);
}

static void who_is_dropped_is_old_and_others_are_well(void **state)
{
	struct wp_guard guard = { .on_s = 0 };
	int64_t now = NOW + HOUR;

	(void)state;
	note(&guard, WP_VERDICT_ACCEPTED, 2, NOW);
	note(&guard, WP_VERDICT_GONE, 5, NOW);
	assert_false(wp_guard_may_drop(&guard, NOW, now));
	note(&guard, WP_VERDICT_ACCEPTED, 1, NOW);
	assert_true(wp_guard_may_drop(&guard, NOW, now));
	assert_false(wp_guard_may_drop(&guard, NOW, now - 1));
	/* They were accepted before it was suspected: that says nothing. */
	assert_false(wp_guard_may_drop(&guard, NOW + 1, now + 1));
	note(&guard, WP_VERDICT_SUSPECT, 20, now);
	assert_true(guard.is_on);
	assert_false(wp_guard_may_drop(&guard, NOW, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_and_a_large_part_turn_it_on),
		cmocka_unit_test(one_user_counts_once_in_that_time),
		cmocka_unit_test(ten_minutes_count),
		cmocka_unit_test(ten_calm_minutes_turn_it_off),
		cmocka_unit_test(who_is_dropped_is_old_and_others_are_well),
	};

	return cmocka_run_group_tests_name("notifier/lane/guard", tests, NULL,
					   NULL);
}
