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

#include "lib/base/log.h"
#include "lib/mailbox/migrate.h"
#include "lib/metrics/metrics.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"
#include "worker/table.h"

struct wp_movers {
	/* Borrowed; set by whoever owns the movers. */
	const struct wp_conf *conf;
	struct wp_metrics *metrics;
	struct wp_table *table;
	struct wp_redis *redis;
	struct wp_store *store;
	struct wp_owned *list; /* scratch, one per partition */
	bool *is_due;          /* scratch, by place in the list */
	struct wp_log log;

	struct wp_log_limit limit;
	uint32_t next; /* the partition that the next round begins with */
	int failures;  /* of the store, in a row, in this round */

	/* Of this round. */
	size_t looked;   /* users who were due */
	size_t advanced; /* users who moved, or make room for others */
	bool is_more;    /* somebody is due whose turn has not come */

	/* Who moves together next, and by which lease. */
	struct wp_migrate_user batch[WP_MIGRATE_MAX_USERS];
	struct wp_owned of[WP_MIGRATE_MAX_USERS];
	size_t n;
};

/*
 * Move some of what is due of each of our partitions: a bounded number of
 * users, and a bounded part of what waits for each.
 *
 * *is_late_out: there is more, and going on at once makes sense
 * Errors:       WP_ERR_UNAVAIL, WP_ERR_NOMEM  Redis or the cold store as a
 *               whole. What goes wrong with one user only delays that user.
 */
enum wp_err wp_movers_round(struct wp_movers *movers, bool *is_late_out,
			    struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_MOVE_H */
