/*
 * turn.c - marks, ticks and the end of a turn.
 */
#include "ws-daemon/turn.h"

#include <stddef.h>

#include "lib/base/clock.h"

uint32_t wp_turn_ticks(int64_t ms)
{
	int64_t ticks = (ms + WP_TICK_MS - 1) / WP_TICK_MS;

	/* The tick that we are in is nearly over, perhaps. */
	return (uint32_t)(ticks < 1 ? 1 : ticks) + 1;
}

void wp_turn_mark(struct wp_turn *turn, struct wp_turn_item *item)
{
	if (item->is_marked)
		return;
	item->is_marked = true;
	item->next = turn->marked;
	turn->marked = item;
}

void wp_turn_set(struct wp_turn *turn, struct wp_turn_item *item, uint32_t tick)
{
	wp_wheel_set(turn->wheel, &item->timer, tick);
}

void wp_turn_clear(struct wp_turn_item *item)
{
	wp_wheel_clear(&item->timer);
}

void wp_turn_run(struct wp_turn *turn)
{
	struct wp_turn_item *again = NULL;

	while (turn->marked != NULL) {
		struct wp_turn_item *item = turn->marked;

		turn->marked = item->next;
		switch (item->fn(item)) {
		case WP_TURN_AGAIN:
			item->next = again;
			again = item;
			break;
		case WP_TURN_DONE:
			item->is_marked = false;
			break;
		case WP_TURN_GONE:
			break;
		}
	}
	turn->marked = again;
	if (again != NULL)
		ev_idle_start(turn->loop, &turn->more);
	else
		ev_idle_stop(turn->loop, &turn->more);
}

static void on_more(struct ev_loop *loop, ev_idle *idle, int events)
{
	(void)loop;
	(void)idle;
	(void)events; /* being active is all it is for */
}

static void on_end(struct ev_loop *loop, ev_check *check, int events)
{
	struct wp_turn *turn = check->data;

	(void)loop;
	(void)events;
	wp_turn_run(turn);
	turn->on_end(turn->ctx);
}

static void on_due(void *ctx, struct wp_timer *timer)
{
	struct wp_turn_item *item =
		(struct wp_turn_item *)((char *)timer -
					offsetof(struct wp_turn_item, timer));

	item->is_due = true;
	wp_turn_mark(ctx, item);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_turn *turn = timer->data;

	(void)loop;
	(void)events;
	turn->now = (uint32_t)((wp_mono_ms() - turn->start_ms) / WP_TICK_MS);
	wp_wheel_advance(turn->wheel, turn->now, on_due, turn);
}

enum wp_err wp_turn_init(struct wp_turn *turn, struct ev_loop *loop,
			 void (*end)(void *ctx), void *ctx)
{
	*turn = (struct wp_turn){ .loop = loop, .on_end = end, .ctx = ctx };
	turn->wheel = wp_wheel_new(0);
	if (turn->wheel == NULL)
		return WP_ERR_NOMEM;
	turn->start_ms = wp_mono_ms();
	/* At the lowest priority it runs behind all events of its turn, and
	 * before Redis' clients write what ended connections gave them. */
	ev_check_init(&turn->end, on_end);
	ev_set_priority(&turn->end, EV_MINPRI);
	turn->end.data = turn;
	ev_check_start(loop, &turn->end);
	ev_idle_init(&turn->more, on_more);
	ev_timer_init(&turn->tick_timer, on_tick, WP_TICK_MS / 1e3,
		      WP_TICK_MS / 1e3);
	turn->tick_timer.data = turn;
	ev_timer_start(loop, &turn->tick_timer);
	return WP_OK;
}

void wp_turn_release(struct wp_turn *turn)
{
	if (turn->wheel == NULL)
		return;
	ev_check_stop(turn->loop, &turn->end);
	ev_idle_stop(turn->loop, &turn->more);
	ev_timer_stop(turn->loop, &turn->tick_timer);
	wp_wheel_free(&turn->wheel);
}
