/*
 * timers.h - one deadline per connection for the price of two pointers.
 *
 * A hashed wheel: ticks of WP_TICK_MS, WP_WHEEL_SLOTS lists. A connection keeps
 * a single entry at the earliest of its deadlines (ping, silence, token expiry,
 * close) and works out the next one when it fires. Time is what the caller
 * says, so tests turn the wheel by hand.
 */
#ifndef WP_LIB_LIVE_TIMERS_H
#define WP_LIB_LIVE_TIMERS_H

#include <stdint.h>

enum { WP_TICK_MS = 100, WP_WHEEL_SLOTS = 1024 };

/* Embedded in its owner; all zero is "not set". */
struct wp_timer {
	struct wp_timer *next;
	struct wp_timer **link; /* who points at us; NULL when not set */
	uint32_t tick;
};

typedef void (*wp_timer_fn)(void *ctx, struct wp_timer *timer);

struct wp_wheel;

/* NULL when memory is exhausted. now: the current tick. */
struct wp_wheel *wp_wheel_new(uint32_t now);
/* Entries that are still set are forgotten, not freed. NULL-safe. */
void wp_wheel_free(struct wp_wheel **wheel);

/* Fire at tick, or at the next one if it is over; replaces what was set. */
void wp_wheel_set(struct wp_wheel *wheel, struct wp_timer *timer,
		  uint32_t tick);
/* Idempotent. */
void wp_wheel_clear(struct wp_timer *timer);

/*
 * Time has come to now: run fn once for each entry whose tick is not later.
 * fn may set and clear any entry, its own included.
 */
void wp_wheel_advance(struct wp_wheel *wheel, uint32_t now, wp_timer_fn fn,
		      void *ctx);

#endif /* WP_LIB_LIVE_TIMERS_H */
