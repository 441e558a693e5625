/*
 * daemon.h - settings and the socket: what the processes of the program have in
 * common, and its parent, where there is one, with them.
 */
#ifndef WP_WS_DAEMON_H
#define WP_WS_DAEMON_H

#include <stdbool.h>

#include "lib/auth/token.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"
#include "lib/sys/heir.h"
#include "lib/sys/listen.h"
#include "lib/sys/program.h"

/* main.c makes and frees it; a forked process has a copy. */
struct wp_daemon {
	struct wp_program program;
	struct wp_conf first; /* Redis and the store are reached with it */
	struct wp_conf now;   /* a reload puts its settings here; else empty */
	struct wp_auth *auth;
	struct wp_metrics *metrics;
	struct wp_listener listener;
	bool is_inherited;
};

/* The settings that count. */
const struct wp_conf *wp_daemon_conf(const struct wp_daemon *daemon);

/*
 * Read the settings again, check them, and only then swap: a bad file changes
 * nothing, and is told of.
 *
 * use:      called with ctx while the old ones are still there; or NULL
 * Returns:  whether the new ones are in force
 */
bool wp_daemon_reload(struct wp_daemon *daemon, void (*use)(void *ctx),
		      void *ctx);

/*
 * Start the successor of this program, which takes over from it.
 *
 * metrics:  the socket of their door; NULL: there is none
 * Returns:  as wp_successor_start()
 */
bool wp_daemon_succeed(const struct wp_daemon *daemon,
		       const struct wp_heir_socket *metrics,
		       struct wp_successor *out) WP_MUST_USE;

/* It has: the name of the socket is its, and so is the manager's care. */
void wp_daemon_give_up(struct wp_daemon *daemon,
		       const struct wp_successor *successor);

#endif /* WP_WS_DAEMON_H */
