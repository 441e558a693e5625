/*
 * waiting.h - who waits for answers on one connection: first in, first out.
 */
#ifndef WP_LIB_REDIS_WAITING_H
#define WP_LIB_REDIS_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/reply.h"

struct wp_waiting {
	wp_reply_fn fn; /* may be NULL */
	void *ctx;
	uint64_t sent_ms;
	size_t confirmations; /* of a subscription; 0 = an ordinary command */
	size_t group;         /* commands of a group; 0 = it is none */
};

/* A ring that grows. Begins all zero, and empty; n is for all to read. */
struct wp_waiting_ring {
	struct wp_waiting *items; /* owned */
	size_t size;              /* a power of two, or 0 */
	size_t head;
	size_t n;
};

void wp_waiting_release(struct wp_waiting_ring *ring);

/* Make room for one more; false when memory or the bound forbids: max, a power
 * of two. */
bool wp_waiting_reserve(struct wp_waiting_ring *ring, size_t max) WP_MUST_USE;
/* Add behind all others; room was made by wp_waiting_reserve(). */
void wp_waiting_push(struct wp_waiting_ring *ring,
		     const struct wp_waiting *item);
/* The oldest, or NULL; borrowed until the next call. */
struct wp_waiting *wp_waiting_front(struct wp_waiting_ring *ring);
/* Take the oldest out; there must be one. */
struct wp_waiting wp_waiting_pop(struct wp_waiting_ring *ring);

#endif /* WP_LIB_REDIS_WAITING_H */
