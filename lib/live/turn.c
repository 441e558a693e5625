/*
 * turn.c - marks, a wheel of deadlines, and the end of a turn.
 *
 * The wheel: lists of items, hashed by tick. One that is further away than a
 * round of it waits in its slot and is passed over until its round has come.
 */
#include "lib/live/turn.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/base/clock.h"

enum { FIRST_ROOM = 64 };

/* ---- marks ---- */

bool wp_turn_reserve(struct wp_turn *turn, size_t n)
{
	size_t room = turn->n_room == 0 ? FIRST_ROOM : turn->n_room;
	struct wp_turn_item **marked;

	while (room < n)
		room *= 2;
	if (room == turn->n_room)
		return true;
	marked = realloc(turn->marked, room * sizeof(struct wp_turn_item *));
	if (marked == NULL)
		return false;
	turn->marked = marked;
	turn->n_room = room;
	return true;
}

void wp_turn_mark(struct wp_turn *turn, struct wp_turn_item *item)
{
	if (item->is_marked)
		return;
	assert(turn->n_marked < turn->n_room);
	item->is_marked = true;
	turn->marked[turn->n_marked++] = item;
}

/* The turn of the last of them; those before n_again have had theirs. */
static void run_last(struct wp_turn *turn, size_t *n_again)
{
	struct wp_turn_item *item = turn->marked[--turn->n_marked];

	switch (turn->fn(item)) {
	case WP_TURN_AGAIN:
		turn->marked[turn->n_marked++] = turn->marked[*n_again];
		turn->marked[(*n_again)++] = item;
		break;
	case WP_TURN_DONE:
		item->is_marked = false;
		break;
	case WP_TURN_GONE:
		break;
	}
}

void wp_turn_run(struct wp_turn *turn)
{
	size_t n_again = 0;

	while (turn->n_marked > n_again)
		run_last(turn, &n_again);
	if (n_again > 0)
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

static void on_wait(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct wp_turn *turn = prepare->data;

	(void)events;
	if (turn->n_marked > 0)
		ev_idle_start(loop, &turn->more);
}

static void on_end(struct ev_loop *loop, ev_check *check, int events)
{
	struct wp_turn *turn = check->data;

	(void)loop;
	(void)events;
	wp_turn_run(turn);
	turn->on_end(turn->ctx);
}

/* ---- deadlines ---- */

uint32_t wp_turn_ticks(int64_t ms)
{
	int64_t ticks = (ms + WP_TICK_MS - 1) / WP_TICK_MS;

	/* The tick that we are in is nearly over, perhaps. */
	return (uint32_t)(ticks < 1 ? 1 : ticks) + 1;
}

void wp_turn_clear(struct wp_turn_item *item)
{
	if (item->link == NULL)
		return;
	*item->link = item->later;
	if (item->later != NULL)
		item->later->link = item->link;
	item->later = NULL;
	item->link = NULL;
}

void wp_turn_set(struct wp_turn *turn, struct wp_turn_item *item, uint32_t tick)
{
	struct wp_turn_item **slot;

	wp_turn_clear(item);
	item->tick = tick > turn->now ? tick : turn->now + 1;
	slot = &turn->slots[item->tick % WP_TURN_SLOTS];
	item->later = *slot;
	item->link = slot;
	if (*slot != NULL)
		(*slot)->link = &item->later;
	*slot = item;
}

static void mark_due(struct wp_turn *turn, uint32_t slot)
{
	struct wp_turn_item *later;

	for (struct wp_turn_item *i = turn->slots[slot]; i != NULL; i = later) {
		later = i->later;
		if (i->tick > turn->now)
			continue; /* of a later round */
		wp_turn_clear(i);
		i->is_due = true;
		wp_turn_mark(turn, i);
	}
}

/* Time has come to now. */
static void advance(struct wp_turn *turn, uint32_t now)
{
	uint32_t from = turn->now + 1;
	uint32_t n = now > turn->now ? now - turn->now : 0;

	if (n > WP_TURN_SLOTS)
		n = WP_TURN_SLOTS; /* one round meets every slot */
	if (n > 0)
		turn->now = now;
	for (uint32_t i = 0; i < n; i++)
		mark_due(turn, (from + i) % WP_TURN_SLOTS);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_turn *turn = timer->data;

	(void)loop;
	(void)events;
	advance(turn, (uint32_t)((wp_mono_ms() - turn->start_ms) / WP_TICK_MS));
}

/* ---- begin and end ---- */

void wp_turn_init(struct wp_turn *turn, struct ev_loop *loop, wp_turn_fn fn,
		  void (*end)(void *ctx), void *ctx)
{
	*turn = (struct wp_turn){
		.loop = loop, .fn = fn, .on_end = end, .ctx = ctx
	};
	turn->start_ms = wp_mono_ms();
	/* At the lowest priority it runs behind all events of its turn, and
	 * before Redis' clients write what ended connections gave them. */
	ev_check_init(&turn->end, on_end);
	ev_set_priority(&turn->end, EV_MINPRI);
	turn->end.data = turn;
	ev_check_start(loop, &turn->end);
	/* Who gets ready for the loop to wait may still mark one. */
	ev_prepare_init(&turn->wait, on_wait);
	ev_set_priority(&turn->wait, EV_MINPRI);
	turn->wait.data = turn;
	ev_prepare_start(loop, &turn->wait);
	ev_idle_init(&turn->more, on_more);
	ev_timer_init(&turn->tick_timer, on_tick, WP_TICK_MS / 1e3,
		      WP_TICK_MS / 1e3);
	turn->tick_timer.data = turn;
	ev_timer_start(loop, &turn->tick_timer);
}

void wp_turn_release(struct wp_turn *turn)
{
	if (turn->loop == NULL)
		return;
	ev_check_stop(turn->loop, &turn->end);
	ev_prepare_stop(turn->loop, &turn->wait);
	ev_idle_stop(turn->loop, &turn->more);
	ev_timer_stop(turn->loop, &turn->tick_timer);
	free(turn->marked);
}
