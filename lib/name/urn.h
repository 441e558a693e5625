/*
 * urn.h - who somebody is: urn:<namespace>:<type>:<id> (docs/openapi.yaml
 * "Urn").
 */
#ifndef WP_LIB_NAME_URN_H
#define WP_LIB_NAME_URN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum { WP_URN_MAX = 255 };

/* A canonical URN, NUL-terminated. Plain data: copy it by value. */
struct wp_urn {
	uint8_t len;
	char text[WP_URN_MAX + 1];
};

/*
 * Read a URN or a legacy id ("bob" is urn:sm:user:bob).
 *
 * Accepts exactly four non-empty parts, "urn" in lower case, at most 255 bytes
 * in canonical form, each byte 0x21-0x7E except : , * ? [ ] \ { } "
 * Errors:  WP_ERR_INVAL  err.msg is a sentence that names the rule, without the
 *          offending bytes
 */
enum wp_err wp_urn_parse(struct wp_urn *out, const char *text, size_t len,
			 struct wp_error *err) WP_MUST_USE;

/*
 * Read what was written as a canonical URN, by us or as if by us: a legacy id
 * is nobody there.
 *
 * Errors:  WP_ERR_INVAL
 */
enum wp_err wp_urn_reread(struct wp_urn *out, const char *text,
			  size_t len) WP_MUST_USE;

/*
 * The legacy id that a canonical URN has, borrowed from it; NULL when it has
 * none.
 *
 * len:  in and out
 */
const char *wp_urn_legacy(const char *urn, size_t *len);

#endif /* WP_LIB_NAME_URN_H */
