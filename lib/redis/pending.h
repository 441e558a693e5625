/*
 * pending.h - who waits for an answer: a growing ring, first in, first out.
 * Private to lib/redis.
 */
#ifndef WP_LIB_REDIS_PENDING_H
#define WP_LIB_REDIS_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/reply.h"

enum { WP_PENDING_MAX = 1 << 20 }; /* commands in flight; a power of two */

struct wp_pending {
	wp_reply_fn fn; /* may be NULL */
	void *ctx;
	uint64_t sent_ms;
	size_t confirmations; /* of a subscription; 0 = an ordinary command */
};

struct wp_pending_ring {
	struct wp_pending *items; /* owned */
	size_t size;              /* a power of two, or 0 */
	size_t head;
	size_t n;
};

void wp_pending_release(struct wp_pending_ring *ring);

/* Make room for one more; false when memory or WP_PENDING_MAX forbids. */
bool wp_pending_reserve(struct wp_pending_ring *ring) WP_MUST_USE;

/* Add behind all others; room was made by wp_pending_reserve(). */
void wp_pending_push(struct wp_pending_ring *ring,
		     const struct wp_pending *item);

/* The oldest, or NULL; borrowed until the next call. */
struct wp_pending *wp_pending_front(struct wp_pending_ring *ring);

/* Take the oldest out; there must be one. */
struct wp_pending wp_pending_pop(struct wp_pending_ring *ring);

#endif /* WP_LIB_REDIS_PENDING_H */
