/*
 * waiting.c - see waiting.h.
 */
#include "lib/redis/waiting.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RING_FIRST = 64, RING_KEPT = 1024 };

void wp_waiting_release(struct wp_waiting_ring *ring)
{
	free(ring->items);
	memset(ring, 0, sizeof(*ring));
}

bool wp_waiting_reserve(struct wp_waiting_ring *ring, size_t max)
{
	size_t size = ring->size == 0 ? RING_FIRST : ring->size * 2;
	struct wp_waiting *grown;

	if (ring->n < ring->size)
		return true;
	if (size > max)
		return false;
	grown = calloc(size, sizeof(*grown));
	if (grown == NULL)
		return false;
	for (size_t i = 0; i < ring->n; i++)
		grown[i] = ring->items[(ring->head + i) & (ring->size - 1)];
	free(ring->items);
	ring->items = grown;
	ring->size = size;
	ring->head = 0;
	return true;
}

void wp_waiting_push(struct wp_waiting_ring *ring,
		     const struct wp_waiting *item)
{
	assert(ring->n < ring->size);
	ring->items[(ring->head + ring->n) & (ring->size - 1)] = *item;
	ring->n++;
}

struct wp_waiting *wp_waiting_front(struct wp_waiting_ring *ring)
{
	return ring->n == 0 ? NULL : &ring->items[ring->head];
}

struct wp_waiting wp_waiting_pop(struct wp_waiting_ring *ring)
{
	struct wp_waiting front;

	assert(ring->n > 0);
	front = ring->items[ring->head];
	ring->head = (ring->head + 1) & (ring->size - 1);
	ring->n--;
	if (ring->n == 0 && ring->size > RING_KEPT)
		wp_waiting_release(ring); /* a burst need not stay for ever */
	return front;
}
