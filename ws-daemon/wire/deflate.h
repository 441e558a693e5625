/*
 * deflate.h - permessage-deflate (RFC 7692): messages inflated and deflated.
 *
 * No message is deflated with what came before it (no context takeover), so one
 * of these serves all connections of a process: a connection that uses it costs
 * no memory of its own, and no secret of one message shows in the length of
 * another.
 */
#ifndef WP_WS_DEFLATE_H
#define WP_WS_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "ws-daemon/wire/frame.h"
#include "ws-daemon/wire/outbox.h"

/* Bytes of a message's text; what is shorter gains too little. */
enum { WP_DEFLATE_MIN = 256 };

struct wp_deflate;

/* NULL when memory is exhausted. The caller's; end with wp_deflate_free(). What
 * zlib needs is allocated with the first use, at most 256 KiB for each size of
 * window and 48 KiB to inflate. */
struct wp_deflate *wp_deflate_new(void) WP_MUST_USE;
/* Sets *deflate to NULL. NULL-safe. */
void wp_deflate_free(struct wp_deflate **deflate);

/*
 * Inflate a whole message.
 *
 * max:      bytes that it may have, > 0, < 2^32 - 1; no more than one beyond it
 *           is ever made, whatever the message would grow to
 * text:     the message, and then its text: valid UTF-8, borrowed until the
 *           next call
 * Returns:  0, or the code to fail the connection with: WP_CLOSE_TOO_BIG,
 *           WP_CLOSE_BAD_DATA when it is no deflated text,
 *           WP_CLOSE_INTERNAL when memory is exhausted
 * Source:   RFC 7692 section 7.2.2
 */
enum wp_ws_close wp_deflate_inflate(struct wp_deflate *deflate, size_t max,
				    const char **text, size_t *len) WP_MUST_USE;

/* Bytes inflated so far, of all messages; wraps. */
size_t wp_deflate_inflated(const struct wp_deflate *deflate);

/* Bytes of messages that went over the wire deflated, so far: of their text,
 * and what was sent in its place. Without headers of frames. */
struct wp_deflate_tally {
	uint64_t in_text;
	uint64_t in_deflated;
	uint64_t out_text;
	uint64_t out_deflated;
};
const struct wp_deflate_tally *
wp_deflate_tally(const struct wp_deflate *deflate);

/*
 * The form of message for a peer with this window. The same for one after the
 * other is made once.
 *
 * bits:     9 … 15, or 0: it takes nothing deflated
 * Returns:  a new reference: to message itself where it is no text, short, does
 *           not get shorter, or memory is exhausted
 * Source:   RFC 7692 section 7.2.1
 */
struct wp_message *wp_deflate_message(struct wp_deflate *deflate,
				      struct wp_message *message, uint8_t bits);

#endif /* WP_WS_DEFLATE_H */
