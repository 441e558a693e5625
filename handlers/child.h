/*
 * child.h - one handler process: an event loop around a listening socket.
 */
#ifndef WP_HANDLERS_CHILD_H
#define WP_HANDLERS_CHILD_H

#include "lib/base/err.h"

#include "handlers/request/ctx.h"
#include "handlers/share.h"

/* No status of a process that dies by itself: it did not drain in time. */
enum { WP_CHILD_CUT = 3 };

/* What the parent gives a process to work with. All of it is borrowed. */
struct wp_child_setup {
	struct wp_shared *shared;
	int listen_fd; /* non-blocking, shared with other processes */
	int ready_fd;  /* gets its id (a pid_t) when it serves; -1: none */
	const struct wp_seat *seat; /* left when it ends */
	uint32_t beat_ms; /* how often to beat there; 0: nobody listens */
};

/*
 * Serve until SIGTERM, then finish what was begun: until the last connection is
 * closed, or for handlers.drain_ms.
 *
 * Expects to be alone in a process of its own with SIGTERM blocked. Opens its
 * own connections; nothing of them is shared with the parent.
 *
 * Returns:    the exit status: 0 when all that was begun is finished,
 *             WP_CHILD_CUT when the time was not enough for it
 */
int wp_child_run(const struct wp_child_setup *setup);

/* How many descriptors such a process may need. */
uint64_t wp_child_descriptors(const struct wp_conf *conf);

#endif /* WP_HANDLERS_CHILD_H */
