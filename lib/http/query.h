/*
 * query.h - parameters behind the question mark (RFC 3986 section 3.4).
 *
 * Only what is asked for is looked at: unknown parameters are ignored, one that
 * is asked for must not be there twice. A plus sign is a plus sign.
 */
#ifndef WP_LIB_HTTP_QUERY_H
#define WP_LIB_HTTP_QUERY_H

#include <stddef.h>

#include "lib/base/err.h"

/*
 * Find a parameter; its name may be escaped in the query.
 *
 * *raw_out: its value, borrowed from query, not decoded
 * Errors:   WP_ERR_NOTFOUND  it is not there; err is left alone
 *           WP_ERR_INVAL     it is there twice
 */
enum wp_err wp_query_find(const char *query, size_t len, const char *name,
			  const char **raw_out, size_t *raw_len_out,
			  struct wp_error *err) WP_MUST_USE;

/*
 * Resolve the percent-escapes of a value.
 *
 * out:      room for raw_len + 1 bytes; gets a NUL, and may contain others
 * Returns:  its length, or -1 when an escape is broken
 */
long wp_query_decode(const char *raw, size_t raw_len, char *out);

#endif /* WP_LIB_HTTP_QUERY_H */
