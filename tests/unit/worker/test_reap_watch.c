/* A daemon is dead when its counter was seen still for long enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/presence.h"
#include "worker/reap_watch.h"

enum { GAP_MS = 2000 };

/* One sample with one daemon in it. */
static uint64_t sample(struct wp_reap_watch *watch, uint64_t now_ms,
		       const char *name, const char *counter)
{
	uint64_t still_ms;

	wp_reap_watch_begin(watch, now_ms, GAP_MS);
	still_ms = wp_reap_watch_see(watch, name, counter);
	wp_reap_watch_end(watch);
	return still_ms;
}

static void time_adds_up_while_the_counter_stands_still(void **state)
{
	struct wp_reap_watch watch = { 0 };

	(void)state;
	assert_int_equal(sample(&watch, 5000, "a", "7"), 0);
	assert_int_equal(sample(&watch, 6000, "a", "7"), 1000);
	assert_int_equal(sample(&watch, 7500, "a", "7"), 2500);
	wp_reap_watch_reset(&watch);
}

static void a_beat_starts_it_again(void **state)
{
	struct wp_reap_watch watch = { 0 };

	(void)state;
	(void)sample(&watch, 5000, "a", "7");
	(void)sample(&watch, 6000, "a", "7");

	assert_int_equal(sample(&watch, 7000, "a", "8"), 0);
	assert_int_equal(sample(&watch, 8000, "a", "8"), 1000);
	wp_reap_watch_reset(&watch);
}

/* After SIGSTOP, or a machine that slept, nobody may be reaped at once. */
static void time_in_which_nobody_looked_does_not_count(void **state)
{
	struct wp_reap_watch watch = { 0 };

	(void)state;
	(void)sample(&watch, 5000, "a", "7");

	assert_int_equal(sample(&watch, 65000, "a", "7"), GAP_MS);
	assert_int_equal(sample(&watch, 66000, "a", "7"), GAP_MS + 1000);
	wp_reap_watch_reset(&watch);
}

static void a_reset_forgets_what_was_seen(void **state)
{
	struct wp_reap_watch watch = { 0 };

	(void)state;
	(void)sample(&watch, 5000, "a", "7");
	(void)sample(&watch, 6000, "a", "7");

	wp_reap_watch_reset(&watch);

	assert_int_equal(sample(&watch, 7000, "a", "7"), 0);
	assert_int_equal(sample(&watch, 8000, "a", "7"), 1000);
	wp_reap_watch_reset(&watch);
}

static void who_left_and_came_back_is_new(void **state)
{
	struct wp_reap_watch watch = { 0 };

	(void)state;
	(void)sample(&watch, 5000, "a", "7");
	(void)sample(&watch, 6000, "b", "1");

	assert_int_equal(sample(&watch, 7000, "a", "7"), 0);
	wp_reap_watch_reset(&watch);
}

static void daemons_are_told_apart(void **state)
{
	struct wp_reap_watch watch = { 0 };
	char name[16];

	(void)state;
	for (int round = 0; round < 3; round++) {
		wp_reap_watch_begin(&watch, 5000 + 1000 * (uint64_t)round,
				    GAP_MS);
		for (int i = 0; i < 50; i++) {
			/* The even ones live. */
			const char *counter =
				i % 2 == 0 && round == 2 ? "9" : "7";
			uint64_t want = (uint64_t)round * 1000;

			(void)snprintf(name, sizeof(name), "d%d", i);
			if (i % 2 == 0 && round == 2)
				want = 0;
			assert_int_equal(
				wp_reap_watch_see(&watch, name, counter), want);
		}
		wp_reap_watch_end(&watch);
	}
	wp_reap_watch_reset(&watch);
}

static void what_is_no_daemon_is_never_dead(void **state)
{
	struct wp_reap_watch watch = { 0 };
	char longest[WP_INCARNATION_MAX + 2];
	char counter[64];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(counter, '1', sizeof(counter) - 1);
	counter[sizeof(counter) - 1] = '\0';
	for (uint64_t now_ms = 1000; now_ms < 20000; now_ms += 1000) {
		assert_int_equal(sample(&watch, now_ms, longest, "1"), 0);
		assert_int_equal(sample(&watch, now_ms, "", "1"), 0);
		assert_int_equal(sample(&watch, now_ms, "a", ""), 0);
		assert_int_equal(sample(&watch, now_ms, "a", counter), 0);
	}
	assert_int_equal(sample(&watch, 30000, longest + 1, "1"), 0);
	assert_int_equal(sample(&watch, 31000, longest + 1, "1"), 1000);
	wp_reap_watch_reset(&watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_adds_up_while_the_counter_stands_still),
		cmocka_unit_test(a_beat_starts_it_again),
		cmocka_unit_test(time_in_which_nobody_looked_does_not_count),
		cmocka_unit_test(a_reset_forgets_what_was_seen),
		cmocka_unit_test(who_left_and_came_back_is_new),
		cmocka_unit_test(daemons_are_told_apart),
		cmocka_unit_test(what_is_no_daemon_is_never_dead),
	};

	return cmocka_run_group_tests_name("reap_watch", tests, NULL, NULL);
}
