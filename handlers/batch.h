/*
 * batch.h - reading {"envelopes":[…]}: where its elements are.
 */
#ifndef WP_HANDLERS_BATCH_H
#define WP_HANDLERS_BATCH_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/json.h"

#include "handlers/group.h"

enum { WP_BATCH_MAX = WP_GROUP_MAX };

/*
 * Find the elements of a body; they are not looked into.
 *
 * slices:  room for WP_BATCH_MAX; borrowed from data
 * Errors:  WP_ERR_INVAL  no JSON, no array, or not 1 to 100 elements
 */
enum wp_err wp_batch_split(const char *data, size_t len,
			   struct wp_json_slice *slices, size_t *n_out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_HANDLERS_BATCH_H */
