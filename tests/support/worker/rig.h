/*
 * rig.h - what a part of the worker needs around it in a test: the Redis and
 * the store of a world, a table of leases, metrics, room for lists.
 */
#ifndef WP_TESTS_SUPPORT_WORKER_RIG_H
#define WP_TESTS_SUPPORT_WORKER_RIG_H

#include <stdint.h>

#include "tests/support/world.h"
#include "worker/handover.h"
#include "worker/metrics.h"
#include "worker/worker.h"

/* A worker that owns nothing yet. Borrows the world, which outlives it. */
void wp_rig_init(struct wp_worker *worker, struct wp_world *w);
void wp_rig_release(struct wp_worker *worker);

/* For a minute this partition is ours, by the table and by Redis. */
void wp_rig_own(struct wp_worker *worker, struct wp_world *w,
		uint32_t partition);

/* A value of the exposition, by its whole name. Fails the test without it. */
int64_t wp_rig_metric(const struct wp_worker *worker, const char *name);

#endif /* WP_TESTS_SUPPORT_WORKER_RIG_H */
