/*
 * encode.h - bytes as text, and back: hexadecimal digits and base64 (RFC 4648),
 * both alphabets.
 */
#ifndef WP_LIB_BASE_ENCODE_H
#define WP_LIB_BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a digit of either case stands for, 0 to 15; -1 when c is none. */
int wp_hex_value(char c);

/* The lower-case digit of the four lowest bits. */
char wp_hex_digit(unsigned int value);

/* Write 2*len lower-case digits and a NUL. */
void wp_hex_write(char *text, const void *data, size_t len);

/*
 * Read exactly len bytes from 2*len digits of either case; false when text is
 * anything else. What out holds then is of no use.
 */
bool wp_hex_read(const char *text, size_t text_len, void *out, size_t len);

/* The most that wp_decimal_write() writes: a sign, 19 digits and a NUL. */
enum { WP_DECIMAL_MAX = 21 };

/* Write a number in decimal digits and a NUL; returns how many characters. */
size_t wp_decimal_write(char text[WP_DECIMAL_MAX], int64_t value);

/* Bytes that encoding len bytes takes, padding included, NUL not. */
size_t wp_base64_encoded_len(size_t len);

/* Upper bound of the bytes that decoding len characters can give. */
size_t wp_base64_decoded_max(size_t len);

/* Encode with the standard alphabet and padding; returns the length written. */
size_t wp_base64_encode(const void *data, size_t len, char *out);

/* Encode with the URL-safe alphabet, no padding; returns the length written. */
size_t wp_base64url_encode(const void *data, size_t len, char *out);

/*
 * Decode as ProtoJSON reads bytes: standard or URL-safe alphabet (mixed is
 * accepted), padded or not. Padding in the wrong place, a length that no
 * encoding has, and other characters are refused; stray low bits in the last
 * character are dropped.
 *
 * out:      room for wp_base64_decoded_max(len) bytes; may be the input itself
 * Returns:  false when text is no base64
 */
bool wp_base64_decode(const char *text, size_t len, void *out, size_t *len_out);

/* JWS form (RFC 7515 section 2): URL-safe, no padding, no stray bits. */
bool wp_base64url_decode(const char *text, size_t len, void *out,
			 size_t *len_out);

/*
 * Write what wp_base64_decode() accepts as standard padded text without stray
 * bits, digit by digit: what decoding and encoding again would give, sooner.
 *
 * out:      room for (len + 3) / 4 * 4 characters; may be the input itself
 * Returns:  false when text is no base64
 */
bool wp_base64_normalize(const char *text, size_t len, char *out,
			 size_t *len_out);

/* A letter of ASCII as its small one, whatever the locale; others unchanged. */
static inline char wp_ascii_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

#endif /* WP_LIB_BASE_ENCODE_H */
