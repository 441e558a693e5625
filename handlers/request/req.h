/*
 * req.h - a request as its handler sees it: method, path, query, headers, body;
 * and how its bytes come and go.
 *
 * Nothing is normalised: a path with escapes or a trailing slash is another
 * path, and an unknown one. Everything is borrowed from the io's params, which
 * live as long as the request.
 */
#ifndef WP_HANDLERS_REQUEST_REQ_H
#define WP_HANDLERS_REQUEST_REQ_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/random.h"
#include "lib/http/answer.h"
#include "lib/http/head.h"

struct wp_io;

struct wp_io_ops {
	/* Up to len bytes of the body; 0 at its end, -1 when the peer broke. */
	ssize_t (*read)(struct wp_io *io, void *data, size_t len);
	/* All of data; false when nobody listens any more. */
	bool (*write)(struct wp_io *io, const void *data, size_t len);
	/* Does the peer still wait for the answer? NULL: it does. */
	bool (*is_awaited)(struct wp_io *io);
};

/*
 * Everything above works the same behind FastCGI (conn.h), as a plain CGI
 * program, and in a unit test (bytes in memory). A backend has struct wp_io as
 * its first member.
 */
struct wp_io {
	const struct wp_io_ops *ops;
	/*
	 * "NAME=value" as RFC 3875 names them, ends with NULL. A header that
	 * the client repeated may stand here more than once.
	 */
	const char *const *params;
};

/* The one request of a CGI program: environment, stdin and stdout. */
void wp_io_cgi(struct wp_io *io);

/* Bits of a set. */
enum wp_method {
	WP_METHOD_OTHER = 0, /* what Waypost has no use for */
	WP_GET = 1,
	WP_HEAD = 2,
	WP_POST = 4,
	WP_OPTIONS = 8,
	WP_PUT = 16,
	WP_DELETE = 32,
};

struct wp_req {
	struct wp_io *io;
	enum wp_method method;
	struct wp_text path;  /* not decoded */
	struct wp_text query; /* behind the question mark, not decoded */
	char id[WP_REQUEST_ID_MAX + 1]; /* X-Request-Id of the answer */
};

/* "GET"; "other". */
const char *wp_method_name(enum wp_method method);
/* Append the names of a set: "GET, HEAD, OPTIONS". */
void wp_methods_add(struct wp_buf *out, unsigned int set);

/* Read method, path and query only. io is borrowed for the life of req. */
void wp_req_begin(struct wp_req *req, struct wp_io *io);
/* Read what every request has. random: for an id, or NULL */
void wp_req_init(struct wp_req *req, struct wp_io *io,
		 struct wp_random_pool *random);

/*
 * Does somebody still wait for its answer, as far as can be known without
 * waiting?
 */
bool wp_req_is_awaited(const struct wp_req *req);

/*
 * A parameter by its CGI name: "CONTENT_TYPE", "HTTP_ORIGIN".
 *
 * *count_out: how often it is there; may be NULL
 * Returns:    the first value, NULL when there is none
 */
const char *wp_req_param(const struct wp_req *req, const char *name,
			 size_t *count_out);

#endif /* WP_HANDLERS_REQUEST_REQ_H */
