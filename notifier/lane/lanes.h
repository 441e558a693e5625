/*
 * lanes.h - the ways to providers, each with a breaker, a rate and a guard of
 * its own: one for each app of a kind and, where strangers say who is asked,
 * one for each host, as many as are known at once. What one does costs no other
 * anything.
 *
 * Pure: the time is told, and only rises.
 */
#ifndef WP_NOTIFIER_LANES_H
#define WP_NOTIFIER_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/push/kind.h"
#include "lib/push/rates.h"
#include "notifier/lane/breaker.h"
#include "notifier/provider/verdict.h"

enum {
	/* Of more, that idle one goes which was used longest ago; of up to so
	 * many that are left alone first another, for these are not used. */
	WP_LANE_HOSTS_MAX = 256,
	WP_LANE_SHUT_KEPT = WP_LANE_HOSTS_MAX / 2,
	WP_LANE_HOSTS_UNDER_WAY = 200, /* requests to hosts, at once in all */
	/* Of these, to hosts of webhooks, and to those that only UnifiedPush
	 * has: strangers choose them, and may have them never answer. Those of
	 * browsers are the operator's choice (push.web_hosts). */
	WP_LANE_STRANGERS_UNDER_WAY = 64,
	/* So long one waits for a place. When more wait for one than have got
	 * one lately in that time, a slot is so far away: */
	WP_LANE_WAIT_MS = 500,
	WP_LANE_FULL_MS = 1000,
};

struct wp_lanes;
struct wp_lane;

/* rates: copied. NULL: out of memory. End with wp_lanes_free() */
struct wp_lanes *wp_lanes_new(const struct wp_push_rates *rates) WP_MUST_USE;
/* Nothing is under way on any. NULL-safe. */
void wp_lanes_free(struct wp_lanes **lanes);

/* Go by these from now on. What is known of providers stays. */
void wp_lanes_use(struct wp_lanes *lanes, const struct wp_push_rates *rates);

/*
 * The lane of an app, or of a host: made when there is none.
 *
 * name:     of the app or host; copied
 * Returns:  borrowed; that of a host until the next call, unless it was taken
 *           (wp_lane_take()). NULL: all are in use, or out of memory
 */
struct wp_lane *wp_lanes_get(struct wp_lanes *lanes, enum wp_push_kind kind,
			     const char *name, bool is_host, uint64_t now_us);

/* ---- may it be used? ---- */

/* So long its provider is left alone, in ms; 0: it is not. */
uint64_t wp_lane_shut_ms(const struct wp_lane *lane, uint64_t now_us);
/* So far its next slot is, in ms. */
uint64_t wp_lane_slot_ms(const struct wp_lane *lane, uint64_t now_us);

/* ---- one request ---- */

/*
 * Take the next slot, to be given back by wp_lane_give() or wp_lane_end().
 *
 * Returns:  ms from now at which it is
 */
uint64_t wp_lane_take(struct wp_lane *lane, uint64_t now_us);
/* Nothing was asked on it. has_place: as wp_lane_place() said */
void wp_lane_give(struct wp_lane *lane, bool has_place);

/* Its slot has come: take a place, too. False: as much is under way as may be;
 * wp_lane_wait() says that one waits for it, or (-1) does no more. */
bool wp_lane_place(struct wp_lane *lane);
void wp_lane_wait(struct wp_lane *lane, int one);

/*
 * The request is to be sent, now that it has a place.
 *
 * *ticket_out:  for wp_lane_end()
 * Returns:      false when the provider is left alone meanwhile: give it back
 */
bool wp_lane_begin(struct wp_lane *lane, uint64_t now_us, uint32_t *ticket_out);

/* What an answer has made of a lane. */
struct wp_lane_news {
	bool has_opened;    /* it is left alone from now on */
	bool has_closed;    /* it works again */
	bool guard_is_on;   /* many tokens look bad: none may be dropped */
	bool guard_changed; /* just now */
};

/*
 * What came of it. SUSPECT while the guard is on counts as CONFIG.
 *
 * user:   as for wp_guard_note()
 * now_s:  wall clock, since 1970
 * seed:   as for wp_breaker_end()
 */
struct wp_lane_news wp_lane_end(struct wp_lane *lane, uint32_t ticket,
				const struct wp_judgement *judgement,
				uint64_t user, uint64_t now_us, int64_t now_s,
				uint32_t seed);

/* As wp_guard_may_drop(). */
bool wp_lane_may_drop(const struct wp_lane *lane, int64_t suspect_s,
		      int64_t now_s);

/* ---- for who watches ---- */

enum wp_breaker_state wp_lane_state(const struct wp_lane *lane);
/* The worst of a kind's apps. */
enum wp_breaker_state wp_lanes_state(const struct wp_lanes *lanes,
				     enum wp_push_kind kind);
/* Is the guard of one of its apps on? */
bool wp_lanes_are_guarded(const struct wp_lanes *lanes, enum wp_push_kind kind);
/* Hosts that are left alone. */
size_t wp_lanes_shut_hosts(const struct wp_lanes *lanes);

/* An app, as it is now. */
struct wp_lane_view {
	enum wp_push_kind kind;
	const char *name; /* borrowed; wp_push_way_name() */
	enum wp_breaker_state state;
	uint64_t shut_ms;
	bool is_guarded;
};
/* Show each app; not hosts, which are their users' business. */
void wp_lanes_each(const struct wp_lanes *lanes, uint64_t now_us,
		   void (*show)(void *ctx, const struct wp_lane_view *view),
		   void *ctx);

/*
 * The operator says that all is well with an app: its provider is asked again,
 * slowly at first, and tokens may be dropped again. Of all kinds that have it.
 *
 * name:     wp_push_way_name()
 * Returns:  how many
 */
size_t wp_lanes_resume(struct wp_lanes *lanes, const char *name,
		       uint64_t now_us);

#endif /* WP_NOTIFIER_LANES_H */
