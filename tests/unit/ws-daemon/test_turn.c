/* Marks, ticks and the end of a turn, without anything behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws-daemon/turn.h"

struct thing {
	struct wp_turn_item item; /* first */
	struct wp_turn *turn;
	struct thing *marks; /* in its turn, also itself */
	int n_turns;
	int n_again; /* turns that it asks for */
	int n_due;
	bool is_last; /* its turn frees it */
};

static struct ev_loop *loop;
static struct wp_turn turn;
static int n_ends;
static int n_done; /* turns of things so far */
static int done_at_end;

static void on_end(void *ctx)
{
	assert_ptr_equal(ctx, &turn);
	n_ends++;
	done_at_end = n_done;
}

static enum wp_turn_next on_turn(struct wp_turn_item *item)
{
	struct thing *thing = (struct thing *)item;

	thing->n_turns++;
	n_done++;
	if (item->is_due)
		thing->n_due++;
	item->is_due = false;
	if (thing->marks != NULL)
		wp_turn_mark(thing->turn, &thing->marks->item);
	if (thing->n_again-- > 0)
		return WP_TURN_AGAIN;
	if (!thing->is_last)
		return WP_TURN_DONE;
	memset(thing, 0xAA, sizeof(*thing));
	free(thing);
	return WP_TURN_GONE;
}

static struct thing make(void)
{
	return (struct thing){ .item = { .fn = on_turn }, .turn = &turn };
}

static int setup(void **state)
{
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	n_ends = 0;
	n_done = 0;
	return loop == NULL ||
	       wp_turn_init(&turn, loop, on_end, &turn) != WP_OK;
}

static int teardown(void **state)
{
	(void)state;
	wp_turn_release(&turn);
	ev_loop_destroy(loop);
	return 0;
}

static void turn_loop(void)
{
	ev_run(loop, EVRUN_NOWAIT);
}

/* Time goes by, and the loop sees that it did. */
static void pass(uint32_t ticks)
{
	turn.start_ms -= (uint64_t)ticks * WP_TICK_MS;
	ev_feed_event(loop, &turn.tick_timer, EV_TIMER);
	turn_loop();
}

static void marked_twice_it_has_one_turn(void **state)
{
	struct thing one = make();
	struct thing other = make();

	(void)state;
	wp_turn_mark(&turn, &one.item);
	wp_turn_mark(&turn, &other.item);
	wp_turn_mark(&turn, &one.item);
	assert_int_equal(n_done, 0);
	turn_loop();
	assert_int_equal(one.n_turns, 1);
	assert_int_equal(other.n_turns, 1);
	assert_int_equal(done_at_end, 2);

	turn_loop();
	assert_int_equal(n_done, 2);
	assert_int_equal(n_ends, 2);
	wp_turn_mark(&turn, &one.item);
	turn_loop();
	assert_int_equal(one.n_turns, 2);
}

static void what_it_does_to_itself_needs_no_second_turn(void **state)
{
	struct thing one = make();

	(void)state;
	one.marks = &one;
	wp_turn_mark(&turn, &one.item);
	turn_loop();
	turn_loop();
	assert_int_equal(one.n_turns, 1);
}

static void what_it_does_to_another_is_dealt_with_in_the_same_turn(void **state)
{
	struct thing one = make();
	struct thing other = make();

	(void)state;
	one.marks = &other;
	wp_turn_mark(&turn, &one.item);
	turn_loop();
	assert_int_equal(other.n_turns, 1);
	assert_int_equal(done_at_end, 2);
}

static void who_has_more_gets_one_turn_at_a_time(void **state)
{
	struct thing greedy = make();
	struct thing modest = make();

	(void)state;
	greedy.n_again = 3;
	wp_turn_mark(&turn, &greedy.item);
	wp_turn_mark(&turn, &modest.item);
	for (int i = 1; i <= 4; i++) {
		turn_loop();
		assert_int_equal(greedy.n_turns, i);
		assert_int_equal(modest.n_turns, 1);
		/* The loop does not sleep over it, and afterwards it may. */
		assert_int_equal(ev_is_active(&turn.more), i < 4);
	}
	turn_loop();
	assert_int_equal(greedy.n_turns, 4);
}

/* Not by a mark of an item behind it in the same turn, nor by the next turn. */
static void what_is_gone_is_not_looked_at_again(void **state)
{
	struct thing *one = malloc(sizeof(*one));
	struct thing other = make();

	(void)state;
	assert_non_null(one);
	*one = make();
	one->is_last = true;
	wp_turn_mark(&turn, &other.item);
	wp_turn_mark(&turn, &one->item); /* has its turn first */
	turn_loop();
	assert_int_equal(n_done, 2);
	turn_loop();
	assert_int_equal(n_done, 2);
}

static void tick_that_has_come_makes_it_due_once(void **state)
{
	struct thing one = make();

	(void)state;
	wp_turn_set(&turn, &one.item, turn.now + 5);
	pass(4);
	assert_int_equal(one.n_turns, 0);
	pass(1);
	assert_int_equal(one.n_due, 1);
	pass(100);
	assert_int_equal(one.n_turns, 1);

	/* Marked for another reason it is not due. */
	wp_turn_mark(&turn, &one.item);
	turn_loop();
	assert_int_equal(one.n_turns, 2);
	assert_int_equal(one.n_due, 1);
}

static void what_was_set_may_be_set_again_and_cleared(void **state)
{
	struct thing one = make();
	struct thing other = make();

	(void)state;
	wp_turn_set(&turn, &one.item, turn.now + 5);
	wp_turn_set(&turn, &one.item, turn.now + 20);
	wp_turn_set(&turn, &other.item, turn.now + 5);
	wp_turn_clear(&other.item);
	pass(10);
	assert_int_equal(n_done, 0);
	pass(10);
	assert_int_equal(one.n_due, 1);
	assert_int_equal(other.n_turns, 0);
}

static void so_many_milliseconds_go_by_in_the_ticks_of_them(void **state)
{
	(void)state;
	/* The first may be nearly over. */
	for (int64_t ms = 0; ms < 1000; ms++) {
		uint32_t ticks = wp_turn_ticks(ms);

		assert_true((int64_t)(ticks - 1) * WP_TICK_MS >= ms);
		assert_true((int64_t)ticks * WP_TICK_MS <= ms + 3 * WP_TICK_MS);
	}
	assert_int_equal(wp_turn_ticks(-5), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(marked_twice_it_has_one_turn,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_it_does_to_itself_needs_no_second_turn, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			what_it_does_to_another_is_dealt_with_in_the_same_turn,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_has_more_gets_one_turn_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_gone_is_not_looked_at_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			tick_that_has_come_makes_it_due_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_set_may_be_set_again_and_cleared, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			so_many_milliseconds_go_by_in_the_ticks_of_them, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
