/*
 * census.h - every few seconds, what waits in our partitions, as metrics.
 */
#ifndef WP_WORKER_CENSUS_H
#define WP_WORKER_CENSUS_H

#include <stdint.h>

#include "worker/worker.h"

struct wp_census_taker {
	struct wp_worker *w; /* borrowed */
	uint64_t next_ms;    /* when there is something to do */
};

/* The first is due at once. */
void wp_census_taker_init(struct wp_census_taker *taker, struct wp_worker *w);

/*
 * When it is time to, ask about all partitions that are ours.
 *
 * Errors:  of the connection; what Redis refuses is left for the next time
 */
enum wp_err wp_census_taker_run(struct wp_census_taker *taker,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_CENSUS_H */
