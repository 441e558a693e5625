/*
 * encode.c - RFC 4648 by table, both ways.
 *
 * Knows the two alphabets of base64 and what ProtoJSON and JOSE make of them.
 * Knows nothing about JSON: the text it gets has no quotes, escapes or white
 * space.
 */
#include "lib/base/encode.h"

#include <stdint.h>
#include <string.h>

/* ---- hexadecimal ---- */

int wp_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char wp_hex_digit(unsigned int value)
{
	return "0123456789abcdef"[value & 0xf];
}

void wp_hex_write(char *text, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (; len > 0; len--, bytes++) {
		*text++ = wp_hex_digit(*bytes >> 4);
		*text++ = wp_hex_digit(*bytes);
	}
	*text = '\0';
}

bool wp_hex_read(const char *text, size_t text_len, void *out, size_t len)
{
	unsigned char *bytes = out;

	if (text_len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = wp_hex_value(text[2 * i]);
		int low = wp_hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* ---- decimal ---- */

/* printf would take as long as all the rest of an answer. */
size_t wp_decimal_write(char text[WP_DECIMAL_MAX], int64_t value)
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char digits[WP_DECIMAL_MAX];
	size_t n = 0, len = 0;

	do
		digits[n++] = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	if (value < 0)
		text[len++] = '-';
	while (n > 0)
		text[len++] = digits[--n];
	text[len] = '\0';
	return len;
}

/* ---- base64 ---- */

enum {
	DIGIT = 0x40, /* set in the table for characters that are digits */
	DIGIT_BITS = 0x3f,
};

static const char std_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of every digit of either alphabet, or'ed with DIGIT; else 0. */
static const uint8_t digit_values[256] = {
	['A'] = 0x40, ['B'] = 0x41, ['C'] = 0x42, ['D'] = 0x43, ['E'] = 0x44,
	['F'] = 0x45, ['G'] = 0x46, ['H'] = 0x47, ['I'] = 0x48, ['J'] = 0x49,
	['K'] = 0x4a, ['L'] = 0x4b, ['M'] = 0x4c, ['N'] = 0x4d, ['O'] = 0x4e,
	['P'] = 0x4f, ['Q'] = 0x50, ['R'] = 0x51, ['S'] = 0x52, ['T'] = 0x53,
	['U'] = 0x54, ['V'] = 0x55, ['W'] = 0x56, ['X'] = 0x57, ['Y'] = 0x58,
	['Z'] = 0x59, ['a'] = 0x5a, ['b'] = 0x5b, ['c'] = 0x5c, ['d'] = 0x5d,
	['e'] = 0x5e, ['f'] = 0x5f, ['g'] = 0x60, ['h'] = 0x61, ['i'] = 0x62,
	['j'] = 0x63, ['k'] = 0x64, ['l'] = 0x65, ['m'] = 0x66, ['n'] = 0x67,
	['o'] = 0x68, ['p'] = 0x69, ['q'] = 0x6a, ['r'] = 0x6b, ['s'] = 0x6c,
	['t'] = 0x6d, ['u'] = 0x6e, ['v'] = 0x6f, ['w'] = 0x70, ['x'] = 0x71,
	['y'] = 0x72, ['z'] = 0x73, ['0'] = 0x74, ['1'] = 0x75, ['2'] = 0x76,
	['3'] = 0x77, ['4'] = 0x78, ['5'] = 0x79, ['6'] = 0x7a, ['7'] = 0x7b,
	['8'] = 0x7c, ['9'] = 0x7d, ['+'] = 0x7e, ['/'] = 0x7f, ['-'] = 0x7e,
	['_'] = 0x7f,
};

size_t wp_base64_encoded_len(size_t len)
{
	return (len / 3 + (len % 3 != 0)) * 4;
}

size_t wp_base64_decoded_max(size_t len)
{
	return len / 4 * 3 + len % 4;
}

/* Everything but padding; returns the length written. */
static size_t encode(const unsigned char *in, size_t len, char *out,
		     const char *digits)
{
	char *start = out;

	for (; len >= 3; len -= 3, in += 3) {
		uint32_t v =
			(uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & DIGIT_BITS];
		*out++ = digits[v >> 6 & DIGIT_BITS];
		*out++ = digits[v & DIGIT_BITS];
	}
	if (len > 0) {
		uint32_t v = (uint32_t)in[0] << 16 |
			     (len == 2 ? (uint32_t)in[1] << 8 : 0);

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & DIGIT_BITS];
		if (len == 2)
			*out++ = digits[v >> 6 & DIGIT_BITS];
	}
	return (size_t)(out - start);
}

/* Fill the last group of four with '='; returns the padded length. */
static size_t pad(char *out, size_t len)
{
	while (len % 4 != 0)
		out[len++] = '=';
	return len;
}

size_t wp_base64_encode(const void *data, size_t len, char *out)
{
	return pad(out, encode(data, len, out, std_digits));
}

size_t wp_base64url_encode(const void *data, size_t len, char *out)
{
	return encode(data, len, out, url_digits);
}

/* Digits before the padding, if the padding is where it may be. */
static size_t unpadded_len(const char *text, size_t len)
{
	if (len > 0 && len % 4 == 0 && text[len - 1] == '=') {
		len--;
		if (text[len - 1] == '=')
			len--;
	}
	return len;
}

/*
 * Decode len digits without padding. *stray_out gets the bits of the last digit
 * that belong to no byte. Reads each group before it writes, so out may be in.
 */
static bool decode(const unsigned char *in, size_t len, unsigned char *out,
		   size_t *len_out, unsigned *stray_out)
{
	unsigned char *start = out;
	unsigned a, b, c;

	*stray_out = 0;
	for (; len >= 4; len -= 4, in += 4) {
		unsigned d = digit_values[in[3]];

		a = digit_values[in[0]];
		b = digit_values[in[1]];
		c = digit_values[in[2]];
		if ((a & b & c & d & DIGIT) == 0)
			return false;
		a &= DIGIT_BITS;
		b &= DIGIT_BITS;
		c &= DIGIT_BITS;
		*out++ = (unsigned char)(a << 2 | b >> 4);
		*out++ = (unsigned char)(b << 4 | c >> 2);
		*out++ = (unsigned char)(c << 6 | (d & DIGIT_BITS));
	}
	if (len == 1)
		return false;
	if (len >= 2) {
		a = digit_values[in[0]];
		b = digit_values[in[1]];
		c = len == 3 ? digit_values[in[2]] : DIGIT;
		if ((a & b & c & DIGIT) == 0)
			return false;
		a &= DIGIT_BITS;
		b &= DIGIT_BITS;
		c &= DIGIT_BITS;
		*out++ = (unsigned char)(a << 2 | b >> 4);
		if (len == 3)
			*out++ = (unsigned char)(b << 4 | c >> 2);
		*stray_out = len == 3 ? c & 0x3 : b & 0xf;
	}
	*len_out = (size_t)(out - start);
	return true;
}

bool wp_base64_decode(const char *text, size_t len, void *out, size_t *len_out)
{
	unsigned stray;

	return decode((const unsigned char *)text, unpadded_len(text, len), out,
		      len_out, &stray);
}

bool wp_base64url_decode(const char *text, size_t len, void *out,
			 size_t *len_out)
{
	unsigned stray;

	if (len > 0 &&
	    (memchr(text, '+', len) != NULL || memchr(text, '/', len) != NULL))
		return false;
	return decode((const unsigned char *)text, len, out, len_out, &stray) &&
	       stray == 0;
}

#define BYTES(b) (UINT64_C(0x0101010101010101) * (b))

/* The highest bit of each byte, none above 0x7F, that is from..to. */
static uint64_t in_range(uint64_t word, unsigned from, unsigned to)
{
	return (word + BYTES(0x80 - from)) & ~(word + BYTES(0x7f - to));
}

/* Are these eight digits of the standard alphabet? */
static bool are_standard(uint64_t word)
{
	uint64_t letters = in_range(word | BYTES(0x20), 'a', 'z');
	uint64_t others = in_range(word, '/', '9') | in_range(word, '+', '+');

	if ((word & BYTES(0x80)) != 0)
		return false;
	return ((letters | others) & BYTES(0x80)) == BYTES(0x80);
}

/* Copy digits as standard ones; false when one is none. */
static bool translate(const unsigned char *in, size_t len, char *out)
{
	unsigned all = DIGIT;
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned v = digit_values[in[i]];

		all &= v;
		out[i] = std_digits[v & DIGIT_BITS];
	}
	return (all & DIGIT) != 0;
}

/* The same, eight at a time where nothing is to be translated. */
static bool copy_digits(const unsigned char *in, size_t len, char *out)
{
	uint64_t word;

	for (; len >= sizeof(word); len -= sizeof(word)) {
		memcpy(&word, in, sizeof(word));
		if (are_standard(word))
			memcpy(out, &word, sizeof(word));
		else if (!translate(in, sizeof(word), out))
			return false;
		in += sizeof(word);
		out += sizeof(word);
	}
	return translate(in, len, out);
}

bool wp_base64_normalize(const char *text, size_t len, char *out,
			 size_t *len_out)
{
	size_t digits = unpadded_len(text, len);
	unsigned char last;

	if (digits % 4 == 1 ||
	    !copy_digits((const unsigned char *)text, digits, out))
		return false;
	if (digits % 4 != 0) {
		last = digit_values[(unsigned char)out[digits - 1]];
		last &= digits % 4 == 2 ? 0x30 : 0x3c;
		out[digits - 1] = std_digits[last];
	}
	*len_out = pad(out, digits);
	return true;
}
