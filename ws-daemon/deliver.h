/*
 * deliver.h - connections that are sent their messages in place of pokes
 * (docs/websocket.md "Messages in place of pokes"): who asks for it, and what a
 * message looks like. What is sent when is lib/live/consumer.h's.
 */
#ifndef WP_WS_DELIVER_H
#define WP_WS_DELIVER_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/http/head.h"
#include "ws-daemon/conn.h"
#include "ws-daemon/parts.h"
#include "ws-daemon/wire/http.h"

/* Make parts->consumers. Errors: WP_ERR_NOMEM */
enum wp_err wp_deliver_init(struct wp_parts *parts,
			    struct wp_error *err) WP_MUST_USE;

/*
 * See whether a request asks for it: by protocol, or by ?deliver=inline.
 *
 * upgrade:  is_inline is set when it will be given
 * Returns:  false when it was refused, and answered
 */
bool wp_deliver_read(struct wp_conn *conn, const struct wp_head *head,
		     struct wp_upgrade *upgrade) WP_MUST_USE;
/* It is about to be opened. Returns: false for want of memory */
bool wp_deliver_begin(struct wp_conn *conn) WP_MUST_USE;
/* Append what its first frame says of it: nothing where it is poked. */
void wp_deliver_greet(const struct wp_conn *conn, struct wp_buf *out);

#endif /* WP_WS_DELIVER_H */
