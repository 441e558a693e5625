/*
 * backend.h - Redis, as a process of handlers uses it: two connections, on
 * which commands are sent without waiting for the answers to those before.
 *
 * Long answers have a connection of their own, so that a page of 4 MB holds up
 * other pages only. A connection is used when it was judged: a thread has seen,
 * with a client of its own, that this Redis is fit and the one of the
 * deployment (lib/mailbox/deployment.h). Once a second it is asked how full it
 * is, and how firm what it writes.
 *
 * Redis runs all that it has read from a connection before it answers any of
 * it, or serves anybody else. So only so many commands are under way on a line;
 * who comes then waits for answers to those.
 *
 * A lost connection fails what was in flight on it, as unknown, and nothing is
 * ever sent twice. While another one is being made, callers may wait for the
 * outcome; while none will be tried soon, they are told at once.
 *
 * Threads: the loop's.
 */
#ifndef WP_HANDLERS_REQUEST_BACKEND_H
#define WP_HANDLERS_REQUEST_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/live/store_thread.h"
#include "lib/metrics/metrics.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_backend;

enum wp_line {
	WP_LINE_SHORT, /* short answers */
	WP_LINE_LONG,  /* pages */
	WP_LINES
};

enum {
	WP_BACKEND_GUESTS_MAX = 4096, /* who wait, on each line */
	/* Commands under way beyond which nobody enters; who has entered may
	 * send several. */
	WP_BACKEND_SHORT_MAX = 256,
	WP_BACKEND_PAGES_MAX = 16,
};

/* Who waits until Redis can be asked. The caller's memory until go(). */
struct wp_backend_guest {
	/* Once: it can be asked, or cannot now. */
	void (*go)(struct wp_backend_guest *guest, bool is_up);
	struct wp_backend_guest *next; /* the rest is the backend's */
	uint64_t until_ms;             /* while it is not up */
};

struct wp_backend_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	struct wp_store_thread *store; /* where connections are judged */
	struct wp_metrics *metrics;    /* or NULL */
};

/*
 * Starts to connect.
 *
 * Ownership:  what setup points to is borrowed and outlives the backend
 * Errors:     as wp_aredis_new()
 */
enum wp_err wp_backend_new(struct wp_backend **out,
			   const struct wp_backend_setup *setup,
			   struct wp_error *err) WP_MUST_USE;
/* Whoever waits is told no. After wp_store_thread_stop(). NULL-safe. */
void wp_backend_free(struct wp_backend **backend);

enum wp_backend_door {
	WP_BACKEND_UP,   /* ask now */
	WP_BACKEND_WAIT, /* guest->go() will be called */
	WP_BACKEND_DOWN, /* do not wait; as wp_backend_why() */
};

/* May a line be used? */
enum wp_backend_door wp_backend_enter(struct wp_backend *backend,
				      enum wp_line line,
				      struct wp_backend_guest *guest);

/* Why a line is down; "" when it never was. */
const char *wp_backend_why(const struct wp_backend *backend, enum wp_line line);

/*
 * As wp_aredis_do(), on a line that is up: right after wp_backend_enter() or
 * go(), or in a callback with an answer from it.
 */
enum wp_err wp_backend_do(struct wp_backend *backend, enum wp_line line,
			  const struct wp_cmd *cmd, wp_reply_fn fn,
			  void *ctx) WP_MUST_USE;

/* "" while it is down. */
const char *wp_backend_run_id(const struct wp_backend *backend,
			      enum wp_line line);

/* Of maxmemory, a second ago at most; 0: unlimited or unknown. */
unsigned int wp_backend_memory_percent(const struct wp_backend *backend);

/* What X-Durability says of a write answered now: "fsync" or "memory". */
const char *wp_backend_durability(const struct wp_backend *backend);

#endif /* WP_HANDLERS_REQUEST_BACKEND_H */
