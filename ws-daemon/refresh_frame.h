/*
 * refresh_frame.h - {"type":"refresh"}: a new token for a connection that goes
 * on (docs/websocket.md "Staying longer than the token").
 */
#ifndef WP_WS_REFRESH_FRAME_H
#define WP_WS_REFRESH_FRAME_H

#include "ws-daemon/conn.h"
#include "ws-daemon/wire/client_frame.h"

/*
 * Take the token of this frame in place of the one that the connection was let
 * in with, if it is one of the same user, subject and device; answers in any
 * case.
 */
void wp_refresh_frame(struct wp_conn *conn,
		      const struct wp_client_frame *frame);

#endif /* WP_WS_REFRESH_FRAME_H */
