/*
 * server.h - the listening socket, and what all connections share.
 */
#ifndef WP_WS_SERVER_H
#define WP_WS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "lib/auth/token.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/live/hub.h"
#include "lib/live/live.h"
#include "lib/live/pokes.h"
#include "lib/live/registrar.h"
#include "lib/live/store_thread.h"
#include "lib/live/timers.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"
#include "ws-daemon/metrics.h"
#include "ws-daemon/wire/outbox.h"

enum { WP_INPUT_BYTES = 64 * 1024 };

struct wp_conn;

/* Shared by every connection; one per process, one thread. */
struct wp_server {
	struct ev_loop *loop;
	const struct wp_conf *conf; /* the current one; see wp_server_use() */
	const struct wp_auth *auth;
	struct wp_metrics *metrics;
	struct wp_log log;
	struct wp_log_limit notify_limits[WP_WS_METRIC_COUNT]; /* notify.c */

	struct wp_hub *hub;
	struct wp_wheel *wheel;
	struct wp_pokes *pokes;
	struct wp_registrar *registrar;
	struct wp_store_thread *store;
	struct wp_live live; /* for submit and settle */
	uint32_t partitions;

	struct wp_message *poke; /* built once */
	struct wp_message *ping;
	uint8_t *input;        /* every read goes here first */
	struct wp_buf scratch; /* for building text; empty between uses */

	uint64_t start_ms;
	uint32_t tick; /* WP_TICK_MS since start_ms */

	struct wp_conn *marked; /* to be looked after when the turn ends */

	size_t n_sockets;
	size_t n_admitted; /* count towards max_connections */
	size_t n_open;

	int fd;
	ev_io accept_io;
	ev_timer accept_timer; /* pause after descriptors ran out */
	ev_timer tick_timer;
	ev_check turn_end;
	ev_idle more; /* active: the next turn must not wait */
	bool is_stopping;
	bool has_left;    /* presence is told */
	bool is_finished; /* on_stopped has run */
	void (*on_stopped)(void *ctx);
	void (*on_live)(void *ctx);
	void *ctx;
};

struct wp_server_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	const struct wp_auth *auth;
	struct wp_metrics *metrics;
	int fd;                        /* listening; stays the caller's */
	void (*on_live)(void *ctx);    /* Redis knows us now */
	void (*on_stopped)(void *ctx); /* nothing is left to wait for */
	void *ctx;
};

/*
 * Make everything and start to accept; before wp_registrar_start() every
 * upgrade is answered 503.
 *
 * Ownership:  what setup points to is borrowed and outlives the server; its
 *             conf is the one that Redis and the store are reached with
 */
enum wp_err wp_server_new(struct wp_server **out,
			  const struct wp_server_setup *setup,
			  struct wp_error *err) WP_MUST_USE;
/* Drops what is still connected. NULL-safe. */
void wp_server_free(struct wp_server **server);

/* Reload: limits, origins and keys from now on. Both are borrowed. */
void wp_server_use(struct wp_server *server, const struct wp_conf *conf,
		   const struct wp_auth *auth);

/*
 * Close everybody with 1012, tell Redis, call on_stopped. From when this
 * returns the listening socket is not used any more.
 *
 * takes_queue:  whoever waits to be accepted is answered now, as nobody else
 *               will; false when the socket goes on without us
 */
void wp_server_stop(struct wp_server *server, bool takes_queue);

/* When this turn of the loop ends: wp_conn_turn(), or free it if it is DEAD. */
void wp_server_mark(struct wp_server *server, struct wp_conn *conn);

/* Ticks from now in which at least so many milliseconds go by. */
uint32_t wp_server_ticks(int64_t ms);

/* notify.c: forward a backend's notification to every connection of a user. */
void wp_server_notify(struct wp_server *server, const char *who, size_t who_len,
		      const char *data, size_t len);

#endif /* WP_WS_SERVER_H */
