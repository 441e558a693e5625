/*
 * submit.h - a send, from what somebody handed over to what they are told: one
 * order of checks, whichever way it came in.
 *
 *   1. what goes with the envelope: expiry, idempotency key
 *   2. the envelope: there, not too large, JSON, by the rules
 *   3. the caller's: can Redis be asked, may one more be on its way?
 *   4. send.lua's, in one step: known key, then quota, then overload
 *
 * 1 and 2 are here, the call and answer of 4, and what is said of it. No I/O:
 * the caller carries, so the blocking handlers and the event-driven daemon
 * share every rule.
 *
 * An envelope is ProtoJSON as docs/openapi.yaml "SecureEnvelope" lists it,
 * written by strangers. Unknown fields are dropped, so that no sender identity
 * rides along; known ones are validated and written again, in canonical form:
 * camelCase, standard padded base64, priority always, isEphemeral only if true.
 */
#ifndef WP_LIB_MAILBOX_SUBMIT_H
#define WP_LIB_MAILBOX_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

enum { WP_PRIORITY_HIGH = 5 }; /* from here on the high band */
enum { WP_IDEMPOTENCY_KEY_MAX = 128 };

struct wp_envelope {
	struct wp_box recipient;
	enum wp_band band;
	bool is_ephemeral;
	/* Element of a batch or frame only; "" when absent (then len 0). */
	char idempotency_key[WP_IDEMPOTENCY_KEY_MAX + 1];
	size_t idempotency_key_len;
};

/* What an envelope is read from. */
struct wp_envelope_text {
	const char *data; /* nothing but white space may follow the object */
	size_t len;
	/*
	 * Also accept a member idempotencyKey / idempotency_key (batch
	 * elements); without it that name is an unknown field.
	 */
	bool with_key;
};

/* 1 to 128 printable ASCII characters (0x20-0x7E)? */
bool wp_idempotency_key_is_valid(const char *key, size_t len);

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
	bool is_element; /* of a batch: that key is "<key>/<index>" */
	size_t index;
	bool has_expiry;   /* else the longest that there is */
	int64_t expires_s; /* 0 when what came is no integer */
};

/* Check 1. False when refusal says what is wrong. */
bool wp_submit_check(const struct wp_submit_options *options,
		     const struct wp_conf *conf, struct wp_refusal *refusal);

enum { WP_IDEM_FIELD_LEN = 16 };

/* An envelope that may be sent, or why it may not. */
struct wp_submission {
	struct wp_refusal refusal; /* code NULL: it may be sent */
	struct wp_envelope envelope;
	const struct wp_buf *json; /* borrowed; its canonical form is in it */
	size_t json_at;
	size_t json_len;
	int64_t expires_in_ms; /* > 0 */
	bool has_key;
	uint8_t field[WP_IDEM_FIELD_LEN];  /* HMAC(sender, recipient, key) */
	uint8_t digest[WP_IDEM_FIELD_LEN]; /* of canonical form and expiry */
};

/*
 * Checks 1 and 2; a text whose data is NULL is no envelope. Appends the
 * canonical form of the envelope to json, and nothing when it is refused. The
 * envelope's own key, if it has one, counts before that of options.
 *
 * Errors:  WP_ERR_NOMEM only; a refusal is no error. Its sentence is for the
 *          developer who sent it, and never quotes the input
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

/* The Redis that is sent to, and what is known of it. */
struct wp_send_target {
	const struct wp_conf *conf;
	const char *run_id;
	unsigned int memory_percent; /* of maxmemory, lately */
};

/*
 * Write the call of send.lua for n submissions, 1 <= n <= 100, none of them
 * refused. Those of one partition lie together in the list, and are accepted in
 * its order; what is wrong with one partition decides over no other's. In a
 * Redis Cluster all partitions of a call must be of one slot: the caller
 * decides what goes together.
 */
void wp_send_build(struct wp_cmd *cmd, const struct wp_send_target *target,
		   const struct wp_submission *const *list, size_t n);

enum wp_send_status {
	WP_SEND_ACCEPTED, /* id is set */
	WP_SEND_CONFLICT, /* key used with another envelope */
	WP_SEND_FULL,     /* not accepted: too much waits for the recipient */
	/*
	 * Not accepted: high mark, full Redis, closed gate; or refused as a
	 * whole. With a key only after the key was looked up: a repeat of what
	 * was accepted must not be called refused.
	 */
	WP_SEND_OVERLOADED,
	WP_SEND_UNKNOWN, /* outcome unknown: no answer, or a surprising one */
};

struct wp_send_result {
	enum wp_send_status status;
	/* ACCEPTED only */
	struct wp_msgid id;
	bool is_repeat; /* of what was accepted before, with the same key */
};

/*
 * Read the answer; reply NULL means none came. results has room for n, of the
 * same list (partition and band make the id, has_key is looked at).
 */
void wp_send_parse(const struct wp_reply *reply,
		   const struct wp_submission *const *list, size_t n,
		   struct wp_send_result *results);

/* What the sender is told; status is not ACCEPTED. Constant. */
const struct wp_refusal *wp_submit_verdict(enum wp_send_status status);

/*
 * What a sender is told whom check 3 turns away because too much is on its way.
 * With a key the send may be the repeat of one that was accepted, so it must
 * not be called refused. Constant.
 */
const struct wp_refusal *wp_submit_turned_away(bool has_key);

#endif /* WP_LIB_MAILBOX_SUBMIT_H */
