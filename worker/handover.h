/*
 * handover.h - batches on their way from the hot thread to the cold one and
 * back, and whether the cold store can take any. Bounded: what is not heard yet
 * counts.
 *
 * The table wakes whoever has something to do (wp_table_set_rows(),
 * wp_table_event_fd()).
 *
 * Threads: the hot thread puts, hears and forgets; the cold thread takes, gives
 * back and says how the store is. Every function takes the lock.
 */
#ifndef WP_WORKER_HANDOVER_H
#define WP_WORKER_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "worker/batch.h"
#include "worker/table.h"

struct wp_handover;

enum {
	WP_HANDOVER_ROWS_MAX = 4096,
	WP_HANDOVER_BYTES_MAX = 8 * 1024 * 1024,
};

/* Borrows the table. */
enum wp_err wp_handover_new(struct wp_handover **out, struct wp_table *table,
			    struct wp_error *err) WP_MUST_USE;
/* With all that is in it, when no thread is there any more. */
void wp_handover_free(struct wp_handover **handover);

/* ---- the hot thread ---- */

/*
 * What versions are made of now; false while nothing should be handed over:
 * the last that the store said was a failure, or it has said nothing yet.
 */
bool wp_handover_may(struct wp_handover *handover, int64_t *epoch_out);

/* The batch is borrowed until it is heard; false when there is no room. */
bool wp_handover_put(struct wp_handover *handover, struct wp_batch *batch);

/* One that was given back, oldest first, the caller's to free; NULL: none. */
struct wp_batch *wp_handover_hear(struct wp_handover *handover);

/* The batch is never heard, and not the caller's any more. */
void wp_handover_forget(struct wp_handover *handover, struct wp_batch *batch);

/* ---- the cold thread ---- */

/*
 * Take what waits, oldest first, as much as one append may have: at most `max`
 * batches. Returns how many; each is to be given back.
 */
size_t wp_handover_take(struct wp_handover *handover, struct wp_batch **out,
			size_t max);
void wp_handover_give_back(struct wp_handover *handover,
			   struct wp_batch *batch);

/* The store has said that this is the epoch. */
void wp_handover_set_epoch(struct wp_handover *handover, int64_t epoch);
/* It has taken, or refused to take, something as a whole. */
void wp_handover_set_good(struct wp_handover *handover, bool is_good);

#endif /* WP_WORKER_HANDOVER_H */
