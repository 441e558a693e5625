/*
 * glance.h - how a partition is doing, and what is known of a mailbox, for an
 * operator: numbers, never what is sealed, and nobody's name who was not named.
 *
 * Calls and answers of glance.lua and inspect.lua, which change nothing.
 */
#ifndef WP_LIB_MAILBOX_GLANCE_H
#define WP_LIB_MAILBOX_GLANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

/* ---- a partition ---- */

enum { WP_GLANCE_SEEN = 64 };

/* Texts are borrowed from the answer. Times by Redis' clock, since 1970. */
struct wp_glance {
	int64_t now_ms;
	const char *owner; /* "<token>:<worker>", "": nobody */
	const char *gate;  /* the run_id that it was reconciled for */
	int64_t ingress;   /* entries that wait to be routed */
	int64_t first_ms;  /* since when the first of them does; 0: none */
	int64_t added;     /* entries that there have ever been */
	int64_t marks;     /* users to be moved to the cold store */
	int64_t mark_ms;   /* when the first of them is due; 0: none */
	int64_t tries;     /* entries that have failed, and are tried again */
	int64_t dead;      /* dead letters */
	int64_t hot;       /* users with something in hot */
	int64_t expiry_ms; /* when the first of that expires; 0: none */
	int64_t cold;      /* users who may have something in the cold store */
	/* What the store had of them when it was last heard of; an estimate
	 * where they are more than WP_GLANCE_SEEN. */
	int64_t cold_messages;
	int64_t cold_bytes;
	size_t n_daemons;
	const struct wp_reply *daemons; /* wp_glance_daemon() */
};

void wp_glance_build(struct wp_cmd *cmd, uint32_t partition);

/* Errors: WP_ERR_UNAVAIL  no or an unusable answer */
enum wp_err wp_glance_parse(const struct wp_reply *reply,
			    struct wp_glance *out) WP_MUST_USE;

/* An incarnation of a daemon, as far as this partition knows. */
struct wp_glance_daemon {
	const char *incarnation; /* borrowed */
	bool is_doomed;          /* silent for too long, being reaped */
	int64_t connections;
};
/* Number i < n_daemons. */
struct wp_glance_daemon wp_glance_daemon(const struct wp_glance *glance,
					 size_t i);

/* ---- a mailbox, and a message ---- */

/* What is in hot of one band. */
struct wp_inspect_band {
	int64_t n;
	int64_t bytes;    /* of envelopes; -1: not known */
	int64_t first_ms; /* since when the first waits; 0: none */
};

struct wp_inspect {
	int64_t now_ms;
	int64_t waiting; /* in ingress and hot, for the quota */
	int64_t waiting_bytes;
	bool is_hinted; /* something may be in the cold store */
	/* What the store had when it was last heard of; -1: not known. */
	int64_t cold;
	int64_t cold_bytes;
	int64_t mark_ms; /* when it is to be moved there; 0: it is not */
	int64_t connections;
	int64_t seen_s; /* of the last disconnect; 0: not known */
	int64_t sessions;
	struct wp_inspect_band hot[2]; /* by enum wp_band */
	bool in_ingress;               /* the entry that was named */
	bool in_hot;
	int64_t tries; /* of it */
};

/*
 * box:    whose; NULL: nobody's, only an entry of ingress is looked for
 * entry:  NULL: none is looked for
 */
void wp_inspect_build(struct wp_cmd *cmd, uint32_t partition,
		      const struct wp_box *box,
		      const struct wp_entry_id *entry);

/* Errors: WP_ERR_UNAVAIL  no or an unusable answer */
enum wp_err wp_inspect_parse(const struct wp_reply *reply,
			     struct wp_inspect *out) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_GLANCE_H */
