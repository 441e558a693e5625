/*
 * flight.c - see flight.h.
 */
#include "ws-daemon/flight.h"

void wp_flight_renew(struct wp_flight *flight, uint64_t now_us)
{
	flight->fresh_us = now_us;
}

void wp_flight_extend(struct wp_flight *flight, uint64_t now_us)
{
	if (flight->fresh_us != 0)
		flight->fresh_us = now_us;
}

void wp_flight_begin(struct wp_flight *flight, uint64_t now_us)
{
	flight->begun_us = now_us;
}

uint64_t wp_flight_back(struct wp_flight *flight, uint64_t now_us)
{
	uint64_t took_us = now_us - flight->begun_us;

	flight->begun_us = 0;
	flight->fresh_us = now_us;
	return took_us;
}

void wp_flight_give_up(struct wp_flight *flight)
{
	flight->begun_us = 0;
}

bool wp_flight_is_out(const struct wp_flight *flight)
{
	return flight->begun_us != 0;
}

bool wp_flight_is_late(const struct wp_flight *flight, uint64_t now_us,
		       uint64_t limit_us)
{
	return wp_flight_is_out(flight) && now_us - flight->begun_us > limit_us;
}

bool wp_flight_is_stale(const struct wp_flight *flight, uint64_t now_us,
			uint64_t limit_us)
{
	return flight->fresh_us != 0 && now_us - flight->fresh_us > limit_us;
}
