/*
 * utf8.h - incremental validation of UTF-8 (RFC 3629): no overlong forms, no
 * surrogates, nothing above U+10FFFF. State survives between pieces, so a
 * fragmented WebSocket message is checked as it arrives (RFC 6455 section 8.1).
 */
#ifndef WP_LIB_BASE_UTF8_H
#define WP_LIB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wp_utf8 {
	uint8_t need;  /* continuation bytes still expected */
	uint8_t lower; /* bounds for the next continuation byte */
	uint8_t upper;
};

void wp_utf8_init(struct wp_utf8 *state);

/* Feed a piece; false at the first byte that no valid text can contain. */
bool wp_utf8_feed(struct wp_utf8 *state, const void *data, size_t len);

/* True when everything fed so far ends at a character boundary. */
bool wp_utf8_is_complete(const struct wp_utf8 *state);

/* The whole of data is valid UTF-8. */
bool wp_utf8_is_valid(const void *data, size_t len);

#endif /* WP_LIB_BASE_UTF8_H */
