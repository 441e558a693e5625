/*
 * counts.h - what the parts of lib/live count, by its places in the table of
 * the program that they are part of.
 */
#ifndef WP_LIB_LIVE_COUNTS_H
#define WP_LIB_LIVE_COUNTS_H

#include <stddef.h>

#include "lib/metrics/metrics.h"

struct wp_live_counts {
	struct wp_metrics *metrics; /* borrowed; NULL: nothing is counted */
	size_t is_live;             /* gauge: 1 while presence can be told */
	size_t resyncs;             /* incarnations taken after the first */
	size_t heartbeats;          /* answered, one per partition */
	size_t coalesced;           /* pokes that went out with another one */
};

#endif /* WP_LIB_LIVE_COUNTS_H */
