/*
 * frame.c - RFC 6455 framing: bytes in, events out. No sockets, no clock.
 *
 * A frame that lies in the input as a whole is handed out where it lies, and
 * its state is a local variable. Only what is cut by the end of the input, or
 * spread over fragments, is copied and has a state that lasts.
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

/* A message in pieces, a frame that is cut: what is known of it so far. */
struct wp_ws_partial {
	uint64_t left; /* payload bytes of this frame to come */
	char *message;
	size_t message_len;
	size_t message_cap;
	struct wp_utf8 utf8; /* of the open message */
	uint8_t header[WP_WS_HEADER_MAX + MASK_LEN];
	uint8_t header_len;
	uint8_t mask_at;     /* position in the 4-byte mask */
	uint8_t control_len; /* bytes of a cut control frame */
	bool in_payload;     /* header is complete */
	bool in_message;     /* a message has begun and is not complete */
	bool is_deflated;    /* that message, or the last one */
	uint8_t control[WP_WS_CONTROL_MAX];
};

/* One call of wp_ws_reader_feed(). */
struct feeding {
	struct wp_ws_partial *at; /* the reader's, or fresh */
	struct wp_ws_event *out;
	size_t max_message;
	bool may_deflate;
	bool is_failed;
	struct wp_ws_partial fresh;
};

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

static void fail(struct feeding *f, enum wp_ws_close code)
{
	f->is_failed = true;
	f->out->type = WP_WS_EVENT_ERROR;
	f->out->code = (uint16_t)code;
}

static bool is_control(const struct wp_ws_partial *at)
{
	return (at->header[0] & CONTROL_BIT) != 0;
}

static bool is_final(const struct wp_ws_partial *at)
{
	return (at->header[0] & FIN_BIT) != 0;
}

static enum wp_ws_opcode opcode_of(const struct wp_ws_partial *at)
{
	return (enum wp_ws_opcode)(at->header[0] & OPCODE_BITS);
}

static const uint8_t *mask_of(const struct wp_ws_partial *at)
{
	return at->header + at->header_len - MASK_LEN;
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

static bool begins_message(const struct wp_ws_partial *at)
{
	return opcode_of(at) == WP_WS_TEXT || opcode_of(at) == WP_WS_BINARY;
}

/* Bytes of a whole message, as it is on the wire. */
static size_t max_of(const struct feeding *f)
{
	return f->at->is_deflated ? f->max_message + f->max_message / 8 + 64
				  : f->max_message;
}

/* Judge the first two bytes; 0 or the close code they deserve. */
static enum wp_ws_close judge_start(const struct wp_ws_partial *at,
				    bool may_deflate)
{
	const uint8_t *header = at->header;
	unsigned allowed =
		may_deflate && begins_message(at) ? WP_WS_DEFLATED : 0;

	if ((header[0] & RESERVED_BITS & ~allowed) != 0 ||
	    (header[1] & MASK_BIT) == 0)
		return WP_CLOSE_PROTOCOL;
	if (is_control(at)) {
		if (!is_final(at) ||
		    (header[1] & LEN_BITS) > WP_WS_CONTROL_MAX ||
		    opcode_of(at) > WP_WS_PONG)
			return WP_CLOSE_PROTOCOL;
		return 0;
	}
	switch (opcode_of(at)) {
	case WP_WS_TEXT:
		return at->in_message ? WP_CLOSE_PROTOCOL : 0;
	case WP_WS_CONTINUATION:
		return at->in_message ? 0 : WP_CLOSE_PROTOCOL;
	case WP_WS_BINARY:
		return at->in_message ? WP_CLOSE_PROTOCOL
				      : WP_CLOSE_UNSUPPORTED;
	default:
		return WP_CLOSE_PROTOCOL;
	}
}

/* Length field of a complete header; UINT64_MAX when it is no minimal form. */
static uint64_t payload_len(const struct wp_ws_partial *at)
{
	uint8_t start = at->header[1] & LEN_BITS;
	size_t bytes = start == LEN_16 ? 2 : start == LEN_64 ? 8 : 0;
	uint64_t len = 0;

	if (bytes == 0)
		return start;
	for (size_t i = 0; i < bytes; i++)
		len = len << 8 | at->header[2 + i];
	if (bytes == 2 ? len < LEN_16 : len <= UINT16_MAX)
		return UINT64_MAX;
	return len;
}

/* The header is complete: judge its length. */
static void end_header(struct feeding *f)
{
	struct wp_ws_partial *at = f->at;
	uint64_t payload = payload_len(at);

	if (begins_message(at))
		at->is_deflated = (at->header[0] & WP_WS_DEFLATED) != 0;
	/* A 64-bit length has its top bit clear (section 5.2). */
	if (payload > INT64_MAX) {
		fail(f, WP_CLOSE_PROTOCOL);
		return;
	}
	if (!is_control(at) && payload > max_of(f) - at->message_len) {
		fail(f, WP_CLOSE_TOO_BIG);
		return;
	}
	if (opcode_of(at) == WP_WS_TEXT)
		wp_utf8_init(&at->utf8);
	at->left = payload;
	at->mask_at = 0;
	at->in_payload = true;
}

/*
 * Take header bytes until it is complete or data ends.
 * Returns the bytes consumed; sets in_payload when complete.
 */
static size_t read_header(struct feeding *f, const uint8_t *data, size_t len)
{
	struct wp_ws_partial *at = f->at;
	size_t used = 0;

	while (used < len && !at->in_payload && !f->is_failed) {
		enum wp_ws_close code = 0;

		at->header[at->header_len++] = data[used++];
		if (at->header_len == 2)
			code = judge_start(at, f->may_deflate);
		if (code != 0)
			fail(f, code);
		else if (at->header_len >= 2 &&
			 at->header_len == header_need(at->header))
			end_header(f);
	}
	return used;
}

/* Undo the client's mask in place (section 5.3), eight bytes at a time. */
static void unmask(struct wp_ws_partial *at, uint8_t *data, size_t len)
{
	const uint8_t *mask = mask_of(at);
	uint8_t turned[8];
	uint64_t wide;
	uint64_t word;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(turned); k++)
		turned[k] = mask[(at->mask_at + k) % MASK_LEN];
	memcpy(&wide, turned, sizeof(wide));
	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, data + i, sizeof(word));
		word ^= wide;
		memcpy(data + i, &word, sizeof(word));
	}
	for (; i < len; i++)
		data[i] ^= turned[i % sizeof(turned)];
	at->mask_at = (uint8_t)((at->mask_at + len) % MASK_LEN);
}

/*
 * Keep a piece of a message. The buffer grows with what has arrived, never with
 * what a header merely announces.
 */
static bool keep_message(struct feeding *f, const uint8_t *data, size_t len)
{
	struct wp_ws_partial *at = f->at;
	size_t need = at->message_len + len;
	size_t cap = at->message_cap ? at->message_cap : FIRST_ALLOC;
	char *grown;

	if (need > at->message_cap) {
		while (cap < need)
			cap *= 2;
		if (cap > max_of(f))
			cap = max_of(f);
		grown = realloc(at->message, cap);
		if (grown == NULL)
			return false;
		at->message = grown;
		at->message_cap = cap;
	}
	if (len > 0)
		memcpy(at->message + at->message_len, data, len);
	at->message_len = need;
	return true;
}

/* May a peer send this code (section 7.4)? */
static bool close_code_is_valid(unsigned code)
{
	if (code >= 3000)
		return code <= 4999;
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static void finish_close(struct feeding *f, const uint8_t *data, size_t len)
{
	unsigned code = WP_CLOSE_NO_STATUS;

	if (len == 1) {
		fail(f, WP_CLOSE_PROTOCOL);
		return;
	}
	if (len >= CLOSE_REASON_AT) {
		code = (unsigned)data[0] << 8 | data[1];
		if (!close_code_is_valid(code)) {
			fail(f, WP_CLOSE_PROTOCOL);
			return;
		}
		if (!wp_utf8_is_valid(data + CLOSE_REASON_AT,
				      len - CLOSE_REASON_AT)) {
			fail(f, WP_CLOSE_BAD_DATA);
			return;
		}
	}
	f->out->type = WP_WS_EVENT_CLOSE;
	f->out->code = (uint16_t)code;
}

static void finish_control(struct feeding *f, const uint8_t *data, size_t len)
{
	switch (opcode_of(f->at)) {
	case WP_WS_PING:
		f->out->type = WP_WS_EVENT_PING;
		break;
	case WP_WS_PONG:
		f->out->type = WP_WS_EVENT_PONG;
		break;
	default:
		finish_close(f, data, len);
		return;
	}
	f->out->data = (const char *)data;
	f->out->len = len;
}

/* Payload bytes of a control frame; complete ones become an event. */
static void read_control(struct feeding *f, uint8_t *data, size_t len)
{
	struct wp_ws_partial *at = f->at;

	if (at->left > 0 || at->control_len > 0) {
		memcpy(at->control + at->control_len, data, len);
		at->control_len = (uint8_t)(at->control_len + len);
		if (at->left > 0)
			return;
		data = at->control;
		len = at->control_len;
		at->control_len = 0;
	}
	finish_control(f, data, len);
}

/* Payload bytes of a data frame; the last ones of a message make an event. */
static void read_message(struct feeding *f, uint8_t *data, size_t len)
{
	struct wp_ws_partial *at = f->at;
	bool is_end = at->left == 0 && is_final(at);
	bool is_whole = is_end && at->message_len == 0;

	if (!at->is_deflated && (!wp_utf8_feed(&at->utf8, data, len) ||
				 (is_end && !wp_utf8_is_complete(&at->utf8)))) {
		fail(f, WP_CLOSE_BAD_DATA);
		return;
	}
	if (!is_whole && !keep_message(f, data, len)) {
		fail(f, WP_CLOSE_INTERNAL);
		return;
	}
	at->in_message = !is_end;
	if (!is_end)
		return;
	f->out->type = WP_WS_EVENT_TEXT;
	f->out->is_deflated = at->is_deflated;
	f->out->data = is_whole ? (const char *)data : at->message;
	f->out->len = is_whole ? len : at->message_len;
}

/* Between messages, nothing of which has come? */
static bool is_idle(const struct wp_ws_partial *at)
{
	return at->header_len == 0 && !at->in_message;
}

void wp_ws_reader_done(struct wp_ws_reader *reader)
{
	if (reader->partial != NULL && is_idle(reader->partial))
		drop_partial(reader);
}

bool wp_ws_reader_is_holding(const struct wp_ws_reader *reader)
{
	return reader->partial != NULL;
}

/* Take bytes up until an event is complete or data ends; returns how many. */
static size_t take_up(struct feeding *f, uint8_t *data, size_t len)
{
	struct wp_ws_partial *at = f->at;
	size_t used = 0;

	while (f->out->type == WP_WS_EVENT_NONE) {
		size_t piece;

		if (!at->in_payload)
			used += read_header(f, data + used, len - used);
		piece = len - used < at->left ? len - used : (size_t)at->left;
		if (!at->in_payload || (piece == 0 && at->left > 0))
			break;
		unmask(at, data + used, piece);
		at->left -= piece;
		if (is_control(at))
			read_control(f, data + used, piece);
		else
			read_message(f, data + used, piece);
		used += piece;
		if (at->left == 0) {
			at->in_payload = false;
			at->header_len = 0;
		}
	}
	return used;
}

/* What has begun, or was borrowed, outlives the call. */
static void keep_fresh(struct feeding *f, struct wp_ws_reader *reader)
{
	struct wp_ws_partial *kept;

	if (is_idle(&f->fresh) && f->fresh.message == NULL)
		return;
	kept = f->is_failed ? NULL : malloc(sizeof(*kept));
	if (kept != NULL) {
		*kept = f->fresh;
		reader->partial = kept;
		return;
	}
	free(f->fresh.message);
	if (!f->is_failed)
		fail(f, WP_CLOSE_INTERNAL);
}

size_t wp_ws_reader_feed(struct wp_ws_reader *reader, size_t max_message,
			 bool may_deflate, uint8_t *data, size_t len,
			 struct wp_ws_event *out)
{
	struct feeding f = { .out = out,
			     .max_message = max_message,
			     .may_deflate = may_deflate };
	size_t used;

	assert(max_message > 0 && max_message < INT32_MAX);
	*out = (struct wp_ws_event){ .type = WP_WS_EVENT_NONE };
	wp_ws_reader_done(reader);
	f.at = reader->partial != NULL ? reader->partial : &f.fresh;
	used = take_up(&f, data, len);
	if (f.at == &f.fresh)
		keep_fresh(&f, reader);
	if (f.is_failed)
		drop_partial(reader);
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

size_t wp_ws_frame_payload_at(const uint8_t *frame)
{
	switch (frame[1] & LEN_BITS) {
	case LEN_16:
		return 2 + 2;
	case LEN_64:
		return 2 + 8;
	default:
		return 2;
	}
}
