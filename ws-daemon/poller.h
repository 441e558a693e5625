/*
 * poller.h - which of many sockets have something to be done.
 *
 * One epoll set of our own that the loop watches as one descriptor. A socket is
 * told of at its edges, when something has come, not for as long as it is
 * there: so it costs no memory here, and no system call between its first and
 * its last but when it is full. Its owner remembers what it was told of until
 * it has read as much as there is.
 */
#ifndef WP_WS_POLLER_H
#define WP_WS_POLLER_H

#include <stdbool.h>

#include <ev.h>

#include "lib/base/err.h"

enum {
	WP_POLL_INPUT = 1,  /* there is something to read */
	WP_POLL_ROOM = 2,   /* there is room to write, if that was asked for */
	WP_POLL_HANGUP = 4, /* the peer's end is behind the input */
};

/* Private. */
struct wp_poller {
	struct ev_loop *loop;
	void (*fn)(void *owner, unsigned events);
	ev_io io;
};

/*
 * fn:      called from the loop, for each socket with an OR of the above; it
 *          must neither add nor close one
 * Errors:  WP_ERR_*  as wp_error_sys(); end with wp_poller_release() also then
 */
enum wp_err wp_poller_init(struct wp_poller *poller, struct ev_loop *loop,
			   void (*fn)(void *owner, unsigned events),
			   struct wp_error *err) WP_MUST_USE;
/* All zero is nothing. */
void wp_poller_release(struct wp_poller *poller);

/* From now on owner is told of fd, until it is closed; also of what is there
 * already. False when the system has no room for it. */
bool wp_poller_add(struct wp_poller *poller, int fd, void *owner) WP_MUST_USE;
/* Be told of room, or not; if there is room now, that is told as well. */
bool wp_poller_watch_room(struct wp_poller *poller, int fd, void *owner,
			  bool is_wanted) WP_MUST_USE;

#endif /* WP_WS_POLLER_H */
