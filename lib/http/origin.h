/*
 * origin.h - is an Origin one of those that the configuration lists?
 *
 * Schemes and hosts have no case (RFC 6454 section 4). Browsers send both in
 * lower case, whatever the configuration has.
 */
#ifndef WP_LIB_HTTP_ORIGIN_H
#define WP_LIB_HTTP_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/sys/conf.h"

enum wp_origin_match {
	WP_ORIGIN_UNLISTED,
	WP_ORIGIN_BY_STAR, /* only because "*" is listed */
	WP_ORIGIN_BY_NAME,
};

/* Does text, len bytes, mean this origin? */
bool wp_origin_is(const char *text, size_t len, const char *origin);

/*
 * Look an Origin up in a list. "null" is anybody's, so it is never listed.
 */
enum wp_origin_match wp_origin_find(const struct wp_conf_list *allowed,
				    const char *text, size_t len);

#endif /* WP_LIB_HTTP_ORIGIN_H */
