/*
 * frames_in.h - do what clients say.
 */
#ifndef WP_WS_FRAMES_IN_H
#define WP_WS_FRAMES_IN_H

#include <stddef.h>

#include "ws-daemon/conn.h"
#include "ws-daemon/wire/client_frame.h"

/* A text message came in: do what it asks, or send an error frame. */
void wp_frames_in(struct wp_conn *conn, const char *data, size_t len);

/* Send an error frame: for frames that are answered at once. */
void wp_refuse_frame(struct wp_conn *conn, const struct wp_client_frame *frame,
		     const char *code, const char *sentence);

/* send_frame.c, ack_frame.c */
void wp_send_frame(struct wp_conn *conn, const struct wp_client_frame *frame);
void wp_ack_frame(struct wp_conn *conn, const struct wp_client_frame *frame);

#endif /* WP_WS_FRAMES_IN_H */
