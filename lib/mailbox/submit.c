/*
 * submit.c - what is wrong with a send, in the order in which it is looked for;
 * words of send.lua's call, and what its answer means for each.
 *
 * Sentences are for the developer who sent it and never quote the input. Knows
 * which answers say that nothing was accepted and which leave that open.
 */
#include "lib/mailbox/submit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/json.h"
#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/info.h"

enum {
	CANONICAL_SLACK = 512, /* names, priority, padding of one envelope */
	MS_PER_S = 1000,
	LIST_MAX = 100,
	TRACE_BYTES = 8,
	LENGTH_BYTES = 4,
	/* A client's key, and "/<index>" or "inbox:<entry>" around it. */
	KEY_MAX = 2 * WP_IDEMPOTENCY_KEY_MAX,
	KEYED_MAX = 3 * LENGTH_BYTES + 2 * WP_URN_MAX + KEY_MAX,
	EXPIRY_BYTES = 8,
};

/* ---- what is said ---- */

static const struct wp_refusal verdicts[] = {
	[WP_SEND_CONFLICT] = { "idempotency_conflict",
			       "this idempotency key was used with another "
			       "envelope or expiry" },
	[WP_SEND_FULL] = { "mailbox_full",
			   "the message was not accepted, too much waits for "
			   "the recipient already" },
	[WP_SEND_OVERLOADED] = { "overloaded",
				 "the message was not accepted, the service is "
				 "overloaded; repeat later" },
	[WP_SEND_UNKNOWN] = { "unavailable",
			      "the outcome is unknown; repeat with the same "
			      "idempotency key" },
};

#define TOO_MANY "too many sends are unanswered; repeat later"

static const struct wp_refusal turned_away = { "overloaded", TOO_MANY };
static const struct wp_refusal keyed_turned_away = { "unavailable", TOO_MANY };

const struct wp_refusal *wp_submit_verdict(enum wp_send_status status)
{
	assert(status != WP_SEND_ACCEPTED);
	return &verdicts[status];
}

const struct wp_refusal *wp_submit_turned_away(bool has_key)
{
	return has_key ? &keyed_turned_away : &turned_away;
}

static bool refuse(struct wp_refusal *refusal, const char *code,
		   const char *sentence)
{
	refusal->code = code;
	(void)snprintf(refusal->sentence, sizeof(refusal->sentence), "%s",
		       sentence);
	return false;
}

/* ---- checks 1 and 2 ---- */

bool wp_submit_check(const struct wp_submit_options *options,
		     const struct wp_conf *conf, struct wp_refusal *refusal)
{
	int64_t max_s = conf->mailbox.max_expiry_seconds;
	struct wp_error err;

	refusal->code = NULL;
	if (options->key != NULL &&
	    !wp_idempotency_key_is_valid(options->key, options->key_len))
		return refuse(refusal, "bad_request",
			      "the idempotency key must be 1 to 128 printable "
			      "ASCII characters");
	if (options->has_expiry &&
	    (options->expires_s < 1 || options->expires_s > max_s)) {
		(void)wp_error_set(&err, WP_ERR_INVAL,
				   "expiresInSeconds must be an integer from 1 "
				   "to %lld",
				   (long long)max_s);
		return refuse(refusal, "bad_request", err.msg);
	}
	return true;
}

static enum wp_err read_envelope(struct wp_submission *out,
				 const struct wp_envelope_text *text,
				 const struct wp_conf *conf,
				 struct wp_buf *json)
{
	size_t max = (size_t)conf->mailbox.max_envelope_bytes;
	struct wp_envelope_text whole = *text;
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (text->data == NULL) {
		(void)refuse(&out->refusal, "invalid_envelope",
			     "envelope is missing");
		return WP_OK;
	}
	if (text->len > max) {
		(void)wp_error_set(&err, WP_ERR_FULL,
				   "the envelope has more than %zu bytes", max);
		(void)refuse(&out->refusal, "payload_too_large", err.msg);
		return WP_OK;
	}
	whole.partitions = (uint32_t)conf->mailbox.partitions;
	rc = wp_envelope_read(&out->envelope, &whole, json, &err);
	if (rc == WP_OK || rc == WP_ERR_NOMEM)
		return rc;
	if (rc == WP_ERR_FULL)
		(void)refuse(&out->refusal, "payload_too_large", err.msg);
	else
		(void)refuse(&out->refusal,
			     wp_json_is_valid(text->data, text->len)
				     ? "invalid_envelope"
				     : "invalid_json",
			     err.msg);
	return WP_OK;
}

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

static void make_field(struct wp_submission *out, const char *secret,
		       const char *sender, const char *key, size_t key_len)
{
	const struct wp_box *recipient = &out->envelope.recipient;
	uint8_t text[KEYED_MAX];
	uint8_t mac[WP_SHA256_LEN];
	size_t sender_len = strlen(sender);
	size_t len = 0;

	assert(sender_len <= WP_URN_MAX && key_len <= KEY_MAX);
	len += put_prefixed(text + len, sender, sender_len);
	len += put_prefixed(text + len, recipient->text, recipient->len);
	len += put_prefixed(text + len, key, key_len);
	wp_hmac_sha256(secret, strlen(secret), text, len, mac);
	memcpy(out->field, mac, sizeof(out->field));
}

static void make_digest(struct wp_submission *out)
{
	uint8_t text[WP_SHA256_LEN + EXPIRY_BYTES];
	uint8_t hash[WP_SHA256_LEN];

	/* Two rounds, so that the envelope need not be copied. */
	wp_sha256(out->json->data + out->json_at, out->json_len, text);
	put_big_endian(text + WP_SHA256_LEN, (uint64_t)out->expires_in_ms,
		       EXPIRY_BYTES);
	wp_sha256(text, sizeof(text), hash);
	memcpy(out->digest, hash, sizeof(out->digest));
}

static void set_key(struct wp_submission *out,
		    const struct wp_submit_options *options, const char *secret)
{
	const struct wp_envelope *envelope = &out->envelope;
	const char *key = options->key;
	size_t len = options->key_len;
	char derived[KEY_MAX + 1];

	if (envelope->idempotency_key_len > 0) {
		key = envelope->idempotency_key;
		len = envelope->idempotency_key_len;
	} else if (key != NULL && options->is_element) {
		len = (size_t)snprintf(derived, sizeof(derived), "%.*s/%zu",
				       (int)len, key, options->index);
		key = derived;
	}
	out->has_key = key != NULL;
	if (!out->has_key)
		return;
	make_field(out, secret, options->sender, key, len);
	make_digest(out);
}

enum wp_err wp_submit_read(struct wp_submission *out,
			   const struct wp_submit_options *options,
			   const struct wp_envelope_text *text,
			   const struct wp_conf *conf, struct wp_buf *json)
{
	int64_t expires_s = options->has_expiry
				    ? options->expires_s
				    : conf->mailbox.max_expiry_seconds;
	enum wp_err rc;

	out->json = json;
	out->json_at = json->len;
	out->json_len = 0;
	out->has_key = false;
	if (!wp_submit_check(options, conf, &out->refusal))
		return WP_OK;
	rc = read_envelope(out, text, conf, json);
	if (rc != WP_OK || out->refusal.code != NULL)
		return rc;
	out->json_len = json->len - out->json_at;
	out->expires_in_ms = expires_s * MS_PER_S;
	set_key(out, options, conf->auth.store_secret);
	return WP_OK;
}

size_t wp_submit_canonical_max(size_t len, size_t n)
{
	return len + n * CANONICAL_SLACK;
}

/* ---- send.lua ---- */

static void add_one(struct wp_cmd *cmd, const struct wp_submission *one)
{
	const struct wp_envelope *envelope = &one->envelope;
	size_t key_len = one->has_key ? WP_IDEM_FIELD_LEN : 0;
	char trace[2 * TRACE_BYTES + 1];

	wp_random_hex(trace, TRACE_BYTES);
	wp_cmd_add(cmd, envelope->recipient.text, envelope->recipient.len);
	wp_cmd_str(cmd, envelope->band == WP_BAND_HIGH ? "1" : "0");
	wp_cmd_str(cmd, envelope->is_ephemeral ? "e" : "");
	wp_cmd_int(cmd, one->expires_in_ms);
	wp_cmd_str(cmd, trace);
	wp_cmd_add(cmd, one->json->data + one->json_at, one->json_len);
	wp_cmd_add(cmd, one->field, key_len);
	wp_cmd_add(cmd, one->digest, key_len);
}

void wp_send_build(struct wp_cmd *cmd, const struct wp_send_target *target,
		   const struct wp_submission *const *list, size_t n)
{
	const struct wp_conf *conf = target->conf;
	uint32_t partition = list[0]->envelope.recipient.partition;

	assert(n >= 1 && n <= LIST_MAX);
	for (size_t i = 1; i < n; i++)
		assert(list[i]->envelope.recipient.partition == partition);
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
		add_one(cmd, list[i]);
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
		   const struct wp_submission *const *list, size_t n,
		   struct wp_send_result *results)
{
	bool is_refused = wp_reply_is_refusal(reply);
	bool is_answer = wp_reply_is(wp_reply_at(reply, 0), "ok") &&
			 wp_reply_count(reply) == n + 1;

	for (size_t i = 0; i < n; i++) {
		results[i] = (struct wp_send_result){
			.status = is_refused && !list[i]->has_key
					  ? WP_SEND_OVERLOADED
					  : WP_SEND_UNKNOWN
		};
		if (is_answer)
			parse_item(wp_reply_at(reply, i + 1),
				   &list[i]->envelope, &results[i]);
	}
}
