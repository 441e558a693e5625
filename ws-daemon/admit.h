/*
 * admit.h - from a request to a connection that may be registered.
 */
#ifndef WP_WS_ADMIT_H
#define WP_WS_ADMIT_H

#include <stddef.h>

#include "ws-daemon/conn.h"

/* Bytes of a request came in; conn is in HEAD. */
void wp_admit_input(struct wp_conn *conn, const char *data, size_t len);

#endif /* WP_WS_ADMIT_H */
