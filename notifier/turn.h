/*
 * turn.h - whose turn it is at a provider: one takes the next slot of its lane,
 * waits until that comes, and then for one of the places that the lane has at
 * once. Who waits for a place longer than WP_LANE_WAIT_MS waits in vain.
 *
 * Places are had by who asked for one first, in any lane: a lane that has none
 * holds up no other.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_TURN_H
#define WP_NOTIFIER_TURN_H

#include <stdbool.h>

#include <ev.h>

#include "notifier/lane/lanes.h"

struct wp_turn;

/* Who waits for a place, oldest first. Private. */
struct wp_turns {
	struct ev_loop *loop;
	struct wp_turn *first;
};

/*
 * has_come:  else it has waited in vain, and holds nothing any more
 *
 * From the loop, once, unless it is given back before. It may be freed within.
 */
typedef void (*wp_turn_fn)(void *ctx, bool has_come);

/* Private. Embedded in an owner that does not move; all zero holds nothing. */
struct wp_turn {
	struct wp_turns *all;
	struct wp_lane *lane;
	enum {
		WP_TURN_NONE,
		WP_TURN_WAITS_FOR_SLOT,
		WP_TURN_WAITS_FOR_PLACE,
		WP_TURN_IS_THERE,
	} state;
	ev_timer timer;
	struct wp_turn *next; /* that waits for a place */
	wp_turn_fn on_turn;
	void *ctx;
};

void wp_turns_init(struct wp_turns *turns, struct ev_loop *loop);

/*
 * Take the lane's next slot.
 *
 * turn:     holds nothing
 * lane:     borrowed as long as it holds something; it stays until then
 * Returns:  true when it has come already. False: on_turn is told
 */
bool wp_turn_take(struct wp_turn *turn, struct wp_turns *turns,
		  struct wp_lane *lane, wp_turn_fn on_turn, void *ctx);

/* It goes on to wp_lane_end(), which gives back what it holds. */
void wp_turn_pass(struct wp_turn *turn);

/* Nothing was asked on it: give back what it holds, if anything. on_turn is not
 * told. */
void wp_turn_give(struct wp_turn *turn);

/* A place was given back: whoever waits for it goes on. */
void wp_turns_go_on(struct wp_turns *turns);

#endif /* WP_NOTIFIER_TURN_H */
