/*
 * share.h - which partitions this notifier looks at: announce ourselves in
 * wp:notifiers, and divide the partitions with the others there.
 *
 * A share only says who looks. That two look at one partition for a moment does
 * no harm: who may tell somebody is decided by claims (push_take.lua).
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_SHARE_H
#define WP_NOTIFIER_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/mailbox/push.h"
#include "lib/mailbox/share.h"
#include "lib/metrics/metrics.h"
#include "notifier/redis.h"

enum {
	WP_NOTIFIER_ID_LEN = 32, /* hex digits of a random id */
	WP_NOTIFIERS_BEAT_MS = 1000,
};

/* Embedded in its owner; begins all zero. Its users read now and n. */
struct wp_sharing {
	struct wp_fair_share now; /* all partitions while nobody is known */
	size_t n; /* notifiers, ourselves included; 0: not known */
	char id[WP_NOTIFIER_ID_LEN + 1];

	struct ev_loop *loop; /* the rest is private */
	struct wp_judged *redis;
	struct wp_metrics *metrics;
	uint32_t partitions;
	struct wp_log log;
	struct wp_log_limit limit;
	ev_timer beat;
	bool is_asking;
	void (*on_left)(void *ctx);
	void *ctx;
};

/* What it is made of, all borrowed. */
struct wp_sharing_setup {
	struct ev_loop *loop;
	struct wp_judged *redis;
	struct wp_metrics *metrics;
	uint32_t partitions;
};

/* It must not move afterwards. */
void wp_sharing_init(struct wp_sharing *sharing,
		     const struct wp_sharing_setup *setup);

/* Redis is up: announce ourselves now, and with each beat from now on. */
void wp_sharing_begin(struct wp_sharing *sharing);

/*
 * Leave the list, so that others look at our partitions at once; on_left is
 * told when that was answered, or cannot be.
 */
void wp_sharing_leave(struct wp_sharing *sharing, void (*on_left)(void *ctx),
		      void *ctx);

/* No beats any more. All zero is nothing. */
void wp_sharing_stop(struct wp_sharing *sharing);

#endif /* WP_NOTIFIER_SHARE_H */
