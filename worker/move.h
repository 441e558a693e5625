/*
 * move.h - rounds over the users whose waiting messages are due to move to the
 * cold store: who is next, who waits, and what a failure means.
 *
 * A part of the cold thread. The order of the steps of a move is
 * lib/mailbox/migrate.c's.
 */
#ifndef WP_WORKER_MOVE_H
#define WP_WORKER_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mailbox/migrate.h"
#include "worker/worker.h"

/* Who move together, and by which leases. */
struct wp_move_batch {
	struct wp_migrate_user users[WP_MIGRATE_MAX_USERS];
	struct wp_owned of[WP_MIGRATE_MAX_USERS];
	size_t n;                  /* 0: nobody */
	struct wp_migration *turn; /* owned */
	bool has_failed;           /* the store did, for all at once */
};

struct wp_movers {
	struct wp_worker *w;
	struct wp_migrate_ctx ctx; /* of this round */
	bool *is_due;      /* owned scratch, by place in the worker's list */
	uint64_t *look_ms; /* owned, by partition: when to ask who is due */
	uint64_t next_look_ms; /* the earliest of our partitions */
	struct wp_log log;
	struct wp_log_limit limit;
	uint32_t next_partition; /* the next round begins with it */
	int failures;            /* of the store, in a row, in this round */

	/* Of this round. */
	size_t looked;    /* users who were due */
	size_t advanced;  /* users who moved, or make room for others */
	bool is_more;     /* somebody is due whose turn has not come */
	bool has_written; /* the store took a batch */

	/* Who is due, in the order of their turns. */
	struct wp_move_due *due; /* owned, only during a round */
	size_t n_due;
	size_t taken; /* so many of them are in a batch, or were */

	/* Under way at the same time, each in its step, as roles that the
	 * batches take in turn. */
	struct wp_move_batch batches[2];
	struct wp_move_batch *next; /* being copied, then written */
	struct wp_move_batch *last; /* written, being trimmed */
};

enum wp_err wp_movers_init(struct wp_movers *movers, struct wp_worker *w,
			   struct wp_error *err) WP_MUST_USE;
void wp_movers_release(struct wp_movers *movers);

/*
 * Move some of what is due of each of our partitions: a bounded number of
 * users, and a bounded part of what waits for each. Asked are those where
 * somebody is due by now, that were told of (wp_table_tell_due()), or that were
 * not asked for a second; movers->next_look_ms is when the next one is.
 *
 * *is_late_out: there is more, and going on at once makes sense
 * Errors:       WP_ERR_UNAVAIL, WP_ERR_NOMEM  Redis or the cold store as a
 *               whole. What goes wrong with one user only delays that user.
 */
enum wp_err wp_movers_round(struct wp_movers *movers, bool *is_late_out,
			    struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_MOVE_H */
