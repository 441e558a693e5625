/*
 * expiry.h - devices that nobody has refreshed for push.token_days, or that
 * have been gone for WP_EXPIRY_GONE_DAYS, are deleted: every hour, by the
 * notifier that looks at partition 0, a piece at a time.
 *
 * That two do so for a moment does no harm, and what cannot be deleted now is
 * in an hour. Days are those of our clock. A client registers at each start
 * (docs/push.md "Registering"), so whom a clock that was months ahead has
 * deleted is there again then.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_EXPIRY_H
#define WP_NOTIFIER_EXPIRY_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/live/store_thread.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"
#include "notifier/share.h"

struct wp_expiry;

enum {
	WP_EXPIRY_FIRST_S = 60, /* after the start */
	WP_EXPIRY_EVERY_S = 3600,
	WP_EXPIRY_ROWS = 1000,    /* of a job; others have their turn between */
	WP_EXPIRY_GONE_DAYS = 30, /* so long its owner can see why */
};

/* All borrowed. */
struct wp_expiry_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	struct wp_store_thread *store;
	const struct wp_sharing *sharing;
	struct wp_metrics *metrics;
};

/* Errors: WP_ERR_NOMEM */
enum wp_err wp_expiry_new(struct wp_expiry **out,
			  const struct wp_expiry_setup *setup,
			  struct wp_error *err) WP_MUST_USE;
/* After wp_store_thread_stop(). NULL-safe. */
void wp_expiry_free(struct wp_expiry **expiry);

/* Go by these from now on. */
void wp_expiry_use(struct wp_expiry *expiry, const struct wp_conf *conf);

/* Delete what is over, if it is ours to do; what the timer has done. */
void wp_expiry_look(struct wp_expiry *expiry);

/* Hand nothing to the thread any more. */
void wp_expiry_stop(struct wp_expiry *expiry);

#endif /* WP_NOTIFIER_EXPIRY_H */
