/*
 * listen.h - open the sockets that the web server talks to.
 *
 * Knows about paths, modes and descriptors, and about sockets handed over by
 * systemd. Knows nothing about FastCGI or WebSocket.
 */
#ifndef WP_LIB_SYS_LISTEN_H
#define WP_LIB_SYS_LISTEN_H

#include <stdbool.h>

#include "lib/base/err.h"

/* Unix sockets do not queue beyond it: connect() fails at once (see probe). */
enum { WP_LISTEN_BACKLOG = 1024 };

/*
 * Listen on address: "unix:/path", "tcp:host:port", "host:port", ":port" or
 * "[v6]:port". A unix socket gets mode 0660; a stale one (nobody answers) is
 * replaced, a live one is refused with a sentence.
 *
 * *fd_out:  blocking, close-on-exec, the caller's
 * Errors:   WP_ERR_INVAL  address is malformed; err names it
 *           WP_ERR_SYS    the socket cannot be made or is in use
 */
enum wp_err wp_listen(const char *address, int *fd_out,
		      struct wp_error *err) WP_MUST_USE;

/* Remove the name of a unix listening address; nothing for tcp. */
void wp_listen_unlink(const char *address);

/*
 * The first descriptor handed over by systemd (sd_listen_fds(3): LISTEN_PID is
 * ours, LISTEN_FDS >= 1), or -1. Removes the variables from the environment.
 */
int wp_listen_inherited(void);

/* Is fd a listening socket? (FastCGI programs get one as descriptor 0.) */
bool wp_listen_is_listening(int fd);

/* sd_notify(3) without the library: "READY=1", "STOPPING=1", "RELOADING=1". */
void wp_notify(const char *state);

#endif /* WP_LIB_SYS_LISTEN_H */
