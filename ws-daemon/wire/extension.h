/*
 * extension.h - which of the extensions that a client offers is used: none, or
 * permessage-deflate (RFC 7692) without context takeover. Text only; zlib is in
 * deflate.c.
 */
#ifndef WP_WS_EXTENSION_H
#define WP_WS_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/http/head.h"

/* What is agreed on. */
struct wp_extension {
	uint8_t deflate_bits; /* of our window, 9 … 15; 0: no deflating */
	bool is_bits_asked;   /* the offer had server_max_window_bits */
};

/*
 * Take the first offer that can be met. One with an unknown parameter, one
 * given twice or with a value that it may not have, or that wants a window of
 * 2^8 bytes, which zlib does not make, is passed over.
 *
 * Source:  RFC 7692 sections 5.1, 7 and 7.1
 */
struct wp_extension wp_extension_choose(const struct wp_head *head);

/* Append the line of the 101 that says so; nothing when nothing is chosen. */
void wp_extension_add(struct wp_buf *out, const struct wp_extension *chosen);

#endif /* WP_WS_EXTENSION_H */
