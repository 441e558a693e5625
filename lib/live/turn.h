/*
 * turn.h - what happens once per turn of the loop.
 *
 * Callbacks of the loop only queue and mark. Behind them all, the turn of each
 * marked item comes: that is where input is taken up, output is written and
 * what has ended is freed. So nothing is read or freed under a callback's feet,
 * and a burst for one socket is one system call.
 *
 * What items are is nobody's business here. Time is counted in ticks of
 * WP_TICK_MS since the start, and a deadline costs an item two pointers: it
 * sets the earliest that it has (ping, silence, expiry, close) and works out
 * the next one when that is due.
 */
#ifndef WP_LIB_LIVE_TURN_H
#define WP_LIB_LIVE_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "lib/base/err.h"

enum { WP_TICK_MS = 100, WP_TURN_SLOTS = 1024 };

enum wp_turn_next {
	WP_TURN_DONE,  /* until it is marked again */
	WP_TURN_AGAIN, /* in the next turn, which then comes at once */
	WP_TURN_GONE,  /* the item is no more */
};

/* Embedded in its owner; begins all zero. */
struct wp_turn_item {
	struct wp_turn_item *later; /* in the same slot */
	struct wp_turn_item **link; /* who points at it there; NULL: not set */
	uint32_t tick;
	bool is_marked : 1;
	bool is_due : 1; /* its time came; for its turn to clear */
};

/* The turn of an item has come. It stays marked meanwhile: what it does to
 * itself needs no second turn. */
typedef enum wp_turn_next (*wp_turn_fn)(struct wp_turn_item *item);

/* Only loop and now are for others to read. */
struct wp_turn {
	struct ev_loop *loop;
	uint32_t now; /* ticks */
	uint64_t start_ms;
	struct wp_turn_item *slots[WP_TURN_SLOTS]; /* by tick, modulo */
	struct wp_turn_item **marked; /* n_marked of them, room for n_room */
	size_t n_marked;
	size_t n_room;
	wp_turn_fn fn;
	ev_timer tick_timer;
	ev_check end;
	ev_prepare wait;
	ev_idle more; /* active: the next turn must not wait */
	void (*on_end)(void *ctx);
	void *ctx;
};

/* fn: called for each item; on_end: behind all of them. turn must not move
 * afterwards. */
void wp_turn_init(struct wp_turn *turn, struct ev_loop *loop, wp_turn_fn fn,
		  void (*on_end)(void *ctx), void *ctx);
/* All zero is nothing. No item may be left. */
void wp_turn_release(struct wp_turn *turn);

/*
 * Have room for marks of n items, of which there are never more. Theirs are not
 * kept in them: of many items few are marked, and pages that were never needed
 * cost nothing.
 *
 * Returns:  false without memory; it is as it was then
 */
bool wp_turn_reserve(struct wp_turn *turn, size_t n) WP_MUST_USE;

/* Its turn comes when this turn of the loop ends. Idempotent. */
void wp_turn_mark(struct wp_turn *turn, struct wp_turn_item *item);

/* Mark it when the tick has come, or with the next one if it is over; replaces
 * what was set. */
void wp_turn_set(struct wp_turn *turn, struct wp_turn_item *item,
		 uint32_t tick);
/* Idempotent. */
void wp_turn_clear(struct wp_turn_item *item);

/* Ticks from now in which at least so many milliseconds go by. */
uint32_t wp_turn_ticks(int64_t ms);

/* The turns of all that are marked, now; otherwise the loop sees to it. */
void wp_turn_run(struct wp_turn *turn);

#endif /* WP_LIB_LIVE_TURN_H */
