/*
 * share.c - divide partitions among workers: the first ones take the rest.
 */
#include "worker/share.h"

#include <assert.h>

struct wp_worker_share wp_worker_share(uint32_t partitions, size_t workers,
				       size_t rank)
{
	struct wp_worker_share share;
	uint64_t each, rest;

	assert(workers > 0 && rank < workers);
	each = partitions / workers;
	rest = partitions % workers;
	share.count = (uint32_t)(each + (rank < rest));
	share.first = (uint32_t)(rank * each + (rank < rest ? rank : rest));
	/* More workers than partitions: those without any look from 0. */
	if (share.first >= partitions)
		share.first = 0;
	return share;
}
