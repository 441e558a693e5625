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

#endif /* WP_WORKER_OWN_H */
