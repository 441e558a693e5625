/*
 * conn.h - the connections of web servers: descriptor, FastCGI session, and the
 * call that is under way on each.
 *
 * All that happens to one happens in its turn (lib/live/turn.h), once per turn
 * of the loop: what came is read and taken up, answers are written, and what
 * has ended is freed.
 *
 * While a call is under way nothing is read. That the web server went away is
 * noticed when there is something to write; a call that was begun goes on to
 * its end, for nobody.
 */
#ifndef WP_HANDLERS_CONN_H
#define WP_HANDLERS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/live/turn.h"

#include "handlers/request/call.h"
#include "handlers/request/ctx.h"
#include "handlers/wire/fcgi.h"

enum {
	/* A web server that sends nothing for longer inside a request, or takes
	 * nothing of an answer, has hung up. */
	WP_CONN_PATIENCE_MS = 30 * 1000,
	/* Between two requests. Longer than any web server's own, because to
	 * close under its feet fails a request; for those that vanished. */
	WP_CONN_IDLE_MS = 15 * 60 * 1000,
};

struct wp_conn;

/* Those of a process. */
struct wp_conns {
	struct wp_ctx *ctx; /* borrowed */
	struct wp_turn turn;
	struct wp_fcgi_room room;
	struct wp_conn *first;
	size_t n;
	size_t n_kept;         /* by their web server */
	size_t n_busy;         /* with a request, or a part of one */
	struct wp_call *spare; /* owned */
	size_t n_spare;
	uint8_t *input;       /* owned; every read goes here first */
	struct wp_buf answer; /* being made */
	bool is_stopping;
};

/*
 * on_end:  called with ctx_of_end behind the turns of all connections
 * Errors:  WP_ERR_NOMEM; end with wp_conns_release() also then
 */
enum wp_err wp_conns_init(struct wp_conns *conns, struct wp_ctx *ctx,
			  void (*on_end)(void *ctx), void *ctx_of_end,
			  struct wp_error *err) WP_MUST_USE;
/* Closes all; no call may be under way. All zero is nothing. */
void wp_conns_release(struct wp_conns *conns);

/*
 * Take over a descriptor that does not block, also on failure.
 *
 * is_surplus:  there are too many: what it asks is answered 503, and it ends
 */
void wp_conns_accept(struct wp_conns *conns, int fd, bool is_surplus);

/*
 * Stop: every answer from now on is the last of its connection. Idle ones stay,
 * until their web server closes them or asks once more: it may be doing so this
 * moment.
 */
void wp_conns_stop(struct wp_conns *conns);

#endif /* WP_HANDLERS_CONN_H */
