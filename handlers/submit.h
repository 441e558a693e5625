/*
 * submit.h - what the single send and the batch share: carrying a send from a
 * request to Redis. What is checked, and what it is called, is
 * lib/mailbox/submit.h's.
 */
#ifndef WP_HANDLERS_SUBMIT_H
#define WP_HANDLERS_SUBMIT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/send.h"
#include "lib/mailbox/submit.h"

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
enum wp_err wp_call_submit(struct wp_call *call,
			   const struct wp_send_item *items, size_t n,
			   struct wp_send_result *results) WP_MUST_USE;

/*
 * What the request says beside its body; not judged. False when call->resp
 * holds the error.
 */
bool wp_call_submit_options(struct wp_call *call,
			    struct wp_submit_options *options);

/* Answer with a refusal, and the status that its code has in HTTP. */
void wp_call_refuse(struct wp_call *call, const struct wp_refusal *refusal);

#endif /* WP_HANDLERS_SUBMIT_H */
