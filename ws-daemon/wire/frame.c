/*
 * frame.c - RFC 6455 framing: bytes in, events out. No sockets, no clock.
 *
 * A frame that lies in the input as a whole is handed out where it lies. Only
 * what is cut by the end of the input, or spread over fragments, is copied.
 */
#include "ws-daemon/wire/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIN_BIT = 0x80,
	RESERVED_BITS = 0x70,
	OPCODE_BITS = 0x0f,
	MASK_BIT = 0x80,
	LEN_BITS = 0x7f,
	LEN_16 = 126,
	LEN_64 = 127,
	MASK_LEN = 4,
	CONTROL_BIT = 0x8,
	CLOSE_REASON_AT = 2,
	FIRST_ALLOC = 512,
};

/* What cannot stay in the input: a message in pieces, a cut control frame. */
struct wp_ws_partial {
	char *message;
	size_t message_len;
	size_t message_cap;
	uint8_t control[WP_WS_CONTROL_MAX];
	uint8_t control_len;
};

void wp_ws_reader_init(struct wp_ws_reader *reader, size_t max_message)
{
	assert(max_message > 0 && max_message < UINT32_MAX);
	*reader = (struct wp_ws_reader){ .max_message = (uint32_t)max_message };
}

static void drop_partial(struct wp_ws_reader *reader)
{
	if (reader->partial == NULL)
		return;
	free(reader->partial->message);
	free(reader->partial);
	reader->partial = NULL;
}

void wp_ws_reader_release(struct wp_ws_reader *reader)
{
	drop_partial(reader);
}

static void fail(struct wp_ws_reader *reader, struct wp_ws_event *out,
		 enum wp_ws_close code)
{
	reader->is_failed = true;
	drop_partial(reader);
	out->type = WP_WS_EVENT_ERROR;
	out->code = (uint16_t)code;
}

static bool is_control(const struct wp_ws_reader *reader)
{
	return (reader->header[0] & CONTROL_BIT) != 0;
}

static bool is_final(const struct wp_ws_reader *reader)
{
	return (reader->header[0] & FIN_BIT) != 0;
}

static enum wp_ws_opcode opcode_of(const struct wp_ws_reader *reader)
{
	return (enum wp_ws_opcode)(reader->header[0] & OPCODE_BITS);
}

static const uint8_t *mask_of(const struct wp_ws_reader *reader)
{
	return reader->header + reader->header_len - MASK_LEN;
}

/* Bytes of the header whose first two bytes are known (section 5.2). */
static size_t header_need(const uint8_t header[2])
{
	switch (header[1] & LEN_BITS) {
	case LEN_16:
		return 2 + 2 + MASK_LEN;
	case LEN_64:
		return 2 + 8 + MASK_LEN;
	default:
		return 2 + MASK_LEN;
	}
}

/* Judge the first two bytes; 0 or the close code they deserve. */
static enum wp_ws_close judge_start(const struct wp_ws_reader *reader)
{
	const uint8_t *header = reader->header;

	if ((header[0] & RESERVED_BITS) != 0 || (header[1] & MASK_BIT) == 0)
		return WP_CLOSE_PROTOCOL;
	if (is_control(reader)) {
		if (!is_final(reader) ||
		    (header[1] & LEN_BITS) > WP_WS_CONTROL_MAX ||
		    opcode_of(reader) > WP_WS_PONG)
			return WP_CLOSE_PROTOCOL;
		return 0;
	}
	switch (opcode_of(reader)) {
	case WP_WS_TEXT:
		return reader->in_message ? WP_CLOSE_PROTOCOL : 0;
	case WP_WS_CONTINUATION:
		return reader->in_message ? 0 : WP_CLOSE_PROTOCOL;
	case WP_WS_BINARY:
		return reader->in_message ? WP_CLOSE_PROTOCOL
					  : WP_CLOSE_UNSUPPORTED;
	default:
		return WP_CLOSE_PROTOCOL;
	}
}

/* Length field of a complete header; UINT64_MAX when it is no minimal form. */
static uint64_t payload_len(const struct wp_ws_reader *reader)
{
	uint8_t start = reader->header[1] & LEN_BITS;
	size_t bytes = start == LEN_16 ? 2 : start == LEN_64 ? 8 : 0;
	uint64_t len = 0;

	if (bytes == 0)
		return start;
	for (size_t i = 0; i < bytes; i++)
		len = len << 8 | reader->header[2 + i];
	if (bytes == 2 ? len < LEN_16 : len <= UINT16_MAX)
		return UINT64_MAX;
	return len;
}

static size_t message_len(const struct wp_ws_reader *reader)
{
	return reader->partial != NULL ? reader->partial->message_len : 0;
}

/*
 * Take header bytes until it is complete or data ends.
 * Returns the bytes consumed; sets in_payload when complete.
 */
static size_t read_header(struct wp_ws_reader *reader, const uint8_t *data,
			  size_t len, struct wp_ws_event *out)
{
	size_t used = 0;
	uint64_t payload;

	while (used < len) {
		reader->header[reader->header_len++] = data[used++];
		if (reader->header_len == 2) {
			enum wp_ws_close code = judge_start(reader);

			if (code != 0) {
				fail(reader, out, code);
				return used;
			}
		}
		if (reader->header_len < 2 ||
		    reader->header_len < header_need(reader->header))
			continue;

		payload = payload_len(reader);
		/* A 64-bit length has its top bit clear (section 5.2). */
		if (payload > INT64_MAX) {
			fail(reader, out, WP_CLOSE_PROTOCOL);
			return used;
		}
		if (!is_control(reader) &&
		    payload > reader->max_message - message_len(reader)) {
			fail(reader, out, WP_CLOSE_TOO_BIG);
			return used;
		}
		if (opcode_of(reader) == WP_WS_TEXT)
			wp_utf8_init(&reader->utf8);
		reader->left = payload;
		reader->mask_at = 0;
		reader->in_payload = true;
		return used;
	}
	return used;
}

/* Undo the client's mask in place (section 5.3), eight bytes at a time. */
static void unmask(struct wp_ws_reader *reader, uint8_t *data, size_t len)
{
	const uint8_t *mask = mask_of(reader);
	uint8_t turned[8];
	uint64_t wide;
	uint64_t word;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(turned); k++)
		turned[k] = mask[(reader->mask_at + k) % MASK_LEN];
	memcpy(&wide, turned, sizeof(wide));
	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, data + i, sizeof(word));
		word ^= wide;
		memcpy(data + i, &word, sizeof(word));
	}
	for (; i < len; i++)
		data[i] ^= turned[i % sizeof(turned)];
	reader->mask_at = (uint8_t)((reader->mask_at + len) % MASK_LEN);
}

static struct wp_ws_partial *need_partial(struct wp_ws_reader *reader)
{
	if (reader->partial == NULL)
		reader->partial = calloc(1, sizeof(*reader->partial));
	return reader->partial;
}

/*
 * Keep a piece of a message. The buffer grows with what has arrived, never with
 * what a header merely announces.
 */
static bool keep_message(struct wp_ws_reader *reader, const uint8_t *data,
			 size_t len)
{
	struct wp_ws_partial *partial = need_partial(reader);
	size_t need;
	size_t cap;
	char *grown;

	if (partial == NULL)
		return false;
	need = partial->message_len + len;
	if (need > partial->message_cap) {
		cap = partial->message_cap ? partial->message_cap : FIRST_ALLOC;
		while (cap < need)
			cap *= 2;
		if (cap > reader->max_message)
			cap = reader->max_message;
		grown = realloc(partial->message, cap);
		if (grown == NULL)
			return false;
		partial->message = grown;
		partial->message_cap = cap;
	}
	if (len > 0)
		memcpy(partial->message + partial->message_len, data, len);
	partial->message_len = need;
	return true;
}

/* May a peer send this code (section 7.4)? */
static bool close_code_is_valid(unsigned code)
{
	if (code >= 3000)
		return code <= 4999;
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static void finish_close(struct wp_ws_reader *reader, const uint8_t *data,
			 size_t len, struct wp_ws_event *out)
{
	unsigned code = WP_CLOSE_NO_STATUS;

	if (len == 1) {
		fail(reader, out, WP_CLOSE_PROTOCOL);
		return;
	}
	if (len >= CLOSE_REASON_AT) {
		code = (unsigned)data[0] << 8 | data[1];
		if (!close_code_is_valid(code)) {
			fail(reader, out, WP_CLOSE_PROTOCOL);
			return;
		}
		if (!wp_utf8_is_valid(data + CLOSE_REASON_AT,
				      len - CLOSE_REASON_AT)) {
			fail(reader, out, WP_CLOSE_BAD_DATA);
			return;
		}
	}
	out->type = WP_WS_EVENT_CLOSE;
	out->code = (uint16_t)code;
}

static void finish_control(struct wp_ws_reader *reader, const uint8_t *data,
			   size_t len, struct wp_ws_event *out)
{
	switch (opcode_of(reader)) {
	case WP_WS_PING:
		out->type = WP_WS_EVENT_PING;
		break;
	case WP_WS_PONG:
		out->type = WP_WS_EVENT_PONG;
		break;
	default:
		finish_close(reader, data, len, out);
		return;
	}
	out->data = (const char *)data;
	out->len = len;
}

/* Payload bytes of a control frame; complete ones become an event. */
static void read_control(struct wp_ws_reader *reader, uint8_t *data, size_t len,
			 struct wp_ws_event *out)
{
	struct wp_ws_partial *partial = reader->partial;
	bool is_whole = reader->left == 0 &&
			(partial == NULL || partial->control_len == 0);

	if (!is_whole) {
		partial = need_partial(reader);
		if (partial == NULL) {
			fail(reader, out, WP_CLOSE_INTERNAL);
			return;
		}
		memcpy(partial->control + partial->control_len, data, len);
		partial->control_len = (uint8_t)(partial->control_len + len);
		if (reader->left > 0)
			return;
		data = partial->control;
		len = partial->control_len;
		partial->control_len = 0;
	}
	finish_control(reader, data, len, out);
}

/* Payload bytes of a data frame; the last ones of a message make an event. */
static void read_message(struct wp_ws_reader *reader, uint8_t *data, size_t len,
			 struct wp_ws_event *out)
{
	bool is_end = reader->left == 0 && is_final(reader);
	bool is_whole = is_end && message_len(reader) == 0;

	if (!wp_utf8_feed(&reader->utf8, data, len) ||
	    (is_end && !wp_utf8_is_complete(&reader->utf8))) {
		fail(reader, out, WP_CLOSE_BAD_DATA);
		return;
	}
	if (!is_whole && !keep_message(reader, data, len)) {
		fail(reader, out, WP_CLOSE_INTERNAL);
		return;
	}
	if (!is_end) {
		reader->in_message = true;
		return;
	}
	reader->in_message = false;
	out->type = WP_WS_EVENT_TEXT;
	out->data = is_whole ? (const char *)data : reader->partial->message;
	out->len = is_whole ? len : reader->partial->message_len;
}

void wp_ws_reader_done(struct wp_ws_reader *reader)
{
	bool is_busy = reader->in_message || reader->in_payload;

	if (!is_busy)
		drop_partial(reader);
}

bool wp_ws_reader_is_holding(const struct wp_ws_reader *reader)
{
	return reader->partial != NULL;
}

size_t wp_ws_reader_feed(struct wp_ws_reader *reader, uint8_t *data, size_t len,
			 struct wp_ws_event *out)
{
	size_t used = 0;

	*out = (struct wp_ws_event){ .type = WP_WS_EVENT_NONE };
	assert(!reader->is_failed);
	wp_ws_reader_done(reader);

	while (out->type == WP_WS_EVENT_NONE) {
		size_t piece;

		if (!reader->in_payload) {
			used += read_header(reader, data + used, len - used,
					    out);
			if (!reader->in_payload)
				return used;
		}
		piece = len - used;
		if (piece > reader->left)
			piece = (size_t)reader->left;
		if (piece == 0 && reader->left > 0)
			return used;

		unmask(reader, data + used, piece);
		reader->left -= piece;
		if (is_control(reader))
			read_control(reader, data + used, piece, out);
		else
			read_message(reader, data + used, piece, out);
		used += piece;
		if (reader->left == 0) {
			reader->in_payload = false;
			reader->header_len = 0;
		}
	}
	return used;
}

size_t wp_ws_frame_header(uint8_t out[WP_WS_HEADER_MAX],
			  enum wp_ws_opcode opcode, uint64_t len)
{
	size_t bytes = len < LEN_16 ? 0 : len <= UINT16_MAX ? 2 : 8;

	out[0] = (uint8_t)(FIN_BIT | opcode);
	out[1] = bytes == 0 ? (uint8_t)len : bytes == 2 ? LEN_16 : LEN_64;
	for (size_t i = 0; i < bytes; i++)
		out[2 + i] = (uint8_t)(len >> (8 * (bytes - 1 - i)));
	return 2 + bytes;
}
