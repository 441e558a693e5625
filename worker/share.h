/*
 * share.h - how many partitions each worker should own. Pure arithmetic on a
 * list that everybody sees in the same order.
 */
#ifndef WP_WORKER_SHARE_H
#define WP_WORKER_SHARE_H

#include <stddef.h>
#include <stdint.h>

struct wp_worker_share {
	uint32_t first; /* where to look for free partitions, in a circle */
	uint32_t count; /* how many to own */
};

/*
 * The share of worker number rank of workers (> 0): the counts add up to
 * partitions and differ by one at most; the ranges from first do not overlap.
 */
struct wp_worker_share wp_worker_share(uint32_t partitions, size_t workers,
				       size_t rank);

#endif /* WP_WORKER_SHARE_H */
