/*
 * listen.h - open the sockets that the web server talks to.
 *
 * Knows about paths, modes and descriptors. Knows nothing about FastCGI or
 * WebSocket.
 */
#ifndef WP_LIB_SYS_LISTEN_H
#define WP_LIB_SYS_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/sys/heir.h"

enum { WP_LISTEN_PATH_MAX = 107 }; /* sun_path holds 108 bytes */

/*
 * A listening socket and, for a unix address, the name that was made for it.
 * WP_LISTENER_NONE is one that was never opened.
 */
struct wp_listener {
	int fd;                            /* -1: none */
	char path[WP_LISTEN_PATH_MAX + 1]; /* "": no name of ours */
	dev_t dev;                         /* of the name */
	ino_t ino;
	bool is_handed; /* by a predecessor, whose the name is while he waits */
};

#define WP_LISTENER_NONE ((struct wp_listener){ .fd = -1 })

/*
 * Listen on address: "unix:/path", "tcp:host:port", "host:port", ":port" or
 * "[v6]:port". A unix socket gets mode 0660; a stale one (nobody answers) is
 * replaced, a live one is refused with a sentence. Of two programs that come at
 * once, one gets the name. An heir (heir.h) gets the socket of who has it.
 *
 * out:      its fd is blocking and close-on-exec; the caller ends it with
 *           wp_listen_close(). WP_LISTENER_NONE after an error
 * Errors:   WP_ERR_INVAL  address is malformed; err names it
 *           WP_ERR_SYS    the socket cannot be made or is in use
 */
enum wp_err wp_listen(const char *address, struct wp_listener *out,
		      struct wp_error *err) WP_MUST_USE;

/*
 * The same, and a unix socket belongs to this group, so that a web server that
 * runs as another user reaches it.
 *
 * group:    a name; "" for whatever group it has by itself. Nothing for tcp
 * Errors:   also WP_ERR_INVAL  there is no such group; WP_ERR_SYS  it cannot be
 *           given to it: who is not root is not a member
 */
enum wp_err wp_listen_group(const char *address, const char *group,
			    struct wp_listener *out,
			    struct wp_error *err) WP_MUST_USE;

/* Has it one of these forms? No name is resolved. Errors: WP_ERR_INVAL */
enum wp_err wp_listen_check(const char *address,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Could wp_listen_group() give a socket to this group?
 *
 * Errors:  as there
 */
enum wp_err wp_listen_look_group(const char *group,
				 struct wp_error *err) WP_MUST_USE;

/*
 * Could wp_listen() have this address? For --check: binds and removes nothing.
 * Of TCP addresses only the form is known before.
 *
 * Errors:  WP_ERR_INVAL     the address is malformed; or no socket can be made
 *                           there: no folder, no right to write, a file
 *          WP_ERR_CONFLICT  a running program listens there, perhaps our own
 */
enum wp_err wp_listen_look(const char *address,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Begin to connect to who listens at address; where that is every address of
 * this host, by the loopback.
 *
 * fd_out:   not blocking, close-on-exec, the caller's; it is connected when it
 *           can be written to and SO_ERROR is 0
 * Errors:   WP_ERR_INVAL, WP_ERR_SYS  err.msg has the address
 */
enum wp_err wp_listen_connect(const char *address, int *fd_out,
			      struct wp_error *err) WP_MUST_USE;

/*
 * Take the name of a unix socket away, unless a successor has it by now, or it
 * is that of who still serves and waits for us (heir.h). Nobody new comes in
 * then; who waits in the queue already can still be accepted. The
 * first step of every stop. Nothing for tcp, and nothing the second time.
 */
void wp_listen_unlink(struct wp_listener *listener);

/*
 * What a successor needs of it, whose address was this one. Who has taken over
 * has the name from then on: wp_listen_give_up() it.
 *
 * address:  borrowed for as long as the result
 */
struct wp_heir_socket wp_listen_hand(const struct wp_listener *listener,
				     const char *address);
void wp_listen_give_up(struct wp_listener *listener);

/*
 * We serve: whoever waits for that is told, and from then on all that he had is
 * ours. A socket of it that nobody has asked for is closed, with its name, as
 * settings have changed. Nothing for who is no heir.
 */
void wp_listen_take_over(void);

/* wp_listen_unlink(), then close. Nothing for WP_LISTENER_NONE. */
void wp_listen_close(struct wp_listener *listener);

/* Is fd a listening socket? (FastCGI programs get one as descriptor 0.) */
bool wp_listen_is_listening(int fd);

#endif /* WP_LIB_SYS_LISTEN_H */
