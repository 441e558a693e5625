/*
 * envelope.c - a SecureEnvelope from a stranger, checked and written again.
 *
 * Knows the fields, their two spellings, and ProtoJSON's rules for them. Knows
 * nothing about what is sealed inside: base64 is rewritten digit by digit and
 * never decoded. First the whole text is read into slices, then the canonical
 * form is written in one pass; nothing is allocated but json_out.
 */
#include "lib/mailbox/envelope.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/encode.h"

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

enum wp_err wp_envelope_read(struct wp_envelope *out,
			     const struct wp_envelope_text *text,
			     struct wp_buf *json_out, struct wp_error *err)
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
				    text->partitions, err);
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
