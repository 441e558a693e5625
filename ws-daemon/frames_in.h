/*
 * frames_in.h - do what clients say.
 */
#ifndef WP_WS_FRAMES_IN_H
#define WP_WS_FRAMES_IN_H

#include <stddef.h>

#include "ws-daemon/conn.h"

/* Upcall of a connection: do what a text message asks. An answer, or why it is
 * not done, follows at once or later. */
void wp_frames_in(struct wp_conn *conn, const char *data, size_t len);

#endif /* WP_WS_FRAMES_IN_H */
