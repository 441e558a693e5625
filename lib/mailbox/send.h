/*
 * send.h - accepting envelopes: what goes into send.lua and what comes back.
 *
 * Split into build and parse so that the blocking handlers and the event-driven
 * daemon share every rule.
 */
#ifndef WP_LIB_MAILBOX_SEND_H
#define WP_LIB_MAILBOX_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/envelope.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

enum { WP_IDEM_FIELD_LEN = 16 };

/* One accepted-to-be envelope. Pointers are borrowed until build returns. */
struct wp_send_item {
	const struct wp_envelope *envelope;
	const char *json; /* canonical form */
	size_t json_len;
	int64_t expires_in_ms; /* > 0 */
	bool has_key;
	uint8_t field[WP_IDEM_FIELD_LEN];  /* HMAC(sender, recipient, key) */
	uint8_t digest[WP_IDEM_FIELD_LEN]; /* of canonical form and expiry */
};

/*
 * Fill field and digest for an idempotency key.
 *
 * secret:  STORE_SECRET; sender: canonical URN text of the caller
 */
void wp_send_set_key(struct wp_send_item *item, const char *secret,
		     const char *sender, const char *key, size_t key_len);

/* The Redis that is sent to, and what is known of it. */
struct wp_send_target {
	const struct wp_conf *conf;
	const char *run_id;
	unsigned int memory_percent; /* of maxmemory, lately */
};

/*
 * Write the call for n items of one partition, 1 <= n <= 100. All verdicts are
 * the script's, in their one order: known key, quota, overload.
 */
void wp_send_build(struct wp_cmd *cmd, const struct wp_send_target *target,
		   const struct wp_send_item *items, size_t n);

enum wp_send_status {
	WP_SEND_ACCEPTED, /* id is set; also for a repeat with the same key */
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
	struct wp_msgid id; /* ACCEPTED only */
};

/*
 * Read the answer; reply NULL means none came. results has room for n, the same
 * items that were built (partition and band make the id, has_key is looked at).
 */
void wp_send_parse(const struct wp_reply *reply,
		   const struct wp_send_item *items, size_t n,
		   struct wp_send_result *results);

#endif /* WP_LIB_MAILBOX_SEND_H */
