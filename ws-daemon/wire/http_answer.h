/*
 * http_answer.h - HTTP answers of a daemon that would rather speak WebSocket:
 * bytes for the wire. Knows no connection.
 *
 * Every answer says that its connection closes: a client that wants more asks
 * again, and no body of ours is ever confused with the next request.
 */
#ifndef WP_WS_HTTP_ANSWER_H
#define WP_WS_HTTP_ANSWER_H

#include <stdbool.h>

#include "lib/base/buf.h"

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

/* Append a 200 with this body. with_body: false for HEAD. */
void wp_http_answer_ok(struct wp_buf *out, const char *request_id,
		       const char *type, const char *body, bool with_body);

#endif /* WP_WS_HTTP_ANSWER_H */
