/*
 * hub.h - who is connected to this process: users and their connections.
 *
 * Two tables. Slots: every socket has a number that is never used twice, so
 * that an answer which comes late finds its connection or nothing. Users: each
 * URN is stored once, with the list of its connections.
 *
 * The hub owns users; a connection is its caller's, and embeds a wp_member.
 */
#ifndef WP_LIB_LIVE_HUB_H
#define WP_LIB_LIVE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/live/beat.h"
#include "lib/name/box.h"
#include "lib/name/urn.h"

struct wp_member;

/* How the pokes of a user are spaced. */
struct wp_user_pokes {
	bool is_cooling; /* one went out a moment ago */
	bool is_owed;    /* and another one is to come */
};

/* What Redis has been told of a connection. */
struct wp_member_told {
	int64_t since_ms;  /* by Redis' clock; 0 until it was told */
	uint32_t epoch;    /* incarnation that it was told under; 0 for none */
	bool is_telling;   /* a connect is under way */
	bool is_news_owed; /* and what it tells is out of date */
	bool is_refused;   /* Redis did not take it: again with a beat */
};

struct wp_user {
	struct wp_user *next; /* in its bucket */
	struct wp_member *members;
	uint32_t hash;
	uint32_t partition;
	uint32_t n_members;
	struct wp_beat_mark beat;   /* the registrar's */
	struct wp_user_pokes pokes; /* those of pokes.c */
	uint8_t pins;               /* somebody remembers the pointer */
	uint8_t len;
	char text[]; /* canonical URN and its NUL */
};

/* A connection as the hub and the registrar see it. */
struct wp_member {
	struct wp_user *user;   /* NULL before wp_hub_join() */
	struct wp_member *next; /* of the same user */
	uint64_t number;        /* 0 when in no slot */
	/* What others may know of it, printable and without tabs; the owner's,
	 * who tells the registrar of a change. NULL when there is none. */
	const char *device;
	char *chat;
	struct wp_member_told told; /* the registrar's */
};

struct wp_hub;

/* partitions: of the deployment. NULL when memory is exhausted. */
struct wp_hub *wp_hub_new(uint32_t partitions);
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

/* Walk all members: slots are 0 … n-1, an empty one is NULL. */
size_t wp_hub_slots(const struct wp_hub *hub);
struct wp_member *wp_hub_at(const struct wp_hub *hub, size_t slot);

/* Keep user's memory although its last connection leaves; pair them. */
void wp_hub_pin(struct wp_user *user);
void wp_hub_unpin(struct wp_hub *hub, struct wp_user *user);

size_t wp_hub_members(const struct wp_hub *hub);
size_t wp_hub_users(const struct wp_hub *hub);

/* The user's mailbox, as the library's calls want it. */
void wp_user_box(const struct wp_user *user, struct wp_box *out);

#endif /* WP_LIB_LIVE_HUB_H */
