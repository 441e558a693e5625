/*
 * reap_watch.h - since when has a heartbeat counter not moved?
 *
 * Pure bookkeeping over samples of one partition's counters. Only time during
 * which somebody really looked counts: a sampler that was stopped, or lost its
 * connection, must not take its own absence for a daemon's.
 */
#ifndef WP_WORKER_REAP_WATCH_H
#define WP_WORKER_REAP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wp_reap_seen; /* one incarnation */

struct wp_reap_watch {
	struct wp_reap_seen *seen; /* owned */
	size_t n;
	size_t cap;
	uint64_t sampled_ms; /* 0 = no sample since the reset */
	uint64_t passed_ms;  /* what the sample under way adds */
};

/* A watch may begin as zeros. Forget everything and free it. */
void wp_reap_watch_reset(struct wp_reap_watch *watch);

/*
 * Begin a sample.
 *
 * max_gap_ms: no more than this counts as time looked at since the last one
 */
void wp_reap_watch_begin(struct wp_reap_watch *watch, uint64_t now_ms,
			 uint64_t max_gap_ms);

/*
 * This incarnation has this counter.
 *
 * Returns: for how long it has been seen not to move; 0 also when its name or
 *          counter is no such thing, or memory is out: it lives on then
 */
uint64_t wp_reap_watch_see(struct wp_reap_watch *watch, const char *incarnation,
			   const char *counter);

/* End the sample: who was not in it is forgotten. */
void wp_reap_watch_end(struct wp_reap_watch *watch);

#endif /* WP_WORKER_REAP_WATCH_H */
