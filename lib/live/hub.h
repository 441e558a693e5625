/*
 * hub.h - who is connected to this process, users and their connections, and
 * when a user is told that messages wait.
 *
 * Two tables. Slots: every socket has a number that is never used twice, so
 * that an answer which comes late finds its connection or nothing. Users: each
 * URN is stored once, with the list of its connections.
 *
 * The hub owns users; a connection is its caller's, and embeds a wp_member.
 *
 * The first poke of a user goes out at once; more within a few milliseconds
 * become one. After a resync many users are owed a poke: those are spread over
 * a few seconds, or everybody would pull in the same instant.
 */
#ifndef WP_LIB_LIVE_HUB_H
#define WP_LIB_LIVE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/revoked.h"
#include "lib/base/err.h"
#include "lib/live/beat.h"
#include "lib/metrics/metrics.h"
#include "lib/name/box.h"
#include "lib/name/urn.h"

struct ev_loop;
struct wp_member;

/* What is counted here and in the registrar, by its places in the table of the
 * program. */
struct wp_live_counts {
	struct wp_metrics *metrics; /* borrowed; NULL: nothing is counted */
	size_t is_live;             /* gauge: 1 while presence can be told */
	size_t resyncs;             /* incarnations taken after the first */
	size_t heartbeats;          /* answered, one per partition */
	size_t coalesced;           /* pokes that went out with another one */
};

/* What Redis has been told of a connection. */
struct wp_member_told {
	int64_t since_ms;   /* by Redis' clock; 0 until it was told */
	uint32_t epoch;     /* incarnation that it was told under; 0 for none */
	bool is_queued : 1; /* a connect waits to set out */
	bool is_telling : 1;   /* it does, or is under way */
	bool is_news_owed : 1; /* and what it tells is out of date */
	bool is_refused : 1;   /* Redis did not take it: again with a beat */
};

struct wp_user {
	struct wp_user *next; /* in its bucket */
	struct wp_member *members;
	struct wp_beat_mark beat; /* the registrar's */
	uint32_t hash;
	uint16_t partition;
	bool is_cooling : 1; /* was poked a moment ago, stays till then */
	bool is_owed : 1;    /* and another poke is to come */
	bool is_heard : 1;   /* its channels were asked for: the ears' */
	uint8_t len;
	char text[]; /* canonical URN and its NUL */
};

/* A connection as the hub and the registrar see it. */
struct wp_member {
	struct wp_user *user;       /* NULL before wp_hub_join() */
	struct wp_member *next;     /* of the same user */
	uint64_t number;            /* 0 when in no slot */
	struct wp_member_told told; /* the registrar's */
	/* Of the token that it was let in with; set by its owner. */
	struct wp_revoked_marks marks;
};

struct wp_hub;

/* Something is to be done with one connection: a poke put on its way. */
typedef void (*wp_member_fn)(void *ctx, struct wp_member *member);

/* partitions: of the deployment. loop and ctx are borrowed. NULL when memory is
 * exhausted. */
struct wp_hub *wp_hub_new(struct ev_loop *loop, uint32_t partitions,
			  const struct wp_live_counts *counts, wp_member_fn fn,
			  void *ctx);
/* No member may be left in it. NULL-safe. */
void wp_hub_free(struct wp_hub **hub);

/* Give member a slot and a number. Errors: WP_ERR_NOMEM, WP_ERR_FULL. */
enum wp_err wp_hub_add(struct wp_hub *hub,
		       struct wp_member *member) WP_MUST_USE;
/* Leave the user and the slot. Idempotent. */
void wp_hub_remove(struct wp_hub *hub, struct wp_member *member);

/* Be a connection of this user from now on. Errors: WP_ERR_NOMEM. */
enum wp_err wp_hub_join(struct wp_hub *hub, struct wp_member *member,
			const struct wp_urn *urn) WP_MUST_USE;
/* Be nobody's connection; the last one takes the user with it. Idempotent. */
void wp_hub_leave(struct wp_hub *hub, struct wp_member *member);

/* The member with this number, or NULL when it is gone. */
struct wp_member *wp_hub_find(const struct wp_hub *hub, uint64_t number);
/* The connected user with this canonical URN, or NULL. */
struct wp_user *wp_hub_user(const struct wp_hub *hub, const char *text,
			    size_t len);

enum { WP_HUB_NAMES_MAX = 16 };

struct wp_hub_name {
	const char *text; /* a canonical URN, or anything else */
	size_t len;
};

/*
 * These are about to be looked up: have memory fetched for all of them at once.
 * Among many users the next one is in no cache. Changes nothing.
 *
 * n:  at most WP_HUB_NAMES_MAX
 */
void wp_hub_look_ahead(const struct wp_hub *hub,
		       const struct wp_hub_name *names, size_t n);

/* Walk all members: slots are 0 … n-1, an empty one is NULL. */
size_t wp_hub_slots(const struct wp_hub *hub);
struct wp_member *wp_hub_at(const struct wp_hub *hub, size_t slot);

size_t wp_hub_members(const struct wp_hub *hub);
size_t wp_hub_users(const struct wp_hub *hub);

/* Poke every connection of user, now or within a few milliseconds. */
void wp_hub_poke(struct wp_hub *hub, struct wp_user *user);
/* Poke this one connection when its turn has come, within five seconds. */
void wp_hub_poke_later(struct wp_hub *hub, const struct wp_member *member);

/* The user's mailbox, as the library's calls want it. */
void wp_user_box(const struct wp_user *user, struct wp_box *out);

#endif /* WP_LIB_LIVE_HUB_H */
