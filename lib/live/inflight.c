/*
 * inflight.c - two sums and their bounds. Knows no users.
 */
#include "lib/live/inflight.h"

#include <assert.h>

bool wp_inflight_take(struct wp_inflight *inflight, struct wp_charge *charge,
		      uint32_t user_hash, size_t bytes)
{
	uint32_t slot = user_hash % WP_INFLIGHT_SLOTS;
	size_t user_left = WP_INFLIGHT_USER_MAX - inflight->of_user[slot];
	size_t left = WP_INFLIGHT_MAX - inflight->total;

	assert(charge->bytes == 0);
	if (left > user_left)
		left = user_left;
	if (left < WP_INFLIGHT_CALL_COST ||
	    bytes > left - WP_INFLIGHT_CALL_COST)
		return false;
	charge->bytes = bytes + WP_INFLIGHT_CALL_COST;
	charge->slot = slot;
	inflight->total += charge->bytes;
	inflight->of_user[slot] += charge->bytes;
	return true;
}

void wp_inflight_give(struct wp_inflight *inflight, struct wp_charge *charge)
{
	assert(charge->bytes <= inflight->of_user[charge->slot]);
	inflight->total -= charge->bytes;
	inflight->of_user[charge->slot] -= charge->bytes;
	charge->bytes = 0;
}
