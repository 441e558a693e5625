/*
 * submit.c - what is wrong with a send, in the order in which it is looked for;
 * words of send.lua's call, and what its answer means for each.
 *
 * Sentences are for the developer who sent it and never quote the input. Knows
 * which answers say that nothing was accepted and which leave that open.
 */
#include "lib/mailbox/submit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/base/json.h"
#include "lib/mailbox/entry.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/info.h"

enum {
	CANONICAL_SLACK = 512, /* names, priority, padding of one envelope */
	MS_PER_S = 1000,
	LIST_MAX = 100,
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

/* ---- the envelope: fields, their two spellings, ProtoJSON's rules ---- */

enum field {
	RECIPIENT_ID,
	ENCRYPTED_DATA,
	ENCRYPTED_SYMMETRIC_KEY,
	SIGNATURE,
	IS_EPHEMERAL,
	PRIORITY,
	IDEMPOTENCY_KEY,
	FIELD_COUNT,
};

/* What it costs beyond the values: names, quotes, braces, padding, number. */
enum { CANONICAL_OVERHEAD = 160 };

static const struct {
	const char *camel;
	const char *snake;
} field_names[FIELD_COUNT] = {
	[RECIPIENT_ID] = { "recipientId", "recipient_id" },
	[ENCRYPTED_DATA] = { "encryptedData", "encrypted_data" },
	[ENCRYPTED_SYMMETRIC_KEY] = { "encryptedSymmetricKey",
				      "encrypted_symmetric_key" },
	[SIGNATURE] = { "signature", "signature" },
	[IS_EPHEMERAL] = { "isEphemeral", "is_ephemeral" },
	[PRIORITY] = { "priority", "priority" },
	[IDEMPOTENCY_KEY] = { "idempotencyKey", "idempotency_key" },
};

/* The fields as they lie in the input. */
struct draft {
	struct wp_json js;
	bool is_seen[FIELD_COUNT];                /* null counts as seen */
	struct wp_json_slice values[FIELD_COUNT]; /* data NULL when unset */
	bool is_ephemeral;
	int32_t priority;
};

bool wp_idempotency_key_is_valid(const char *key, size_t len)
{
	size_t i;

	if (len < 1 || len > WP_IDEMPOTENCY_KEY_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (key[i] < 0x20 || key[i] > 0x7e)
			return false;
	return true;
}

/* FIELD_COUNT for a name that is none of ours. */
static enum field find_field(const struct wp_json_slice *key, bool with_key)
{
	int end = with_key ? FIELD_COUNT : IDEMPOTENCY_KEY;
	int i;

	for (i = 0; i < end; i++)
		if (wp_json_slice_is(key, field_names[i].camel) ||
		    wp_json_slice_is(key, field_names[i].snake))
			return (enum field)i;
	return FIELD_COUNT;
}

/* For `return syntax_error(…)` when the scanner gave up. */
static enum wp_err syntax_error(const struct wp_json *js, struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_INVAL,
			    "the envelope is no valid JSON: %s (byte %zu)",
			    js->err, js->pos);
}

static enum wp_err read_priority(struct draft *draft, enum wp_json_type type,
				 struct wp_error *err)
{
	struct wp_json_slice text;
	int64_t value;
	bool ok = false;

	if (type == WP_JSON_STRING)
		ok = wp_json_string(&draft->js, &text);
	else if (type == WP_JSON_NUMBER)
		ok = wp_json_number(&draft->js, &text);
	if (draft->js.err != NULL)
		return syntax_error(&draft->js, err);
	if (!ok || !wp_json_integer(&text, INT32_MIN, INT32_MAX, &value))
		return wp_error_set(err, WP_ERR_INVAL,
				    "priority must be an integer of 32 bits");
	draft->priority = (int32_t)value;
	return WP_OK;
}

static enum wp_err read_value(struct draft *draft, enum field field,
			      struct wp_error *err)
{
	enum wp_json_type type = wp_json_peek(&draft->js);
	bool ok;

	if (type == WP_JSON_NULL)
		ok = wp_json_null(&draft->js);
	else if (type == WP_JSON_NONE)
		ok = wp_json_skip(&draft->js, NULL); /* fails, and says why */
	else if (field == PRIORITY)
		return read_priority(draft, type, err);
	else if (field == IS_EPHEMERAL && type == WP_JSON_BOOL)
		ok = wp_json_bool(&draft->js, &draft->is_ephemeral);
	else if (field == IS_EPHEMERAL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "isEphemeral must be true or false");
	else if (type == WP_JSON_STRING)
		ok = wp_json_string(&draft->js, &draft->values[field]);
	else
		return wp_error_set(err, WP_ERR_INVAL, "%s must be a string",
				    field_names[field].camel);
	return ok ? WP_OK : syntax_error(&draft->js, err);
}

static enum wp_err read_fields(struct draft *draft, bool with_key,
			       struct wp_error *err)
{
	struct wp_json *js = &draft->js;
	struct wp_json_slice key;

	if (!wp_json_object_begin(js))
		return wp_error_set(err, WP_ERR_INVAL,
				    "the envelope must be a JSON object");
	while (wp_json_object_next(js, &key)) {
		enum field field = find_field(&key, with_key);
		enum wp_err rc;

		if (field == FIELD_COUNT) {
			wp_json_skip(js, NULL);
			continue;
		}
		if (draft->is_seen[field])
			return wp_error_set(err, WP_ERR_INVAL,
					    "%s is given twice",
					    field_names[field].camel);
		draft->is_seen[field] = true;
		rc = read_value(draft, field, err);
		if (rc != WP_OK)
			return rc;
	}
	return wp_json_end(js) ? WP_OK : syntax_error(js, err);
}

/*
 * The decoded text of a short string in at most max bytes.
 *
 * memory:   room for max + 1 bytes, used only when there are escapes
 * Returns:  false when it is longer
 */
static bool short_text(const struct wp_json_slice *slice, char *memory,
		       size_t max, const char **text_out, size_t *len_out)
{
	/* Borrowed memory and a ceiling below it: see the head of buf.c. */
	struct wp_buf text = { .cap = max + 1, .max_bytes = max };

	text.data = memory;
	*text_out = slice->data;
	*len_out = slice->len;
	if (!slice->has_escapes)
		return slice->len <= max;
	wp_json_decode(slice, &text);
	*text_out = text.data;
	*len_out = text.len;
	return !text.failed;
}

static enum wp_err take_recipient(struct wp_envelope *out,
				  const struct wp_json_slice *value,
				  uint32_t partitions, struct wp_error *err)
{
	char memory[WP_URN_MAX + 1];
	struct wp_urn recipient;
	struct wp_error why;
	const char *text;
	size_t len;

	if (value->data == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "recipientId is required");
	if (!short_text(value, memory, WP_URN_MAX, &text, &len))
		return wp_error_set(err, WP_ERR_INVAL,
				    "recipientId: a URN has at most 255 bytes");
	if (wp_urn_parse(&recipient, text, len, &why) != WP_OK)
		return wp_error_set(err, WP_ERR_INVAL, "recipientId: %s",
				    why.msg);
	wp_box_of(&out->recipient, &recipient, partitions);
	return WP_OK;
}

static enum wp_err take_idempotency_key(struct wp_envelope *out,
					const struct wp_json_slice *value,
					struct wp_error *err)
{
	char memory[WP_IDEMPOTENCY_KEY_MAX + 1];
	const char *text;
	size_t len;

	if (value->data == NULL)
		return WP_OK;
	if (!short_text(value, memory, WP_IDEMPOTENCY_KEY_MAX, &text, &len) ||
	    !wp_idempotency_key_is_valid(text, len))
		return wp_error_set(err, WP_ERR_INVAL,
				    "idempotencyKey must be 1 to 128 printable "
				    "ASCII characters");
	memcpy(out->idempotency_key, text, len);
	out->idempotency_key[len] = '\0';
	out->idempotency_key_len = len;
	return WP_OK;
}

/*
 * Append the string as canonical base64, without quotes. A full json_out is
 * not an error here: it is asked once, at the end.
 *
 * Returns:  false when the string is no base64
 */
static bool add_base64(struct wp_buf *json_out,
		       const struct wp_json_slice *value)
{
	size_t start = json_out->len;
	const char *text = value->data;
	size_t len = value->len;
	char *room;

	if (value->has_escapes) {
		/* Resolve them where the result will be, then work in place. */
		wp_json_decode(value, json_out);
		len = json_out->len - start;
	}
	room = wp_buf_reserve(json_out,
			      value->has_escapes ? -len % 4 : len + -len % 4);
	if (room == NULL)
		return true;
	if (value->has_escapes)
		text = room = json_out->data + start;
	if (!wp_base64_normalize(text, len, room, &len))
		return false;
	json_out->len = start + len;
	return true;
}

static enum wp_err add_bytes_field(struct wp_buf *json_out,
				   const struct draft *draft, enum field field,
				   struct wp_error *err)
{
	const struct wp_json_slice *value = &draft->values[field];

	if (value->len == 0) /* also when unset: data NULL */
		return WP_OK;
	wp_buf_add_str(json_out, ",\"");
	wp_buf_add_str(json_out, field_names[field].camel);
	wp_buf_add_str(json_out, "\":\"");
	if (!add_base64(json_out, value))
		return wp_error_set(err, WP_ERR_INVAL, "%s is no valid base64",
				    field_names[field].camel);
	wp_buf_add_char(json_out, '"');
	return WP_OK;
}

/* In the order of the field numbers. A URN needs no escapes. */
static enum wp_err write_canonical(struct wp_buf *json_out,
				   const struct wp_box *recipient,
				   const struct draft *draft,
				   struct wp_error *err)
{
	enum field field;

	wp_buf_add_str(json_out, "{\"recipientId\":\"");
	wp_buf_add(json_out, recipient->text, recipient->len);
	wp_buf_add_char(json_out, '"');
	for (field = ENCRYPTED_DATA; field <= SIGNATURE; field++) {
		enum wp_err rc = add_bytes_field(json_out, draft, field, err);

		if (rc != WP_OK)
			return rc;
	}
	if (draft->is_ephemeral)
		wp_buf_add_str(json_out, ",\"isEphemeral\":true");
	wp_buf_printf(json_out, ",\"priority\":%" PRId32 "}", draft->priority);
	return WP_OK;
}

/* No canonical form of this draft is longer. */
static size_t canonical_max(const struct wp_envelope *envelope,
			    const struct draft *draft)
{
	return CANONICAL_OVERHEAD + envelope->recipient.len +
	       draft->values[ENCRYPTED_DATA].len +
	       draft->values[ENCRYPTED_SYMMETRIC_KEY].len +
	       draft->values[SIGNATURE].len;
}

/*
 * Read one envelope and append its canonical form to json_out. First the whole
 * text is read into slices, then the form is written in one pass; nothing is
 * allocated but json_out, and what is sealed inside is never decoded: base64 is
 * rewritten digit by digit.
 *
 * partitions:  of the deployment
 * Errors:      WP_ERR_INVAL  err.msg is a sentence for who sent it
 *              WP_ERR_FULL   json_out reached its ceiling; WP_ERR_NOMEM
 */
static enum wp_err take_envelope(struct wp_envelope *out,
				 const struct wp_envelope_text *text,
				 uint32_t partitions, struct wp_buf *json_out,
				 struct wp_error *err)
{
	struct draft draft = { 0 };
	size_t start = json_out->len;
	size_t room = json_out->max_bytes - start;
	size_t want;
	enum wp_err rc;

	out->idempotency_key[0] = '\0';
	out->idempotency_key_len = 0;
	wp_json_init(&draft.js, text->data, text->len);
	rc = read_fields(&draft, text->with_key, err);
	if (rc == WP_OK)
		rc = take_recipient(out, &draft.values[RECIPIENT_ID],
				    partitions, err);
	if (rc == WP_OK)
		rc = take_idempotency_key(out, &draft.values[IDEMPOTENCY_KEY],
					  err);
	if (rc != WP_OK)
		return rc;
	if (draft.values[ENCRYPTED_DATA].len == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "encryptedData is required");
	out->is_ephemeral = draft.is_ephemeral;
	out->band = draft.priority >= WP_PRIORITY_HIGH ? WP_BAND_HIGH
						       : WP_BAND_STANDARD;

	/* One allocation in place of a series of doublings. */
	want = canonical_max(out, &draft);
	if (want <= room && wp_buf_reserve(json_out, want) == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	rc = write_canonical(json_out, &out->recipient, &draft, err);
	if (rc == WP_OK && json_out->failed)
		rc = want > room ? wp_error_set(err, WP_ERR_FULL,
						"the envelope is too large")
				 : wp_error_set(err, WP_ERR_NOMEM,
						"memory is exhausted");
	if (rc != WP_OK && json_out->data != NULL) {
		json_out->len = start; /* so that a batch may go on */
		json_out->data[start] = '\0';
	}
	return rc;
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
	rc = take_envelope(&out->envelope, text,
			   (uint32_t)conf->mailbox.partitions, json, &err);
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
	const struct wp_box *to = &envelope->recipient;
	size_t key_len = one->has_key ? WP_IDEM_FIELD_LEN : 0;
	char head[WP_ENTRY_HEAD_MAX];
	size_t head_len =
		wp_entry_head(head, to, envelope->band, envelope->is_ephemeral);

	wp_cmd_add(cmd, to->text, to->len);
	wp_cmd_int(cmd, one->expires_in_ms);
	wp_cmd_join(cmd, head, head_len, one->json->data + one->json_at,
		    one->json_len);
	wp_cmd_join(cmd, one->field, key_len, one->digest, key_len);
}

static uint32_t partition_of(const struct wp_submission *one)
{
	return one->envelope.recipient.partition;
}

/* Where each partition's part of the list ends; returns how many there are. */
static size_t list_runs(const struct wp_submission *const *list, size_t n,
			size_t ends[LIST_MAX])
{
	size_t n_runs = 0;

	assert(n >= 1 && n <= LIST_MAX);
	for (size_t i = 1; i <= n; i++)
		if (i == n ||
		    partition_of(list[i]) != partition_of(list[i - 1]))
			ends[n_runs++] = i;
	return n_runs;
}

void wp_send_build(struct wp_cmd *cmd, const struct wp_send_target *target,
		   const struct wp_submission *const *list, size_t n)
{
	const struct wp_conf *conf = target->conf;
	size_t ends[LIST_MAX];
	size_t n_runs = list_runs(list, n, ends);

	wp_cmd_script_of(cmd, WP_SCRIPT_SEND, n_runs);
	for (size_t i = 0; i < n_runs; i++)
		wp_cmd_prefix(cmd, partition_of(list[ends[i] - 1]));
	wp_cmd_str(cmd, target->run_id);
	wp_cmd_int(cmd, conf->mailbox.ingress_high_mark);
	wp_cmd_int(cmd, conf->mailbox.idempotency_hours);
	wp_cmd_int(cmd, conf->mailbox.max_waiting);
	wp_cmd_int(cmd, conf->mailbox.max_waiting_bytes);
	wp_cmd_int(cmd, wp_memory_is_high(conf, target->memory_percent));
	for (size_t i = 0; i < n_runs; i++)
		wp_cmd_int(cmd, (int64_t)(ends[i] - (i > 0 ? ends[i - 1] : 0)));
	for (size_t i = 0; i < n; i++)
		add_one(cmd, list[i]);
}

static bool is_word(const char *word, size_t len, const char *other)
{
	return len == strlen(other) && memcmp(word, other, len) == 0;
}

static void parse_word(const char *word, size_t len,
		       const struct wp_envelope *envelope,
		       struct wp_send_result *result)
{
	*result = (struct wp_send_result){
		.status = WP_SEND_UNKNOWN,
		.is_repeat = len > 0 && word[0] == '=',
	};
	word += result->is_repeat;
	len -= result->is_repeat;
	if (is_word(word, len, "conflict")) {
		result->status = WP_SEND_CONFLICT;
	} else if (is_word(word, len, "full")) {
		result->status = WP_SEND_FULL;
	} else if (is_word(word, len, "overloaded")) {
		result->status = WP_SEND_OVERLOADED;
	} else if (wp_entry_id_parse(&result->id.entry, word, len)) {
		result->id.partition = (uint16_t)envelope->recipient.partition;
		result->id.band = (uint8_t)envelope->band;
		result->status = WP_SEND_ACCEPTED;
	}
}

/* A word for each, a blank between two; false when there are not as many. */
static bool parse_words(const struct wp_reply *reply,
			const struct wp_submission *const *list, size_t n,
			struct wp_send_result *results)
{
	const char *word = wp_reply_str(reply);
	const char *end = word + wp_reply_len(reply);

	for (size_t i = 0; i < n; i++) {
		const char *blank = memchr(word, ' ', (size_t)(end - word));
		bool is_last = i == n - 1;

		if ((blank == NULL) != is_last)
			return false;
		parse_word(word, (size_t)((is_last ? end : blank) - word),
			   &list[i]->envelope, &results[i]);
		if (!is_last)
			word = blank + 1;
	}
	return true;
}

void wp_send_parse(const struct wp_reply *reply,
		   const struct wp_submission *const *list, size_t n,
		   struct wp_send_result *results)
{
	bool is_refused = wp_reply_is_refusal(reply);

	if (wp_reply_type(reply) == WP_REPLY_STR &&
	    parse_words(reply, list, n, results))
		return;
	for (size_t i = 0; i < n; i++)
		results[i] = (struct wp_send_result){
			.status = is_refused && !list[i]->has_key
					  ? WP_SEND_OVERLOADED
					  : WP_SEND_UNKNOWN
		};
}
