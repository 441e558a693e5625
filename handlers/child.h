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

/*
 * Serve until SIGTERM, then finish what was begun: until the last connection is
 * closed, or for handlers.drain_ms.
 *
 * Expects to be alone in a process of its own with SIGTERM blocked. Opens its
 * own connections; nothing of them is shared with the parent.
 *
 * listen_fd:  non-blocking, shared with other processes
 * ready_fd:   gets the process id (a pid_t) when it serves; -1 = no
 * seat:       among the other processes; it is left when this returns
 * Returns:    the exit status: 0 when all that was begun is finished,
 *             WP_CHILD_CUT when the time was not enough for it
 */
int wp_child_run(struct wp_shared *shared, int listen_fd, int ready_fd,
		 const struct wp_seat *seat);

/* How many descriptors such a process may need. */
uint64_t wp_child_descriptors(const struct wp_conf *conf);

#endif /* WP_HANDLERS_CHILD_H */
