/*
 * share.c - a division with a rest.
 */
#include "lib/mailbox/share.h"

#include <assert.h>

/* The first ones take the rest. */
struct wp_fair_share wp_fair_share(uint32_t partitions, size_t n, size_t rank)
{
	struct wp_fair_share share;
	uint64_t each, rest;

	assert(n > 0 && rank < n);
	each = partitions / n;
	rest = partitions % n;
	share.count = (uint32_t)(each + (rank < rest));
	share.first = (uint32_t)(rank * each + (rank < rest ? rank : rest));
	/* More of them than partitions: those without any begin at 0. */
	if (share.first >= partitions)
		share.first = 0;
	return share;
}
