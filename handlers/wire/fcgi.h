/*
 * fcgi.h - FastCGI 1.0 on one connection, as a responder, and as bytes: what
 * came in becomes a request, an answer becomes bytes to write. No descriptor,
 * no clock, no loop.
 *
 *	IDLE -> PARAMS -> BODY -> ASKED -> IDLE, or OVER
 *	            \--------------/   \-> REST -> IDLE, or OVER
 *
 * There is one request at a time. A web server that begins another one on the
 * same connection is told that this cannot be (FCGI_CANT_MPX_CONN).
 *
 * A request is handed out when all of it is there, so that one that is sent
 * slowly costs memory and nothing else. How much memory, by all connections of
 * a process, is bounded.
 */
#ifndef WP_HANDLERS_FCGI_H
#define WP_HANDLERS_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum {
	/* All parameters of a request, as they are sent. nginx' and lighttpd's
	 * own limits for a head are lower. */
	WP_FCGI_PARAMS_MAX = 128 * 1024,
	/* What a web server does not read: no more is taken from it then. */
	WP_FCGI_UNREAD_MAX = 64 * 1024,
};

/* What requests that are not answered yet may hold, all together. */
struct wp_fcgi_room {
	size_t max_body; /* of one */
	size_t max;
	size_t held;
};

enum wp_fcgi_state {
	WP_FCGI_IDLE,   /* between two requests */
	WP_FCGI_PARAMS, /* a request has begun */
	WP_FCGI_BODY,
	WP_FCGI_ASKED, /* it is the owner's to answer */
	WP_FCGI_REST,  /* it was answered before its body had ended */
	WP_FCGI_OVER,  /* write what there is, then close */
};

/* Why a request cannot be served as it is. */
enum wp_fcgi_problem {
	WP_FCGI_SOUND,
	WP_FCGI_HEAD_TOO_LONG, /* there are no parameters */
	WP_FCGI_BODY_TOO_LONG, /* there is no body */
	WP_FCGI_NO_ROOM,       /* others hold all of it; as above */
};

enum { WP_FCGI_HEADER_LEN = 8, WP_FCGI_CONTROL_MAX = 64 };

/* All is the owner's to read while ASKED; use the functions to change it. */
struct wp_fcgi {
	struct wp_fcgi_room *room;
	enum wp_fcgi_state state;
	enum wp_fcgi_problem problem;
	/* "NAME=value", ends with NULL; a name may come more than once. */
	const char *const *params;
	struct wp_buf body;

	bool is_kept; /* the web server keeps the connection */

	/* The rest is private. */
	struct wp_buf names; /* parameters, as sent and then as text */
	struct wp_buf list;  /* pointers into names */
	struct wp_buf later; /* came behind the request that is ASKED */
	struct wp_buf out;   /* to be written */
	size_t sent;         /* of out */
	size_t held;         /* of room */
	uint16_t id;         /* of the request */
	uint16_t n_header;   /* of the record under way: 8 when complete */
	uint16_t left;       /* of its content */
	uint16_t n_control;
	uint8_t padding; /* left */
	bool is_last;    /* it would, but this is its last request */
	bool is_open;    /* its body has not ended */
	uint8_t header[WP_FCGI_HEADER_LEN];
	uint8_t control[WP_FCGI_CONTROL_MAX];
};

/* room is borrowed. */
void wp_fcgi_init(struct wp_fcgi *fcgi, struct wp_fcgi_room *room);
void wp_fcgi_release(struct wp_fcgi *fcgi);

enum {
	WP_FCGI_READ = 1,  /* bytes to feed */
	WP_FCGI_WRITE = 2, /* wp_fcgi_unsent() has some */
	WP_FCGI_END = 4,   /* all is out, and nothing follows */
};

/* What the owner is to do now: an OR of the above. */
unsigned wp_fcgi_wants(const struct wp_fcgi *fcgi);

/*
 * Take bytes that were read, only while READ is wanted. Then look at the state:
 * ASKED, and OVER when the bytes are no FastCGI or memory is exhausted.
 */
void wp_fcgi_feed(struct wp_fcgi *fcgi, const void *data, size_t len);

/*
 * Answer the request that is ASKED, with a CGI response (RFC 3875 section 6)
 * in two pieces, and take up what had come behind it, unless UNREAD_MAX is not
 * read by then: the state may be ASKED again. params and body are gone. What is
 * secret in it is wiped when it is written.
 */
void wp_fcgi_answer(struct wp_fcgi *fcgi, const struct wp_buf *head,
		    const struct wp_buf *body);

/* Is it between two requests, with nothing half sent and nothing unsent? */
bool wp_fcgi_is_quiet(const struct wp_fcgi *fcgi);

/*
 * No more requests: an idle connection is OVER, another one when it is
 * answered. The web server is kept from using it again before it sees the end:
 * the last answer has a record behind it.
 */
void wp_fcgi_stop(struct wp_fcgi *fcgi);

/* What is to be written, *len_out bytes, or NULL; borrowed until the next
 * call. */
const char *wp_fcgi_unsent(const struct wp_fcgi *fcgi, size_t *len_out);
/* n of them were. The state may be ASKED then, as after an answer. */
void wp_fcgi_sent(struct wp_fcgi *fcgi, size_t n);

/*
 * What a web server sends for GET /healthz on a connection that it does not
 * keep: for --ping.
 */
enum { WP_FCGI_HEALTH_BYTES = 80 };
extern const char wp_fcgi_health[WP_FCGI_HEALTH_BYTES];

#endif /* WP_HANDLERS_FCGI_H */
