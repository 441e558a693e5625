/*
 * io.h - how the bytes of one request come and go.
 *
 * Everything above it works the same behind FastCGI (fcgi_io.c), as a plain CGI
 * program (cgi_io.c), and in a unit test (bytes in memory). A backend has
 * struct wp_io as its first member.
 */
#ifndef WP_HANDLERS_IO_H
#define WP_HANDLERS_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct wp_io;

struct wp_io_ops {
	/* Up to len bytes of the body; 0 at its end, -1 when the peer broke. */
	ssize_t (*read)(struct wp_io *io, void *data, size_t len);
	/* All of data; false when nobody listens any more. */
	bool (*write)(struct wp_io *io, const void *data, size_t len);
};

struct wp_io {
	const struct wp_io_ops *ops;
	/*
	 * "NAME=value" as RFC 3875 names them, ends with NULL. A header that
	 * the client repeated may stand here more than once.
	 */
	const char *const *params;
};

#endif /* WP_HANDLERS_IO_H */
