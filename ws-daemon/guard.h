/*
 * guard.h - whether somebody may do one thing more, by how much of it there was
 * lately (docs/architecture.md "Limits"). Nothing waits here.
 */
#ifndef WP_WS_GUARD_H
#define WP_WS_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/name/urn.h"
#include "ws-daemon/conn.h"

/*
 * A request came in: from where, and may whoever is there still be answered?
 * False when it was answered 429.
 */
bool wp_guard_request(struct wp_conn *conn, const struct wp_head *head);

/* It was refused, and that cost work: charge the address. */
void wp_guard_failed(struct wp_conn *conn);

/* May this user open a connection? False when it was answered 429. */
bool wp_guard_connect(struct wp_conn *conn, const struct wp_urn *user);

/* May the user of an open connection send? Else *wait_ns_out: not before. */
bool wp_guard_send(struct wp_conn *conn, int64_t *wait_ns_out);

#endif /* WP_WS_GUARD_H */
