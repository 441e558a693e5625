/*
 * query.c - splitting and percent-decoding, and numbers.
 */
#include "lib/http/query.h"

#include <string.h>

#include "lib/base/encode.h"

/*
 * Take one character of text off its front.
 *
 * Returns:  0 to 255, or -1 when an escape is broken
 */
static int next_char(struct wp_text *text)
{
	const char *at = text->data;
	size_t len = 1;
	int c = (unsigned char)*at;

	if (c == '%') {
		int high, low;

		len = 3;
		if (text->len < len)
			return -1;
		high = wp_hex_value(at[1]);
		low = wp_hex_value(at[2]);
		if (high == -1 || low == -1)
			return -1;
		c = high * 16 + low;
	}
	text->data += len;
	text->len -= len;
	return c;
}

/* Does the raw text decode to name? */
static bool is_name(struct wp_text text, const char *name)
{
	for (; text.len > 0 && *name != '\0'; name++)
		if (next_char(&text) != (unsigned char)*name)
			return false;
	return text.len == 0 && *name == '\0';
}

struct pair {
	struct wp_text name;
	struct wp_text value;
};

/* Take the next "name=value" off the front; false at the end. */
static bool next_pair(struct wp_text *query, struct pair *out)
{
	const char *at = query->data, *end, *equals;
	size_t len, taken;

	if (query->len == 0)
		return false;
	end = memchr(at, '&', query->len);
	len = end == NULL ? query->len : (size_t)(end - at);
	equals = memchr(at, '=', len);
	out->name.data = at;
	out->name.len = equals == NULL ? len : (size_t)(equals - at);
	out->value.data = equals == NULL ? at + len : equals + 1;
	out->value.len = len - (size_t)(out->value.data - at);
	taken = end == NULL ? len : len + 1;
	query->data += taken;
	query->len -= taken;
	return true;
}

/* *raw_out: the value as it stands there, borrowed from query */
static enum wp_err find(struct wp_text query, const char *name,
			struct wp_text *raw_out, struct wp_error *err)
{
	struct wp_text found = { 0 };
	struct pair pair;

	while (next_pair(&query, &pair)) {
		if (!is_name(pair.name, name))
			continue;
		if (found.data != NULL)
			return wp_error_set(
				err, WP_ERR_INVAL,
				"the query parameter %s is given twice", name);
		found = pair.value;
	}
	if (found.data == NULL)
		return WP_ERR_NOTFOUND;
	*raw_out = found;
	return WP_OK;
}

/*
 * out:      room for raw.len + 1 bytes; gets a NUL, and may contain others
 * Returns:  its length, or -1 when an escape is broken
 */
static long decode(struct wp_text raw, char *out)
{
	long n = 0;

	while (raw.len > 0) {
		int c = next_char(&raw);

		if (c == -1)
			return -1;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return n;
}

enum wp_err wp_query_get(const struct wp_text *query, const char *name,
			 struct wp_arena *arena, struct wp_text *out,
			 struct wp_error *err)
{
	struct wp_text raw = { 0 };
	char *value;
	long len;
	enum wp_err rc = find(*query, name, &raw, err);

	if (rc != WP_OK)
		return rc;
	value = wp_arena_alloc(arena, raw.len + 1);
	if (value == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	len = decode(raw, value);
	if (len == -1)
		return wp_error_set(err, WP_ERR_INVAL,
				    "the query parameter %s has a broken "
				    "percent-escape",
				    name);
	*out = (struct wp_text){ value, (size_t)len };
	return WP_OK;
}

int wp_query_copy(const struct wp_text *query, const char *name, char *out,
		  size_t out_size)
{
	struct wp_text raw = { 0 };
	enum wp_err rc = find(*query, name, &raw, NULL);
	long len;

	if (rc != WP_OK)
		return rc == WP_ERR_NOTFOUND ? -1 : -2;
	if (raw.len >= out_size)
		return -2;
	len = decode(raw, out);
	/* A NUL would cut it short. */
	if (len == -1 || memchr(out, '\0', (size_t)len) != NULL)
		return -2;
	return (int)len;
}

bool wp_query_integer(const struct wp_text *text, int64_t *out)
{
	bool is_negative = text->len > 0 && text->data[0] == '-';
	size_t i = is_negative ? 1 : 0;
	int64_t value = 0;

	if (i == text->len)
		return false;
	for (; i < text->len; i++) {
		int digit = text->data[i] - '0';

		if (digit < 0 || digit > 9)
			return false;
		if (value > (INT64_MAX - digit) / 10)
			value = INT64_MAX;
		else if (value != INT64_MAX)
			value = value * 10 + digit;
	}
	*out = is_negative ? -value : value;
	return true;
}
