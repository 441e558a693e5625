/*
 * buf.c - the growing run of bytes behind every text that we build.
 *
 * Knows how to grow, and the two encodings that nearly every caller appends.
 * Knows nothing about what the bytes mean. Memory is only asked for when
 * len + 1 would exceed cap, so a ceiling of cap - 1 over borrowed memory never
 * reaches the allocator (log.c depends on that).
 */
#include "lib/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/utf8.h"

enum {
	BUF_FIRST_CAP = 64,
	SECRET_TEXT = 512, /* of one wp_buf_printf() */
};

void wp_buf_init(struct wp_buf *buf, size_t max_bytes)
{
	*buf = (struct wp_buf){ .max_bytes =
					max_bytes == 0 ? SIZE_MAX : max_bytes };
}

/*
 * What stands behind the first len bytes, if it is secret. All of the memory:
 * it may have been longer, and was cut.
 */
static void wipe_from(struct wp_buf *buf, size_t len)
{
	if (buf->is_secret && buf->data != NULL)
		explicit_bzero(buf->data + len, buf->cap - len);
}

void wp_buf_release(struct wp_buf *buf)
{
	if (buf == NULL)
		return;
	wipe_from(buf, 0);
	free(buf->data);
	*buf = (struct wp_buf){ .max_bytes = buf->max_bytes,
				.is_secret = buf->is_secret };
}

void wp_buf_clear(struct wp_buf *buf)
{
	wipe_from(buf, 0);
	buf->len = 0;
	buf->failed = false;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

/* The next capacity that holds need bytes: double, but mind the ceiling. */
static size_t next_cap(const struct wp_buf *buf, size_t need)
{
	size_t cap = buf->cap < BUF_FIRST_CAP ? BUF_FIRST_CAP : buf->cap;

	while (cap < need)
		cap = cap > PTRDIFF_MAX / 2 ? need : cap * 2;
	if (buf->max_bytes < cap - 1)
		cap = buf->max_bytes + 1;
	return cap;
}

/* The bytes in cap bytes of memory; NULL: they are where they were. */
static char *grow(struct wp_buf *buf, size_t cap)
{
	char *data;

	if (!buf->is_secret)
		return realloc(buf->data, cap);
	data = malloc(cap);
	if (data == NULL)
		return NULL;
	if (buf->len > 0)
		memcpy(data, buf->data, buf->len);
	wipe_from(buf, 0);
	free(buf->data);
	return data;
}

char *wp_buf_reserve(struct wp_buf *buf, size_t len)
{
	size_t need;

	if (buf->failed)
		return NULL;
	if (len > buf->max_bytes - buf->len ||
	    len >= (size_t)PTRDIFF_MAX - buf->len) {
		buf->failed = true;
		return NULL;
	}
	need = buf->len + len + 1;
	if (need > buf->cap) {
		size_t cap = next_cap(buf, need);
		char *data = grow(buf, cap);

		if (data == NULL) {
			buf->failed = true;
			return NULL;
		}
		buf->data = data;
		buf->cap = cap;
	}
	/* Whoever fills all of it gets its NUL for free. */
	buf->data[buf->len] = '\0';
	buf->data[buf->len + len] = '\0';
	return buf->data + buf->len;
}

void wp_buf_add(struct wp_buf *buf, const void *data, size_t len)
{
	char *room = wp_buf_reserve(buf, len);

	if (room == NULL || len == 0)
		return;
	memcpy(room, data, len);
	buf->len += len;
}

void wp_buf_add_str(struct wp_buf *buf, const char *text)
{
	wp_buf_add(buf, text, strlen(text));
}

void wp_buf_add_char(struct wp_buf *buf, char c)
{
	wp_buf_add(buf, &c, 1);
}

void wp_buf_add_int(struct wp_buf *buf, int64_t value)
{
	char text[WP_DECIMAL_MAX];

	wp_buf_add(buf, text, wp_decimal_write(text, value));
}

void wp_buf_printf(struct wp_buf *buf, const char *fmt, ...)
{
	size_t left = 0;
	va_list args;
	char *room;
	int len;

	/* What it has no room for, vsnprintf() counts in memory of its own,
	 * which nobody wipes: a secret gets the room first. */
	if (buf->is_secret)
		left = buf->max_bytes - buf->len < SECRET_TEXT
			       ? buf->max_bytes - buf->len
			       : SECRET_TEXT;
	room = left > 0 ? wp_buf_reserve(buf, left) : NULL;
	left = room != NULL ? left + 1 : 0;
	va_start(args, fmt);
	len = vsnprintf(room, left, fmt, args);
	va_end(args);
	if (len >= 0 && (size_t)len < left) {
		buf->len += (size_t)len;
		return;
	}
	wipe_from(buf, buf->len);
	if (len < 0) {
		buf->failed = true;
		return;
	}
	room = wp_buf_reserve(buf, (size_t)len);
	if (room == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(room, (size_t)len + 1, fmt, args);
	va_end(args);
	buf->len += (size_t)len;
}

/* Bytes that stand for themselves between the quotes of a JSON string. */
static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

static void add_escaped_ascii(struct wp_buf *buf, unsigned char byte)
{
	if (byte == '"' || byte == '\\') {
		wp_buf_add(buf, (const char[]){ '\\', (char)byte }, 2);
		return;
	}
	wp_buf_add(buf,
		   (const char[]){ '\\', 'u', '0', '0', wp_hex_digit(byte >> 4),
				   wp_hex_digit(byte) },
		   6);
}

/* How many of the len bytes at text are one valid character; 0 when none. */
static size_t character_len(const char *text, size_t len)
{
	struct wp_utf8 state;
	size_t i;

	wp_utf8_init(&state);
	for (i = 0; i < len; i++) {
		if (!wp_utf8_feed(&state, text + i, 1))
			return 0;
		if (wp_utf8_is_complete(&state))
			return i + 1;
	}
	return 0;
}

/* Append a run of bytes above 0x7F; each one that fits nowhere is replaced. */
static void add_high_bytes(struct wp_buf *buf, const char *text, size_t len)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	size_t i = 0;

	if (wp_utf8_is_valid(text, len)) {
		wp_buf_add(buf, text, len);
		return;
	}
	while (i < len && !buf->failed) {
		size_t n = character_len(text + i, len - i);

		if (n == 0) {
			wp_buf_add(buf, replacement, sizeof(replacement) - 1);
			i++;
		} else {
			wp_buf_add(buf, text + i, n);
			i += n;
		}
	}
}

void wp_buf_add_json(struct wp_buf *buf, const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t i = 0;

	wp_buf_add_char(buf, '"');
	while (i < len && !buf->failed) {
		size_t start = i;

		while (i < len && is_plain(bytes[i]))
			i++;
		wp_buf_add(buf, text + start, i - start);
		start = i;
		while (i < len && bytes[i] >= 0x80)
			i++;
		if (i > start)
			add_high_bytes(buf, text + start, i - start);
		else if (i < len)
			add_escaped_ascii(buf, bytes[i++]);
	}
	wp_buf_add_char(buf, '"');
}

void wp_buf_add_base64(struct wp_buf *buf, const void *data, size_t len)
{
	char *room;

	if (len > PTRDIFF_MAX / 2) {
		buf->failed = true;
		return;
	}
	room = wp_buf_reserve(buf, wp_base64_encoded_len(len));
	if (room != NULL)
		buf->len += wp_base64_encode(data, len, room);
}

void wp_buf_consume(struct wp_buf *buf, size_t n)
{
	if (n == 0)
		return;
	memmove(buf->data, buf->data + n, buf->len - n);
	buf->len -= n;
	wipe_from(buf, buf->len);
	buf->data[buf->len] = '\0';
}
