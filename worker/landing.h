/*
 * landing.h - writing batches to disk and taking them out of ingress: what the
 * cold thread does for the direct way (docs/architecture.md "Straight to
 * disk").
 *
 * All that waits at a moment goes in one transaction, and while that one is
 * written, Redis does away with the one before. Runs between any two steps of
 * other work of the thread: it has a connection of its own, so nothing that
 * others have asked is in its way.
 */
#ifndef WP_WORKER_LANDING_H
#define WP_WORKER_LANDING_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/handover.h"
#include "worker/worker.h"

enum { WP_LANDING_MAX = WP_STORE_APPENDS_MAX }; /* batches at once */

/* Batches that go together. */
struct wp_landing_load {
	struct wp_batch *batches[WP_LANDING_MAX];
	size_t n;
	struct wp_store_append *appends; /* owned */
	size_t n_appends;
};

struct wp_landing {
	struct wp_worker *w;
	struct wp_redis *redis; /* its own */
	/* Has to be done, when it has, before something is written, and while
	 * nothing is unheard on the connection: the clock is looked at. NULL:
	 * nothing has. Errors: nothing may be written */
	bool (*is_watch_due)(void *ctx);
	enum wp_err (*watch)(void *ctx, struct wp_error *err);
	void *watch_ctx;
	/* Called before each step with its name ("N3", "N4"); may be NULL. */
	void (*on_step)(void *ctx, const char *step);
	void *on_step_ctx;

	struct wp_landing_load loads[2];
	struct wp_landing_load *next;
	struct wp_landing_load *asked; /* its answer is not heard yet */

	struct wp_log log;
	struct wp_log_limit store_limit;
	struct wp_log_limit redis_limit;
};

/* Borrows w. Release it also on error. */
enum wp_err wp_landing_init(struct wp_landing *landing, struct wp_worker *w,
			    struct wp_error *err) WP_MUST_USE;
void wp_landing_release(struct wp_landing *landing);

/*
 * Write all that waits, and what comes meanwhile, but not for ever: the table
 * says whether there is more (wp_table_wait_due()). What became of it is in the
 * batches that are given back; nothing of it is the caller's trouble.
 */
void wp_landing_run(struct wp_landing *landing);

#endif /* WP_WORKER_LANDING_H */
