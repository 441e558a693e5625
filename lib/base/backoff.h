/*
 * backoff.h - exponential delay with full jitter, for reconnects and retries.
 */
#ifndef WP_LIB_BASE_BACKOFF_H
#define WP_LIB_BASE_BACKOFF_H

#include <stdint.h>

struct wp_backoff {
	uint32_t first_ms; /* > 0 */
	uint32_t cap_ms;   /* >= first_ms */
	uint32_t attempt;  /* failures since the last reset */
};

void wp_backoff_init(struct wp_backoff *backoff, uint32_t first_ms,
		     uint32_t cap_ms);

/* Delay before the next try: uniform in [d/2, d], d doubling up to cap_ms. */
uint32_t wp_backoff_next_ms(struct wp_backoff *backoff);

/* The last try worked. */
void wp_backoff_reset(struct wp_backoff *backoff);

#endif /* WP_LIB_BASE_BACKOFF_H */
