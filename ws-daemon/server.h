/*
 * server.h - the listening socket, and the parts that all connections share.
 */
#ifndef WP_WS_SERVER_H
#define WP_WS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/token.h"
#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "lib/procs/share.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_parts;
struct wp_server;

/* For how long a stop may take at most, with these settings. */
int64_t wp_server_stop_ms(const struct wp_conf *conf);

struct wp_server_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	struct wp_auth *auth;
	struct wp_metrics *metrics;
	int fd;                        /* listening; stays the caller's */
	const struct wp_seat *seat;    /* among others at fd; NULL: alone */
	void (*on_live)(void *ctx);    /* connections can be registered now */
	void (*on_stopped)(void *ctx); /* nothing is left to wait for */
	void *ctx;
};

/*
 * Make everything; who comes waits until wp_server_open().
 *
 * Ownership:  what setup points to is borrowed and outlives the server; its
 *             conf is the one that Redis and the store are reached with
 */
enum wp_err wp_server_new(struct wp_server **out,
			  const struct wp_server_setup *setup,
			  struct wp_error *err) WP_MUST_USE;
/* Drops what is still connected. NULL-safe. */
void wp_server_free(struct wp_server **server);

/*
 * Register with Redis as soon as it lets us. Once, and when the conf of the
 * setup has the secret of what is stored.
 */
enum wp_err wp_server_start(struct wp_server *server,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Accept from now on; upgrades are answered 503 while nobody can be registered.
 * Nothing once it stops.
 */
void wp_server_open(struct wp_server *server);

/* Reload: limits, origins and keys from now on. Both are borrowed. */
void wp_server_use(struct wp_server *server, const struct wp_conf *conf,
		   struct wp_auth *auth);

/*
 * Move everybody away over websocket.drain_ms (drain.h), at once where that is
 * 0; tell Redis, call on_stopped. From when this returns the listening socket
 * is not used any more. Idempotent.
 *
 * takes_queue:  whoever waits to be accepted is let in now, as nobody else
 *               will; false when the socket goes on without us
 */
void wp_server_stop(struct wp_server *server, bool takes_queue);

struct wp_server_state {
	size_t n_sockets;
	size_t n_open;    /* connections past their upgrade */
	bool is_stopping; /* wp_server_stop() was called */
	int64_t stop_ms;  /* how long that may take, by the current settings */
};

struct wp_server_state wp_server_state(const struct wp_server *server);

/* For who tells of them, and for tests, which are connections' other half. */
struct wp_parts *wp_server_parts(struct wp_server *server);

#endif /* WP_WS_SERVER_H */
