/*
 * flight.h - what is sent out again and again to see whether it comes back:
 * numbers only. Whoever sends it says what happened, and when, by one clock.
 */
#ifndef WP_WS_FLIGHT_H
#define WP_WS_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

/* Begins all zero; one is under way at a time. */
struct wp_flight {
	uint64_t begun_us; /* 0: none is under way */
	uint64_t fresh_us; /* when the way was good for the last time; 0: never
			      looked at */
};

/* From now on it is to be looked at: what was before proves nothing. */
void wp_flight_renew(struct wp_flight *flight, uint64_t now_us);
/* The same where it is looked at already. */
void wp_flight_extend(struct wp_flight *flight, uint64_t now_us);

/* now_us > 0; it comes back, or is given up. */
void wp_flight_begin(struct wp_flight *flight, uint64_t now_us);
/* Returns: how long it was under way */
uint64_t wp_flight_back(struct wp_flight *flight, uint64_t now_us);
void wp_flight_give_up(struct wp_flight *flight);
bool wp_flight_is_out(const struct wp_flight *flight);

/* Is the one under way to be given up? */
bool wp_flight_is_late(const struct wp_flight *flight, uint64_t now_us,
		       uint64_t limit_us);
/* Has none come back for longer than that? */
bool wp_flight_is_stale(const struct wp_flight *flight, uint64_t now_us,
			uint64_t limit_us);

#endif /* WP_WS_FLIGHT_H */
