/*
 * batch.h - reading {"envelopes":[…]}: elements by themselves, good and bad.
 */
#ifndef WP_HANDLERS_BATCH_H
#define WP_HANDLERS_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/mailbox/envelope.h"
#include "lib/sys/conf.h"

#include "handlers/group.h"

enum { WP_BATCH_MAX = WP_GROUP_MAX };

/* One element: an envelope, or the reason why it is none. */
struct wp_batch_element {
	const char *code; /* NULL when it is fine */
	char sentence[256];
	struct wp_envelope envelope;
	size_t json_at; /* of the canonical form in the buffer */
	size_t json_len;
};

/*
 * Find the elements of a body; they are not looked into.
 *
 * slices:  room for WP_BATCH_MAX; borrowed from data
 * Errors:  WP_ERR_INVAL  no JSON, no array, or not 1 to 100 elements
 */
enum wp_err wp_batch_split(const char *data, size_t len,
			   struct wp_json_slice *slices, size_t *n_out,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Read one element and append its canonical form to json_out.
 *
 * conf:    says how long an envelope may be, and where it goes
 * Errors:  WP_ERR_NOMEM only; a bad element is no error
 */
enum wp_err wp_batch_read(struct wp_batch_element *out,
			  const struct wp_json_slice *slice,
			  const struct wp_conf *conf,
			  struct wp_buf *json_out) WP_MUST_USE;

#endif /* WP_HANDLERS_BATCH_H */
