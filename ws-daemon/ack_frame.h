/*
 * ack_frame.h - {"type":"ack"} over a socket.
 */
#ifndef WP_WS_ACK_FRAME_H
#define WP_WS_ACK_FRAME_H

#include "ws-daemon/conn.h"
#include "ws-daemon/wire/client_frame.h"

/* Do it: acked, or why not, follows, at once or later. */
void wp_ack_frame(struct wp_conn *conn, const struct wp_client_frame *frame);

#endif /* WP_WS_ACK_FRAME_H */
