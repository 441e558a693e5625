/*
 * pool.h - several processes that hold connections, under one parent.
 */
#ifndef WP_WS_POOL_H
#define WP_WS_POOL_H

#include "lib/base/err.h"
#include "ws-daemon/daemon.h"

/*
 * Run websocket.processes of them until a signal ends all.
 *
 * daemon:   borrowed; its metrics have no rows yet, its socket is open
 * Errors:   as wp_parent_run()
 * Threads:  the only one of the program
 */
enum wp_err wp_ws_pool_run(struct wp_daemon *daemon,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_WS_POOL_H */
