/*
 * pokes.h - when a user is told that messages wait.
 *
 * The first poke goes out at once; more within a few milliseconds become one.
 * After a resync many users are owed a poke: those are spread over a few
 * seconds, or everybody would pull in the same instant.
 */
#ifndef WP_LIB_LIVE_POKES_H
#define WP_LIB_LIVE_POKES_H

#include <stddef.h>

#include "lib/live/hub.h"
#include "lib/metrics/metrics.h"

struct ev_loop;
struct wp_pokes;

/* What is counted here and in the registrar, by its places in the table of the
 * program. */
struct wp_live_counts {
	struct wp_metrics *metrics; /* borrowed; NULL: nothing is counted */
	size_t is_live;             /* gauge: 1 while presence can be told */
	size_t resyncs;             /* incarnations taken after the first */
	size_t heartbeats;          /* answered, one per partition */
	size_t coalesced;           /* pokes that went out with another one */
};

/* Put a poke on its way to one connection. */
typedef void (*wp_poke_fn)(void *ctx, struct wp_member *member);

/* loop, hub and ctx are borrowed. NULL when memory is exhausted. */
struct wp_pokes *wp_pokes_new(struct ev_loop *loop, struct wp_hub *hub,
			      const struct wp_live_counts *counts,
			      wp_poke_fn fn, void *ctx);
/* Before the hub is freed. NULL-safe. */
void wp_pokes_free(struct wp_pokes **pokes);

/* Poke every connection of user, now or within a few milliseconds. */
void wp_pokes_user(struct wp_pokes *pokes, struct wp_user *user);

/* Poke this one connection when its turn has come, within five seconds. */
void wp_pokes_later(struct wp_pokes *pokes, const struct wp_member *member);

#endif /* WP_LIB_LIVE_POKES_H */
