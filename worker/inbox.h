/*
 * inbox.h - envelopes that other trusted programs hand over through wp:inbox.
 *
 * Read by one worker, in order. An entry leaves the inbox only after it was
 * accepted or put into wp:inbox:dlq.
 */
#ifndef WP_WORKER_INBOX_H
#define WP_WORKER_INBOX_H

#include <stdint.h>

#include "worker/worker.h"

struct wp_inbox_item;

struct wp_inbox {
	struct wp_worker *w;
	struct wp_inbox_item *items; /* owned */
	size_t n;
	uint64_t next_ms; /* when to read again */
	struct wp_log_limit limit;
};

enum wp_err wp_inbox_init(struct wp_inbox *inbox, struct wp_worker *w,
			  struct wp_error *err) WP_MUST_USE;
void wp_inbox_release(struct wp_inbox *inbox);

/*
 * Read and hand on one batch. Only for the holder of the inbox' lease.
 *
 * Errors: WP_ERR_UNAVAIL, WP_ERR_NOMEM; the rest stays and is read again
 */
enum wp_err wp_inbox_step(struct wp_inbox *inbox,
			  struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_INBOX_H */
