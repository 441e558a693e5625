/*
 * live.h - what a program that holds connections has of this folder: who is
 * connected, telling Redis so, hearing pokes, and the ways that what clients
 * say goes. A program has one; all of it runs on the thread of its loop.
 */
#ifndef WP_LIB_LIVE_LIVE_H
#define WP_LIB_LIVE_LIVE_H

#include "lib/base/err.h"
#include "lib/live/hub.h"
#include "lib/live/inflight.h"
#include "lib/live/overload.h"
#include "lib/live/pokes.h"
#include "lib/live/registrar.h"
#include "lib/live/store_thread.h"
#include "lib/sys/conf.h"

struct wp_live {
	const struct wp_conf *conf; /* the current one, borrowed */
	struct wp_hub *hub;
	struct wp_pokes *pokes;
	struct wp_registrar *registrar;
	struct wp_store_thread *store;
	struct wp_overload overload;
	struct wp_inflight inflight;
};

/*
 * Make everything. Nothing connects to Redis before wp_registrar_start().
 *
 * live:     all zero; must not move afterwards. End with wp_live_release(),
 *           also on error
 * setup:    what differs from program to program; its hub and pokes are made
 *           here. Redis and the store are reached with its conf
 * on_poke:  puts a poke on its way; called with the ctx of setup's hooks
 * Errors:   WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_live_init(struct wp_live *live,
			 const struct wp_registrar_setup *setup,
			 wp_poke_fn on_poke, struct wp_error *err) WP_MUST_USE;
/*
 * What was asked of Redis and the store is answered now, by a loss, and all is
 * freed. No member may be left in the hub. Idempotent.
 */
void wp_live_release(struct wp_live *live);

/* Go by these from now on (reload). */
void wp_live_use(struct wp_live *live, const struct wp_registrar_rules *rules);

#endif /* WP_LIB_LIVE_LIVE_H */
