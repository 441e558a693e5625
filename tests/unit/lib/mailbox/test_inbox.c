/* An entry of the inbox: judged like any send, and a letter when refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/inbox.h"

#define GOOD "{\"recipientId\":\"bob\",\"encryptedData\":\"aGk=\"}"

static char secret[] = "secret";

static const struct wp_conf conf = {
	.mailbox = { .partitions = 8,
		     .max_envelope_bytes = 100,
		     .max_expiry_seconds = 60,
		     .max_rejected = 10,
		     .max_rejected_bytes = 1024 + 64 },
	.auth.store_secret = secret,
};

static struct wp_inbox_entry entry_of(const char *envelope)
{
	return (struct wp_inbox_entry){
		.id = "12-34",
		.id_len = 5,
		.envelope = envelope,
		.envelope_len = envelope == NULL ? 0 : strlen(envelope),
	};
}

static void judge(struct wp_inbox_item *item, struct wp_inbox_entry entry)
{
	assert_int_equal(wp_inbox_judge(item, &entry, &conf), WP_OK);
}

static void expect_rejected(struct wp_inbox_entry entry)
{
	struct wp_inbox_item item;

	judge(&item, entry);
	assert_int_equal(item.fate, WP_FATE_REJECT);
	assert_true(item.submission.refusal.sentence[0] != '\0');
	assert_false(item.has_recipient);
	wp_inbox_item_release(&item);
}

static void what_is_no_envelope_is_rejected(void **state)
{
	struct wp_inbox_entry entry = entry_of(GOOD);

	(void)state;
	expect_rejected(entry_of(NULL));
	expect_rejected(entry_of("{"));
	expect_rejected(entry_of("{}"));
	entry.key = "\n";
	entry.key_len = 1;
	expect_rejected(entry);
	entry = entry_of(NULL);
	entry.is_too_big = true;
	expect_rejected(entry);
}

static bool has_key(const struct wp_inbox_item *item, const char *key)
{
	const struct wp_submit_options options = { .sender = "inbox",
						   .key = key,
						   .key_len = strlen(key) };
	const struct wp_envelope_text text = { .data = GOOD,
					       .len = strlen(GOOD) };
	struct wp_submission other;
	struct wp_buf json;

	wp_buf_init(&json, 0);
	assert_int_equal(wp_submit_read(&other, &options, &text, &conf, &json),
			 WP_OK);
	wp_buf_release(&json);
	return item->submission.has_key &&
	       memcmp(item->submission.field, other.field,
		      sizeof(other.field)) == 0;
}

static void an_entry_is_its_own_key_unless_it_has_one(void **state)
{
	struct wp_inbox_entry entry = entry_of(GOOD);
	struct wp_inbox_item item;

	(void)state;
	judge(&item, entry);
	assert_int_equal(item.fate, WP_FATE_SEND);
	assert_true(item.has_recipient);
	assert_int_equal(item.submission.expires_in_ms, 60000);
	assert_true(has_key(&item, "inbox:12-34"));
	wp_inbox_item_release(&item);

	entry.key = "k";
	entry.key_len = 1;
	judge(&item, entry);
	assert_true(has_key(&item, "k"));
	wp_inbox_item_release(&item);
}

static void a_verdict_is_a_fate(void **state)
{
	static const struct {
		struct wp_send_result result;
		enum wp_fate fate;
		enum wp_sent sent;
	} cases[] = {
		{ { .status = WP_SEND_ACCEPTED },
		  WP_FATE_ACCEPT,
		  WP_SENT_ACCEPTED },
		{ { .status = WP_SEND_ACCEPTED, .is_repeat = true },
		  WP_FATE_ACCEPT,
		  WP_SENT_REPEATED },
		{ { .status = WP_SEND_CONFLICT },
		  WP_FATE_REJECT,
		  WP_SENT_CONFLICT },
		{ { .status = WP_SEND_FULL }, WP_FATE_REJECT, WP_SENT_FULL },
		{ { .status = WP_SEND_OVERLOADED }, WP_FATE_KEEP, 0 },
		{ { .status = WP_SEND_UNKNOWN }, WP_FATE_KEEP, 0 },
	};
	struct wp_inbox_item item;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		judge(&item, entry_of(GOOD));
		wp_inbox_hear(&item, &cases[i].result);
		assert_int_equal(item.fate, cases[i].fate);
		if (cases[i].fate != WP_FATE_KEEP)
			assert_int_equal(item.sent, cases[i].sent);
		assert_int_equal(item.submission.refusal.sentence[0] != '\0',
				 cases[i].fate == WP_FATE_REJECT);
		wp_inbox_item_release(&item);
	}
}

/* Does a word of the command equal this? */
static bool says(const struct wp_cmd *cmd, const char *word)
{
	for (size_t i = 0; i < cmd->n; i++) {
		size_t len;
		const char *at = wp_cmd_word(cmd, i, &len);

		if (len == strlen(word) && memcmp(at, word, len) == 0)
			return true;
	}
	return false;
}

static void a_letter_leaves_out_what_is_too_long_for_it(void **state)
{
	static const char sixty_four[] = "0123456789abcdef0123456789abcdef"
					 "0123456789abcdef0123456789abcdef";
	struct wp_inbox_item item;
	struct wp_cmd cmd;

	(void)state;
	wp_cmd_init(&cmd);
	judge(&item, entry_of(sixty_four));
	wp_inbox_bury_build(&cmd, &conf, &item, 77);
	assert_true(says(&cmd, "wp:inbox:dlq"));
	assert_true(says(&cmd, "12-34"));
	assert_true(says(&cmd, item.submission.refusal.sentence));
	assert_true(says(&cmd, "77"));
	assert_true(says(&cmd, "1088"));
	assert_true(says(&cmd, sixty_four));
	wp_inbox_item_release(&item);

	judge(&item, entry_of(sixty_four));
	item.entry.key = "k";
	item.entry.key_len = 1;
	wp_inbox_bury_build(&cmd, &conf, &item, 77);
	assert_true(says(&cmd, "12-34"));
	assert_true(says(&cmd, "1024"));
	assert_false(says(&cmd, sixty_four));
	assert_false(says(&cmd, "k"));
	wp_inbox_item_release(&item);
	wp_cmd_release(&cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_envelope_is_rejected),
		cmocka_unit_test(an_entry_is_its_own_key_unless_it_has_one),
		cmocka_unit_test(a_verdict_is_a_fate),
		cmocka_unit_test(a_letter_leaves_out_what_is_too_long_for_it),
	};

	return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
