/*
 * pending.c - the ring of those who wait. Knows nothing about Redis.
 */
#include "lib/redis/pending.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RING_FIRST = 64 };

void wp_pending_release(struct wp_pending_ring *ring)
{
	free(ring->items);
	memset(ring, 0, sizeof(*ring));
}

bool wp_pending_reserve(struct wp_pending_ring *ring)
{
	size_t size = ring->size == 0 ? RING_FIRST : ring->size * 2;
	struct wp_pending *grown;
	size_t i;

	if (ring->n < ring->size)
		return true;
	if (size > WP_PENDING_MAX)
		return false;
	grown = calloc(size, sizeof(*grown));
	if (grown == NULL)
		return false;
	for (i = 0; i < ring->n; i++)
		grown[i] = ring->items[(ring->head + i) & (ring->size - 1)];
	free(ring->items);
	ring->items = grown;
	ring->size = size;
	ring->head = 0;
	return true;
}

void wp_pending_push(struct wp_pending_ring *ring,
		     const struct wp_pending *item)
{
	assert(ring->n < ring->size);
	ring->items[(ring->head + ring->n) & (ring->size - 1)] = *item;
	ring->n++;
}

struct wp_pending *wp_pending_front(struct wp_pending_ring *ring)
{
	return ring->n == 0 ? NULL : &ring->items[ring->head];
}

struct wp_pending wp_pending_pop(struct wp_pending_ring *ring)
{
	struct wp_pending front;

	assert(ring->n > 0);
	front = ring->items[ring->head];
	ring->head = (ring->head + 1) & (ring->size - 1);
	ring->n--;
	return front;
}
