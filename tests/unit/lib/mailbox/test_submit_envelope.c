/* What a stranger wrote loosely leaves in one canonical form, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/submit.h"

enum { PARTITIONS = 64 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define HEAD "\"recipientId\":\"bob\",\"encryptedData\":\"AAEC\""
#define CANONICAL_HEAD \
	"{\"recipientId\":\"urn:sm:user:bob\",\"encryptedData\":\"AAEC\""

static struct wp_envelope envelope;
static const char *refusal; /* its code; NULL: none */

/* Valid until the next call. */
static const struct wp_envelope_text *from(const char *data, size_t len,
					   bool with_key)
{
	static struct wp_envelope_text text;

	text = (struct wp_envelope_text){
		.data = data,
		.len = len,
		.with_key = with_key,
	};
	return &text;
}

/* Why it is refused, "" when it is not; a sentence until the next call. */
static const char *read_one(const struct wp_envelope_text *text,
			    struct wp_buf *out)
{
	static char secret[] = "secret";
	static const struct wp_conf conf = {
		.mailbox = { .partitions = PARTITIONS,
			     .max_envelope_bytes = 1 << 30,
			     .max_expiry_seconds = 60 },
		.auth.store_secret = secret,
	};
	static const struct wp_submit_options options = { .sender = "amy" };
	static struct wp_submission one;

	assert_int_equal(wp_submit_read(&one, &options, text, &conf, out),
			 WP_OK);
	envelope = one.envelope;
	refusal = one.refusal.code;
	assert_true(refusal == NULL || one.refusal.sentence[0] != '\0');
	return refusal == NULL ? "" : one.refusal.sentence;
}

/* Read text and compare what comes out; again, to see that it is stable. */
static void becomes(const char *text, bool with_key, const char *want)
{
	struct wp_envelope first;
	struct wp_buf out, twice;
	const char *why;

	wp_buf_init(&out, 0);
	wp_buf_init(&twice, 0);
	why = read_one(from(text, strlen(text), with_key), &out);
	if (refusal != NULL)
		fail_msg("%s: %s", why, text);
	assert_string_equal(out.data, want);
	first = envelope;
	(void)read_one(from(out.data, out.len, false), &twice);
	assert_null(refusal);
	assert_string_equal(twice.data, want);
	assert_int_equal(envelope.band, first.band);
	assert_int_equal(envelope.is_ephemeral, first.is_ephemeral);
	envelope = first;
	wp_buf_release(&out);
	wp_buf_release(&twice);
}

/* The sentence is in a static buffer until the next call. */
static const char *refused(const char *text, size_t len, bool with_key)
{
	const char *why;
	struct wp_buf out;
	char *copy = malloc(len > 0 ? len : 1); /* exact, for ASan */

	assert_non_null(copy);
	memcpy(copy, text, len);
	wp_buf_init(&out, 0);
	wp_buf_add_str(&out, "before");
	why = read_one(from(copy, len, with_key), &out);
	if (refusal == NULL)
		fail_msg("accepted: %.*s", (int)len, text);
	if (strcmp(refusal, "invalid_json") != 0)
		assert_string_equal(refusal, "invalid_envelope");
	assert_string_equal(out.data, "before");
	assert_int_equal(out.len, 6);
	assert_false(out.failed);
	wp_buf_release(&out);
	free(copy);
	return why;
}

static void refuses(const char *text)
{
	assert_true(strlen(refused(text, strlen(text), false)) > 0);
}

static void a_full_envelope_keeps_every_field(void **state)
{
	static const char text[] =
		"{\"recipientId\":\"urn:lookup:email:bob@example.org\","
		"\"encryptedData\":\"c2VhbGVkLWJ5dGVz\","
		"\"encryptedSymmetricKey\":\"a2V5LWJ5dGVz\","
		"\"signature\":\"c2ln\",\"isEphemeral\":true,\"priority\":5}";

	(void)state;
	becomes(text, false, text);
	assert_string_equal(envelope.recipient.text,
			    "urn:lookup:email:bob@example.org");
	assert_int_equal(envelope.band, WP_BAND_HIGH);
	assert_true(envelope.is_ephemeral);
	assert_int_equal(envelope.idempotency_key_len, 0);
	assert_string_equal(envelope.idempotency_key, "");
}

static void the_output_order_is_fixed(void **state)
{
	(void)state;
	becomes("{\"priority\":1,\"signature\":\"c2ln\",\"is_ephemeral\":true,"
		"\"encrypted_symmetric_key\":\"a2V5\","
		"\"encrypted_data\":\"AAEC\",\"recipient_id\":\"bob\"}",
		false,
		CANONICAL_HEAD ",\"encryptedSymmetricKey\":\"a2V5\","
			       "\"signature\":\"c2ln\",\"isEphemeral\":true,"
			       "\"priority\":1}");
}

static void what_is_unset_takes_its_default(void **state)
{
	(void)state;
	becomes("{" HEAD "}", false, CANONICAL_HEAD ",\"priority\":0}");
	assert_int_equal(envelope.band, WP_BAND_STANDARD);
	assert_false(envelope.is_ephemeral);
	becomes("{" HEAD ",\"signature\":null,\"encryptedSymmetricKey\":null,"
		"\"isEphemeral\":null,\"priority\":null}",
		false, CANONICAL_HEAD ",\"priority\":0}");
	becomes("{" HEAD ",\"signature\":\"\",\"encryptedSymmetricKey\":\"\","
		"\"isEphemeral\":false}",
		false, CANONICAL_HEAD ",\"priority\":0}");
}

static void recipient_and_data_are_required(void **state)
{
	(void)state;
	refuses("{}");
	refuses("{\"recipientId\":\"bob\"}");
	refuses("{\"encryptedData\":\"AAEC\"}");
	refuses("{\"recipientId\":null,\"encryptedData\":\"AAEC\"}");
	refuses("{\"recipientId\":\"bob\",\"encryptedData\":null}");
	refuses("{\"recipientId\":\"bob\",\"encryptedData\":\"\"}");
	refuses("{\"recipientId\":\"\",\"encryptedData\":\"AAEC\"}");
}

static void the_recipient_is_a_urn(void **state)
{
	char text[600];
	char id[300];

	(void)state;
	refuses("{\"recipientId\":\"a:b\",\"encryptedData\":\"AAEC\"}");
	refuses("{\"recipientId\":\"a b\",\"encryptedData\":\"AAEC\"}");
	refuses("{\"recipientId\":\"b\\u0000\",\"encryptedData\":\"AAEC\"}");
	refuses("{\"recipientId\":\"b\xc3\xa9\",\"encryptedData\":\"AAEC\"}");
	refuses("{\"recipientId\":5,\"encryptedData\":\"AAEC\"}");
	refuses("{\"recipientId\":{},\"encryptedData\":\"AAEC\"}");
	refuses("{\"recipientId\":[\"bob\"],\"encryptedData\":\"AAEC\"}");
	becomes("{\"recipientId\":\"urn\\u003asm:user:b\\/c\","
		"\"encryptedData\":\"AAEC\"}",
		false,
		"{\"recipientId\":\"urn:sm:user:b/c\","
		"\"encryptedData\":\"AAEC\",\"priority\":0}");

	memset(id, 'x', sizeof(id));
	(void)snprintf(text, sizeof(text),
		       "{\"recipientId\":\"%.244s\",\"encryptedData\":\"AA\"}",
		       id);
	refuses(text);
	(void)snprintf(text, sizeof(text),
		       "{\"recipientId\":\"\\n%.256s\",\"encryptedData\":"
		       "\"AA\"}",
		       id);
	refuses(text);
}

static void bytes_are_written_canonically(void **state)
{
	static const char *const same[] = { "+/8=",      "+/8", "-_8",
					    "-_8=",      "+_9", "\\u002b\\/8",
					    "+/8\\u003d" };
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(same); i++) {
		(void)snprintf(text, sizeof(text),
			       "{\"recipientId\":\"bob\",\"encryptedData\":"
			       "\"%s\",\"signature\":\"%s\"}",
			       same[i], same[i]);
		becomes(text, false,
			"{\"recipientId\":\"urn:sm:user:bob\","
			"\"encryptedData\":\"+/8=\",\"signature\":\"+/8=\","
			"\"priority\":0}");
	}
}

static void bytes_that_are_no_base64_are_refused(void **state)
{
	static const char *const wrong[] = { "A",         "====",  "=",
					     "AA=",       "A A=",  "AAA!",
					     "AAAAA",     "AA==A", "\\n",
					     "\xc3\xa9zz" };
	static const char *const fields[] = { "encryptedData", "encrypted_data",
					      "signature",
					      "encryptedSymmetricKey",
					      "encrypted_symmetric_key" };
	char text[160];
	size_t i, f;

	(void)state;
	for (f = 0; f < COUNT(fields); f++) {
		const char *rest = f < 2 ? "" : ",\"encryptedData\":\"AAEC\"";

		for (i = 0; i < COUNT(wrong); i++) {
			(void)snprintf(text, sizeof(text),
				       "{\"recipientId\":\"bob\",\"%s\":\"%s\""
				       "%s}",
				       fields[f], wrong[i], rest);
			refuses(text);
		}
		(void)snprintf(text, sizeof(text),
			       "{\"recipientId\":\"bob\",\"%s\":7%s}",
			       fields[f], rest);
		refuses(text);
	}
}

static void ephemeral_is_a_bool_and_nothing_else(void **state)
{
	(void)state;
	refuses("{" HEAD ",\"isEphemeral\":\"true\"}");
	refuses("{" HEAD ",\"isEphemeral\":1}");
	refuses("{" HEAD ",\"isEphemeral\":[]}");
	refuses("{" HEAD ",\"is_ephemeral\":tru}");
}

static void priority_is_an_int32_in_every_spelling(void **state)
{
	static const struct {
		const char *text;
		const char *want;
		enum wp_band band;
	} good[] = {
		{ "4", "4", WP_BAND_STANDARD },
		{ "5", "5", WP_BAND_HIGH },
		{ "\"5\"", "5", WP_BAND_HIGH },
		{ "5.0", "5", WP_BAND_HIGH },
		{ "5e0", "5", WP_BAND_HIGH },
		{ "\"0.5e1\"", "5", WP_BAND_HIGH },
		{ "\"\\u0035\"", "5", WP_BAND_HIGH },
		{ "-0", "0", WP_BAND_STANDARD },
		{ "-1", "-1", WP_BAND_STANDARD },
		{ "2147483647", "2147483647", WP_BAND_HIGH },
		{ "-2147483648", "-2147483648", WP_BAND_STANDARD },
	};
	static const char *const bad[] = {
		"2147483648",
		"-2147483649",
		"1e10",
		"4.5",
		"\"\"",
		"\" 5\"",
		"\"5 \"",
		"\"x\"",
		"true",
		"[]",
		"{}",
		"\"05\"",
		"05",
		"\"+5\"",
		"NaN",
		"\"NaN\"",
		"1e999999999999999999",
	};
	char text[160], want[160];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		(void)snprintf(text, sizeof(text), "{" HEAD ",\"priority\":%s}",
			       good[i].text);
		(void)snprintf(want, sizeof(want),
			       CANONICAL_HEAD ",\"priority\":%s}",
			       good[i].want);
		becomes(text, false, want);
		assert_int_equal(envelope.band, good[i].band);
	}
	for (i = 0; i < COUNT(bad); i++) {
		(void)snprintf(text, sizeof(text), "{" HEAD ",\"priority\":%s}",
			       bad[i]);
		refuses(text);
	}
}

static void no_field_may_come_twice_in_any_spelling(void **state)
{
	static const char *const pairs[][2] = {
		{ "recipientId", "recipientId" },
		{ "recipientId", "recipient_id" },
		{ "recipient_id", "recipientId" },
		{ "encryptedData", "encrypted_data" },
		{ "encryptedSymmetricKey", "encrypted_symmetric_key" },
		{ "signature", "signature" },
		{ "isEphemeral", "is_ephemeral" },
		{ "priority", "priority" },
		{ "priority", "\\u0070riority" },
	};
	char text[160];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(pairs); i++) {
		/* null counts: the second mention is the error. */
		(void)snprintf(text, sizeof(text), "{\"%s\":null,\"%s\":null}",
			       pairs[i][0], pairs[i][1]);
		assert_non_null(
			strstr(refused(text, strlen(text), false), "twice"));
	}
}

static void unknown_fields_are_dropped_but_must_be_json(void **state)
{
	(void)state;
	becomes("{\"senderId\":\"eve\"," HEAD ",\"senderId\":[{\"a\":1e5}],"
		"\"RecipientId\":7,\"\":null}",
		false, CANONICAL_HEAD ",\"priority\":0}");
	refuses("{" HEAD ",\"x\":01}");
	refuses("{" HEAD ",\"x\":\"\xff\"}");
	refuses("{" HEAD ",\"\xff\":1}");
	refuses("{" HEAD ",\"x\":[1,]}");
	refuses("{" HEAD ",\"x\":\"\\ud800\"}");
}

static void only_one_object_and_nothing_behind_it(void **state)
{
	(void)state;
	refuses("");
	refuses("[]");
	refuses("null");
	refuses("\"x\"");
	refuses("[{" HEAD "}]");
	refuses("{" HEAD "}x");
	refuses("{" HEAD "}{}");
	assert_non_null(strstr(
		refused("{" HEAD "}\0", sizeof("{" HEAD "}\0") - 1, false),
		"JSON"));
	becomes(" \n{" HEAD "}\r\n\t ", false,
		CANONICAL_HEAD ",\"priority\":0}");
}

static void nesting_in_unknown_fields_is_bounded(void **state)
{
	(void)state;
	becomes("{" HEAD ",\"x\":[[[[[[[]]]]]]]}", false,
		CANONICAL_HEAD ",\"priority\":0}");
	assert_non_null(strstr(
		refused("{" HEAD ",\"x\":[[[[[[[[]]]]]]]]}",
			sizeof("{" HEAD ",\"x\":[[[[[[[[]]]]]]]]}") - 1, false),
		"deeper"));
}

static void a_key_counts_only_where_it_may_stand(void **state)
{
	static const char text[] = "{" HEAD ",\"idempotency_key\":\"k\\u0031 "
				   "~\"}";

	(void)state;
	becomes(text, true, CANONICAL_HEAD ",\"priority\":0}");
	assert_string_equal(envelope.idempotency_key, "k1 ~");
	assert_int_equal(envelope.idempotency_key_len, 4);
	becomes(text, false, CANONICAL_HEAD ",\"priority\":0}");
	assert_int_equal(envelope.idempotency_key_len, 0);
	becomes("{" HEAD ",\"idempotencyKey\":null}", true,
		CANONICAL_HEAD ",\"priority\":0}");
	assert_int_equal(envelope.idempotency_key_len, 0);
	/* An unknown field may have any type, and come twice. */
	becomes("{" HEAD ",\"idempotencyKey\":1,\"idempotencyKey\":2}", false,
		CANONICAL_HEAD ",\"priority\":0}");
}

static void a_bad_key_is_refused(void **state)
{
	static const char *const bad[] = { "\"\"",         "5",
					   "{}",           "\"a\\n\"",
					   "\"\xc3\xa9\"", "\"\\u0000\"",
					   "\"\x7f\"" };
	char text[400], key[200];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		(void)snprintf(text, sizeof(text),
			       "{" HEAD ",\"idempotencyKey\":%s}", bad[i]);
		refused(text, strlen(text), true);
	}
	memset(key, 'k', sizeof(key));
	(void)snprintf(text, sizeof(text),
		       "{" HEAD ",\"idempotencyKey\":\"%.128s\"}", key);
	becomes(text, true, CANONICAL_HEAD ",\"priority\":0}");
	assert_int_equal(envelope.idempotency_key_len, 128);
	(void)snprintf(text, sizeof(text),
		       "{" HEAD ",\"idempotencyKey\":\"%.129s\"}", key);
	refused(text, strlen(text), true);
	(void)snprintf(text, sizeof(text),
		       "{" HEAD ",\"idempotencyKey\":\"\\u006b%.128s\"}", key);
	refused(text, strlen(text), true);
	refused("{" HEAD ",\"idempotencyKey\":\"a\",\"idempotency_key\":null}",
		sizeof("{" HEAD ",\"idempotencyKey\":\"a\","
		       "\"idempotency_key\":null}") -
			1,
		true);
}

static void keys_are_1_to_128_printable_characters(void **state)
{
	char key[129];
	unsigned c;

	(void)state;
	memset(key, 'k', sizeof(key));
	assert_false(wp_idempotency_key_is_valid(key, 0));
	assert_true(wp_idempotency_key_is_valid(key, 1));
	assert_true(wp_idempotency_key_is_valid(key, 128));
	assert_false(wp_idempotency_key_is_valid(key, 129));
	for (c = 0; c < 256; c++) {
		key[1] = (char)c;
		assert_int_equal(wp_idempotency_key_is_valid(key, 3),
				 c >= 0x20 && c <= 0x7e);
	}
}

static void a_large_envelope_survives_byte_for_byte(void **state)
{
	enum { DIGITS = 256 * 1024 };
	static const char head[] = "{\"recipientId\":\"urn:sm:user:bob\","
				   "\"encryptedData\":\"";
	static const char tail[] = "\",\"priority\":3}";
	struct wp_buf in;
	size_t i;

	(void)state;
	wp_buf_init(&in, 0);
	wp_buf_add_str(&in, head);
	for (i = 0; i < DIGITS; i++)
		wp_buf_add_char(&in, "ABCxyz019+/Q"[i * 7 % 12]);
	wp_buf_add_str(&in, tail);
	becomes(in.data, false, in.data);
	wp_buf_release(&in);
}

static void the_ceiling_of_the_output_is_exact(void **state)
{
	static const char *const texts[] = {
		"{" HEAD ",\"signature\":\"YQ\"}",
		"{" HEAD ",\"signature\":\"Y\\u0051\"}",
	};
	static const char want[] =
		CANONICAL_HEAD ",\"signature\":\"YQ==\",\"priority\":0}";
	size_t i, max;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		for (max = 1; max < sizeof(want) + 2; max++) {
			struct wp_buf out;

			wp_buf_init(&out, max);
			(void)read_one(from(texts[i], strlen(texts[i]), false),
				       &out);
			if (max < sizeof(want) - 1) {
				assert_non_null(refusal);
				assert_string_equal(refusal,
						    "payload_too_large");
				assert_int_equal(out.len, 0);
			} else {
				assert_null(refusal);
				assert_string_equal(out.data, want);
			}
			wp_buf_release(&out);
		}
	}
}

static void reading_appends_and_leaves_what_was_there(void **state)
{
	struct wp_buf out;

	(void)state;
	wp_buf_init(&out, 0);
	wp_buf_add_char(&out, '[');
	(void)read_one(from("{" HEAD "}", sizeof("{" HEAD "}") - 1, false),
		       &out);
	assert_null(refusal);
	wp_buf_add_char(&out, ']');
	assert_string_equal(out.data, "[" CANONICAL_HEAD ",\"priority\":0}]");
	wp_buf_release(&out);
}

static void a_sentence_never_quotes_the_input(void **state)
{
	static const char *const texts[] = {
		"{\"recipientId\":\"sec ret\",\"encryptedData\":\"AAEC\"}",
		"{\"recipientId\":\"bob\",\"encryptedData\":\"sec ret\"}",
		"{\"sec\":sec}",
		"{" HEAD ",\"priority\":\"sec\"}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++)
		assert_null(strstr(refused(texts[i], strlen(texts[i]), false),
				   "sec"));
}

static void no_truncation_is_accepted(void **state)
{
	static const char text[] =
		"{\"recipientId\":\"bob\",\"encryptedData\":\"-_8\","
		"\"x\":[{\"y\":\"\\ud83d\\ude00\"}],\"isEphemeral\":true,"
		"\"priority\":\"5\"}";
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(text) - 1; len++)
		assert_non_null(strstr(refused(text, len, true), "JSON"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_envelope_keeps_every_field),
		cmocka_unit_test(the_output_order_is_fixed),
		cmocka_unit_test(what_is_unset_takes_its_default),
		cmocka_unit_test(recipient_and_data_are_required),
		cmocka_unit_test(the_recipient_is_a_urn),
		cmocka_unit_test(bytes_are_written_canonically),
		cmocka_unit_test(bytes_that_are_no_base64_are_refused),
		cmocka_unit_test(ephemeral_is_a_bool_and_nothing_else),
		cmocka_unit_test(priority_is_an_int32_in_every_spelling),
		cmocka_unit_test(no_field_may_come_twice_in_any_spelling),
		cmocka_unit_test(unknown_fields_are_dropped_but_must_be_json),
		cmocka_unit_test(only_one_object_and_nothing_behind_it),
		cmocka_unit_test(nesting_in_unknown_fields_is_bounded),
		cmocka_unit_test(a_key_counts_only_where_it_may_stand),
		cmocka_unit_test(a_bad_key_is_refused),
		cmocka_unit_test(keys_are_1_to_128_printable_characters),
		cmocka_unit_test(a_large_envelope_survives_byte_for_byte),
		cmocka_unit_test(the_ceiling_of_the_output_is_exact),
		cmocka_unit_test(reading_appends_and_leaves_what_was_there),
		cmocka_unit_test(a_sentence_never_quotes_the_input),
		cmocka_unit_test(no_truncation_is_accepted),
	};

	return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
