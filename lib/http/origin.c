/*
 * origin.c - the one comparison of origins, for answers and for upgrades.
 */
#include "lib/http/origin.h"

#include <string.h>
#include <strings.h>

bool wp_origin_is(const char *text, size_t len, const char *origin)
{
	return strlen(origin) == len && strncasecmp(text, origin, len) == 0;
}

enum wp_origin_match wp_origin_find(const struct wp_conf_list *allowed,
				    const char *text, size_t len)
{
	enum wp_origin_match match = WP_ORIGIN_UNLISTED;

	if (wp_origin_is(text, len, "null"))
		return WP_ORIGIN_UNLISTED;
	for (size_t i = 0; i < allowed->n; i++) {
		if (strcmp(allowed->items[i], "*") == 0)
			match = WP_ORIGIN_BY_STAR;
		else if (wp_origin_is(text, len, allowed->items[i]))
			return WP_ORIGIN_BY_NAME;
	}
	return match;
}
