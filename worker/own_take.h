/*
 * own_take.h - between own.c and own_take.c only.
 */
#ifndef WP_WORKER_OWN_TAKE_H
#define WP_WORKER_OWN_TAKE_H

#include "worker/own.h"

/* When a lease that is asked for now ends, by our clock. */
uint64_t wp_own_lease_end(const struct wp_own *own, uint64_t sent_ms);

/* Take free partitions until the share is reached or none is found. */
enum wp_err wp_own_take_missing(struct wp_own *own,
				struct wp_error *err) WP_MUST_USE;

/* Release this many, but not the one that is being migrated. */
enum wp_err wp_own_give_back(struct wp_own *own, uint32_t surplus,
			     struct wp_error *err) WP_MUST_USE;

/*
 * Release the first n of the worker's scratch list; nobody here acts for them
 * from the start of the call on.
 */
enum wp_err wp_own_release_listed(struct wp_own *own, size_t n,
				  struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_OWN_TAKE_H */
