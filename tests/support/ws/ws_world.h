/*
 * ws_world.h - a server of ws-daemon without a network and without Redis, for
 * its unit tests and fuzz targets: connections are socket pairs, the loop is
 * turned by hand, and commands to Redis wait here until they are answered.
 *
 * The linker hands the calls over (WS_WORLD in the Makefile).
 */
#ifndef WP_TESTS_SUPPORT_WS_WORLD_H
#define WP_TESTS_SUPPORT_WS_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/sys/conf.h"
#include "tests/support/ws/ws_bytes.h"
#include "ws-daemon/conn.h"
#include "ws-daemon/server.h"

#define WS_WORLD_SECRET "0123456789abcdef0123456789abcdef"

struct ws_world {
	struct wp_conf conf;  /* presets; may be changed at any time */
	struct wp_auth *auth; /* of HS256 tokens under WS_WORLD_SECRET */
	struct ev_loop *loop;
	struct wp_metrics *metrics;
	struct wp_server *server;
	struct wp_parts *parts; /* the server's */
	int listen_fd;
	/* For connections to come; 0 is as usual. */
	size_t response_bytes; /* of the 101 */
	int send_buffer;       /* how much their sockets take */
	bool is_replaced;      /* by newer ones, before they are registered */
};

/* Everything here aborts on failure: there is nothing to test then. */
void ws_world_start(struct ws_world *w);
/* Answers what Redis has not, and drops what is connected. */
void ws_world_stop(struct ws_world *w);

/* A connection of user past its 101; peer_out is the client's end, and the
 * caller's. The greeting waits there. */
struct wp_conn *ws_world_open(struct ws_world *w, const char *user,
			      int *peer_out);

/* One turn of the loop that does not wait. */
void ws_world_turn(struct ws_world *w);
/* Turn until nothing is left to do at once. */
void ws_world_settle(struct ws_world *w);

/* Time goes by, which it does not elsewhere, and what it makes due runs. */
void ws_world_pass(struct ws_world *w, int64_t ms);

/* Commands that wait for an answer. */
size_t ws_world_waiting(void);
/* The oldest gets the answer of a lost connection; false when none waits. */
bool ws_world_answer(void);

#endif /* WP_TESTS_SUPPORT_WS_WORLD_H */
