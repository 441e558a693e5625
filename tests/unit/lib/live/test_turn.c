/* Marks, ticks and the end of a turn, without anything behind them. Time is
 * what the test says: the linker hands the clock over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/live/turn.h"

enum { THINGS_MAX = 1000 };

struct thing {
	struct wp_turn_item item; /* first */
	struct wp_turn *turn;
	struct thing *marks;  /* in its turn, also itself */
	uint32_t again_at;    /* it sets this in its turn; 0: nothing */
	struct thing *clears; /* this one's deadline */
	int n_turns;
	int n_again; /* turns that it asks for */
	int n_due;
	bool is_last; /* its turn frees it */
};

static uint64_t now_ms;
static struct ev_loop *loop;
static struct wp_turn turn;
static int n_ends;
static int n_done; /* turns of things so far */
static int done_at_end;

uint64_t __wrap_wp_mono_ms(void);

uint64_t __wrap_wp_mono_ms(void)
{
	return now_ms;
}

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
	if (thing->again_at != 0)
		wp_turn_set(thing->turn, item, thing->again_at);
	if (thing->clears != NULL)
		wp_turn_clear(&thing->clears->item);
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
	return (struct thing){ .turn = &turn };
}

static int setup(void **state)
{
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	n_ends = 0;
	n_done = 0;
	now_ms = 1000000;
	if (loop == NULL)
		return -1;
	wp_turn_init(&turn, loop, on_turn, on_end, &turn);
	return wp_turn_reserve(&turn, THINGS_MAX) ? 0 : -1;
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

/* Time goes by, and the loop sees that it did. Returns: turns that were had. */
static int pass(uint32_t ticks)
{
	int before = n_done;

	now_ms += (uint64_t)ticks * WP_TICK_MS;
	ev_feed_event(loop, &turn.tick_timer, EV_TIMER);
	turn_loop();
	return n_done - before;
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

/* The i-th asks for i % 3 turns more; each third marks the one behind it. */
static void of_a_crowd_each_has_its_turns(void **state)
{
	static struct thing crowd[THINGS_MAX];

	(void)state;
	for (int i = 0; i < THINGS_MAX; i++) {
		crowd[i] = make();
		crowd[i].n_again = i % 3;
		if (i % 3 == 0 && i + 1 < THINGS_MAX)
			crowd[i].marks = &crowd[i + 1];
		if (i % 3 != 1)
			wp_turn_mark(&turn, &crowd[i].item);
	}
	for (int n = 1; n <= 4; n++) {
		turn_loop();
		for (int i = 0; i < THINGS_MAX; i++)
			assert_int_equal(crowd[i].n_turns,
					 n < i % 3 + 1 ? n : i % 3 + 1);
	}
	assert_false(ev_is_active(&turn.more));
}

/* Room grows, and what is marked stays so. */
static void room_grows_behind_marks(void **state)
{
	static struct thing late[2 * THINGS_MAX];

	(void)state;
	for (size_t i = 0; i < THINGS_MAX; i++) {
		late[i] = make();
		wp_turn_mark(&turn, &late[i].item);
	}
	assert_true(wp_turn_reserve(&turn, (size_t)2 * THINGS_MAX));
	assert_true(wp_turn_reserve(&turn, 1));
	for (size_t i = THINGS_MAX; i < (size_t)2 * THINGS_MAX; i++) {
		late[i] = make();
		wp_turn_mark(&turn, &late[i].item);
	}
	turn_loop();
	assert_int_equal(n_done, 2 * THINGS_MAX);
}

/* Not by a mark of an item behind it in the same turn, nor by the next turn. */
static void mark_it(struct ev_loop *in, ev_prepare *prepare, int events)
{
	struct thing *thing = prepare->data;

	(void)events;
	ev_prepare_stop(in, prepare);
	wp_turn_mark(&turn, &thing->item);
}

static void has_waited(struct ev_loop *in, ev_timer *timer, int events)
{
	bool *is_so = timer->data;

	(void)in;
	(void)events;
	*is_so = true;
}

/* The loop was about to wait. */
static void what_is_marked_last_of_all_waits_for_nothing(void **state)
{
	struct thing one = make();
	bool is_late = false;
	ev_prepare prepare;
	ev_timer timer;

	(void)state;
	ev_timer_stop(loop, &turn.tick_timer);
	ev_timer_init(&timer, has_waited, 5., 0.);
	timer.data = &is_late;
	ev_timer_start(loop, &timer);
	ev_prepare_init(&prepare, mark_it);
	prepare.data = &one;
	ev_prepare_start(loop, &prepare);
	ev_run(loop, EVRUN_ONCE);
	assert_int_equal(one.n_turns, 1);
	assert_false(is_late);

	/* After that there is something to wait for again. */
	ev_timer_stop(loop, &timer);
	ev_timer_set(&timer, 0.001, 0.);
	ev_timer_start(loop, &timer);
	ev_run(loop, EVRUN_ONCE);
	assert_true(is_late);
	ev_timer_stop(loop, &timer);
}

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
	assert_int_equal(pass(4), 0);
	assert_int_equal(pass(1), 1);
	assert_int_equal(one.n_due, 1);
	assert_int_equal(pass(5000), 0);

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
	assert_int_equal(pass(19), 0);
	assert_int_equal(pass(1), 1);
	assert_int_equal(one.n_due, 1);
	assert_int_equal(other.n_turns, 0);
}

/* The one in the middle of their list, twice. */
static void clearing_one_leaves_its_neighbours_set(void **state)
{
	struct thing things[3] = { make(), make(), make() };

	(void)state;
	for (int i = 0; i < 3; i++)
		wp_turn_set(&turn, &things[i].item, 5);
	wp_turn_clear(&things[1].item);
	wp_turn_clear(&things[1].item);
	assert_int_equal(pass(5), 2);
	assert_int_equal(things[1].n_turns, 0);
}

static void deadline_beyond_one_round_waits_for_its_own(void **state)
{
	struct thing one = make();
	uint32_t tick = 3 * WP_TURN_SLOTS + 7;

	(void)state;
	wp_turn_set(&turn, &one.item, tick);
	for (uint32_t now = 1; now < tick; now++)
		assert_int_equal(pass(1), 0);
	assert_int_equal(pass(1), 1);
	assert_int_equal(one.n_due, 1);
}

static void loop_that_was_stopped_catches_up(void **state)
{
	struct thing things[10];

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		things[i] = make();
		wp_turn_set(&turn, &things[i].item, 1 + i * 700);
	}
	assert_int_equal(pass(1000000), 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(things[i].n_due, 1);
}

static void what_is_over_is_due_with_the_next_tick(void **state)
{
	struct thing one = make();

	(void)state;
	assert_int_equal(pass(50), 0);
	wp_turn_set(&turn, &one.item, 3);
	assert_int_equal(pass(0), 0);
	assert_int_equal(pass(1), 1);
	assert_int_equal(one.n_due, 1);
}

/* Always late, yet never twice within one tick. */
static void what_sets_itself_again_is_due_once_per_tick(void **state)
{
	struct thing one = make();

	(void)state;
	one.again_at = 1;
	wp_turn_set(&turn, &one.item, 1);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(pass(1), 1);
		assert_int_equal(one.n_due, i);
	}
}

/* Both have come, and each has its turn whatever the other does. */
static void who_is_due_already_can_be_cleared_no_more(void **state)
{
	struct thing one = make();
	struct thing other = make();

	(void)state;
	one.clears = &other;
	other.clears = &one;
	wp_turn_set(&turn, &one.item, 4);
	wp_turn_set(&turn, &other.item, 4);
	assert_int_equal(pass(4), 2);
	assert_int_equal(pass(5000), 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(marked_twice_it_has_one_turn),
		TEST(of_a_crowd_each_has_its_turns),
		TEST(room_grows_behind_marks),
		TEST(what_it_does_to_itself_needs_no_second_turn),
		TEST(what_it_does_to_another_is_dealt_with_in_the_same_turn),
		TEST(who_has_more_gets_one_turn_at_a_time),
		TEST(what_is_marked_last_of_all_waits_for_nothing),
		TEST(what_is_gone_is_not_looked_at_again),
		TEST(tick_that_has_come_makes_it_due_once),
		TEST(what_was_set_may_be_set_again_and_cleared),
		TEST(clearing_one_leaves_its_neighbours_set),
		TEST(deadline_beyond_one_round_waits_for_its_own),
		TEST(loop_that_was_stopped_catches_up),
		TEST(what_is_over_is_due_with_the_next_tick),
		TEST(what_sets_itself_again_is_due_once_per_tick),
		TEST(who_is_due_already_can_be_cleared_no_more),
		TEST(so_many_milliseconds_go_by_in_the_ticks_of_them),
	};

	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
