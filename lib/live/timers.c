/*
 * timers.c - the wheel: lists of entries, hashed by tick.
 *
 * An entry further away than one turn waits in its slot and is passed over
 * until its round has come. Knows nothing about what its entries mean.
 */
#include "lib/live/timers.h"

#include <stdlib.h>

struct wp_wheel {
	uint32_t now; /* the last tick that was worked off */
	struct wp_timer *slots[WP_WHEEL_SLOTS];
};

struct wp_wheel *wp_wheel_new(uint32_t now)
{
	struct wp_wheel *wheel = calloc(1, sizeof(*wheel));

	if (wheel != NULL)
		wheel->now = now;
	return wheel;
}

void wp_wheel_free(struct wp_wheel **wheel)
{
	free(*wheel);
	*wheel = NULL;
}

static void insert(struct wp_timer **list, struct wp_timer *timer)
{
	timer->next = *list;
	timer->link = list;
	if (*list != NULL)
		(*list)->link = &timer->next;
	*list = timer;
}

void wp_wheel_clear(struct wp_timer *timer)
{
	if (timer->link == NULL)
		return;
	*timer->link = timer->next;
	if (timer->next != NULL)
		timer->next->link = timer->link;
	timer->next = NULL;
	timer->link = NULL;
}

void wp_wheel_set(struct wp_wheel *wheel, struct wp_timer *timer, uint32_t tick)
{
	wp_wheel_clear(timer);
	timer->tick = tick > wheel->now ? tick : wheel->now + 1;
	insert(&wheel->slots[timer->tick % WP_WHEEL_SLOTS], timer);
}

/* Entries of one slot; those of a later round go back to it. */
static void run_slot(struct wp_wheel *wheel, uint32_t slot, wp_timer_fn fn,
		     void *ctx)
{
	struct wp_timer *due = wheel->slots[slot];

	/* Taken off as a whole: what fn sets again is not met twice. */
	wheel->slots[slot] = NULL;
	if (due != NULL)
		due->link = &due;
	while (due != NULL) {
		struct wp_timer *timer = due;

		wp_wheel_clear(timer);
		if (timer->tick > wheel->now)
			insert(&wheel->slots[slot], timer);
		else
			fn(ctx, timer);
	}
}

void wp_wheel_advance(struct wp_wheel *wheel, uint32_t now, wp_timer_fn fn,
		      void *ctx)
{
	uint32_t from = wheel->now + 1;
	uint32_t n = now > wheel->now ? now - wheel->now : 0;

	if (n > WP_WHEEL_SLOTS)
		n = WP_WHEEL_SLOTS; /* one turn meets every slot */
	if (n > 0)
		wheel->now = now;
	for (uint32_t i = 0; i < n; i++)
		run_slot(wheel, (from + i) % WP_WHEEL_SLOTS, fn, ctx);
}
