/*
 * child.h - one handler process: an event loop around a listening socket.
 */
#ifndef WP_HANDLERS_CHILD_H
#define WP_HANDLERS_CHILD_H

#include "lib/base/err.h"
#include "lib/procs/procs.h"

#include "handlers/request/ctx.h"

/* What the parent gives a process to work with. All of it is borrowed. */
struct wp_child_setup {
	struct wp_shared *shared;
	int listen_fd; /* non-blocking, shared with other processes */
	const struct wp_place *place;
};

/*
 * Serve until SIGTERM, then finish what was begun: until the last connection is
 * closed, or for handlers.drain_ms.
 *
 * Expects to be alone in a process of its own with SIGTERM blocked. Opens its
 * own connections; nothing of them is shared with the parent.
 *
 * Returns:    the exit status: 0 when all that was begun is finished,
 *             WP_PROCS_CUT when the time was not enough for it
 */
int wp_child_run(const struct wp_child_setup *setup);

/* How many descriptors such a process may need. */
uint64_t wp_child_descriptors(const struct wp_conf *conf);

#endif /* WP_HANDLERS_CHILD_H */
