/*
 * route.h - the routing loop: which partition is next, and what its answers
 * mean for when to come back. The routing itself is route.lua's.
 */
#ifndef WP_WORKER_ROUTE_H
#define WP_WORKER_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/worker.h"

struct wp_lane; /* what is known of one partition */

struct wp_router {
	struct wp_worker *w;
	struct wp_lane *lanes; /* owned, one per partition */
	uint32_t waiting;      /* lanes that something may wait in */
	uint32_t cursor;
	uint64_t next_poll_ms;
	uint64_t paused_until_ms; /* Redis refuses to route */
	struct wp_log_limit fault_limit;
	struct wp_log_limit dead_limit;
	struct wp_log_limit refused_limit;
};

enum wp_err wp_router_init(struct wp_router *router, struct wp_worker *w,
			   struct wp_error *err) WP_MUST_USE;
void wp_router_release(struct wp_router *router);

/* Something may wait in this partition (a doorbell, a new lease). */
void wp_router_ring(struct wp_router *router, uint32_t partition);

/*
 * Look at the length of every ingress, the guarantee behind the doorbells, and
 * at every gate: one that is not open any more has to be reconciled.
 */
enum wp_err wp_router_poll(struct wp_router *router,
			   struct wp_error *err) WP_MUST_USE;

/* Is there a batch that could be routed now? */
bool wp_router_has_work(const struct wp_router *router, uint64_t now_ms);

/*
 * Route one batch of the next partition in turn.
 *
 * Errors: WP_ERR_UNAVAIL, WP_ERR_NOMEM; the partition stays in line
 */
enum wp_err wp_router_step(struct wp_router *router,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_ROUTE_H */
