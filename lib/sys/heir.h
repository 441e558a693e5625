/*
 * heir.h - a program that starts its successor: the same command anew, perhaps
 * of a newer binary, which gets the listening sockets, and takes over when it
 * serves.
 *
 * Until then all goes on as before, and a successor that cannot start changes
 * nothing. The sockets are never closed in between, so nobody is refused.
 */
#ifndef WP_LIB_SYS_HEIR_H
#define WP_LIB_SYS_HEIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

enum { WP_HEIR_SOCKETS_MAX = 4 };

/* A listening socket that goes from one to the other. */
struct wp_heir_socket {
	const char *address; /* as it was asked for; "": a manager gave it */
	int fd;
	dev_t dev; /* of the name of a unix socket, else 0 */
	ino_t ino;
};

/* ---- who starts one ---- */

struct wp_successor {
	pid_t pid;    /* 0: none */
	int ready_fd; /* readable when there is something to hear */
	int pipe_fd;  /* where it says that it serves */
	int timer_fd; /* its time is over */
};

enum wp_succession {
	WP_SUCCESSION_WAITS,
	WP_SUCCESSION_TAKEN, /* it serves: nobody new is for us any more */
	WP_SUCCESSION_OVER,  /* it has ended, or was late; none is there */
};

/*
 * Start it. What happens is told in the log.
 *
 * argv:      this program's own, as main() got it
 * sockets:   n of them, at most WP_HEIR_SOCKETS_MAX; they stay ours as well
 * wait_ms:   who has not taken over by then is killed; > 0
 * Returns:   false when it cannot be started
 * Threads:   any one; the environment must not be changed meanwhile
 * Source:    posix_spawn(3)
 */
bool wp_successor_start(struct wp_successor *successor, char *const *argv,
			const struct wp_heir_socket *sockets, size_t n,
			uint32_t wait_ms) WP_MUST_USE;

/* ready_fd is readable. Closes all unless it goes on to wait. */
enum wp_succession wp_successor_hear(struct wp_successor *successor);

/* We end before it has taken over: so does it. Nothing when there is none. */
void wp_successor_cancel(struct wp_successor *successor);

/* ---- who is one ---- */

/*
 * The first call of a program that can be one: take what was handed over out of
 * the environment and off the reach of processes started later.
 *
 * Threads:  before any other is started
 */
void wp_heir_begin(void);

/* Does somebody serve who waits for us to take over? */
bool wp_heir_is_awaited(void);

/* The socket of this address, once; it is the caller's then. False: none. */
bool wp_heir_take(const char *address, struct wp_heir_socket *out);

/*
 * In a process that this one has forked: what was handed over is its parent's
 * business. Whether somebody waits for that it is told as before.
 */
void wp_heir_leave_to_parent(void);

/* We serve. What nobody has taken by now is still there to be taken. */
void wp_heir_tell_ready(void);

/* A socket that nobody has asked for, as wp_heir_take(); false: none. */
bool wp_heir_take_rest(struct wp_heir_socket *out);

#endif /* WP_LIB_SYS_HEIR_H */
