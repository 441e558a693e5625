/* The wheel is turned by hand: no clock, no waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/live/timers.h"

struct probe {
	struct wp_timer timer; /* first */
	int fired;
	uint32_t again; /* set it to this tick when it fires; 0: do not */
	struct wp_timer *kill;
};

struct run {
	struct wp_wheel *wheel;
	int n;
};

static void on_fire(void *ctx, struct wp_timer *timer)
{
	struct run *run = ctx;
	struct probe *probe = (struct probe *)timer;

	run->n++;
	probe->fired++;
	if (probe->kill != NULL)
		wp_wheel_clear(probe->kill);
	if (probe->again != 0)
		wp_wheel_set(run->wheel, timer, probe->again);
}

static int advance(struct wp_wheel *wheel, uint32_t now)
{
	struct run run = { .wheel = wheel };

	wp_wheel_advance(wheel, now, on_fire, &run);
	return run.n;
}

static void an_entry_fires_at_its_tick_and_once(void **state)
{
	struct wp_wheel *wheel = wp_wheel_new(100);
	struct probe probe = { 0 };

	(void)state;
	wp_wheel_set(wheel, &probe.timer, 105);

	assert_int_equal(advance(wheel, 104), 0);
	assert_int_equal(advance(wheel, 105), 1);
	assert_int_equal(advance(wheel, 5000), 0);

	assert_int_equal(probe.fired, 1);
	wp_wheel_free(&wheel);
	assert_null(wheel);
}

static void an_entry_beyond_one_turn_waits_for_its_round(void **state)
{
	struct wp_wheel *wheel = wp_wheel_new(0);
	struct probe probe = { 0 };
	uint32_t tick = 3 * WP_WHEEL_SLOTS + 7;

	(void)state;
	wp_wheel_set(wheel, &probe.timer, tick);

	for (uint32_t now = 1; now < tick; now++)
		assert_int_equal(advance(wheel, now), 0);
	assert_int_equal(advance(wheel, tick), 1);
	wp_wheel_free(&wheel);
}

static void a_loop_that_was_stopped_catches_up(void **state)
{
	struct wp_wheel *wheel = wp_wheel_new(0);
	struct probe probes[10] = { { { 0 }, 0, 0, NULL } };

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		wp_wheel_set(wheel, &probes[i].timer, 1 + i * 700);

	assert_int_equal(advance(wheel, 1000000), 10);
	wp_wheel_free(&wheel);
}

static void the_past_fires_at_the_next_tick(void **state)
{
	struct wp_wheel *wheel = wp_wheel_new(50);
	struct probe probe = { 0 };

	(void)state;
	wp_wheel_set(wheel, &probe.timer, 3);

	assert_int_equal(advance(wheel, 50), 0);
	assert_int_equal(advance(wheel, 51), 1);
	wp_wheel_free(&wheel);
}

static void setting_again_replaces_what_was_set(void **state)
{
	struct wp_wheel *wheel = wp_wheel_new(0);
	struct probe probe = { 0 };

	(void)state;
	wp_wheel_set(wheel, &probe.timer, 10);
	wp_wheel_set(wheel, &probe.timer, 20);

	assert_int_equal(advance(wheel, 19), 0);
	assert_int_equal(advance(wheel, 20), 1);
	wp_wheel_free(&wheel);
}

static void clearing_is_idempotent_and_holds(void **state)
{
	struct wp_wheel *wheel = wp_wheel_new(0);
	struct probe probes[3] = { { { 0 }, 0, 0, NULL } };

	(void)state;
	for (int i = 0; i < 3; i++)
		wp_wheel_set(wheel, &probes[i].timer, 5);

	wp_wheel_clear(&probes[1].timer);
	wp_wheel_clear(&probes[1].timer);
	assert_int_equal(advance(wheel, 5), 2);

	assert_int_equal(probes[1].fired, 0);
	wp_wheel_free(&wheel);
}

static void an_entry_may_set_itself_again_while_firing(void **state)
{
	struct wp_wheel *wheel = wp_wheel_new(0);
	struct probe probe = { .again = 1 };

	(void)state;
	wp_wheel_set(wheel, &probe.timer, 1);

	/* Always late, yet never twice within one tick. */
	assert_int_equal(advance(wheel, 1), 1);
	assert_int_equal(advance(wheel, 2), 1);
	assert_int_equal(advance(wheel, 3), 1);
	wp_wheel_free(&wheel);
}

static void an_entry_may_clear_its_neighbour_while_firing(void **state)
{
	struct wp_wheel *wheel = wp_wheel_new(0);
	struct probe first = { 0 };
	struct probe second = { .kill = &first.timer };

	(void)state;
	first.kill = &second.timer;
	wp_wheel_set(wheel, &first.timer, 4);
	wp_wheel_set(wheel, &second.timer, 4);

	assert_int_equal(advance(wheel, 4), 1);
	assert_int_equal(advance(wheel, 5000), 0);
	wp_wheel_free(&wheel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_fires_at_its_tick_and_once),
		cmocka_unit_test(an_entry_beyond_one_turn_waits_for_its_round),
		cmocka_unit_test(a_loop_that_was_stopped_catches_up),
		cmocka_unit_test(the_past_fires_at_the_next_tick),
		cmocka_unit_test(setting_again_replaces_what_was_set),
		cmocka_unit_test(clearing_is_idempotent_and_holds),
		cmocka_unit_test(an_entry_may_set_itself_again_while_firing),
		cmocka_unit_test(an_entry_may_clear_its_neighbour_while_firing),
	};

	return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
