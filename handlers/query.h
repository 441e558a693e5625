/*
 * query.h - what handlers ask of a query; the rules are in lib/http/query.h.
 */
#ifndef WP_HANDLERS_QUERY_H
#define WP_HANDLERS_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/err.h"

#include "handlers/req.h"

/*
 * Find one parameter and resolve its percent-escapes.
 *
 * *value_out: in the arena, NUL-terminated; may contain NULs of its own
 * Errors:     WP_ERR_NOTFOUND  it is not there; err is left alone
 *             WP_ERR_INVAL     twice there, or a bad escape; err.msg names it
 *             WP_ERR_NOMEM
 */
enum wp_err wp_query_get(const struct wp_req *req, const char *name,
			 struct wp_arena *arena, const char **value_out,
			 size_t *len_out, struct wp_error *err) WP_MUST_USE;

/* An optional minus sign and digits; beyond int64_t it is the nearest one. */
bool wp_query_integer(const char *text, size_t len, int64_t *out);

#endif /* WP_HANDLERS_QUERY_H */
