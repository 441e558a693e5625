/*
 * errand.h - one claimed box, from its claim to the answer that ends it: look
 * up whom a push would reach, decide, tell, say what became of it.
 *
 * What a claim is good for ends by itself: who dies with one, or loses the
 * connection over which it was made, forgets it, and after push.claim_ms it is
 * somebody else's. So nothing begins on a claim that is older than two thirds
 * of that, and before anything that begins WP_LATE_MS after its claim Redis is
 * asked whether there still is something to tell.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_ERRAND_H
#define WP_NOTIFIER_ERRAND_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/live/store_thread.h"
#include "lib/mailbox/push.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"
#include "notifier/dead_letters.h"
#include "notifier/deliver.h"
#include "notifier/redis.h"
#include "notifier/results.h"
#include "notifier/taker.h"

struct wp_errands;

enum {
	WP_LATE_MS = 500,
	/* While the store cannot be asked, boxes come again after so long. */
	WP_NO_STORE_FIRST_MS = 5000,
	WP_NO_STORE_CAP_MS = 300000,
};

struct wp_errands_setup {
	const struct wp_conf *conf; /* its auth.store_secret */
	struct wp_judged *redis;
	struct wp_store_thread *store;
	struct wp_results *results;
	const struct wp_dead_letters *dead_letters;
	struct wp_deliveries *deliveries;
	struct wp_metrics *metrics;
	/* Redis has heard all that it is to hear of one. */
	void (*on_settled)(void *ctx);
	/* So many are due that more of them would only be put back. */
	void (*on_crowded)(void *ctx);
	void *ctx;
};

/* Ownership: what setup points to is borrowed. Errors: WP_ERR_NOMEM */
enum wp_err wp_errands_new(struct wp_errands **out,
			   const struct wp_errands_setup *setup,
			   struct wp_error *err) WP_MUST_USE;
/* After wp_store_thread_stop(), wp_deliveries_free() and wp_judged_free().
 * NULL-safe. */
void wp_errands_free(struct wp_errands **errands);

/* How many there are; of some only the store's thread or a provider still
 * speaks. */
size_t wp_errands_count(const struct wp_errands *errands);
/* Has Redis heard all that it is to hear of all of them? */
bool wp_errands_are_settled(const struct wp_errands *errands);

/* Go by these from now on. */
void wp_errands_use(struct wp_errands *errands, const struct wp_conf *conf);

/* Begin one, with the next wp_errands_go(). */
void wp_errands_add(struct wp_errands *errands, const struct wp_push_box *box,
		    const struct wp_claim *claim);
void wp_errands_go(struct wp_errands *errands);

/*
 * The connection was lost: none of their claims is good for anything. What
 * providers say of requests under way is written down all the same.
 */
void wp_errands_forget(struct wp_errands *errands);

/*
 * Give back what has not begun to tell anybody, for others to look at now, and
 * begin nothing any more. What is under way ends, and is answered.
 */
void wp_errands_stop(struct wp_errands *errands);

#endif /* WP_NOTIFIER_ERRAND_H */
