/*
 * sizes.h - tell Redis what users of reconciled partitions have on disk, for
 * the quota. Behind the open gate, for nobody waits for it: until then a
 * mailbox that holds much on disk takes more than it should. A part of the cold
 * thread.
 */
#ifndef WP_WORKER_SIZES_H
#define WP_WORKER_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/store/store.h"
#include "worker/worker.h"

/* Private */
struct wp_sizes {
	struct wp_worker *w;
	struct wp_log log;
	struct wp_log_limit limit;
	bool *wanted; /* owned; by partition */
	size_t n_wanted;
	uint32_t partition; /* that is walked, or was last */
	struct wp_store_place place;
	bool is_walking;
	struct wp_box *page; /* owned */
	size_t n;
};

/* Errors: WP_ERR_NOMEM. End with wp_sizes_release(). */
enum wp_err wp_sizes_init(struct wp_sizes *sizes, struct wp_worker *w,
			  struct wp_error *err) WP_MUST_USE;
/* Also all zero. */
void wp_sizes_release(struct wp_sizes *sizes);

/* The gate of this partition is open, and sizes are missing: tell them all,
 * from the beginning. */
void wp_sizes_want(struct wp_sizes *sizes, uint32_t partition);

/*
 * Tell the sizes of one page of users. A partition that is lost meanwhile is
 * its next owner's; one for which Redis takes none is told, and given up unless
 * it takes nothing at all just now.
 *
 * *is_late_out: there is more to do, set only then
 * Errors:  WP_ERR_UNAVAIL  Redis or the cold store; the page is tried again
 */
enum wp_err wp_sizes_round(struct wp_sizes *sizes, bool *is_late_out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_SIZES_H */
