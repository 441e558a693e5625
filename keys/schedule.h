/*
 * schedule.h - when an issuer is asked: the interval, after failures, and early
 * because somebody saw a key that is not known yet. Pure: the time is told.
 */
#ifndef WP_KEYS_SCHEDULE_H
#define WP_KEYS_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/backoff.h"

enum {
	/* What a provider's max-age may be, to be obeyed. */
	WP_SCHEDULE_AGE_MIN_S = 300,
	WP_SCHEDULE_AGE_MAX_S = 3600,
	/* After failures: doubling, with jitter. */
	WP_SCHEDULE_RETRY_MS = 5 * 1000,
	WP_SCHEDULE_RETRY_MAX_MS = 300 * 1000,
	/* Early ones: not sooner after another, so many at once, and one more
	 * each time that so much has passed. At most 66 in an hour. */
	WP_SCHEDULE_GAP_MS = 10 * 1000,
	WP_SCHEDULE_EARLY_MAX = 6,
	WP_SCHEDULE_EARLY_MS = 60 * 1000,
};

struct wp_schedule {
	uint64_t due_ms; /* of the next one; monotonic */
	uint64_t begun_ms;
	bool has_begun; /* ever */
	bool is_running;
	uint32_t refresh_s;
	struct wp_backoff backoff;
	/* The bucket of early ones: how many there are, as of when. */
	uint32_t early;
	uint64_t early_ms;
};

/* refresh_s: the interval when the provider names none. The first is due. */
void wp_schedule_init(struct wp_schedule *s, uint32_t refresh_s,
		      uint64_t now_ms);

/* What is known is age_s old already: the first is due when that is too old. */
void wp_schedule_know(struct wp_schedule *s, int64_t age_s, uint64_t now_ms);

bool wp_schedule_is_due(const struct wp_schedule *s, uint64_t now_ms);

void wp_schedule_begin(struct wp_schedule *s, uint64_t now_ms);
/* max_age_s: what the provider said; -1: nothing. +-10 % */
void wp_schedule_succeed(struct wp_schedule *s, int64_t max_age_s,
			 uint64_t now_ms);
void wp_schedule_fail(struct wp_schedule *s, uint64_t now_ms);

/*
 * Somebody wants it now. Returns: it is due; else it is under way, or was a
 * moment ago, or that happened too often.
 */
bool wp_schedule_want(struct wp_schedule *s, uint64_t now_ms);

/*
 * The max-age of a Cache-Control header.
 *
 * text:     hostile bytes
 * Returns:  seconds, 0 to 2^31; the smallest that it has. -1 when there is
 *           none, or it says no-store or no-cache
 * Source:   RFC 9111 section 5.2
 */
int64_t wp_schedule_max_age(const char *text, size_t len);

#endif /* WP_KEYS_SCHEDULE_H */
