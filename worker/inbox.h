/*
 * inbox.h - envelopes that other trusted programs hand over through wp:inbox.
 *
 * Read by one worker, in order, a slice at a time. An entry leaves the inbox
 * only after it was accepted or put into wp:inbox:dlq. Where a partition takes
 * nothing now, what is for its users stays, in its order, and is looked at
 * again in the next pass; the others go on.
 */
#ifndef WP_WORKER_INBOX_H
#define WP_WORKER_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mailbox/inbox.h"
#include "worker/worker.h"

enum { WP_INBOX_ID_MAX = 41 }; /* two numbers of 20 digits */

struct wp_inbox {
	struct wp_worker *w;
	struct wp_inbox_item *items; /* owned */
	size_t n;
	uint64_t next_ms; /* when to read again */
	struct wp_log_limit limit;
	struct wp_log_limit refused_limit;

	/* One pass from the head to the end; by which lease. */
	char lease[WP_OWNER_MAX + 1];
	char after[WP_INBOX_ID_MAX + 1]; /* the last entry looked at, or "" */
	uint64_t pass_ms;                /* when it began */
	bool *is_stuck;                  /* partitions, owned */
	bool has_stuck;
	bool is_more; /* something is behind the slice */
};

enum wp_err wp_inbox_init(struct wp_inbox *inbox, struct wp_worker *w,
			  struct wp_error *err) WP_MUST_USE;
void wp_inbox_release(struct wp_inbox *inbox);

/*
 * Read and hand on one slice. Only for the holder of the inbox' lease, whose
 * owner value is lease: who held it before may have left things in another
 * order.
 *
 * Errors: WP_ERR_UNAVAIL, WP_ERR_NOMEM; the rest stays and is read again
 */
enum wp_err wp_inbox_step(struct wp_inbox *inbox, const char *lease,
			  struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_INBOX_H */
