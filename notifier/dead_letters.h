/*
 * dead_letters.h - pushes that were given up, written down for operators, and
 * counted.
 *
 * Nothing is kept here. What Redis does not hear of is left out: its box cannot
 * be answered either, so it is told again, and given up again.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_DEAD_LETTERS_H
#define WP_NOTIFIER_DEAD_LETTERS_H

#include "lib/mailbox/push_dlq.h"
#include "lib/metrics/metrics.h"
#include "notifier/redis.h"

/* Both borrowed. */
struct wp_dead_letters {
	struct wp_judged *redis;
	struct wp_metrics *metrics;
};

void wp_dead_letters_add(const struct wp_dead_letters *letters,
			 const struct wp_push_letter *letter);

#endif /* WP_NOTIFIER_DEAD_LETTERS_H */
