/*
 * json.c - walk JSON text strictly, one value at a time (RFC 8259).
 *
 * Knows how values nest and what separates them. What a string or number looks
 * like is in json_scan.c, what it means in json_value.c.
 */
#include "lib/base/json.h"

#include <string.h>

#include "lib/base/json_scan.h"

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

/* Nothing that fits comes next: say what was wanted, or that text is missing.
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
	return wp_json_scan_string(js, out);
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
	return wp_json_scan_number(js, out);
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

/* Does another element follow? The comma, or the closing bracket, is consumed.
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

bool wp_json_object_next(struct wp_json *js, struct wp_json_key *key_out)
{
	if (!advance(js, '}', "expected a comma or a closing brace"))
		return false;
	if (next_char(js) != '"')
		return fail_expected(js, "expected a name in quotes");
	if (!wp_json_scan_string(js, &key_out->raw))
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
	struct wp_json_key key;
	bool flag;

	switch (wp_json_peek(js)) {
	case WP_JSON_NULL:
		return wp_json_null(js);
	case WP_JSON_BOOL:
		return wp_json_bool(js, &flag);
	case WP_JSON_NUMBER:
		return wp_json_scan_number(js, &slice);
	case WP_JSON_STRING:
		return wp_json_scan_string(js, &slice);
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
