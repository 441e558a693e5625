/*
 * query.c - splitting and percent-decoding, nothing else.
 */
#include "lib/http/query.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/hex.h"

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
	high = wp_hex_value(at[1]);
	low = wp_hex_value(at[2]);
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

enum wp_err wp_query_find(const char *query, size_t len, const char *name,
			  const char **raw_out, size_t *raw_len_out,
			  struct wp_error *err)
{
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
	*raw_out = found.value;
	*raw_len_out = found.value_len;
	return WP_OK;
}

long wp_query_decode(const char *raw, size_t raw_len, char *out)
{
	long n = 0;

	while (raw_len > 0) {
		int c = next_char(&raw, &raw_len);

		if (c == -1)
			return -1;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return n;
}
