/*
 * share.h - partitions divided among those of a list that all of them see.
 */
#ifndef WP_LIB_MAILBOX_SHARE_H
#define WP_LIB_MAILBOX_SHARE_H

#include <stddef.h>
#include <stdint.h>

/* Of the partitions, for one of them. */
struct wp_fair_share {
	uint32_t first; /* where it begins, in a circle */
	uint32_t count;
};

/*
 * The share of number rank of n (> 0), on a list that everybody sees in the
 * same order: the counts add up to partitions and differ by one at most; the
 * ranges from first do not overlap. Pure.
 */
struct wp_fair_share wp_fair_share(uint32_t partitions, size_t n, size_t rank);

#endif /* WP_LIB_MAILBOX_SHARE_H */
