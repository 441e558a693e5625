/*
 * backlog.h - how many of our share are due and not taken, and for how long the
 * first of them: two metrics, looked at every few seconds.
 *
 * Who is claimed is due when the claim lapses, and does not count before.
 *
 * Source: redis.io ZCOUNT, O(log N), and ZRANGEBYSCORE. In push_take.lua it
 * would be looked at twenty times as often.
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_BACKLOG_H
#define WP_NOTIFIER_BACKLOG_H

#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "notifier/redis.h"
#include "notifier/share.h"

struct wp_backlog;

enum {
	WP_BACKLOG_EVERY_MS = 5000,
	WP_BACKLOG_AT_ONCE = 256, /* partitions that Redis is asked about */
};

/* All borrowed. */
struct wp_backlog_setup {
	struct ev_loop *loop;
	struct wp_judged *redis;
	const struct wp_sharing *sharing;
	struct wp_metrics *metrics;
	uint32_t partitions;
};

/* Errors: WP_ERR_NOMEM */
enum wp_err wp_backlog_new(struct wp_backlog **out,
			   const struct wp_backlog_setup *setup,
			   struct wp_error *err) WP_MUST_USE;
/* After wp_judged_free(). NULL-safe. */
void wp_backlog_free(struct wp_backlog **backlog);

/* Look, unless a look is under way; what the timer has done. */
void wp_backlog_look(struct wp_backlog *backlog);

#endif /* WP_NOTIFIER_BACKLOG_H */
