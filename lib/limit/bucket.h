/*
 * bucket.h - what is left of a burst: GCRA, whose whole state is the time at
 * which a bucket is full. All times are nanoseconds of one clock, whichever.
 */
#ifndef WP_LIB_LIMIT_BUCKET_H
#define WP_LIB_LIMIT_BUCKET_H

#include <stdint.h>

#include "lib/limit/rates.h"

/* The time until it is full, 0 when it is. */
static inline int64_t wp_bucket_ahead(int64_t full_at, int64_t now)
{
	return full_at < now ? 0 : full_at - now;
}

/* Units, not below 0. rate: one that limits */
static inline int64_t wp_bucket_left(const struct wp_limit_rate *rate,
				     int64_t ahead)
{
	int64_t left_ns = rate->burst * rate->unit_ns - ahead;

	return left_ns < 0 ? 0 : left_ns / rate->unit_ns;
}

/* The time until a unit is left, where none is. */
static inline int64_t wp_bucket_wait(const struct wp_limit_rate *rate,
				     int64_t ahead)
{
	return rate->unit_ns - (rate->burst * rate->unit_ns - ahead);
}

/* When it is full after n units were taken, whatever is left. */
static inline int64_t wp_bucket_take(const struct wp_limit_rate *rate,
				     int64_t full_at, int64_t n, int64_t now)
{
	return now + wp_bucket_ahead(full_at, now) + n * rate->unit_ns;
}

#endif /* WP_LIB_LIMIT_BUCKET_H */
