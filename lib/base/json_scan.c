/*
 * json_scan.c - the bytes of strings and numbers (RFC 8259 sections 6 and 7).
 *
 * Validates and measures, never converts and never copies. Knows nothing about
 * what surrounds a value.
 */
#include "lib/base/json_scan.h"

#include <string.h>

#include "lib/base/utf8.h"

#define BYTES(b) (UINT64_C(0x0101010101010101) * (b))

enum { UNICODE_ESCAPE_LEN = 6 };

/* For `return fail(js, "…")`. */
static bool fail(struct wp_json *js, const char *sentence)
{
	wp_json_fail(js, sentence);
	return false;
}

/* How many bytes from pos on need no second look inside a string. */
static size_t plain_run(const struct wp_json *js, size_t pos)
{
	const char *start = js->data + pos;
	const char *end = js->data + js->len;
	const char *p = start;
	uint64_t word;

	/* Eight at a time: is one above 0x7F, below 0x20, a quote, a slash? */
	for (; (size_t)(end - p) >= sizeof(word); p += sizeof(word)) {
		uint64_t quote, slash, low;

		memcpy(&word, p, sizeof(word));
		quote = word ^ BYTES('"');
		slash = word ^ BYTES('\\');
		quote = (quote - BYTES(1)) & ~quote;
		slash = (slash - BYTES(1)) & ~slash;
		low = (word - BYTES(0x20)) & ~word;
		if (((word | quote | slash | low) & BYTES(0x80)) != 0)
			break;
	}
	for (; p < end; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			break;
	}
	return (size_t)(p - start);
}

/* Value of the \uXXXX at pos, or -1. */
static int unicode_escape(const struct wp_json *js, size_t pos)
{
	int value = 0;
	size_t i;

	if (js->len - pos < UNICODE_ESCAPE_LEN || js->data[pos] != '\\' ||
	    js->data[pos + 1] != 'u')
		return -1;
	for (i = pos + 2; i < pos + UNICODE_ESCAPE_LEN; i++) {
		char c = js->data[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return value;
}

/* Step over the escape at pos: one, or the two that make a surrogate pair. */
static bool scan_escape(struct wp_json *js)
{
	int first, second;
	char c;

	if (js->len - js->pos < 2)
		return fail(js, "the text ends too early");
	c = js->data[js->pos + 1];
	if (c != 'u') {
		if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
			return fail(js, "a string has an unknown escape");
		js->pos += 2;
		return true;
	}
	first = unicode_escape(js, js->pos);
	if (first < 0)
		return fail(js, "a \\u escape needs four hex digits");
	if (first >= 0xd800 && first <= 0xdfff) {
		second = unicode_escape(js, js->pos + UNICODE_ESCAPE_LEN);
		if (first < 0xdc00 && second >= 0xdc00 && second <= 0xdfff)
			js->pos += UNICODE_ESCAPE_LEN;
		else if (!js->allows_half_pairs)
			return fail(js, "a string has half a surrogate pair");
	}
	js->pos += UNICODE_ESCAPE_LEN;
	return true;
}

/* Step over bytes above 0x7F. ASCII ends every sequence, so judge whole runs.
 */
static bool scan_high_bytes(struct wp_json *js)
{
	size_t end = js->pos;

	while (end < js->len && (unsigned char)js->data[end] >= 0x80)
		end++;
	if (!wp_utf8_is_valid(js->data + js->pos, end - js->pos))
		return fail(js, "a string is no valid UTF-8");
	js->pos = end;
	return true;
}

/* Read the string whose opening quote is at pos. */
bool wp_json_scan_string(struct wp_json *js, struct wp_json_slice *out)
{
	bool has_escapes = false;
	size_t start = ++js->pos;

	for (;;) {
		unsigned char c;

		js->pos += plain_run(js, js->pos);
		if (js->pos >= js->len)
			return fail(js, "the text ends too early");
		c = (unsigned char)js->data[js->pos];
		if (c == '"')
			break;
		if (c == '\\') {
			has_escapes = true;
			if (!scan_escape(js))
				return false;
		} else if (c < 0x20) {
			return fail(js, "a string has a control character");
		} else if (!scan_high_bytes(js)) {
			return false;
		}
	}
	*out = (struct wp_json_slice){ .data = js->data + start,
				       .len = js->pos - start,
				       .has_escapes = has_escapes };
	js->pos++;
	return true;
}

static bool scan_digits(struct wp_json *js)
{
	size_t start = js->pos;

	while (js->pos < js->len && js->data[js->pos] >= '0' &&
	       js->data[js->pos] <= '9')
		js->pos++;
	if (js->pos == start)
		return fail(js, js->pos < js->len ? "a number lacks a digit"
						  : "the text ends too early");
	return true;
}

/* Does the next byte, white space not skipped, occur in set? Then step over. */
static bool accept(struct wp_json *js, const char *set)
{
	if (js->pos >= js->len || js->data[js->pos] == '\0' ||
	    strchr(set, js->data[js->pos]) == NULL)
		return false;
	js->pos++;
	return true;
}

bool wp_json_scan_number(struct wp_json *js, struct wp_json_slice *out)
{
	size_t start = js->pos;

	accept(js, "-");
	if (!accept(js, "0") && !scan_digits(js))
		return false;
	if (accept(js, ".") && !scan_digits(js))
		return false;
	if (accept(js, "eE")) {
		accept(js, "+-");
		if (!scan_digits(js))
			return false;
	}
	*out = (struct wp_json_slice){ .data = js->data + start,
				       .len = js->pos - start };
	return true;
}
