/*
 * rate.h - how fast a provider is asked, and how much at once. One for each app
 * of a provider, or for each host. Pure: the time is told, and only rises.
 *
 * Requests have slots, evenly apart. After a start, after ten idle minutes and
 * when asked for, there are fewer of them, and then more from quarter minute to
 * quarter minute: senders are to ramp up. When its slot has come a request
 * needs a place as well, until it has ended: who waits for a slot has none, or
 * waiting would use up what may be under way.
 */
#ifndef WP_NOTIFIER_RATE_H
#define WP_NOTIFIER_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	WP_RATE_IDLE_MS = 600 * 1000,
	WP_RATE_RAMP_STEP_MS = 15 * 1000,
};

struct wp_rate {
	uint64_t unit_us;   /* between slots, at full rate */
	uint32_t most;      /* under way at once */
	uint32_t under_way; /* places that are taken; for others to read */
	uint64_t last_us;   /* the last slot that was taken */
	uint64_t ramp_us;   /* since when there is a ramp */
};

/* per_s: slots a second, 1 to 1000000; the first is now. most: at least 1 */
void wp_rate_init(struct wp_rate *rate, uint32_t per_s, uint32_t most,
		  uint64_t now_us);

/* Other bounds from now on; what is under way or ramps up goes on. */
void wp_rate_set(struct wp_rate *rate, uint32_t per_s, uint32_t most);

/* Begin a ramp anew. */
void wp_rate_ramp(struct wp_rate *rate, uint64_t now_us);

/* Until the slot that wp_rate_take() would give, in ms. */
uint64_t wp_rate_wait_ms(const struct wp_rate *rate, uint64_t now_us);

/*
 * Take a slot.
 *
 * Returns:  ms from now at which it is, rounded up; do not take one that
 *           wp_rate_wait_ms() says is too far
 */
uint64_t wp_rate_take(struct wp_rate *rate, uint64_t now_us);

/* Take a place, for wp_rate_give() when the request has ended; false: there is
 * none. */
bool wp_rate_place(struct wp_rate *rate);
void wp_rate_give(struct wp_rate *rate);

#endif /* WP_NOTIFIER_RATE_H */
