/*
 * secret_put.h - put a set of settings and secrets where it was on another
 * host: over nothing, through no link, and a file that appears is whole.
 */
#ifndef WP_TOOLS_WAYPOST_COPIES_SECRET_PUT_H
#define WP_TOOLS_WAYPOST_COPIES_SECRET_PUT_H

#include <stddef.h>

#include "lib/base/err.h"
#include "tools/waypost/copies/secret_set.h"

/*
 * Could all of it be put there? What is there already with the same content
 * stays as it is, its owner and mode too.
 *
 * faults:  gets each that is in the way
 * Errors:  WP_ERR_CONFLICT  something else is there
 *          WP_ERR_NOTFOUND  this host has no such user or group
 *          WP_ERR_SYS, WP_ERR_NOMEM
 */
enum wp_err wp_secret_set_fits(const struct wp_secret_set *set,
			       struct wp_faults *faults,
			       struct wp_error *err) WP_MUST_USE;

/*
 * Put it there, each with its owner and mode. May be done again after it was
 * cut off; what was half written then is in the way, under a name that ends
 * with ".restore".
 *
 * *n_out:  so many files were not there before
 * Errors:  as wp_secret_set_fits()
 */
enum wp_err wp_secret_set_put(const struct wp_secret_set *set, size_t *n_out,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_COPIES_SECRET_PUT_H */
