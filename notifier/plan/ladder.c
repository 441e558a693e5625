/*
 * ladder.c - the steps. More pushes tell a device nothing new, for it pulls;
 * and both big providers hold up who sends more (FCM lets a collapse key have
 * 20 at once and one in three minutes, APNs keeps one for a device that is
 * away).
 */
#include "notifier/plan/ladder.h"

#include <assert.h>
#include <stddef.h>

#define S INT64_C(1000)
#define MIN (60 * S)
#define HOUR (60 * MIN)

static const int64_t gaps[] = { 0, 30 * S, 2 * MIN, 10 * MIN, 30 * MIN, HOUR };
static const int64_t retries[WP_LADDER_TRIES_MAX - 1] = {
	10 * S, 30 * S, 2 * MIN, 10 * MIN, 30 * MIN, HOUR, 2 * HOUR,
};

enum { GAPS = sizeof(gaps) / sizeof(gaps[0]), HIGH_STEPS = 3 };

int64_t wp_ladder_gap_ms(uint32_t step, bool is_high)
{
	if (is_high && step > 0 && step <= HIGH_STEPS)
		return 10 * S;
	return gaps[step < GAPS ? step : GAPS - 1];
}

int64_t wp_ladder_retry_ms(uint32_t tries, int64_t least_s, uint32_t seed)
{
	int64_t delay, quarter;

	assert(tries >= 1 && tries < WP_LADDER_TRIES_MAX);
	delay = retries[tries - 1];
	quarter = delay / 4;
	delay += (int64_t)(seed % (uint32_t)(2 * quarter + 1)) - quarter;
	return delay > least_s * S ? delay : least_s * S;
}
