/*
 * route.h - the routing loop: which partition is next, and what its answers
 * mean for when to come back. The routing itself is route.lua's.
 */
#ifndef WP_WORKER_ROUTE_H
#define WP_WORKER_ROUTE_H

#include <stdint.h>

#include "worker/worker.h"

struct wp_router;

enum wp_err wp_router_new(struct wp_router **out, struct wp_worker *w,
			  struct wp_error *err) WP_MUST_USE;
void wp_router_free(struct wp_router **router);

/* Something may wait in this partition (a doorbell, a new lease). */
void wp_router_ring(struct wp_router *router, uint32_t partition);

/* Doorbells may have been missed: look at once. */
void wp_router_hurry(struct wp_router *router);

/* The connection is another, and Redis may be: nothing that is known of it
 * holds, and nothing is under way. */
void wp_router_reset(struct wp_router *router);

/* When there is something to do. */
uint64_t wp_router_next_ms(const struct wp_router *router);

/*
 * Route a batch of the next partitions in turn, if there are any. When it is
 * time to, look at the length of every ingress, the guarantee behind the
 * doorbells, and at every gate: one that is not open any more has to be
 * reconciled.
 *
 * Errors: WP_ERR_UNAVAIL, WP_ERR_NOMEM; the partition stays in line
 */
enum wp_err wp_router_run(struct wp_router *router,
			  struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_ROUTE_H */
