/*
 * fcgi_io.h - requests that come over a FastCGI connection (libfcgi).
 *
 * Does not listen and does not accept: it is handed connections, so that a
 * thread can wait for a connection and for the end of the process at once,
 * without signals that cut somebody's read short.
 */
#ifndef WP_HANDLERS_FCGI_IO_H
#define WP_HANDLERS_FCGI_IO_H

#include <stdbool.h>

#include "lib/base/err.h"

#include "handlers/req.h"

/* A web server that is silent for longer inside a request has hung up. */
enum { WP_FCGI_TIMEOUT_S = 30 };

struct wp_fcgi;

/* Once per process, before the first wp_fcgi_new(). */
enum wp_err wp_fcgi_setup(struct wp_error *err) WP_MUST_USE;

/*
 * Room for one connection at a time; NULL when out of memory.
 *
 * Ownership:  the caller's; end with wp_fcgi_free()
 * Threads:    belongs to one thread at a time
 */
struct wp_fcgi *wp_fcgi_new(void) WP_MUST_USE;
void wp_fcgi_free(struct wp_fcgi **fcgi);

/* Take over a connection, fd included. There must be none. */
void wp_fcgi_open(struct wp_fcgi *fcgi, int fd);

/*
 * Read one request from its first byte to the end of its parameters.
 *
 * Returns:  borrowed until wp_fcgi_finish(); NULL when the connection ended,
 *           and is closed
 */
struct wp_io *wp_fcgi_next(struct wp_fcgi *fcgi);

/* The request that was read last; as wp_fcgi_next(). */
struct wp_io *wp_fcgi_io(struct wp_fcgi *fcgi);

/*
 * The answer is complete: send what is buffered.
 *
 * Returns:  true when the web server keeps the connection for another request;
 *           otherwise it is closed
 */
bool wp_fcgi_finish(struct wp_fcgi *fcgi);

/* The descriptor of the open connection, -1 when there is none. */
int wp_fcgi_fd(const struct wp_fcgi *fcgi);

/* Close a connection that is kept between two requests, if any. */
void wp_fcgi_close(struct wp_fcgi *fcgi);

#endif /* WP_HANDLERS_FCGI_IO_H */
