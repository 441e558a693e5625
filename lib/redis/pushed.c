/*
 * pushed.c - see pushed.h.
 *
 * Knows the two forms that Redis has for messages, to the byte, and no other.
 */
#include "lib/redis/pushed.h"

#include <stdbool.h>
#include <string.h>

enum { DIGITS_MAX = 10 }; /* of a length: Redis has no longer strings */

static const char of_channel[] = "*3\r\n$7\r\nmessage\r\n";
static const char of_pattern[] = "*4\r\n$8\r\npmessage\r\n";

struct bytes {
	const char *at;
	const char *end;
};

/* Step over what must come next. */
static enum wp_pushed_read skip(struct bytes *in, const char *text, size_t len)
{
	size_t left = (size_t)(in->end - in->at);

	if (memcmp(in->at, text, left < len ? left : len) != 0)
		return WP_PUSHED_OTHER;
	if (left < len)
		return WP_PUSHED_PART;
	in->at += len;
	return WP_PUSHED_ONE;
}

/* "$<length>\r\n" */
static enum wp_pushed_read read_len(struct bytes *in, size_t *len)
{
	enum wp_pushed_read rc = skip(in, "$", 1);
	const char *start = in->at;

	if (rc != WP_PUSHED_ONE)
		return rc;
	*len = 0;
	while (in->at < in->end && *in->at >= '0' && *in->at <= '9' &&
	       in->at - start < DIGITS_MAX)
		*len = *len * 10 + (size_t)(*in->at++ - '0');
	if (in->at == start && in->at < in->end)
		return WP_PUSHED_OTHER;
	return skip(in, "\r\n", 2);
}

/* "$<length>\r\n<text>\r\n" */
static enum wp_pushed_read read_text(struct bytes *in, const char **text,
				     size_t *len)
{
	enum wp_pushed_read rc = read_len(in, len);

	if (rc != WP_PUSHED_ONE)
		return rc;
	if ((size_t)(in->end - in->at) < *len)
		return WP_PUSHED_PART;
	*text = in->at;
	in->at += *len;
	return skip(in, "\r\n", 2);
}

enum wp_pushed_read wp_pushed_read(struct wp_pushed *out, const char *bytes,
				   size_t len, size_t *used)
{
	struct bytes in = { .at = bytes, .end = bytes + len };
	bool has_pattern = len > 1 && bytes[1] == '4';
	enum wp_pushed_read rc;

	*out = (struct wp_pushed){ 0 };
	rc = has_pattern ? skip(&in, of_pattern, sizeof(of_pattern) - 1)
			 : skip(&in, of_channel, sizeof(of_channel) - 1);
	if (rc == WP_PUSHED_ONE && has_pattern)
		rc = read_text(&in, &out->pattern, &out->pattern_len);
	if (rc == WP_PUSHED_ONE)
		rc = read_text(&in, &out->channel, &out->channel_len);
	if (rc == WP_PUSHED_ONE)
		rc = read_text(&in, &out->data, &out->len);
	*used = (size_t)(in.at - bytes);
	return rc;
}
