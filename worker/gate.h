/*
 * gate.h - make a partition fit for this life of Redis (ARCHITECTURE 4.7).
 */
#ifndef WP_WORKER_GATE_H
#define WP_WORKER_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"

/*
 * Raise ingress above every id in the cold store, set a hint for every user
 * with cold rows and note how much that is, open the gate; nothing when it is
 * open already.
 *
 * *was_closed_out: there was something to do, and it is done
 * Errors:  WP_ERR_STALE    the lease is lost
 *          WP_ERR_PROTO    Redis does not do it for this partition
 *          WP_ERR_UNAVAIL  Redis or the cold store; begin again later
 */
enum wp_err wp_gate_reconcile(struct wp_redis *redis, struct wp_store *store,
			      uint32_t partition, const char *owner,
			      int64_t lease_ms, bool *was_closed_out,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_GATE_H */
