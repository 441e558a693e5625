/*
 * Any bytes as an envelope: what is accepted is JSON to json-c too, and its
 * canonical form reads back to itself with the same meaning.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/mailbox/submit.h"

/* json-c wants a NUL to know that a value has ended. The caller puts it. */
static struct json_object *parse_with_json_c(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	assert(tokener != NULL);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)len + 1);
	assert(json_tokener_get_error(tokener) == json_tokener_success);
	json_tokener_free(tokener);
	return object;
}

/* An independent reader of the canonical form finds the same. */
static void check_canonical(const struct wp_envelope *envelope,
			    const struct wp_buf *json)
{
	struct json_object *object = parse_with_json_c(json->data, json->len);
	struct json_object *value;
	int32_t priority;

	assert(json_object_is_type(object, json_type_object));
	assert(json_object_object_get_ex(object, "recipientId", &value));
	assert(strcmp(json_object_get_string(value),
		      envelope->recipient.text) == 0);
	assert(json_object_object_get_ex(object, "encryptedData", &value));
	assert(json_object_get_string_len(value) > 0);
	assert(json_object_get_string_len(value) % 4 == 0);
	assert(json_object_object_get_ex(object, "priority", &value));
	assert(json_object_is_type(value, json_type_int));
	priority = json_object_get_int(value);
	assert((priority >= WP_PRIORITY_HIGH) ==
	       (envelope->band == WP_BAND_HIGH));
	assert(json_object_object_get_ex(object, "isEphemeral", &value) ==
	       envelope->is_ephemeral);
	assert(!json_object_object_get_ex(object, "senderId", &value));
	assert(json_object_object_length(object) <= 6);
	json_object_put(object);
}

static void read_one(struct wp_submission *out,
		     const struct wp_envelope_text *text, struct wp_buf *json)
{
	static char secret[] = "secret";
	static const struct wp_conf conf = {
		.mailbox = { .partitions = 64,
			     .max_envelope_bytes = 1 << 30,
			     .max_expiry_seconds = 60 },
		.auth.store_secret = secret,
	};
	const struct wp_submit_options options = { .sender = "amy" };

	assert(wp_submit_read(out, &options, text, &conf, json) == WP_OK);
}

static void check(const char *text, size_t size, bool with_key)
{
	struct wp_envelope_text from = {
		.data = text,
		.len = size,
		.with_key = with_key,
	};
	const struct wp_envelope *envelope, *again;
	struct wp_submission first, second;
	struct wp_buf once, twice, copy;

	wp_buf_init(&once, 0);
	wp_buf_init(&twice, 0);
	wp_buf_init(&copy, 0);
	read_one(&first, &from, &once);
	envelope = &first.envelope;
	if (first.refusal.code != NULL) {
		assert(strncmp(first.refusal.code, "invalid_", 8) == 0);
		assert(first.refusal.sentence[0] != '\0');
		assert(once.len == 0 && !once.failed);
		goto out;
	}
	wp_buf_add(&copy, text, size);
	json_object_put(parse_with_json_c(copy.data, copy.len));
	check_canonical(envelope, &once);

	from.data = once.data;
	from.len = once.len;
	from.with_key = false;
	read_one(&second, &from, &twice);
	again = &second.envelope;
	assert(second.refusal.code == NULL);
	assert(once.len == twice.len);
	assert(memcmp(once.data, twice.data, once.len) == 0);
	assert(again->recipient.partition == envelope->recipient.partition);
	assert(again->recipient.len == envelope->recipient.len);
	assert(strcmp(again->recipient.text, envelope->recipient.text) == 0);
	assert(again->band == envelope->band);
	assert(again->is_ephemeral == envelope->is_ephemeral);
	assert(envelope->idempotency_key_len == 0 ||
	       (with_key &&
		wp_idempotency_key_is_valid(envelope->idempotency_key,
					    envelope->idempotency_key_len)));
out:
	wp_buf_release(&once);
	wp_buf_release(&twice);
	wp_buf_release(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check((const char *)data, size, false);
	check((const char *)data, size, true);
	return 0;
}
