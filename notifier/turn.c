/* turn.c - a timer each, and one row of those that wait for a place. */
#include "notifier/turn.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"

void wp_turns_init(struct wp_turns *turns, struct ev_loop *loop)
{
	*turns = (struct wp_turns){ .loop = loop };
}

/* ---- the row ---- */

static void arm(struct wp_turn *turn, uint64_t ms)
{
	struct ev_loop *loop = turn->all->loop;

	ev_now_update(loop);
	ev_timer_set(&turn->timer, (double)ms / 1e3, 0.);
	ev_timer_start(loop, &turn->timer);
}

static void begin_waiting(struct wp_turn *turn)
{
	struct wp_turn **end = &turn->all->first;

	while (*end != NULL)
		end = &(*end)->next;
	*end = turn;
	turn->state = WP_TURN_WAITS_FOR_PLACE;
	wp_lane_wait(turn->lane, 1);
	arm(turn, WP_LANE_WAIT_MS);
}

static void end_waiting(struct wp_turn *turn)
{
	struct wp_turn **at = &turn->all->first;

	while (*at != turn)
		at = &(*at)->next;
	*at = turn->next;
	turn->next = NULL;
	wp_lane_wait(turn->lane, -1);
	ev_timer_stop(turn->all->loop, &turn->timer);
}

/* Its slot has come. */
static bool find_place(struct wp_turn *turn)
{
	if (!wp_lane_place(turn->lane)) {
		begin_waiting(turn);
		return false;
	}
	turn->state = WP_TURN_IS_THERE;
	return true;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_turn *turn = timer->data;

	(void)loop;
	(void)events;
	if (turn->state == WP_TURN_WAITS_FOR_PLACE) {
		wp_turn_give(turn);
		turn->on_turn(turn->ctx, false);
	} else if (find_place(turn)) {
		turn->on_turn(turn->ctx, true);
	}
}

void wp_turns_go_on(struct wp_turns *turns)
{
	struct wp_turn *turn = turns->first;

	while (turn != NULL) {
		if (!wp_lane_place(turn->lane)) {
			turn = turn->next;
			continue;
		}
		end_waiting(turn);
		turn->state = WP_TURN_IS_THERE;
		turn->on_turn(turn->ctx, true);
		turn = turns->first; /* others may have left */
	}
}

/* ---- one ---- */

bool wp_turn_take(struct wp_turn *turn, struct wp_turns *turns,
		  struct wp_lane *lane, wp_turn_fn on_turn, void *ctx)
{
	uint64_t wait_ms = wp_lane_take(lane, wp_mono_us());

	assert(turn->state == WP_TURN_NONE);
	*turn = (struct wp_turn){
		.all = turns,
		.lane = lane,
		.state = WP_TURN_WAITS_FOR_SLOT,
		.on_turn = on_turn,
		.ctx = ctx,
	};
	ev_timer_init(&turn->timer, on_timer, 0., 0.);
	turn->timer.data = turn;
	if (wait_ms == 0)
		return find_place(turn);
	arm(turn, wait_ms);
	return false;
}

void wp_turn_pass(struct wp_turn *turn)
{
	assert(turn->state == WP_TURN_IS_THERE);
	turn->state = WP_TURN_NONE;
}

void wp_turn_give(struct wp_turn *turn)
{
	if (turn->state == WP_TURN_NONE)
		return;
	if (turn->state == WP_TURN_WAITS_FOR_PLACE)
		end_waiting(turn);
	ev_timer_stop(turn->all->loop, &turn->timer);
	wp_lane_give(turn->lane, turn->state == WP_TURN_IS_THERE);
	turn->state = WP_TURN_NONE;
}
