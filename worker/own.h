/*
 * own.h - which partitions are ours: announce, take a fair share, renew, give
 * back (docs/architecture.md "Ownership").
 */
#ifndef WP_WORKER_OWN_H
#define WP_WORKER_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/worker.h"

/* Of the partitions, for one worker. */
struct wp_share {
	uint32_t first; /* where to look for free ones, in a circle */
	uint32_t count; /* how many to own */
};

struct wp_own {
	struct wp_worker *w;
	uint64_t next_ms; /* when to tick */
	size_t workers;   /* announced, ourselves included; 0 = unknown */
	struct wp_share share;
	struct wp_log_limit list_limit;
	uint32_t cursor; /* where the next look for free ones begins */

	char inbox[WP_OWNER_MAX + 1]; /* owner value; "" = not ours */
	uint64_t inbox_until_ms;

	uint32_t said_owned; /* what the log knows */
	size_t said_workers;
};

void wp_own_init(struct wp_own *own, struct wp_worker *w);

/*
 * Look after all leases once. Errors: WP_ERR_UNAVAIL, WP_ERR_NOMEM; leases that
 * were not renewed lapse by our own clock.
 */
enum wp_err wp_own_tick(struct wp_own *own, struct wp_error *err) WP_MUST_USE;

/* Forget every lease whose time may have passed, with no help from Redis. */
void wp_own_expire(struct wp_own *own, uint64_t now_ms);

/* May we read the inbox now? */
bool wp_own_has_inbox(const struct wp_own *own, uint64_t now_ms);

/* Give everything back and leave the list of workers, as well as it goes. */
void wp_own_release_all(struct wp_own *own);

/*
 * The share of worker number rank of workers (> 0), on a list that everybody
 * sees in the same order: the counts add up to partitions and differ by one at
 * most; the ranges from first do not overlap. Pure.
 */
struct wp_share wp_own_share(uint32_t partitions, size_t workers, size_t rank);

#endif /* WP_WORKER_OWN_H */
