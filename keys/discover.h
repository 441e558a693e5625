/*
 * discover.h - where an issuer says that its keys are: the URLs of its
 * discovery documents, and what may be believed of one.
 *
 * Source:  OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3
 */
#ifndef WP_KEYS_DISCOVER_H
#define WP_KEYS_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

enum {
	WP_URL_MAX = 1024,                /* of what a document names */
	WP_DOCUMENT_MAX = 2 * WP_URL_MAX, /* of a document itself */
};

/* Where the two documents of an issuer are. */
struct wp_discover {
	char openid[WP_DOCUMENT_MAX + 1];
	char oauth[WP_DOCUMENT_MAX + 1]; /* when the other one is 404 */
};

/*
 * issuer:  an absolute http or https URL without query and fragment
 * Errors:  WP_ERR_INVAL  it is none, or too long
 */
enum wp_err wp_discover_init(struct wp_discover *out, const char *issuer,
			     struct wp_error *err) WP_MUST_USE;

/*
 * Read a discovery document: hostile bytes.
 *
 * issuer:    what it must say that it is, byte for byte
 * keys_out:  jwks_uri: absolute, without user or fragment; https, or http where
 *            the issuer is http as well
 * Errors:    WP_ERR_PROTO  err says which rule was broken, and repeats nothing
 */
enum wp_err wp_discover_read(const char *text, size_t len, const char *issuer,
			     char keys_out[WP_URL_MAX + 1],
			     struct wp_error *err) WP_MUST_USE;

/* Is it an http URL? Of one that is not, https is the only other kind. */
bool wp_url_is_plain(const char *url);

#endif /* WP_KEYS_DISCOVER_H */
