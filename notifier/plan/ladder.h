/*
 * ladder.h - how far apart pushes to one device are: those that it got while
 * its user shows no life, and tries of one that failed. Pure.
 */
#ifndef WP_NOTIFIER_LADDER_H
#define WP_NOTIFIER_LADDER_H

#include <stdbool.h>
#include <stdint.h>

enum { WP_LADDER_TRIES_MAX = 8 };

/*
 * How long after the last push the next one may come.
 *
 * step:     pushes since the last sign of life
 * is_high:  something of the high band waits, for which three may come sooner
 */
int64_t wp_ladder_gap_ms(uint32_t step, bool is_high);

/*
 * How long after a try that failed the next one comes: longer each time, and a
 * quarter more or less, by seed.
 *
 * tries:    that have failed, this one included; 1 to WP_LADDER_TRIES_MAX - 1
 * least_s:  what the provider asked for; 0: nothing
 */
int64_t wp_ladder_retry_ms(uint32_t tries, int64_t least_s, uint32_t seed);

#endif /* WP_NOTIFIER_LADDER_H */
