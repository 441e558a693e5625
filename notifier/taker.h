/*
 * taker.h - claim the boxes that are due: every push.poll_ms a turn around our
 * share of the partitions, a push_look.lua for many of them, and a
 * push_take.lua for each where somebody is due, several at a time.
 *
 * A box that is claimed costs memory until it is answered, so there are never
 * more of them than WP_CLAIMS_MAX; and Redis is asked a thousand times a second
 * at most, however many partitions there are.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_TAKER_H
#define WP_NOTIFIER_TAKER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/push.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"
#include "notifier/claimed.h"
#include "notifier/redis.h"
#include "notifier/share.h"

struct wp_taker;

enum { WP_CLAIMS_MAX = 512, WP_TAKER_PAUSE_MS = 500 };

struct wp_taker_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf; /* until wp_taker_use() */
	struct wp_judged *redis;
	const struct wp_sharing *sharing;
	struct wp_metrics *metrics;
	/* How many are claimed and not answered? */
	size_t (*count)(void *ctx);
	/* One more; box is borrowed. */
	void (*on_box)(void *ctx, const struct wp_push_box *box,
		       const struct wp_claim *claim);
	/* An answer, and these were all of its boxes. */
	void (*on_answer)(void *ctx);
	void *ctx;
};

/* Ownership: what setup points to is borrowed. Errors: WP_ERR_NOMEM */
enum wp_err wp_taker_new(struct wp_taker **out,
			 const struct wp_taker_setup *setup,
			 struct wp_error *err) WP_MUST_USE;
/* When Redis has answered, by NULL at last (wp_judged_free()). NULL-safe. */
void wp_taker_free(struct wp_taker **taker);

/* Go by these from now on. */
void wp_taker_use(struct wp_taker *taker, const struct wp_conf *conf);

/* Take nothing for WP_TAKER_PAUSE_MS: more would only be put back. */
void wp_taker_pause(struct wp_taker *taker);

/* Somebody was answered, so there may be room for more of a turn. */
void wp_taker_room(struct wp_taker *taker);

/* Take no more. What was asked for already may still be claimed. Idempotent. */
void wp_taker_stop(struct wp_taker *taker);
/* Calls that are not answered. */
size_t wp_taker_asking(const struct wp_taker *taker);

#endif /* WP_NOTIFIER_TAKER_H */
