/*
 * admit.h - who may come in, and how presence is told of it (docs/websocket.md
 * "Getting in").
 */
#ifndef WP_WS_ADMIT_H
#define WP_WS_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "ws-daemon/conn.h"

/* Upcalls of a connection. */
void wp_admit_request(struct wp_conn *conn, const struct wp_head *head);
void wp_admit_left(struct wp_conn *conn, bool is_clean);

/* Hooks of the registrar; ctx is a struct wp_parts. */
void wp_admit_on_registered(void *ctx, struct wp_member *member,
			    int64_t pending);
void wp_admit_on_refused(void *ctx, struct wp_member *member);

#endif /* WP_WS_ADMIT_H */
