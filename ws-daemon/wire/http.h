/*
 * http.h - the HTTP half of a WebSocket connection: bytes in, answer out.
 *
 * Judges the upgrade (RFC 6455 section 4.2.1) and finds where tokens may be.
 * Knows nothing about keys, sockets or users.
 *
 * Every other answer says that its connection closes: a client that wants more
 * asks again, and no body of ours is ever confused with the next request.
 */
#ifndef WP_WS_HTTP_H
#define WP_WS_HTTP_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/http/head.h"
#include "ws-daemon/wire/extension.h"

/* What the upgrade offers, when it is one. */
struct wp_upgrade {
	struct wp_text key;
	struct wp_text origin; /* data NULL when absent */
	/* Of the protocols that are offered; data NULL when absent. */
	struct wp_text plain_name;  /* "waypost.v1" */
	struct wp_text inline_name; /* "waypost.v1.inline" */
	struct wp_text subprotocol_token;
	bool is_inline; /* select inline_name: whoever reads it says */
	struct wp_extension
		extension; /* what is chosen: whoever reads it says */
};

/*
 * Judge the request as an upgrade.
 *
 * Returns: 101 when it is a sound version 13 upgrade; 405 another method; 426
 *          no upgrade asked for, or another version; 400 anything unsound (bad
 *          or repeated key, a body, repeated protocols that do not fit)
 */
unsigned wp_upgrade_read(struct wp_upgrade *out, const struct wp_head *head);

/* Append "HTTP/1.1 101 …" with accept and, if present, one of the protocols and
 * the extension. */
void wp_upgrade_response(struct wp_buf *out, const struct wp_upgrade *upgrade);

/*
 * Append an error in the form of docs/openapi.yaml "Error".
 *
 * request_id:  the client's; NULL or empty: one is made
 * status:      400 … 599; what a status needs (WWW-Authenticate, Allow,
 *              Upgrade, Retry-After) comes with it
 * code:        stable snake_case; sentence: for a developer, no secrets
 */
void wp_http_answer_error(struct wp_buf *out, const char *request_id,
			  unsigned status, const char *code,
			  const char *sentence);

/* The same for 429, rate_limited, with this Retry-After. */
void wp_http_answer_limited(struct wp_buf *out, const char *request_id,
			    unsigned retry_after_s);

/* Append a 200 with this body. with_body: false for HEAD. */
void wp_http_answer_ok(struct wp_buf *out, const char *request_id,
		       const char *type, const char *body, bool with_body);

#endif /* WP_WS_HTTP_H */
