/*
 * route.h - routing several partitions by one call (docs/architecture.md
 * "Routing"): words of route.lua's call, and what its answer says of each.
 */
#ifndef WP_LIB_MAILBOX_ROUTE_H
#define WP_LIB_MAILBOX_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mailbox/partition.h"
#include "lib/name/msgid.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

enum {
	WP_ROUTES_MAX = 16,         /* partitions of a call */
	WP_ROUTE_TOKEN_LEN = 16,    /* hex digits */
	WP_ROUTE_VERSION_HOT = -1,  /* of a name: this one's go to hot */
	WP_ROUTE_VERSION_WAY = -2,  /* …some of this one's are under way */
	WP_ROUTE_VERSION_NO_ROW = 0 /* of a row: the store has none, they say */
};

/* What the caller knows of somebody's mailbox on disk. All borrowed. */
struct wp_route_name {
	const char *urn;
	size_t len;
	int64_t version; /* what the store said, or WP_ROUTE_VERSION_… */
};

/* A partition of a call. All borrowed. */
struct wp_route_ask {
	struct wp_lease lease;
	/* One entry only, and its try counted before: then it must be the only
	 * partition of the call. */
	bool is_careful;
	/* False: nothing in ingress has a try counted, as far as the owner of
	 * this very lease knows. */
	bool may_have_tries;
	/* Messages for who is away and has nothing in hot are answered as rows
	 * for the cold store, and stay in ingress. */
	bool is_direct;
	/* With is_direct: where the walk begins. Behind this id; up to it all
	 * that is in ingress is of users who are named as under way. "": with
	 * the oldest entry. */
	const char *from;
	size_t n_names;
	const struct wp_route_name *names;
};

/* What a call has for all its partitions. All borrowed. */
struct wp_route_call {
	const struct wp_conf *conf;
	const char *run_id;
	/* Of hints that the call sets: random, and of no other call. */
	const char *token;
};

/*
 * Route n partitions, 1 to WP_ROUTES_MAX: at most worker.batch_entries of their
 * ingress all together, of which each has its share before the first ones get
 * more.
 */
void wp_route_build(struct wp_cmd *cmd, const struct wp_route_call *call,
		    const struct wp_route_ask *asks, size_t n);

enum wp_route_status {
	WP_ROUTE_OK,
	WP_ROUTE_LOST,  /* not the owner any more */
	WP_ROUTE_GATE,  /* reconcile first */
	WP_ROUTE_FAULT, /* the script died of it: go careful */
	/* No answer, or Redis refuses for reasons of its own (LOADING,
	 * READONLY, MISCONF, OOM, CLUSTERDOWN…): no try is counted. */
	WP_ROUTE_REFUSED,
};

struct wp_route_result {
	enum wp_route_status status;
	/* held: of left, those that wait for another try, or behind one.
	 * left: still in ingress, rows that were answered not counted, and
	 * not what waits behind something that is under way; more, where there
	 * was too much for the call.
	 * marked: users who are to be moved to the cold store.
	 * passed: what waits behind something that is under way. */
	int64_t routed, dropped, dead, held, left, marked, passed;
	const char *error; /* "" when none */
	/* Up to this id all that is in ingress is a row of this answer, or of
	 * users who were named as under way; "": that is not so. */
	const char *walked;
	/* How long after it was accepted what was routed was: milliseconds and
	 * how many, again and again, with blanks between. */
	const char *delays;
	size_t rows;                  /* for wp_route_row() */
	const struct wp_reply *reply; /* of this partition */
};

/* What is said of partition i of the call; out borrows from reply. */
void wp_route_parse(const struct wp_reply *reply, size_t i,
		    struct wp_route_result *out);

/* A message for the cold store. */
struct wp_route_row {
	struct wp_entry_id id;
	const char *urn;
	size_t urn_len;
	bool is_high;
	int64_t expires_ms;
	/* What the store said of the mailbox before it was answered. */
	int64_t version;
	const char *envelope;
	size_t envelope_len;
};

/*
 * Row i < result.rows of result.reply. Rows of a user and band are in the order
 * of their ids, and without a gap.
 *
 * out:      borrows from reply
 * Returns:  false when it is none that the script writes
 */
bool wp_route_row(const struct wp_reply *reply, size_t i,
		  struct wp_route_row *out);

#endif /* WP_LIB_MAILBOX_ROUTE_H */
