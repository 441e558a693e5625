/*
 * urn.c - read who somebody is, strictly enough to be part of a Redis key.
 *
 * Knows the form and the characters. Knows no namespaces and no users: every
 * well-formed URN is somebody.
 */
#include "lib/name/urn.h"

#include <stdbool.h>
#include <string.h>

enum { URN_PARTS = 4 };

static const char scheme[] = "urn:";
static const char legacy_prefix[] = "urn:sm:user:";

/*
 * Is it printable ASCII without what separates lists, quotes JSON, makes
 * patterns in Redis, or marks the part of a key that Redis Cluster hashes? A
 * bit for each byte below 0x80.
 */
static bool is_allowed(unsigned char byte)
{
#define NOT(c) &~(UINT64_C(1) << ((c)&0x3f))
	static const uint64_t allowed[] = {
		UINT64_C(0xfffffffe00000000) NOT(',') NOT('*') NOT('?')
			NOT('"'),
		UINT64_C(0x7fffffffffffffff) NOT('[') NOT(']') NOT('\\')
			NOT('{') NOT('}'),
	};
#undef NOT

	return byte < 0x80 && (allowed[byte >> 6] >> (byte & 0x3f) & 1) != 0;
}

/* How many parts the text has; 0 when one of them is empty. */
static int count_parts(const char *text, size_t len)
{
	const char *p = text;
	const char *end = text + len;
	int parts = 0;

	for (;;) {
		const char *colon = memchr(p, ':', (size_t)(end - p));
		const char *stop = colon != NULL ? colon : end;

		if (stop == p)
			return 0;
		parts++;
		if (colon == NULL)
			return parts;
		p = colon + 1;
	}
}

/* The rule that text breaks, or NULL. prefix_len: what will be put before. */
static const char *broken_rule(const char *text, size_t len, size_t prefix_len)
{
	size_t i;
	int parts;

	if (len > WP_URN_MAX - prefix_len)
		return "a URN has at most 255 bytes";
	for (i = 0; i < len; i++)
		if (!is_allowed((unsigned char)text[i]))
			return "a URN is printable ASCII without space and "
			       ", * ? [ ] \\ { } \"";
	if (prefix_len > 0)
		return NULL;
	parts = count_parts(text, len);
	if (parts == 0)
		return "no part of a URN may be empty";
	if (parts != URN_PARTS)
		return "a URN has four parts, urn:<namespace>:<type>:<id>";
	if (memcmp(text, scheme, sizeof(scheme) - 1) != 0)
		return "a URN starts with urn: in lower case";
	return NULL;
}

enum wp_err wp_urn_parse(struct wp_urn *out, const char *text, size_t len,
			 struct wp_error *err)
{
	size_t prefix_len = 0;
	const char *rule;

	if (len == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "a URN must not be empty");
	if (memchr(text, ':', len) == NULL)
		prefix_len = sizeof(legacy_prefix) - 1;
	rule = broken_rule(text, len, prefix_len);
	if (rule != NULL)
		return wp_error_set(err, WP_ERR_INVAL, "%s", rule);

	memmove(out->text + prefix_len, text, len); /* text may be out->text */
	memcpy(out->text, legacy_prefix, prefix_len);
	out->len = (uint8_t)(prefix_len + len);
	memset(out->text + out->len, 0, sizeof(out->text) - out->len);
	return WP_OK;
}

enum wp_err wp_urn_reread(struct wp_urn *out, const char *text, size_t len)
{
	enum wp_err rc = wp_urn_parse(out, text, len, NULL);

	return rc == WP_OK && out->len != len ? WP_ERR_INVAL : rc;
}

const char *wp_urn_legacy(const char *urn, size_t *len)
{
	size_t prefix_len = sizeof(legacy_prefix) - 1;

	if (*len <= prefix_len || memcmp(urn, legacy_prefix, prefix_len) != 0)
		return NULL;
	*len -= prefix_len;
	return urn + prefix_len;
}
