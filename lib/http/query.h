/*
 * query.h - parameters behind the question mark (RFC 3986 section 3.4).
 *
 * Only what is asked for is looked at: unknown parameters are ignored, one that
 * is asked for must not be there twice. Its name may be escaped in the query. A
 * plus sign is a plus sign.
 */
#ifndef WP_LIB_HTTP_QUERY_H
#define WP_LIB_HTTP_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/http/head.h"

/*
 * Find one parameter and resolve its percent-escapes.
 *
 * *out:    in the arena, NUL-terminated; may contain NULs of its own
 * Errors:  WP_ERR_NOTFOUND  it is not there; err is left alone
 *          WP_ERR_INVAL     twice there, or a bad escape; err->msg names it
 *          WP_ERR_NOMEM
 */
enum wp_err wp_query_get(const struct wp_text *query, const char *name,
			 struct wp_arena *arena, struct wp_text *out,
			 struct wp_error *err) WP_MUST_USE;

/*
 * The same into out, with a NUL added, for who takes it for a string.
 *
 * Returns:  length; -1 when absent; -2 when it is malformed, there twice, has a
 *           NUL, or is too long before it is decoded
 */
int wp_query_copy(const struct wp_text *query, const char *name, char *out,
		  size_t out_size);

/* An optional minus sign and digits; beyond int64_t it is the nearest one. */
bool wp_query_integer(const struct wp_text *text, int64_t *out);

#endif /* WP_LIB_HTTP_QUERY_H */
