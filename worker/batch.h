/*
 * batch.h - messages of one partition on their way to disk, straight from
 * ingress (docs/architecture.md "Straight to disk"): a copy of what a route
 * call answered, by user, and what became of each.
 *
 * The hot thread makes a batch, reads what it made, and frees it; while the
 * cold thread has it, only that one touches what is marked as its own.
 */
#ifndef WP_WORKER_BATCH_H
#define WP_WORKER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/route.h"
#include "lib/name/box.h"
#include "lib/store/store.h"
#include "worker/table.h"

enum {
	WP_BATCH_ROWS_MAX = 500, /* the oldest of an answer */
	WP_BATCH_RUN_ID_MAX = 64,
};

enum wp_batch_outcome {
	WP_BATCH_LANDED,  /* on disk and out of ingress, but for the stale */
	WP_BATCH_FAILED,  /* the store did not take it */
	WP_BATCH_FAULTY,  /* Redis does not take it out of ingress */
	WP_BATCH_DROPPED, /* nothing was done, or nobody knows what */
};

struct wp_batch_user {
	struct wp_box box;
	int64_t number;                  /* of the version, see store.h */
	const struct wp_store_row *rows; /* by id in each band */
	size_t n;
	bool is_named; /* the number was told by a store that refused another */

	/* The cold thread's. */
	bool is_stale;
	int64_t number_now; /* of a stale one; -1 when that is of no use */
};

struct wp_batch {
	uint32_t partition;
	char owner[WP_OWNER_MAX + 1];
	char run_id[WP_BATCH_RUN_ID_MAX +
		    1];    /* of the Redis that handed it over */
	int64_t epoch;     /* known before that */
	uint64_t since_ms; /* when it was, monotonic */
	struct wp_batch_user *users;
	size_t n_users;
	size_t n_rows;
	size_t bytes; /* of memory */

	/* The hot thread's. */
	struct wp_batch *older; /* of the partition */

	/* The handover's. */
	struct wp_batch *next;
	bool is_forgotten;

	/* The cold thread's. */
	enum wp_batch_outcome outcome;
	int64_t left; /* of landed ones: entries left in ingress */
};

/* What is made into a batch; all borrowed. */
struct wp_batch_source {
	const struct wp_owned *owned;
	const char *run_id;
	int64_t epoch;
	uint64_t now_ms;
	const struct wp_route_result *result;
	/* Whose messages stay where they are. */
	bool (*is_left_out)(void *ctx, const char *urn, size_t len);
	void *ctx;
};

/*
 * *out:   NULL when nothing is left of it; free it with free()
 * Errors: WP_ERR_PROTO  rows that the script does not write
 *         WP_ERR_NOMEM
 */
enum wp_err wp_batch_make(struct wp_batch **out,
			  const struct wp_batch_source *source,
			  struct wp_error *err) WP_MUST_USE;

/* Is anything of this user in it? */
bool wp_batch_has(const struct wp_batch *batch, const char *urn, size_t len);

#endif /* WP_WORKER_BATCH_H */
