/*
 * own.h - which partitions are ours: announce, take a fair share, renew, give
 * back (ARCHITECTURE 4.8).
 */
#ifndef WP_WORKER_OWN_H
#define WP_WORKER_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/share.h"
#include "worker/worker.h"

struct wp_own {
	struct wp_worker *w;
	uint64_t next_ms; /* when to tick */
	size_t workers;   /* announced, ourselves included; 0 = unknown */
	struct wp_worker_share share;
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

#endif /* WP_WORKER_OWN_H */
