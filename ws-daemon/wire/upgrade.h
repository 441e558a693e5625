/*
 * upgrade.h - the HTTP half of a WebSocket connection: bytes in, answer out.
 *
 * Judges the upgrade (RFC 6455 section 4.2.1) and finds where tokens may be.
 * Knows nothing about keys, sockets or users.
 */
#ifndef WP_WS_UPGRADE_H
#define WP_WS_UPGRADE_H

#include "lib/base/buf.h"
#include "lib/http/head.h"

/* What the upgrade offers, when it is one. */
struct wp_upgrade {
	struct wp_text key;
	struct wp_text origin;   /* data NULL when absent */
	struct wp_text protocol; /* to select: "waypost.v1", a lone token, or
				    absent */
	struct wp_text subprotocol_token;
};

/*
 * Judge the request as an upgrade.
 *
 * Returns: 101 when it is a sound version 13 upgrade; 405 another method; 426
 *          no upgrade asked for, or another version; 400 anything unsound (bad
 *          or repeated key, a body, repeated protocols that do not fit)
 */
unsigned wp_upgrade_read(struct wp_upgrade *out, const struct wp_head *head);

/* Sec-WebSocket-Accept of a key: 28 characters and a NUL. */
enum { WP_ACCEPT_LEN = 28 };
void wp_upgrade_accept(const struct wp_text *key, char out[WP_ACCEPT_LEN + 1]);

/* Append "HTTP/1.1 101 …" with accept and, if present, the protocol. */
void wp_upgrade_response(struct wp_buf *out, const struct wp_upgrade *upgrade);

#endif /* WP_WS_UPGRADE_H */
