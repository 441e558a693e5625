/* One order of checks for every way in, and what senders are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/digest.h"
#include "lib/mailbox/submit.h"

#define GOOD "{\"recipientId\":\"bob\",\"encryptedData\":\"aGk=\"}"
#define KEYED                                                  \
	"{\"recipientId\":\"bob\",\"encryptedData\":\"aGk=\"," \
	"\"idempotencyKey\":\"own\"}"

#define TO(whom, more) \
	"{\"recipientId\":\"" whom "\",\"encryptedData\":\"aGk=\"," more "}"

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

/* Nothing is against it; json is as it was, but for what this appends. */
static struct wp_submission read_good(struct wp_submit_options options,
				      struct wp_envelope_text text,
				      struct wp_buf *json)
{
	struct wp_submission out;

	assert_int_equal(wp_submit_read(&out, &options, &text, &conf, json),
			 WP_OK);
	assert_null(out.refusal.code);
	return out;
}

static void a_submission_is_what_was_asked_for(void **state)
{
	static const char canonical[] =
		"{\"recipientId\":\"urn:sm:user:bob\","
		"\"encryptedData\":\"aGk=\",\"priority\":0}";
	struct wp_submit_options options = plain();
	struct wp_submission one;
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 1000);
	wp_buf_add_char(&json, '-');
	one = read_good(options, text_of(GOOD), &json);
	assert_ptr_equal(one.json, &json);
	assert_int_equal(one.json_at, 1);
	assert_int_equal(one.json_len, strlen(canonical));
	assert_memory_equal(json.data + 1, canonical, one.json_len);
	assert_int_equal(one.expires_in_ms, 60000);
	assert_false(one.has_key);

	options.has_expiry = true;
	options.expires_s = 7;
	one = read_good(options, text_of(GOOD), &json);
	assert_int_equal(one.expires_in_ms, 7000);
	wp_buf_release(&json);
}

/* ---- idempotency: what makes two sends the same, and what does not ---- */

/* GOOD from amy to bob with this key, or text. */
static struct wp_submission keyed(const char *key, const char *text)
{
	struct wp_submit_options options = plain();
	struct wp_submission out;
	struct wp_buf json;

	wp_buf_init(&json, 1000);
	options.key = key;
	options.key_len = strlen(key);
	out = read_good(options, text_of(text), &json);
	assert_true(out.has_key);
	wp_buf_release(&json);
	return out;
}

static bool is_same_field(struct wp_submission a, struct wp_submission b)
{
	return memcmp(a.field, b.field, WP_IDEM_FIELD_LEN) == 0;
}

static bool is_same_digest(struct wp_submission a, struct wp_submission b)
{
	return memcmp(a.digest, b.digest, WP_IDEM_FIELD_LEN) == 0;
}

static void the_field_is_an_hmac_of_its_parts_with_their_lengths(void **state)
{
	static const char parts[] = "\0\0\0\x0furn:sm:user:amy"
				    "\0\0\0\x0furn:sm:user:bob"
				    "\0\0\0\x01k";
	struct wp_submission k = keyed("k", GOOD);
	uint8_t mac[WP_SHA256_LEN];

	(void)state;
	wp_hmac_sha256(secret, strlen(secret), parts, sizeof(parts) - 1, mac);
	assert_memory_equal(k.field, mac, WP_IDEM_FIELD_LEN);
}

static void sender_recipient_key_and_secret_tell_fields_apart(void **state)
{
	static char other_secret[] = "other";
	struct wp_submission k = keyed("k", GOOD);
	struct wp_submit_options options = plain();
	struct wp_conf other = conf;
	struct wp_submission out;
	struct wp_envelope_text text = text_of(GOOD);
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 1000);
	assert_true(is_same_field(k, keyed("k", TO("bob", "\"priority\":1"))));
	assert_false(is_same_field(k, keyed("k2", GOOD)));
	assert_false(is_same_field(k, keyed("k", TO("eve", "\"priority\":0"))));
	/* Nothing can be pushed from one part into the next. */
	assert_false(is_same_field(keyed("kk", GOOD),
				   keyed("k", TO("bobk", "\"priority\":0"))));

	options.key = "k";
	options.key_len = 1;
	assert_true(is_same_field(k, read_good(options, text, &json)));
	options.sender = "urn:sm:user:eve";
	assert_false(is_same_field(k, read_good(options, text, &json)));
	options.sender = plain().sender;
	other.auth.store_secret = other_secret;
	assert_int_equal(wp_submit_read(&out, &options, &text, &other, &json),
			 WP_OK);
	assert_false(is_same_field(k, out));
	wp_buf_release(&json);
}

static void envelope_and_expiry_tell_digests_apart(void **state)
{
	struct wp_submission k = keyed("k", GOOD);
	struct wp_submit_options options = plain();
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 1000);
	assert_true(is_same_digest(k, keyed("other key", GOOD)));
	/* Written otherwise, and the same envelope. */
	assert_true(is_same_digest(k, keyed("k", TO("bob", "\"priority\":0"))));
	assert_false(
		is_same_digest(k, keyed("k", TO("bob", "\"priority\":1"))));
	options.key = "k";
	options.key_len = 1;
	options.has_expiry = true;
	options.expires_s = 60;
	assert_true(
		is_same_digest(k, read_good(options, text_of(GOOD), &json)));
	options.expires_s = 59;
	assert_false(
		is_same_digest(k, read_good(options, text_of(GOOD), &json)));
	wp_buf_release(&json);
}

static void the_envelope_s_own_key_counts_first(void **state)
{
	struct wp_submit_options options = plain();
	struct wp_envelope_text text = text_of(KEYED);
	struct wp_submission theirs = keyed("theirs", GOOD);
	struct wp_submission own = keyed("own", GOOD);
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 1000);
	options.key = "theirs";
	options.key_len = strlen(options.key);
	assert_true(is_same_field(theirs, read_good(options, text, &json)));
	text.with_key = true;
	assert_true(is_same_field(own, read_good(options, text, &json)));
	assert_true(is_same_field(theirs,
				  read_good(options, text_of(GOOD), &json)));
	wp_buf_release(&json);
}

static void the_key_of_a_batch_becomes_one_for_each_element(void **state)
{
	struct wp_submit_options options = plain();
	struct wp_envelope_text text = text_of(KEYED);
	char longest[129];
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 10000);
	options.key = "k";
	options.key_len = 1;
	options.is_element = true;
	options.index = 17;
	assert_true(is_same_field(keyed("k/17", GOOD),
				  read_good(options, text, &json)));
	text.with_key = true;
	assert_true(is_same_field(keyed("own", GOOD),
				  read_good(options, text, &json)));
	/* What is made of it may be longer than a key. */
	memset(longest, 'k', 128);
	longest[128] = '\0';
	options.key = longest;
	options.key_len = 128;
	options.index = 99;
	assert_true(read_good(options, text_of(GOOD), &json).has_key);
	options.key = NULL;
	assert_false(read_good(options, text_of(GOOD), &json).has_key);
	wp_buf_release(&json);
}

/* Elements of a batch share the buffer. */
static void a_bad_element_leaves_no_trace_before_the_next(void **state)
{
	/* What is refused late has been written in part by then. */
	static const char *const bad[] = {
		"{\"recipientId\":\"bob\",\"encryptedData\":\"*\"}",
		"{\"recipientId\":\"bob\",\"encryptedData\":\"aGk\\u003d*\"}",
		TO("bob", "\"encryptedSymmetricKey\":\"*\""),
		TO("bob", "\"signature\":\"a\\u0047k=*\""),
		TO("bob", "\"idempotencyKey\":\"\""),
		TO("bob", "\"priority\":\"high\""),
		"{\"recipientId\":\"\",\"encryptedData\":\"aGk=\"}",
		"{\"recipientId\":\"bob\"}",
		"{",
		NULL,
	};
	struct wp_submit_options options = plain();
	const struct wp_submission alone = keyed("k/1", GOOD);
	struct wp_submission first = alone, good = alone, none;
	struct wp_buf json;

	(void)state;
	options.key = "k";
	options.key_len = 1;
	options.is_element = true;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wp_envelope_text text = { .data = NULL };

		if (bad[i] != NULL)
			text = text_of(bad[i]);
		text.with_key = true;
		wp_buf_init(&json, 1000);
		for (int before = 0; before < 2; before++) {
			size_t at = json.len;

			options.index = 0;
			assert_int_equal(wp_submit_read(&none, &options, &text,
							&conf, &json),
					 WP_OK);
			assert_non_null(none.refusal.code);
			assert_memory_equal(none.refusal.code, "invalid_", 8);
			assert_int_equal(json.len, at);
			assert_false(json.failed);

			options.index = 1;
			good = read_good(options, text_of(GOOD), &json);
			assert_int_equal(good.json_at, at);
			assert_int_equal(good.json_len, json.len - at);
			assert_int_equal(good.json_len, alone.json_len);
			assert_true(is_same_field(alone, good));
			assert_true(is_same_digest(alone, good));
			if (before == 0)
				first = good;
		}
		/* The one before is still what it was. */
		assert_memory_equal(json.data + first.json_at,
				    json.data + good.json_at, good.json_len);
		wp_buf_release(&json);
	}
}

static void no_answer_leaves_every_outcome_unknown(void **state)
{
	const struct wp_submission one = keyed("k", GOOD);
	const struct wp_submission *const list[] = { &one, &one };
	struct wp_send_result results[2];

	(void)state;
	wp_send_parse(NULL, list, 2, results);
	assert_int_equal(results[0].status, WP_SEND_UNKNOWN);
	assert_int_equal(results[1].status, WP_SEND_UNKNOWN);
}

/* Word i of cmd is this text. */
static void expect_word(const struct wp_cmd *cmd, size_t i, const char *want)
{
	size_t len;
	const char *word = wp_cmd_word(cmd, i, &len);

	assert_int_equal(len, strlen(want));
	assert_memory_equal(word, want, len);
}

static void a_send_names_its_partitions_and_how_much_is_for_each(void **state)
{
	static const uint32_t partitions[] = { 5, 5, 2, 9, 9, 9 };
	enum { N = 6, ITEM_WORDS = 4 };
	const struct wp_send_target target = { .conf = &conf, .run_id = "run" };
	const struct wp_submission *list[N];
	struct wp_submission all[N];
	char none[] = "";
	struct wp_buf json = { .data = none };
	struct wp_cmd cmd;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		all[i] = (struct wp_submission){ .json = &json };
		all[i].envelope.recipient.partition = partitions[i];
		list[i] = &all[i];
	}
	wp_cmd_init(&cmd);
	wp_send_build(&cmd, &target, list, N);
	expect_word(&cmd, 2, "3");
	expect_word(&cmd, 3, "wp:{5}:");
	expect_word(&cmd, 4, "wp:{2}:");
	expect_word(&cmd, 5, "wp:{9}:");
	expect_word(&cmd, 6, "run");
	expect_word(&cmd, 12, "2");
	expect_word(&cmd, 13, "1");
	expect_word(&cmd, 14, "3");
	assert_int_equal(cmd.n, 15 + N * ITEM_WORDS);

	wp_send_build(&cmd, &target, list + 2, 1);
	expect_word(&cmd, 2, "1");
	expect_word(&cmd, 3, "wp:{2}:");
	expect_word(&cmd, 10, "1");
	assert_int_equal(cmd.n, 11 + ITEM_WORDS);
	wp_cmd_release(&cmd);
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
		cmocka_unit_test(
			a_send_names_its_partitions_and_how_much_is_for_each),
		cmocka_unit_test(each_fault_has_its_code),
		cmocka_unit_test(
			an_envelope_may_have_so_many_bytes_and_no_more),
		cmocka_unit_test(an_expiry_is_from_a_second_to_the_longest),
		cmocka_unit_test(what_goes_with_an_envelope_is_looked_at_first),
		cmocka_unit_test(a_submission_is_what_was_asked_for),
		cmocka_unit_test(
			the_field_is_an_hmac_of_its_parts_with_their_lengths),
		cmocka_unit_test(
			sender_recipient_key_and_secret_tell_fields_apart),
		cmocka_unit_test(envelope_and_expiry_tell_digests_apart),
		cmocka_unit_test(the_envelope_s_own_key_counts_first),
		cmocka_unit_test(
			the_key_of_a_batch_becomes_one_for_each_element),
		cmocka_unit_test(a_bad_element_leaves_no_trace_before_the_next),
		cmocka_unit_test(no_answer_leaves_every_outcome_unknown),
		cmocka_unit_test(
			what_has_a_key_is_never_called_refused_unasked),
		cmocka_unit_test(a_form_without_room_is_too_large),
	};

	return cmocka_run_group_tests_name("submit", tests, NULL, NULL);
}
