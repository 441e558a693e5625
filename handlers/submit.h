/*
 * submit.h - giving validated envelopes to Redis and telling what became of
 * them. Shared by the single send and the batch.
 */
#ifndef WP_HANDLERS_SUBMIT_H
#define WP_HANDLERS_SUBMIT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/send.h"

#include "handlers/call.h"

/*
 * Send n items in one pipeline, a script call for each run of items of one
 * partition. The order inside a partition is the order given.
 *
 * items:    sorted so that items of one partition lie together
 * results:  room for n; set when WP_OK is returned
 * Errors:   nothing was sent, call->resp holds the answer:
 *           WP_ERR_UNAVAIL  Redis is down
 *           WP_ERR_NOMEM
 */
enum wp_err wp_submit(struct wp_call *call, const struct wp_send_item *items,
		      size_t n, struct wp_send_result *results) WP_MUST_USE;

/* What a refused or unknown result is called; status other than ACCEPTED. */
struct wp_send_verdict {
	unsigned int status; /* of a single send */
	const char *code;
	const char *sentence;
};
const struct wp_send_verdict *wp_send_verdict(enum wp_send_status status);

/* Read ?expiresInSeconds=; false when call->resp holds the error. */
bool wp_submit_expiry(struct wp_call *call, int64_t *expires_in_ms_out);

/*
 * Read the Idempotency-Key header; *key_out NULL when there is none. False
 * when call->resp holds the error.
 */
bool wp_submit_key(struct wp_call *call, const char **key_out, size_t *len_out);

/*
 * The most that the canonical form of n envelopes within len bytes can take:
 * it pads base64 and writes priority where the client left both out.
 */
size_t wp_submit_canonical_max(size_t len, size_t n);

#endif /* WP_HANDLERS_SUBMIT_H */
