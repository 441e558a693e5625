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

struct wp_own;

enum wp_err wp_own_new(struct wp_own **out, struct wp_worker *w,
		       struct wp_error *err) WP_MUST_USE;
void wp_own_free(struct wp_own **own);

/* When to tick; on a new connection at once. */
uint64_t wp_own_next_ms(const struct wp_own *own);
void wp_own_hurry(struct wp_own *own);

/*
 * Look after all leases once. Errors: WP_ERR_UNAVAIL, WP_ERR_NOMEM; leases that
 * were not renewed lapse by our own clock.
 */
enum wp_err wp_own_tick(struct wp_own *own, struct wp_error *err) WP_MUST_USE;

/* Forget every lease whose time may have passed, with no help from Redis. */
void wp_own_expire(struct wp_own *own, uint64_t now_ms);

/* The owner value by which the inbox is ours now; NULL when it is not. */
const char *wp_own_inbox(const struct wp_own *own, uint64_t now_ms);

/* Give everything back and leave the list of workers, as well as it goes. */
void wp_own_release_all(struct wp_own *own);

/* Of the partitions, for one worker. */
struct wp_share {
	uint32_t first; /* where to look for free ones, in a circle */
	uint32_t count; /* how many to own */
};

/*
 * The share of worker number rank of workers (> 0), on a list that everybody
 * sees in the same order: the counts add up to partitions and differ by one at
 * most; the ranges from first do not overlap. Pure.
 */
struct wp_share wp_own_share(uint32_t partitions, size_t workers, size_t rank);

#endif /* WP_WORKER_OWN_H */
