/*
 * socket.h - a WebSocket to /connect through the front door (RFC 6455), as much
 * of it as a look at it takes: text frames come in, pings are answered.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_SOCKET_H
#define WP_TOOLS_WAYPOST_DOCTOR_SOCKET_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct wp_socket;

struct wp_socket_to {
	const char *base; /* as of wp_web_base() */
	const char *ca_file;
	const char *token;  /* NULL: none is shown */
	const char *origin; /* NULL: none is said */
};

/*
 * Ask for the upgrade.
 *
 * until_ms:    by wp_mono_ms(); likewise below
 * *out:        only with 101; the caller's, end with wp_socket_close()
 * *status_out: what was answered, 0: nothing
 * Errors:      WP_ERR_UNAVAIL  no connection, or no answer
 *              WP_ERR_PROTO    it is not HTTP, or the upgrade is another's
 */
enum wp_err wp_socket_open(struct wp_socket **out,
			   const struct wp_socket_to *to, uint64_t until_ms,
			   int *status_out, struct wp_error *err) WP_MUST_USE;

/*
 * Wait for a frame of this type; others before it are passed over.
 *
 * frame:   filled with its text; NULL: nobody wants it
 * Errors:  WP_ERR_NOTFOUND  none came in time
 *          WP_ERR_UNAVAIL   it was closed; err.msg says by which code
 *          WP_ERR_PROTO     what came is no frame of ours
 */
enum wp_err wp_socket_expect(struct wp_socket *socket, const char *type,
			     struct wp_buf *frame, uint64_t until_ms,
			     struct wp_error *err) WP_MUST_USE;

/* Say goodbye, and be gone without waiting for an answer. NULL-safe. */
void wp_socket_close(struct wp_socket **socket);

#endif /* WP_TOOLS_WAYPOST_DOCTOR_SOCKET_H */
