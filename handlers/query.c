/*
 * query.c - splitting and percent-decoding, nothing else.
 */
#include "handlers/query.h"

#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Take one character of text off its front.
 *
 * Returns:  0 to 255, or -1 when an escape is broken
 */
static int next_char(const char **text, size_t *len)
{
	const char *at = *text;
	int high, low;

	if (*at != '%') {
		(*text)++;
		(*len)--;
		return (unsigned char)*at;
	}
	if (*len < 3)
		return -1;
	high = hex_digit(at[1]);
	low = hex_digit(at[2]);
	if (high == -1 || low == -1)
		return -1;
	*text += 3;
	*len -= 3;
	return high * 16 + low;
}

/* Does the raw text decode to name? */
static bool is_name(const char *text, size_t len, const char *name)
{
	for (; len > 0 && *name != '\0'; name++)
		if (next_char(&text, &len) != (unsigned char)*name)
			return false;
	return len == 0 && *name == '\0';
}

struct pair {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/* Take the next "name=value" off the front; false at the end. */
static bool next_pair(const char **query, size_t *len, struct pair *out)
{
	const char *end, *equals;
	size_t pair_len;

	if (*len == 0)
		return false;
	end = memchr(*query, '&', *len);
	pair_len = end == NULL ? *len : (size_t)(end - *query);
	equals = memchr(*query, '=', pair_len);
	out->name = *query;
	out->name_len = equals == NULL ? pair_len : (size_t)(equals - *query);
	out->value = equals == NULL ? *query + pair_len : equals + 1;
	out->value_len = pair_len - (size_t)(out->value - *query);
	*query += pair_len;
	*len -= pair_len;
	if (end != NULL) {
		(*query)++;
		(*len)--;
	}
	return true;
}

static enum wp_err decode(const struct pair *pair, const char *name,
			  struct wp_arena *arena, const char **value_out,
			  size_t *len_out, struct wp_error *err)
{
	const char *text = pair->value;
	size_t len = pair->value_len, n = 0;
	char *value = wp_arena_alloc(arena, len + 1);

	if (value == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	while (len > 0) {
		int c = next_char(&text, &len);

		if (c == -1)
			return wp_error_set(err, WP_ERR_INVAL,
					    "the query parameter %s has a "
					    "broken percent-escape",
					    name);
		value[n++] = (char)c;
	}
	*value_out = value;
	*len_out = n;
	return WP_OK;
}

enum wp_err wp_query_get(const struct wp_req *req, const char *name,
			 struct wp_arena *arena, const char **value_out,
			 size_t *len_out, struct wp_error *err)
{
	const char *query = req->query;
	size_t len = req->query_len;
	struct pair pair, found = { 0 };

	while (next_pair(&query, &len, &pair)) {
		if (!is_name(pair.name, pair.name_len, name))
			continue;
		if (found.name != NULL)
			return wp_error_set(
				err, WP_ERR_INVAL,
				"the query parameter %s is given twice", name);
		found = pair;
	}
	if (found.name == NULL)
		return WP_ERR_NOTFOUND;
	return decode(&found, name, arena, value_out, len_out, err);
}

bool wp_query_integer(const char *text, size_t len, int64_t *out)
{
	bool is_negative = len > 0 && text[0] == '-';
	size_t i = is_negative ? 1 : 0;
	int64_t value = 0;

	if (i == len)
		return false;
	for (; i < len; i++) {
		int digit = text[i] - '0';

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
