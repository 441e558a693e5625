/*
 * send_frame.h - {"type":"send"} over a socket.
 */
#ifndef WP_WS_SEND_FRAME_H
#define WP_WS_SEND_FRAME_H

#include "ws-daemon/conn.h"
#include "ws-daemon/wire/client_frame.h"

/* Do it: accepted, or why not, follows, at once or later. */
void wp_send_frame(struct wp_conn *conn, const struct wp_client_frame *frame);

#endif /* WP_WS_SEND_FRAME_H */
