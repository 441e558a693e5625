/*
 * trace.c - version "-" trace-id "-" parent-id "-" flags, each of a fixed
 * length. A version that is not known yet may have more behind that.
 */
#include "lib/http/trace.h"

#include <stddef.h>
#include <string.h>

enum {
	VERSION_LEN = 2,
	FLAGS_LEN = 2,
	TRACE_AT = VERSION_LEN + 1,
	PARENT_AT = TRACE_AT + WP_TRACE_ID_LEN + 1,
	FLAGS_AT = PARENT_AT + WP_PARENT_ID_LEN + 1,
	VALUE_LEN = FLAGS_AT + FLAGS_LEN,
};

static bool is_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] < '0' || text[i] > '9') &&
		    (text[i] < 'a' || text[i] > 'f'))
			return false;
	return true;
}

/* An id of zeros is none. */
static bool is_id(const char *text, size_t len)
{
	size_t zeros = 0;

	while (zeros < len && text[zeros] == '0')
		zeros++;
	return is_hex(text, len) && zeros < len;
}

static bool is_version(const struct wp_text *value)
{
	if (!is_hex(value->data, VERSION_LEN) ||
	    memcmp(value->data, "ff", VERSION_LEN) == 0)
		return false;
	if (value->len == VALUE_LEN)
		return true;
	return memcmp(value->data, "00", VERSION_LEN) != 0 &&
	       value->data[VALUE_LEN] == '-';
}

bool wp_trace_read(struct wp_trace *out, const struct wp_text *value)
{
	const char *at = value->data;

	*out = (struct wp_trace){ 0 };
	if (at == NULL || value->len < VALUE_LEN || !is_version(value) ||
	    at[TRACE_AT - 1] != '-' || at[PARENT_AT - 1] != '-' ||
	    at[FLAGS_AT - 1] != '-' || !is_id(at + TRACE_AT, WP_TRACE_ID_LEN) ||
	    !is_id(at + PARENT_AT, WP_PARENT_ID_LEN) ||
	    !is_hex(at + FLAGS_AT, FLAGS_LEN))
		return false;
	memcpy(out->trace_id, at + TRACE_AT, WP_TRACE_ID_LEN);
	memcpy(out->parent_id, at + PARENT_AT, WP_PARENT_ID_LEN);
	return true;
}
