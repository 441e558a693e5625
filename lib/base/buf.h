/*
 * buf.h - a growing run of bytes with a ceiling.
 *
 * Appends never return an error: the first one that cannot be honoured
 * (memory, or the ceiling) marks the buffer `failed`, later ones do nothing,
 * and the owner asks once at the end. The bytes are always followed by a NUL
 * that is not counted, so text can be handed to printf.
 */
#ifndef WP_LIB_BASE_BUF_H
#define WP_LIB_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct wp_buf {
	char *data; /* NULL until the first append */
	size_t len;
	size_t cap;
	size_t max_bytes; /* ceiling for len; SIZE_MAX when unbounded */
	bool failed;
	/*
	 * What is in it is nobody else's: it is wiped before the memory goes
	 * back or is used for something else, and leaves no copy behind where
	 * it grows. The owner's to set, while it is empty.
	 */
	bool is_secret;
};

/* Start empty. max_bytes 0 means no ceiling. */
void wp_buf_init(struct wp_buf *buf, size_t max_bytes);

/* Free the bytes and start empty again, as secret and with the same ceiling as
 * before. NULL-safe. */
void wp_buf_release(struct wp_buf *buf);

/* Forget the bytes and `failed`, keep the memory. */
void wp_buf_clear(struct wp_buf *buf);

void wp_buf_add(struct wp_buf *buf, const void *data, size_t len);
void wp_buf_add_str(struct wp_buf *buf, const char *text);
void wp_buf_add_char(struct wp_buf *buf, char c);
void wp_buf_add_int(struct wp_buf *buf, int64_t value); /* in decimal */
/* Of a secret: fewer than 512 bytes at a time, else libc keeps some of it. */
void wp_buf_printf(struct wp_buf *buf, const char *fmt, ...) WP_PRINTF(2, 3);

/*
 * Append text as a JSON string with its quotes. Bytes that are no valid UTF-8
 * become U+FFFD, control characters become \u00XX (RFC 8259 section 7).
 */
void wp_buf_add_json(struct wp_buf *buf, const char *text, size_t len);

/* Append len bytes as standard padded base64 (RFC 4648 section 4). */
void wp_buf_add_base64(struct wp_buf *buf, const void *data, size_t len);

/*
 * Make room for len more bytes and return where they may be written; the
 * caller adds what it really wrote to buf->len. NULL (and failed) when there
 * is no room.
 */
char *wp_buf_reserve(struct wp_buf *buf, size_t len) WP_MUST_USE;

/* Drop the first n bytes, n <= len. Costs a move of what remains. */
void wp_buf_consume(struct wp_buf *buf, size_t n);

#endif /* WP_LIB_BASE_BUF_H */
