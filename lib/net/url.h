/*
 * url.h - is that a URL that a transfer, or a letter, leads to? Asked of
 * libcurl, which makes these as well: nothing looks fit here and leads
 * elsewhere there.
 */
#ifndef WP_LIB_NET_URL_H
#define WP_LIB_NET_URL_H

#include <stdbool.h>

/* What else there is in it. */
struct wp_url_look {
	bool is_https;
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

/*
 * Is text the URL of a server of mail: smtp:// or smtps://, a host, perhaps a
 * port, and as its path perhaps the name by which it is greeted? It names no
 * user. out is all false when it is none.
 *
 * Source:  draft-earhart-url-smtp, as libcurl reads it
 */
struct wp_url_mail {
	bool is_tls;      /* smtps */
	bool is_loopback; /* its host is this machine, whatever DNS says */
};
bool wp_url_mail(const char *text, struct wp_url_mail *out);

#endif /* WP_LIB_NET_URL_H */
