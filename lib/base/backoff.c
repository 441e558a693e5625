/*
 * backoff.c - how long to wait before the next try.
 *
 * Knows the curve and the jitter. Knows no clock and no timer: callers have
 * their own way to wait.
 */
#include "lib/base/backoff.h"

#include <assert.h>

#include "lib/base/random.h"

void wp_backoff_init(struct wp_backoff *backoff, uint32_t first_ms,
		     uint32_t cap_ms)
{
	assert(first_ms > 0 && cap_ms >= first_ms);
	*backoff =
		(struct wp_backoff){ .first_ms = first_ms, .cap_ms = cap_ms };
}

uint32_t wp_backoff_next_ms(struct wp_backoff *backoff)
{
	uint64_t delay = backoff->first_ms;
	uint32_t i;

	for (i = 0; i < backoff->attempt && delay < backoff->cap_ms; i++)
		delay *= 2;
	if (delay > backoff->cap_ms)
		delay = backoff->cap_ms;
	if (backoff->attempt < UINT32_MAX)
		backoff->attempt++;

	/* Jitter keeps a thousand clients of one dead peer from marching. */
	return (uint32_t)(delay / 2) +
	       wp_random_below((uint32_t)(delay - delay / 2) + 1);
}

void wp_backoff_reset(struct wp_backoff *backoff)
{
	backoff->attempt = 0;
}
