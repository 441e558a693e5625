/*
 * poked.h - users who were heard to have something to pull, kept for a moment
 * so that memory is fetched for many of them at once.
 */
#ifndef WP_LIB_LIVE_POKED_H
#define WP_LIB_LIVE_POKED_H

#include <stddef.h>

#include <ev.h>

#include "lib/live/beat.h"
#include "lib/live/hub.h"
#include "lib/mailbox/presence.h"

struct wp_poked {
	struct ev_loop *loop;
	struct wp_hub *hub;
	const struct wp_beat *beat;
	char texts[WP_HUB_NAMES_MAX][WP_URN_MAX];
	struct wp_hub_name names[WP_HUB_NAMES_MAX];
	size_t n;
	/* Behind what came in this turn. Always active: one that is started
	 * while the loop turns is for the next turn, behind its wait. */
	ev_check check;
};

/* All is borrowed; poked must not move. */
void wp_poked_init(struct wp_poked *poked, struct ev_loop *loop,
		   struct wp_hub *hub, const struct wp_beat *beat);
/* From now on nobody waits beyond his turn of the loop; and: not any more. */
void wp_poked_start(struct wp_poked *poked);
void wp_poked_stop(struct wp_poked *poked);

/* This one is to be poked, if he is here. */
void wp_poked_add(struct wp_poked *poked, const struct wp_poke *poke);
/* Poke all who wait now: what is heard behind them must not overtake them. */
void wp_poked_flush(struct wp_poked *poked);

#endif /* WP_LIB_LIVE_POKED_H */
