/*
 * share.h - who of the processes has how many of the kept connections, and
 * whether it goes on.
 *
 * A connection that a web server keeps stays where it was accepted, so who has
 * more than others leaves the next one to them. For that each process writes
 * its number where the others can read it; and for the parent how many of its
 * requests wait, and a beat: who hangs is ended.
 *
 * Threads and processes: any; numbers may be a moment old.
 */
#ifndef WP_LIB_PROCS_SHARE_H
#define WP_LIB_PROCS_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum { WP_SHARE_ROWS = 128 }; /* two for each process that may run */

struct wp_share;

/* Where a process writes its own. */
struct wp_seat {
	struct wp_share *share; /* borrowed */
	size_t row;             /* < WP_SHARE_ROWS */
};

/*
 * In memory that processes forked later share.
 *
 * Ownership:  the caller's; end with wp_share_free()
 * Errors:     WP_ERR_SYS
 */
enum wp_err wp_share_new(struct wp_share **out,
			 struct wp_error *err) WP_MUST_USE;
/* Only in this process. NULL-safe. */
void wp_share_free(struct wp_share **share);

/* The process accepts, and has n kept connections. */
void wp_share_set(const struct wp_seat *seat, size_t n);
/* It accepts no more, or is dead. */
void wp_share_leave(const struct wp_seat *seat);

/* So many requests of it wait. Until wp_share_leave(). */
void wp_share_set_waiting(const struct wp_seat *seat, size_t n);

struct wp_share_sum {
	size_t kept, waiting;
};

/* Of all processes together. */
struct wp_share_sum wp_share_sum(const struct wp_share *share);

/* Has somebody else, who accepts, fewer by more than slack? */
bool wp_share_is_ahead(const struct wp_seat *seat, size_t slack);

/* The socket goes on without these processes: a successor has it. */
void wp_share_hand_on(struct wp_share *share);
bool wp_share_is_handed_on(const struct wp_share *share);

/* A turn of its loop has come round. */
void wp_share_beat(const struct wp_seat *seat);
/* How many did; who was in that seat before has counted as well. */
uint32_t wp_share_beats(const struct wp_share *share, size_t row);

#endif /* WP_LIB_PROCS_SHARE_H */
