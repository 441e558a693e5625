/*
 * upgrade.h - the HTTP half of a WebSocket connection: bytes in, answer out.
 *
 * Parses one HTTP/1.1 request head (RFC 9112) strictly and bounded, judges the
 * upgrade (RFC 6455 section 4.2.1) and finds where tokens may be. Knows nothing
 * about keys, sockets or users.
 */
#ifndef WP_WS_UPGRADE_H
#define WP_WS_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum { WP_HEAD_MAX = 16 * 1024, WP_HEAD_FIELDS = 64 };

/* A part of the head; data is NULL when the thing is absent. */
struct wp_text {
	const char *data;
	size_t len;
};

struct wp_head_field {
	struct wp_text name;
	struct wp_text value; /* without white space around it */
};

struct wp_head {
	struct wp_text method;
	struct wp_text path;  /* before '?' */
	struct wp_text query; /* after '?', data NULL when there is none */
	struct wp_head_field fields[WP_HEAD_FIELDS];
	size_t n_fields;
	size_t len; /* bytes of the head, blank line included */
};

enum wp_head_status {
	WP_HEAD_MORE, /* incomplete */
	WP_HEAD_OK,
	WP_HEAD_BAD, /* not HTTP/1.1: answer *http_out (400, 431 or 505) */
};

/* data need not be terminated; *out points into it. */
enum wp_head_status wp_head_parse(struct wp_head *out, const char *data,
				  size_t len, unsigned *http_out);

/* Value of the first field with this name (any case); absent: data NULL. */
struct wp_text wp_head_field(const struct wp_head *head, const char *name);
/* How many fields have this name. */
size_t wp_head_count(const struct wp_head *head, const char *name);
/* Does a comma list in any field of this name contain token (any case)? */
bool wp_head_has_token(const struct wp_head *head, const char *name,
		       const char *token);

/*
 * Value of a query parameter, percent-decoded into out (NUL added).
 *
 * Returns:  length; -1 when absent; -2 when it is malformed, there twice, or
 *           too long (before it is decoded)
 */
int wp_query_param(const struct wp_text *query, const char *name, char *out,
		   size_t out_size);

/* Value of a cookie (RFC 6265 section 4.2.1); absent: data NULL. */
struct wp_text wp_head_cookie(const struct wp_head *head, const char *name);

/* What the upgrade offers, when it is one. */
struct wp_upgrade {
	struct wp_text key;
	struct wp_text origin;   /* data NULL when absent */
	struct wp_text protocol; /* to select: "waypost.v1", a lone token, or
				    absent */
	struct wp_text subprotocol_token;
};

/*
 * Judge the request as an upgrade.
 *
 * Returns: 101 when it is a sound version 13 upgrade; 405 another method; 426
 *          no upgrade asked for, or another version; 400 anything unsound (bad
 *          or repeated key, a body, repeated protocols that do not fit)
 */
unsigned wp_upgrade_read(struct wp_upgrade *out, const struct wp_head *head);

/* Sec-WebSocket-Accept of a key: 28 characters and a NUL. */
enum { WP_ACCEPT_LEN = 28 };
void wp_upgrade_accept(const struct wp_text *key, char out[WP_ACCEPT_LEN + 1]);

/* Append "HTTP/1.1 101 …" with accept and, if present, the protocol. */
void wp_upgrade_response(struct wp_buf *out, const struct wp_upgrade *upgrade);

#endif /* WP_WS_UPGRADE_H */
