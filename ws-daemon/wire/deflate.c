/*
 * deflate.c - zlib, one message at a time.
 */
#include "ws-daemon/wire/deflate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
/* What is given to it is not changed. */
#define ZLIB_CONST
#include <zlib.h>

#include "lib/base/utf8.h"

enum {
	BITS_MIN = 9,
	BITS_MAX = 15,
	TAIL_LEN = 4,
	FIRST_ALLOC = 4096,
	MEMORY_LEVEL = 8,
	AT_BLOCK_END = 128, /* in data_type, behind inflate() */
	TEXT_FRAME = 0x80 | WP_WS_TEXT,
};

/* What a sender takes off the end of each message (section 7.2.1). */
static const uint8_t tail[TAIL_LEN] = { 0x00, 0x00, 0xff, 0xff };

/* It grows, and is kept. */
struct room {
	uint8_t *bytes;
	size_t cap;
};

struct wp_deflate {
	z_stream in;
	z_stream out[BITS_MAX - BITS_MIN + 1];
	bool has_in;
	bool has_out[BITS_MAX - BITS_MIN + 1];
	/* Two: an answer is deflated while what it answers is looked at. */
	struct room inflated;
	struct room deflated;
	size_t n_inflated;
	struct wp_deflate_tally tally;
	/* The last message, and its form for this window. */
	struct wp_message *source;
	struct wp_message *form;
	uint8_t form_bits;
};

struct wp_deflate *wp_deflate_new(void)
{
	return calloc(1, sizeof(struct wp_deflate));
}

static void forget_form(struct wp_deflate *d)
{
	wp_message_unref(&d->source);
	wp_message_unref(&d->form);
}

void wp_deflate_free(struct wp_deflate **deflate)
{
	struct wp_deflate *d = *deflate;

	*deflate = NULL;
	if (d == NULL)
		return;
	if (d->has_in)
		(void)inflateEnd(&d->in);
	for (size_t i = 0; i <= BITS_MAX - BITS_MIN; i++)
		if (d->has_out[i])
			(void)deflateEnd(&d->out[i]);
	forget_form(d);
	free(d->inflated.bytes);
	free(d->deflated.bytes);
	free(d);
}

static bool has_room(struct room *room, size_t cap)
{
	uint8_t *grown;

	if (room->cap >= cap)
		return true;
	grown = realloc(room->bytes, cap);
	if (grown == NULL)
		return false;
	room->bytes = grown;
	room->cap = cap;
	return true;
}

size_t wp_deflate_inflated(const struct wp_deflate *deflate)
{
	return deflate->n_inflated;
}

const struct wp_deflate_tally *
wp_deflate_tally(const struct wp_deflate *deflate)
{
	return &deflate->tally;
}

/* ---- in ---- */

/* A message that is being inflated. */
struct inflating {
	struct wp_deflate *d;
	size_t max;
	size_t len; /* made so far */
	struct wp_utf8 utf8;
	bool is_at_end; /* of a block, and nothing is owed */
};

/* Room for the next bytes: what there is, else twice that. */
static bool make_room(struct inflating *f)
{
	size_t cap = f->d->inflated.cap;

	if (cap <= f->len)
		cap = 2 * f->len;
	if (cap < FIRST_ALLOC)
		cap = FIRST_ALLOC;
	if (cap > f->max + 1)
		cap = f->max + 1;
	return has_room(&f->d->inflated, cap);
}

/* One call of zlib, and what it made is looked at. */
static enum wp_ws_close inflate_some(struct inflating *f)
{
	z_stream *in = &f->d->in;
	const struct room *to = &f->d->inflated;
	size_t room;
	size_t made;
	int rc;

	if (!make_room(f))
		return WP_CLOSE_INTERNAL;
	room = (to->cap > f->max + 1 ? f->max + 1 : to->cap) - f->len;
	in->next_out = to->bytes + f->len;
	in->avail_out = (uInt)room;
	rc = inflate(in, Z_SYNC_FLUSH);
	if (rc == Z_MEM_ERROR)
		return WP_CLOSE_INTERNAL;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return WP_CLOSE_BAD_DATA;
	made = room - in->avail_out;
	f->d->n_inflated += made;
	f->len += made;
	if (f->len > f->max)
		return WP_CLOSE_TOO_BIG;
	if (!wp_utf8_feed(&f->utf8, to->bytes + f->len - made, made))
		return WP_CLOSE_BAD_DATA;
	f->is_at_end =
		rc == Z_STREAM_END || (in->data_type & AT_BLOCK_END) != 0;
	/* A block may say that it is the last; the message goes on (section
	 * 7.2.3.4). */
	if (rc == Z_STREAM_END && inflateReset(in) != Z_OK)
		return WP_CLOSE_INTERNAL;
	return 0;
}

/* All of these bytes, and all that they stand for. */
static enum wp_ws_close inflate_bytes(struct inflating *f, const void *data,
				      size_t len)
{
	z_stream *in = &f->d->in;
	enum wp_ws_close code = 0;

	assert(len <= UINT32_MAX);
	in->next_in = data;
	in->avail_in = (uInt)len;
	do {
		code = inflate_some(f);
	} while (code == 0 && (in->avail_in > 0 || in->avail_out == 0));
	return code;
}

enum wp_ws_close wp_deflate_inflate(struct wp_deflate *deflate, size_t max,
				    const char **text, size_t *len)
{
	struct inflating f = { .d = deflate, .max = max };
	enum wp_ws_close code;

	assert(max > 0 && max < UINT32_MAX);
	if (!deflate->has_in && inflateInit2(&deflate->in, -BITS_MAX) != Z_OK)
		return WP_CLOSE_INTERNAL;
	deflate->has_in = true;
	if (inflateReset(&deflate->in) != Z_OK)
		return WP_CLOSE_INTERNAL;
	wp_utf8_init(&f.utf8);
	code = inflate_bytes(&f, *text, *len);
	if (code == 0)
		code = inflate_bytes(&f, tail, sizeof(tail));
	if (code == 0 && (!f.is_at_end || !wp_utf8_is_complete(&f.utf8)))
		code = WP_CLOSE_BAD_DATA;
	if (code == 0) {
		deflate->tally.in_text += f.len;
		deflate->tally.in_deflated += *len;
	}
	*text = (const char *)deflate->inflated.bytes;
	*len = f.len;
	return code;
}

/* ---- out ---- */

/* NULL when memory is exhausted. */
static z_stream *stream_of(struct wp_deflate *d, uint8_t bits)
{
	size_t i = bits - BITS_MIN;

	assert(bits >= BITS_MIN && bits <= BITS_MAX);
	if (!d->has_out[i] &&
	    deflateInit2(&d->out[i], Z_BEST_SPEED, Z_DEFLATED, -(int)bits,
			 MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	d->has_out[i] = true;
	return deflateReset(&d->out[i]) == Z_OK ? &d->out[i] : NULL;
}

/* Bytes of the payload in d->deflated; 0: it did not get shorter. */
static size_t deflate_payload(struct wp_deflate *d, const uint8_t *payload,
			      size_t len, uint8_t bits)
{
	z_stream *out = stream_of(d, bits);
	size_t made;

	if (out == NULL || !has_room(&d->deflated, len + TAIL_LEN))
		return 0;
	out->next_in = payload;
	out->avail_in = (uInt)len;
	out->next_out = d->deflated.bytes;
	out->avail_out = (uInt)(len + TAIL_LEN);
	if (deflate(out, Z_SYNC_FLUSH) != Z_OK || out->avail_out == 0)
		return 0;
	made = len + TAIL_LEN - out->avail_out;
	assert(made > TAIL_LEN && memcmp(d->deflated.bytes + made - TAIL_LEN,
					 tail, TAIL_LEN) == 0);
	return made - TAIL_LEN;
}

/* A new reference; message itself when there is no shorter form. */
static struct wp_message *make_form(struct wp_deflate *d,
				    struct wp_message *message, uint8_t bits)
{
	struct wp_message *form = NULL;
	size_t at = wp_ws_frame_payload_at(message->data);
	size_t len =
		deflate_payload(d, message->data + at, message->len - at, bits);

	if (len > 0)
		form = wp_message_frame(WP_WS_TEXT, d->deflated.bytes, len);
	if (form == NULL)
		return wp_message_ref(message);
	form->data[0] |= WP_WS_DEFLATED;
	return form;
}

static size_t payload_len(const struct wp_message *message)
{
	return message->len - wp_ws_frame_payload_at(message->data);
}

static bool is_worth_it(const struct wp_message *message)
{
	return !message->is_http && message->data[0] == TEXT_FRAME &&
	       payload_len(message) >= WP_DEFLATE_MIN;
}

struct wp_message *wp_deflate_message(struct wp_deflate *deflate,
				      struct wp_message *message, uint8_t bits)
{
	if (bits == 0 || !is_worth_it(message))
		return wp_message_ref(message);
	/* A reference is held, so no other message has its address. */
	if (message != deflate->source || bits != deflate->form_bits) {
		struct wp_message *form = make_form(deflate, message, bits);

		forget_form(deflate);
		deflate->source = wp_message_ref(message);
		deflate->form = form;
		deflate->form_bits = bits;
	}
	if (deflate->form != message) {
		deflate->tally.out_text += payload_len(message);
		deflate->tally.out_deflated += payload_len(deflate->form);
	}
	return wp_message_ref(deflate->form);
}
