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

#include "worker/worker.h"

struct wp_inbox;

enum wp_err wp_inbox_new(struct wp_inbox **out, struct wp_worker *w,
			 struct wp_error *err) WP_MUST_USE;
void wp_inbox_free(struct wp_inbox **inbox);

/* When to read again. */
uint64_t wp_inbox_next_ms(const struct wp_inbox *inbox);
/* Does the next step begin a pass, with the entry at the head? */
bool wp_inbox_is_at_head(const struct wp_inbox *inbox);

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
