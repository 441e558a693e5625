/* Canaries are called as nobody is, and are sent what may be sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/canary.h"
#include "lib/mailbox/submit.h"

static bool is_name(const char *text)
{
	return wp_canary_is_name(text, strlen(text));
}

static void each_has_a_name_of_its_own_that_is_a_urn(void **state)
{
	struct wp_urn one, other, read;

	(void)state;
	wp_canary_name(&one);
	wp_canary_name(&other);
	assert_string_not_equal(one.text, other.text);
	assert_int_equal(wp_urn_reread(&read, one.text, one.len), WP_OK);
	assert_string_equal(read.text, one.text);
	assert_int_equal(read.len, one.len);
	assert_true(wp_canary_is_name(one.text, one.len));
}

static void others_are_none(void **state)
{
	(void)state;
	assert_false(is_name(""));
	assert_false(is_name("urn:sm:user:canary"));
	assert_false(is_name("urn:sm:canaryx:a"));
	assert_false(is_name("urn:sm:canary:"));
	assert_true(is_name("urn:sm:canary:a"));
}

static void what_they_are_sent_may_be_sent(void **state)
{
	struct wp_conf conf = { .mailbox = { .partitions = 8,
					     .max_envelope_bytes = 4096,
					     .max_expiry_seconds = 60 } };
	const struct wp_submit_options options = { .sender = "s" };
	struct wp_envelope_text text = { 0 };
	struct wp_submission submission;
	struct wp_buf json, data, out;
	struct wp_urn name;

	(void)state;
	wp_canary_name(&name);
	for (int is_ephemeral = 0; is_ephemeral < 2; is_ephemeral++) {
		wp_buf_init(&json, 0);
		wp_buf_init(&data, 0);
		wp_buf_init(&out, 0);
		wp_canary_envelope(&json, name.text, name.len, is_ephemeral,
				   &data);
		text.data = json.data;
		text.len = json.len;
		assert_int_equal(wp_submit_read(&submission, &options, &text,
						&conf, &out),
				 WP_OK);
		if (submission.refusal.code != NULL)
			fail_msg("%s", submission.refusal.sentence);
		assert_string_equal(submission.envelope.recipient.text,
				    name.text);
		assert_int_equal(submission.envelope.is_ephemeral,
				 is_ephemeral);
		assert_non_null(strstr(json.data, data.data));
		wp_buf_release(&out);
		wp_buf_release(&data);
		wp_buf_release(&json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_a_name_of_its_own_that_is_a_urn),
		cmocka_unit_test(others_are_none),
		cmocka_unit_test(what_they_are_sent_may_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
