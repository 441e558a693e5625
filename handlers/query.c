/*
 * query.c - a parameter in the memory of its request.
 */
#include "handlers/query.h"

#include "lib/http/query.h"

enum wp_err wp_query_get(const struct wp_req *req, const char *name,
			 struct wp_arena *arena, const char **value_out,
			 size_t *len_out, struct wp_error *err)
{
	const char *raw;
	size_t raw_len;
	char *value;
	long len;
	enum wp_err rc = wp_query_find(req->query, req->query_len, name, &raw,
				       &raw_len, err);

	if (rc != WP_OK)
		return rc;
	value = wp_arena_alloc(arena, raw_len + 1);
	if (value == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	len = wp_query_decode(raw, raw_len, value);
	if (len == -1)
		return wp_error_set(err, WP_ERR_INVAL,
				    "the query parameter %s has a broken "
				    "percent-escape",
				    name);
	*value_out = value;
	*len_out = (size_t)len;
	return WP_OK;
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
