/* One order of checks for every way in, and what senders are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/submit.h"

#define GOOD "{\"recipientId\":\"bob\",\"encryptedData\":\"aGk=\"}"
#define KEYED                                                  \
	"{\"recipientId\":\"bob\",\"encryptedData\":\"aGk=\"," \
	"\"idempotencyKey\":\"own\"}"

static char secret[] = "secret";

static const struct wp_conf conf = {
	.mailbox = { .partitions = 8,
		     .max_envelope_bytes = 100,
		     .max_expiry_seconds = 60 },
	.auth.store_secret = secret,
};

static struct wp_submit_options plain(void)
{
	return (struct wp_submit_options){ .sender = "urn:sm:user:amy" };
}

static struct wp_envelope_text text_of(const char *json)
{
	return (struct wp_envelope_text){ .data = json, .len = strlen(json) };
}

/* The code of the refusal, or "" when there is none. */
static const char *code_of(struct wp_submit_options options,
			   struct wp_envelope_text text)
{
	struct wp_submission out;
	struct wp_buf json;

	wp_buf_init(&json, 1000);
	wp_buf_add_str(&json, "before");
	assert_int_equal(wp_submit_read(&out, &options, &text, &conf, &json),
			 WP_OK);
	if (out.refusal.code == NULL) {
		assert_int_equal(out.json_at, strlen("before"));
		assert_int_equal(out.json_len, json.len - strlen("before"));
		assert_true(out.envelope.recipient.partition < 8);
	} else {
		/* Elements of a batch share the buffer. */
		assert_int_equal(json.len, strlen("before"));
		assert_true(out.refusal.sentence[0] != '\0');
	}
	wp_buf_release(&json);
	return out.refusal.code == NULL ? "" : out.refusal.code;
}

static void each_fault_has_its_code(void **state)
{
	struct wp_submit_options options = plain();
	struct wp_envelope_text absent = { .data = NULL };

	(void)state;
	assert_string_equal(code_of(options, text_of(GOOD)), "");
	assert_string_equal(code_of(options, absent), "invalid_envelope");
	assert_string_equal(code_of(options, text_of("{")), "invalid_json");
	assert_string_equal(code_of(options, text_of("{}")),
			    "invalid_envelope");
	options.key = "k\n";
	options.key_len = 2;
	assert_string_equal(code_of(options, text_of(GOOD)), "bad_request");
	options.key = "";
	options.key_len = 0;
	assert_string_equal(code_of(options, text_of(GOOD)), "bad_request");
}

static void an_envelope_may_have_so_many_bytes_and_no_more(void **state)
{
	char long_one[102];

	(void)state;
	memset(long_one, ' ', sizeof(long_one));
	memcpy(long_one, GOOD, strlen(GOOD));
	long_one[100] = '\0';
	assert_string_equal(code_of(plain(), text_of(long_one)), "");
	long_one[100] = ' ';
	long_one[101] = '\0';
	assert_string_equal(code_of(plain(), text_of(long_one)),
			    "payload_too_large");
}

static void an_expiry_is_from_a_second_to_the_longest(void **state)
{
	static const struct {
		int64_t expires_s;
		const char *code;
	} cases[] = {
		{ INT64_MIN, "bad_request" },
		{ 0, "bad_request" },
		{ 1, "" },
		{ 60, "" },
		{ 61, "bad_request" },
		{ INT64_MAX, "bad_request" },
	};
	struct wp_submit_options options = plain();
	struct wp_refusal refusal;

	(void)state;
	options.has_expiry = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		options.expires_s = cases[i].expires_s;
		assert_string_equal(code_of(options, text_of(GOOD)),
				    cases[i].code);
	}
	assert_false(wp_submit_check(&options, &conf, &refusal));
	assert_string_equal(refusal.sentence,
			    "expiresInSeconds must be an integer from 1 to 60");
}

static void what_goes_with_an_envelope_is_looked_at_first(void **state)
{
	struct wp_submit_options options = plain();
	struct wp_refusal refusal;

	(void)state;
	options.has_expiry = true; /* and 0 seconds */
	assert_string_equal(code_of(options, text_of("{")), "bad_request");
	options.key = "\n";
	options.key_len = 1;
	assert_false(wp_submit_check(&options, &conf, &refusal));
	assert_non_null(strstr(refusal.sentence, "idempotency key"));
}

static struct wp_send_item item_of(struct wp_submit_options options,
				   struct wp_submission *out,
				   struct wp_envelope_text text,
				   struct wp_buf *json)
{
	struct wp_send_item item;

	assert_int_equal(wp_submit_read(out, &options, &text, &conf, json),
			 WP_OK);
	assert_null(out->refusal.code);
	wp_submit_item(&item, out, &options, &conf, json);
	return item;
}

static void an_item_is_what_was_asked_for(void **state)
{
	static const char canonical[] =
		"{\"recipientId\":\"urn:sm:user:bob\","
		"\"encryptedData\":\"aGk=\",\"priority\":0}";
	struct wp_submit_options options = plain();
	struct wp_submission out;
	struct wp_send_item item;
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 1000);
	wp_buf_add_char(&json, '-');
	item = item_of(options, &out, text_of(GOOD), &json);
	assert_ptr_equal(item.envelope, &out.envelope);
	assert_int_equal(item.json_len, strlen(canonical));
	assert_memory_equal(item.json, canonical, item.json_len);
	assert_int_equal(item.expires_in_ms, 60000);
	assert_false(item.has_key);

	options.has_expiry = true;
	options.expires_s = 7;
	item = item_of(options, &out, text_of(GOOD), &json);
	assert_int_equal(item.expires_in_ms, 7000);
	wp_buf_release(&json);
}

/* Is it the key that the item was given? */
static bool has_key(struct wp_send_item item, const char *key)
{
	struct wp_send_item other = item;

	wp_send_set_key(&other, secret, "urn:sm:user:amy", key, strlen(key));
	return item.has_key &&
	       memcmp(item.field, other.field, sizeof(item.field)) == 0 &&
	       memcmp(item.digest, other.digest, sizeof(item.digest)) == 0;
}

static void the_envelope_s_own_key_counts_first(void **state)
{
	struct wp_submit_options options = plain();
	struct wp_envelope_text text = text_of(KEYED);
	struct wp_submission out;
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 1000);
	options.key = "theirs";
	options.key_len = strlen(options.key);
	assert_true(has_key(item_of(options, &out, text, &json), "theirs"));
	text.with_key = true;
	assert_true(has_key(item_of(options, &out, text, &json), "own"));
	assert_true(has_key(item_of(options, &out, text_of(GOOD), &json),
			    "theirs"));
	wp_buf_release(&json);
}

static void what_has_a_key_is_never_called_refused_unasked(void **state)
{
	(void)state;
	assert_string_equal(wp_submit_turned_away(false)->code, "overloaded");
	assert_string_equal(wp_submit_turned_away(true)->code, "unavailable");
	assert_string_equal(wp_submit_verdict(WP_SEND_UNKNOWN)->code,
			    "unavailable");
	assert_string_equal(wp_submit_verdict(WP_SEND_OVERLOADED)->code,
			    "overloaded");
	assert_string_equal(wp_submit_verdict(WP_SEND_FULL)->code,
			    "mailbox_full");
	assert_string_equal(wp_submit_verdict(WP_SEND_CONFLICT)->code,
			    "idempotency_conflict");
}

static void a_form_without_room_is_too_large(void **state)
{
	const struct wp_submit_options options = plain();
	const struct wp_envelope_text text = text_of(GOOD);
	struct wp_submission out;
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 10);
	assert_int_equal(wp_submit_read(&out, &options, &text, &conf, &json),
			 WP_OK);
	assert_string_equal(out.refusal.code, "payload_too_large");
	wp_buf_release(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_has_its_code),
		cmocka_unit_test(
			an_envelope_may_have_so_many_bytes_and_no_more),
		cmocka_unit_test(an_expiry_is_from_a_second_to_the_longest),
		cmocka_unit_test(what_goes_with_an_envelope_is_looked_at_first),
		cmocka_unit_test(an_item_is_what_was_asked_for),
		cmocka_unit_test(the_envelope_s_own_key_counts_first),
		cmocka_unit_test(
			what_has_a_key_is_never_called_refused_unasked),
		cmocka_unit_test(a_form_without_room_is_too_large),
	};

	return cmocka_run_group_tests_name("submit", tests, NULL, NULL);
}
