/*
 * push_forward.h - look soon at whoever waits for a provider, because an
 * operator says that it works again: a walk through pushdue of a partition, by
 * calls of push_forward.lua.
 *
 * Nobody knows in Redis for which provider somebody waits: whoever is to be
 * looked at within WP_PUSH_FORWARD_WITHIN_MS is, and who waits for something
 * else is told nothing, and waits on.
 */
#ifndef WP_LIB_MAILBOX_PUSH_FORWARD_H
#define WP_LIB_MAILBOX_PUSH_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum {
	/* Not before notifiers have heard that the provider is to be asked
	 * (push_lanes.h), which they look for every second. */
	WP_PUSH_FORWARD_AFTER_MS = 3000,
	/* Nobody waits longer for a provider: two hours and a quarter more
	 * after the last try but one (notifier/plan/ladder.h). */
	WP_PUSH_FORWARD_WITHIN_MS = 3 * 3600 * 1000,
	/* So many a second in all are looked at, and nobody later than: */
	WP_PUSH_FORWARD_PER_S = 500,
	WP_PUSH_FORWARD_MOST_MS = 600 * 1000,
	WP_PUSH_FORWARD_CURSOR_MAX = 20, /* digits, of 64 bits */
};

/* All zero but for partition is one that begins. */
struct wp_push_forward {
	uint32_t partition;
	bool is_over; /* all have been seen */
	int64_t n;    /* who were brought forward so far */
	char cursor[WP_PUSH_FORWARD_CURSOR_MAX + 1];
};

/*
 * The next call of a walk.
 *
 * app:         as notifiers know it; without a line feed
 * partitions:  of the deployment
 * seed:        of chance, of this call alone
 */
void wp_push_forward_build(struct wp_cmd *cmd,
			   const struct wp_push_forward *walk, const char *app,
			   uint32_t partitions, uint32_t seed);

/*
 * Take its answer. A walk that has begun ends: who is there all the time is
 * seen, who comes or goes meanwhile may be, or twice.
 *
 * Errors:  WP_ERR_UNAVAIL  no or an unusable answer: the same call may be
 *                          repeated
 * Source:  redis.io SCAN, "Scan guarantees"
 */
enum wp_err wp_push_forward_told(struct wp_push_forward *walk,
				 const struct wp_reply *reply) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_PUSH_FORWARD_H */
