/*
 * json.c - walk JSON text strictly, one value at a time (RFC 8259).
 *
 * Knows what strings and numbers look like, how values nest and what separates
 * them. Validates and measures, never converts and never copies: what a value
 * means is in json_value.c.
 */
#include "lib/base/json.h"

#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/utf8.h"

#define BYTES(b) (UINT64_C(0x0101010101010101) * (b))

enum { UNICODE_ESCAPE_LEN = 6 };

void wp_json_init(struct wp_json *js, const char *data, size_t len)
{
	*js = (struct wp_json){ .data = data,
				.len = len,
				.max_depth = WP_JSON_MAX_DEPTH };
}

void wp_json_fail(struct wp_json *js, const char *sentence)
{
	if (js->err == NULL)
		js->err = sentence;
}

/* For `return fail(js, "…")`. */
static bool fail(struct wp_json *js, const char *sentence)
{
	wp_json_fail(js, sentence);
	return false;
}

/* ---- the bytes of strings and numbers (sections 6 and 7) ---- */

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
		int digit = wp_hex_value(js->data[i]);

		if (digit == -1)
			return -1;
		value = value * 16 + digit;
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

/*
 * Step over bytes above 0x7F. ASCII ends every sequence, so judge whole runs.
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

/* Read the string whose opening quote is at pos; false sets js->err. */
static bool scan_string(struct wp_json *js, struct wp_json_slice *out)
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

/* Read the number whose first character is at pos; false sets js->err. */
static bool scan_number(struct wp_json *js, struct wp_json_slice *out)
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

/* ---- values ---- */

/* Next character that is no white space, or -1 at the end of the text. */
static int next_char(struct wp_json *js)
{
	while (js->pos < js->len) {
		char c = js->data[js->pos];

		if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
			return (unsigned char)c;
		js->pos++;
	}
	return -1;
}

/*
 * Nothing that fits comes next: say what was wanted, or that text is missing.
 */
static bool fail_expected(struct wp_json *js, const char *sentence)
{
	if (js->pos >= js->len)
		return fail(js, "the text ends too early");
	return fail(js, sentence);
}

enum wp_json_type wp_json_peek(struct wp_json *js)
{
	if (js->err != NULL)
		return WP_JSON_NONE;
	switch (next_char(js)) {
	case '{':
		return WP_JSON_OBJECT;
	case '[':
		return WP_JSON_ARRAY;
	case '"':
		return WP_JSON_STRING;
	case 't':
	case 'f':
		return WP_JSON_BOOL;
	case 'n':
		return WP_JSON_NULL;
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return WP_JSON_NUMBER;
	default:
		return WP_JSON_NONE;
	}
}

/* Step over word if it comes next. */
static bool scan_word(struct wp_json *js, const char *word)
{
	size_t len = strlen(word);

	if (js->len - js->pos < len ||
	    memcmp(js->data + js->pos, word, len) != 0)
		return false;
	js->pos += len;
	return true;
}

bool wp_json_string(struct wp_json *js, struct wp_json_slice *out)
{
	if (js->err != NULL)
		return false;
	if (next_char(js) != '"')
		return fail_expected(js, "expected a string");
	return scan_string(js, out);
}

bool wp_json_bool(struct wp_json *js, bool *out)
{
	if (js->err != NULL)
		return false;
	next_char(js);
	*out = scan_word(js, "true");
	if (!*out && !scan_word(js, "false"))
		return fail_expected(js, "expected true or false");
	return true;
}

bool wp_json_null(struct wp_json *js)
{
	if (js->err != NULL)
		return false;
	next_char(js);
	return scan_word(js, "null") || fail_expected(js, "expected null");
}

bool wp_json_number(struct wp_json *js, struct wp_json_slice *out)
{
	if (js->err != NULL)
		return false;
	if (wp_json_peek(js) != WP_JSON_NUMBER)
		return fail_expected(js, "expected a number");
	return scan_number(js, out);
}

/* Enter a container whose opening bracket comes next. */
static bool enter(struct wp_json *js, int bracket, const char *sentence)
{
	if (js->err != NULL)
		return false;
	if (next_char(js) != bracket)
		return fail_expected(js, sentence);
	if (js->depth == js->max_depth)
		return fail(js, "nesting is deeper than 8");
	js->pos++;
	js->depth++;
	js->first[js->depth] = true;
	return true;
}

/*
 * Does another element follow? The comma, or the closing bracket, is consumed.
 */
static bool advance(struct wp_json *js, int bracket, const char *sentence)
{
	int c;

	if (js->err != NULL)
		return false;
	c = next_char(js);
	if (c == bracket) {
		js->pos++;
		js->depth--;
		return false;
	}
	if (js->first[js->depth]) {
		js->first[js->depth] = false;
		return c != -1 || fail_expected(js, sentence);
	}
	if (c != ',')
		return fail_expected(js, sentence);
	js->pos++;
	return true;
}

bool wp_json_object_begin(struct wp_json *js)
{
	return enter(js, '{', "expected an object");
}

bool wp_json_object_next(struct wp_json *js, struct wp_json_slice *key_out)
{
	if (!advance(js, '}', "expected a comma or a closing brace"))
		return false;
	if (next_char(js) != '"')
		return fail_expected(js, "expected a name in quotes");
	if (!scan_string(js, key_out))
		return false;
	if (next_char(js) != ':')
		return fail_expected(js, "expected a colon after a name");
	js->pos++;
	return true;
}

bool wp_json_array_begin(struct wp_json *js)
{
	return enter(js, '[', "expected an array");
}

bool wp_json_array_next(struct wp_json *js)
{
	return advance(js, ']', "expected a comma or a closing bracket");
}

/* Recursion ends at max_depth, where enter() refuses. */
static bool skip_value(struct wp_json *js)
{
	struct wp_json_slice slice;
	struct wp_json_slice key;
	bool flag;

	switch (wp_json_peek(js)) {
	case WP_JSON_NULL:
		return wp_json_null(js);
	case WP_JSON_BOOL:
		return wp_json_bool(js, &flag);
	case WP_JSON_NUMBER:
		return scan_number(js, &slice);
	case WP_JSON_STRING:
		return scan_string(js, &slice);
	case WP_JSON_ARRAY:
		if (!wp_json_array_begin(js))
			return false;
		while (wp_json_array_next(js))
			if (!skip_value(js))
				return false;
		return js->err == NULL;
	case WP_JSON_OBJECT:
		if (!wp_json_object_begin(js))
			return false;
		while (wp_json_object_next(js, &key))
			if (!skip_value(js))
				return false;
		return js->err == NULL;
	case WP_JSON_NONE:
		break;
	}
	return fail_expected(js, "expected a value");
}

bool wp_json_skip(struct wp_json *js, struct wp_json_slice *raw_out)
{
	size_t start;

	if (js->err != NULL)
		return false;
	next_char(js);
	start = js->pos;
	if (!skip_value(js))
		return false;
	if (raw_out != NULL)
		*raw_out = (struct wp_json_slice){ .data = js->data + start,
						   .len = js->pos - start };
	return true;
}

bool wp_json_raw(struct wp_json *js, struct wp_json_slice *raw_out)
{
	bool is_read;

	js->max_depth = (uint8_t)(js->depth + WP_JSON_RAW_DEPTH);
	is_read = wp_json_skip(js, raw_out);
	js->max_depth = WP_JSON_MAX_DEPTH;
	return is_read;
}

bool wp_json_is_valid(const char *data, size_t len)
{
	struct wp_json js;

	wp_json_init(&js, data, len);
	wp_json_skip(&js, NULL);
	return wp_json_end(&js);
}

bool wp_json_end(struct wp_json *js)
{
	if (js->err != NULL)
		return false;
	if (js->depth > 0)
		return fail_expected(js, "an object or array is not finished");
	if (next_char(js) != -1)
		return fail(js, "something follows the JSON value");
	return true;
}
