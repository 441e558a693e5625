/*
 * submit.h - a send, from what somebody handed over to what they are told: one
 * order of checks, whichever way it came in.
 *
 *   1. what goes with the envelope: expiry, idempotency key
 *   2. the envelope: there, not too large, JSON, by the rules
 *   3. the caller's: can Redis be asked, may one more be on its way?
 *   4. send.lua's, in one step: known key, then quota, then overload
 *
 * 1 and 2 are here, and so is what is said of 4; the call and its answer are
 * send.h's. No I/O: the caller carries, and says the answer.
 */
#ifndef WP_LIB_MAILBOX_SUBMIT_H
#define WP_LIB_MAILBOX_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/mailbox/envelope.h"
#include "lib/mailbox/send.h"
#include "lib/sys/conf.h"

/* Why a send is not accepted, or why nobody knows whether it is. */
struct wp_refusal {
	const char *code; /* of the API; NULL: nothing is against it so far */
	char sentence[256];
};

/* What goes with an envelope, as it came. Texts are borrowed. */
struct wp_submit_options {
	const char *sender; /* URN text of the caller, or another name */
	const char *key;    /* for idempotency; NULL: none */
	size_t key_len;
	bool has_expiry;   /* else the longest that there is */
	int64_t expires_s; /* 0 when what came is no integer */
};

/* Check 1. False when refusal says what is wrong. */
bool wp_submit_check(const struct wp_submit_options *options,
		     const struct wp_conf *conf, struct wp_refusal *refusal);

/* An envelope that was read, or why it is none. */
struct wp_submission {
	struct wp_refusal refusal; /* code NULL: it may be sent */
	struct wp_envelope envelope;
	size_t json_at; /* of the canonical form in the buffer */
	size_t json_len;
};

/*
 * Checks 1 and 2; a text whose data is NULL is no envelope. Appends the
 * canonical form of the envelope to json, and nothing when it is refused.
 *
 * text:    but for its partitions, which conf knows
 * Errors:  WP_ERR_NOMEM only; a refusal is no error
 */
enum wp_err wp_submit_read(struct wp_submission *out,
			   const struct wp_submit_options *options,
			   const struct wp_envelope_text *text,
			   const struct wp_conf *conf,
			   struct wp_buf *json) WP_MUST_USE;

/*
 * The most that the canonical forms of n envelopes of len bytes together take:
 * base64 is padded and priority written where the sender left both out.
 */
size_t wp_submit_canonical_max(size_t len, size_t n);

/*
 * What send.h is given for it. The envelope's own key, if it has one, counts
 * before that of options, which is not checked again here.
 *
 * item:  points into submission and json afterwards
 */
void wp_submit_item(struct wp_send_item *item,
		    const struct wp_submission *submission,
		    const struct wp_submit_options *options,
		    const struct wp_conf *conf, const struct wp_buf *json);

/* What the sender is told; status is not ACCEPTED. Constant. */
const struct wp_refusal *wp_submit_verdict(enum wp_send_status status);

/*
 * What a sender is told whom check 3 turns away because too much is on its way.
 * With a key the send may be the repeat of one that was accepted, so it must
 * not be called refused. Constant.
 */
const struct wp_refusal *wp_submit_turned_away(bool has_key);

#endif /* WP_LIB_MAILBOX_SUBMIT_H */
