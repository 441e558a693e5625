/*
 * frame.h - RFC 6455 framing: bytes in, events out. No sockets, no clock.
 *
 * A reader costs a pointer while nothing is half-read. Memory for a frame or
 * message that is cut exists only until it is complete and done with, and never
 * exceeds the limit.
 */
#ifndef WP_WS_FRAME_H
#define WP_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/utf8.h"

enum wp_ws_opcode {
	WP_WS_CONTINUATION = 0x0,
	WP_WS_TEXT = 0x1,
	WP_WS_BINARY = 0x2,
	WP_WS_CLOSE = 0x8,
	WP_WS_PING = 0x9,
	WP_WS_PONG = 0xA,
};

/* RFC 6455 section 7.4.1 and our own (docs/websocket.md "Getting in"). */
enum wp_ws_close {
	WP_CLOSE_NORMAL = 1000,
	WP_CLOSE_GOING_AWAY = 1001,
	WP_CLOSE_PROTOCOL = 1002,
	WP_CLOSE_UNSUPPORTED = 1003,
	WP_CLOSE_NO_STATUS = 1005, /* never on the wire */
	WP_CLOSE_BAD_DATA = 1007,
	WP_CLOSE_POLICY = 1008,
	WP_CLOSE_TOO_BIG = 1009,
	WP_CLOSE_INTERNAL = 1011,
	WP_CLOSE_RESTART = 1012,
	WP_CLOSE_TRY_LATER = 1013,
	WP_CLOSE_TOKEN_EXPIRED = 4401,
	WP_CLOSE_REVOKED = 4403,
	WP_CLOSE_REPLACED = 4409,
};

enum { WP_WS_CONTROL_MAX = 125, WP_WS_HEADER_MAX = 10 };
/* RSV1 of a message's first frame: it is deflated (RFC 7692 section 6). */
enum { WP_WS_DEFLATED = 0x40 };

enum wp_ws_event_type {
	WP_WS_EVENT_NONE, /* everything was consumed, nothing is complete */
	WP_WS_EVENT_TEXT, /* a whole text message; UTF-8 unless deflated */
	WP_WS_EVENT_PING, /* answer with a pong of the same data */
	WP_WS_EVENT_PONG,
	WP_WS_EVENT_CLOSE, /* code is the peer's, WP_CLOSE_NO_STATUS if none */
	WP_WS_EVENT_ERROR, /* fail the connection with code; feed no more */
};

struct wp_ws_event {
	enum wp_ws_event_type type;
	uint16_t code;    /* CLOSE and ERROR */
	bool is_deflated; /* TEXT: data is to be inflated (deflate.h) */
	/* TEXT, PING, PONG: borrowed until the next call or change of input. */
	const char *data;
	size_t len;
};

struct wp_ws_partial; /* a frame or message that has begun */

/* State of one connection's incoming side. Private. */
struct wp_ws_reader {
	struct wp_ws_partial *partial; /* NULL between messages */
};

/* All zero is a new reader. */
void wp_ws_reader_release(struct wp_ws_reader *reader);

/*
 * Consume bytes until one event is complete or data ends. Client frames must be
 * masked (section 5.1); the payload is unmasked in place.
 *
 * max_message:  bytes of a whole message, > 0, < 2^31; always the same. One
 *               that is deflated may have an eighth and 64 more: not all data
 *               gets shorter
 * may_deflate:  permessage-deflate was agreed on
 * Returns:  bytes consumed; call again with the rest while it is less than len
 *           and the event was neither CLOSE nor ERROR
 */
size_t wp_ws_reader_feed(struct wp_ws_reader *reader, size_t max_message,
			 bool may_deflate, uint8_t *data, size_t len,
			 struct wp_ws_event *out);

/* What the last event was borrowed from is not needed any more; frees it now
 * and not with the next call. */
void wp_ws_reader_done(struct wp_ws_reader *reader);

/* Is memory held for a frame or message that has begun? */
bool wp_ws_reader_is_holding(const struct wp_ws_reader *reader);

/* Header of an unmasked, unfragmented frame; returns its length (2, 4, 10). */
size_t wp_ws_frame_header(uint8_t out[WP_WS_HEADER_MAX],
			  enum wp_ws_opcode opcode, uint64_t payload_len);
/* Bytes before the payload of such a frame. */
size_t wp_ws_frame_payload_at(const uint8_t *frame);

#endif /* WP_WS_FRAME_H */
