/*
 * http.h - HTTP answers of a daemon that would rather speak WebSocket.
 */
#ifndef WP_WS_HTTP_H
#define WP_WS_HTTP_H

#include <stddef.h>

#include "ws-daemon/conn.h"

/*
 * Answer with an error in the form of API section 1 and close.
 *
 * status:    400 … 599; what a status needs (WWW-Authenticate, Allow, Upgrade,
 *            Retry-After) comes with it
 * code:      stable snake_case; sentence: for a developer, no secrets
 * why:       the counter of rejections
 */
void wp_http_error(struct wp_conn *conn, unsigned status, const char *code,
		   const char *sentence, enum wp_ws_metric why);

/* Answer 200 with a body and close. with_body: false for HEAD. */
void wp_http_ok(struct wp_conn *conn, const char *type, const char *body,
		size_t len, bool with_body);

#endif /* WP_WS_HTTP_H */
