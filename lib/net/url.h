/*
 * url.h - is that a URL that a transfer leads to? Asked of libcurl, which makes
 * the transfers as well: nothing looks fit here and leads elsewhere there.
 */
#ifndef WP_LIB_NET_URL_H
#define WP_LIB_NET_URL_H

#include <stdbool.h>

/* What else there is in it. */
struct wp_url_look {
	bool has_query;
	bool has_fragment;
};

/*
 * Is text an absolute http or https URL of visible ASCII, without a user?
 *
 * out:     NULL when nobody wants it
 * Source:  RFC 3986 section 3
 */
bool wp_url_look(const char *text, struct wp_url_look *out);

#endif /* WP_LIB_NET_URL_H */
