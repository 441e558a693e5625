/*
 * send.c - words of send.lua's call, and what its answer means for each item.
 *
 * Validates nothing: envelopes come in canonical form. Knows which answers say
 * that nothing was accepted and which leave that open.
 */
#include "lib/mailbox/send.h"

#include <assert.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/info.h"
#include "lib/redis/reply.h"

enum {
	ITEMS_MAX = 100,
	TRACE_BYTES = 8,
	LENGTH_BYTES = 4,
	/* A client's key, and "/<index>" or "inbox:<entry>" around it. */
	KEY_MAX = 2 * WP_IDEMPOTENCY_KEY_MAX,
	KEYED_MAX = 3 * LENGTH_BYTES + 2 * WP_URN_MAX + KEY_MAX,
	EXPIRY_BYTES = 8,
};

static size_t put_big_endian(uint8_t *out, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
	return bytes;
}

/* The length in front keeps ("ab", "c") and ("a", "bc") apart. */
static size_t put_prefixed(uint8_t *out, const void *data, size_t len)
{
	size_t at = put_big_endian(out, len, LENGTH_BYTES);

	memcpy(out + at, data, len);
	return at + len;
}

static void make_field(struct wp_send_item *item, const char *secret,
		       const char *sender, const char *key, size_t key_len)
{
	const struct wp_box *recipient = &item->envelope->recipient;
	uint8_t text[KEYED_MAX];
	uint8_t mac[WP_SHA256_LEN];
	size_t sender_len = strlen(sender);
	size_t len = 0;

	assert(sender_len <= WP_URN_MAX && key_len <= KEY_MAX);
	len += put_prefixed(text + len, sender, sender_len);
	len += put_prefixed(text + len, recipient->text, recipient->len);
	len += put_prefixed(text + len, key, key_len);
	wp_hmac_sha256(secret, strlen(secret), text, len, mac);
	memcpy(item->field, mac, sizeof(item->field));
}

static void make_digest(struct wp_send_item *item)
{
	uint8_t text[WP_SHA256_LEN + EXPIRY_BYTES];
	uint8_t hash[WP_SHA256_LEN];

	/* Two rounds, so that the envelope need not be copied. */
	wp_sha256(item->json, item->json_len, text);
	put_big_endian(text + WP_SHA256_LEN, (uint64_t)item->expires_in_ms,
		       EXPIRY_BYTES);
	wp_sha256(text, sizeof(text), hash);
	memcpy(item->digest, hash, sizeof(item->digest));
}

void wp_send_set_key(struct wp_send_item *item, const char *secret,
		     const char *sender, const char *key, size_t key_len)
{
	make_field(item, secret, sender, key, key_len);
	make_digest(item);
	item->has_key = true;
}

static void add_item(struct wp_cmd *cmd, const struct wp_send_item *item)
{
	const struct wp_envelope *envelope = item->envelope;
	size_t key_len = item->has_key ? WP_IDEM_FIELD_LEN : 0;
	char trace[2 * TRACE_BYTES + 1];

	wp_random_hex(trace, TRACE_BYTES);
	wp_cmd_add(cmd, envelope->recipient.text, envelope->recipient.len);
	wp_cmd_str(cmd, envelope->band == WP_BAND_HIGH ? "1" : "0");
	wp_cmd_str(cmd, envelope->is_ephemeral ? "e" : "");
	wp_cmd_int(cmd, item->expires_in_ms);
	wp_cmd_str(cmd, trace);
	wp_cmd_add(cmd, item->json, item->json_len);
	wp_cmd_add(cmd, item->field, key_len);
	wp_cmd_add(cmd, item->digest, key_len);
}

void wp_send_build(struct wp_cmd *cmd, const struct wp_send_target *target,
		   const struct wp_send_item *items, size_t n)
{
	const struct wp_conf *conf = target->conf;
	uint32_t partition = items[0].envelope->recipient.partition;

	assert(n >= 1 && n <= ITEMS_MAX);
	for (size_t i = 1; i < n; i++)
		assert(items[i].envelope->recipient.partition == partition);
	wp_cmd_script(cmd, WP_SCRIPT_SEND, partition);
	wp_cmd_str(cmd, target->run_id);
	wp_cmd_int(cmd, conf->mailbox.ingress_high_mark);
	wp_cmd_int(cmd, conf->mailbox.idempotency_hours);
	wp_cmd_int(cmd, conf->mailbox.max_waiting);
	wp_cmd_int(cmd, conf->mailbox.max_waiting_bytes);
	wp_cmd_int(cmd, conf->mailbox.max_envelope_bytes);
	wp_cmd_int(cmd, wp_memory_is_high(conf, target->memory_percent));
	wp_cmd_int(cmd, (int64_t)n);
	for (size_t i = 0; i < n; i++)
		add_item(cmd, &items[i]);
}

static void parse_item(const struct wp_reply *answer,
		       const struct wp_envelope *envelope,
		       struct wp_send_result *result)
{
	const struct wp_reply *status = wp_reply_at(answer, 0);
	const struct wp_reply *id = wp_reply_at(answer, 1);

	*result = (struct wp_send_result){ .status = WP_SEND_UNKNOWN };
	if (wp_reply_is(status, "conflict")) {
		result->status = WP_SEND_CONFLICT;
	} else if (wp_reply_is(status, "full")) {
		result->status = WP_SEND_FULL;
	} else if (wp_reply_is(status, "overloaded")) {
		result->status = WP_SEND_OVERLOADED;
	} else if ((wp_reply_is(status, "ok") || wp_reply_is(status, "dup")) &&
		   wp_entry_id_parse(&result->id.entry, wp_reply_str(id),
				     wp_reply_len(id))) {
		result->id.partition = (uint16_t)envelope->recipient.partition;
		result->id.band = (uint8_t)envelope->band;
		result->status = WP_SEND_ACCEPTED;
	}
}

void wp_send_parse(const struct wp_reply *reply,
		   const struct wp_send_item *items, size_t n,
		   struct wp_send_result *results)
{
	bool is_refused = wp_reply_is_refusal(reply);
	bool is_answer = wp_reply_is(wp_reply_at(reply, 0), "ok") &&
			 wp_reply_count(reply) == n + 1;

	for (size_t i = 0; i < n; i++) {
		results[i] = (struct wp_send_result){
			.status = is_refused && !items[i].has_key
					  ? WP_SEND_OVERLOADED
					  : WP_SEND_UNKNOWN
		};
		if (is_answer)
			parse_item(wp_reply_at(reply, i + 1), items[i].envelope,
				   &results[i]);
	}
}
