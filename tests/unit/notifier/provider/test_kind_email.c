/* Letters: nothing but what was meant is in them, and what a reply means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "notifier/provider/kind_email.h"

#define PUSH_ID "0e9d1f1a-7c3b-8f00-8000-000000000001"

static struct wp_buf out;

/* A letter with this text (NULL: ours) and this code. */
static const char *write_with(const char *said, const char *code)
{
	struct wp_email_text text;
	const struct wp_email_letter letter = {
		.from = "way@here.example",
		.to = "bob@there.example",
		.stop_url = "https://here.example/stop?t=x",
		.code = code,
		.text = &text,
	};
	const struct wp_push push = {
		.action = WP_PLAN_ALERT,
		.token_id = "AAAAAAAAAAAAAAAAAAAAAA",
		.push_id = PUSH_ID,
		.account = "work",
		.waiting = 7,
		.now_s = 1700000000,
	};
	struct wp_error err = { 0 };

	wp_buf_clear(&out);
	assert_int_equal(wp_email_text_read(&text, said,
					    said != NULL ? strlen(said) : 0,
					    &err),
			 WP_OK);
	wp_email_write(&out, &letter, &push);
	wp_email_text_release(&text);
	assert_false(out.failed);
	return out.data;
}

static int setup(void **state)
{
	(void)state;
	wp_buf_init(&out, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wp_buf_release(&out);
	return 0;
}

static void a_letter_says_that_something_waits_and_no_more(void **state)
{
	(void)state;
	assert_string_equal(
		write_with(NULL, ""),
		"From: <way@here.example>\r\n"
		"To: <bob@there.example>\r\n"
		"Subject: New message\r\n"
		"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
		"Message-ID: <" PUSH_ID "@here.example>\r\n"
		"Auto-Submitted: auto-generated\r\n"
		"List-Unsubscribe: <https://here.example/stop?t=x>\r\n"
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"You have received a new secure message.\r\n");
}

static void a_code_is_brought_and_nothing_of_the_operators_text(void **state)
{
	const char *text = write_with("Secret\n\n\xc3\xa4", "01234567");

	(void)state;
	assert_non_null(strstr(text, "\r\nSubject: Your code: 01234567\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nYour code is 01234567."));
	assert_non_null(strstr(text, ": 7bit\r\n"));
	assert_null(strstr(text, "Secret"));
}

static void a_text_that_is_not_ascii_is_encoded(void **state)
{
	const char *text = write_with("Gr\xc3\xbc\xc3\x9f"
				      "e\n\n\xc3\xa4\n",
				      "");

	(void)state;
	assert_non_null(
		strstr(text, "\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"));
	assert_non_null(strstr(text, ": base64\r\n\r\nw6QNCg==\r\n"));
}

static void every_line_ends_and_none_is_too_long(void **state)
{
	char said[4096] = "s\n\n";
	const char *text, *line;

	(void)state;
	text = write_with("s\n\none\n\n.\nno end", "");
	assert_non_null(strstr(text, "\r\n\r\none\r\n\r\n.\r\nno end\r\n"));
	memset(said + 3, 'x', 2000);
	text = write_with(said, "");
	for (line = text; line != NULL && *line != '\0';) {
		const char *end = strstr(line, "\r\n");

		assert_non_null(end);
		assert_true(end - line <= 998);
		line = end + 2;
	}
	assert_non_null(strstr(text, ": base64\r\n"));
}

/* In words of at most 75 characters, and no character is cut in two. */
static void a_long_subject_is_folded(void **state)
{
	char said[256] = "x";
	const char *text, *at;
	size_t words = 0;

	(void)state;
	for (int i = 0; i < 60; i++)
		strcat(said, "\xe2\x82\xac");
	strcat(said, "\n\nbody\n");
	text = write_with(said, "");
	for (at = strstr(text, "=?utf-8?B?"); at != NULL;
	     at = strstr(at + 1, "=?utf-8?B?")) {
		const char *end = strstr(at + 10, "?=");

		assert_non_null(end);
		assert_true(end + 2 - at <= 75);
		/* It begins with x or with a character. */
		assert_true(at[10] == 'e' || strncmp(at + 10, "4o", 2) == 0);
		words++;
	}
	assert_int_equal(words, 5);
}

static void what_is_no_text_is_refused(void **state)
{
	static const struct {
		const char *said;
		size_t len;
		const char *why;
	} bad[] = {
		{ "", 0, "subject" },
		{ "subject", 7, "subject" },
		{ "subject\nbody", 12, "subject" },
		{ "\n\nbody", 6, "subject" },
		{ "a\nb\n\nbody", 9, "subject" },
		{ "s\r\n\r\nbody", 9, "UTF-8" },
		{ "s\n\nb\0y", 6, "UTF-8" },
		{ "s\n\n\x1b[0m", 7, "UTF-8" },
		{ "s\n\n\xff", 4, "UTF-8" },
		{ "s\x7f\n\nb", 5, "UTF-8" },
	};
	char long_text[WP_EMAIL_TEXT_MAX + 2];
	struct wp_email_text text;
	struct wp_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(wp_email_text_read(&text, bad[i].said,
						    bad[i].len, &err),
				 WP_ERR_INVAL);
		assert_non_null(strstr(err.msg, bad[i].why));
		wp_email_text_release(&text);
	}
	memset(long_text, 'x', sizeof(long_text));
	memcpy(long_text, "s\n\n", 3);
	assert_int_equal(
		wp_email_text_read(&text, long_text, WP_EMAIL_TEXT_MAX, &err),
		WP_OK);
	wp_email_text_release(&text);
	assert_int_equal(wp_email_text_read(&text, long_text,
					    WP_EMAIL_TEXT_MAX + 1, &err),
			 WP_ERR_INVAL);
	wp_email_text_release(&text);
	memset(long_text, 'x', WP_EMAIL_SUBJECT_MAX + 1);
	memcpy(long_text + WP_EMAIL_SUBJECT_MAX + 1, "\n\nb", 3);
	assert_int_equal(wp_email_text_read(&text, long_text,
					    WP_EMAIL_SUBJECT_MAX + 4, &err),
			 WP_ERR_INVAL);
	wp_email_text_release(&text);
}

static void a_reply_means_what_it_was_to(void **state)
{
	static const struct {
		enum wp_mail_end end;
		long status;
		enum wp_verdict verdict;
		const char *reason;
	} rows[] = {
		{ WP_MAIL_TAKEN, 250, WP_VERDICT_ACCEPTED, "" },
		{ WP_MAIL_NO_RECIPIENT, 549, WP_VERDICT_REFUSED, "recipient" },
		{ WP_MAIL_NO_RECIPIENT, 550, WP_VERDICT_SUSPECT, "recipient" },
		{ WP_MAIL_NO_RECIPIENT, 554, WP_VERDICT_SUSPECT, "recipient" },
		{ WP_MAIL_NO_RECIPIENT, 555, WP_VERDICT_REFUSED, "recipient" },
		{ WP_MAIL_NO_RECIPIENT, 450, WP_VERDICT_RETRY, "recipient" },
		{ WP_MAIL_NO_RECIPIENT, 499, WP_VERDICT_RETRY, "recipient" },
		{ WP_MAIL_NO_SENDER, 550, WP_VERDICT_CONFIG, "sender" },
		{ WP_MAIL_NO_SENDER, 530, WP_VERDICT_CONFIG, "sender" },
		{ WP_MAIL_NO_SENDER, 451, WP_VERDICT_RETRY, "sender" },
		{ WP_MAIL_NO_LETTER, 554, WP_VERDICT_REFUSED, "letter" },
		{ WP_MAIL_NO_LETTER, 500, WP_VERDICT_REFUSED, "letter" },
		{ WP_MAIL_NO_LETTER, 452, WP_VERDICT_RETRY, "letter" },
		{ WP_MAIL_UNKNOWN, 535, WP_VERDICT_CONFIG, "login" },
		{ WP_MAIL_UNKNOWN, 454, WP_VERDICT_RETRY, "login" },
		{ WP_MAIL_UNTRUSTED, 0, WP_VERDICT_CONFIG, "tls" },
		{ WP_MAIL_UNTRUSTED, 220, WP_VERDICT_CONFIG, "tls" },
		{ WP_MAIL_UNREACHABLE, 0, WP_VERDICT_RETRY, "unreachable" },
		{ WP_MAIL_UNREACHABLE, 250, WP_VERDICT_RETRY, "unreachable" },
		{ WP_MAIL_UNREACHABLE, 421, WP_VERDICT_RETRY, "unreachable" },
		{ WP_MAIL_UNREACHABLE, 554, WP_VERDICT_RETRY, "unreachable" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct wp_mail_answer answer = { rows[i].end,
						       rows[i].status };
		struct wp_judgement judgement;

		wp_email_judge(&answer, &judgement);
		if (judgement.verdict != rows[i].verdict)
			fail_msg("row %zu", i);
		assert_string_equal(judgement.reason, rows[i].reason);
		assert_int_equal(judgement.after_s, 0);
		assert_int_equal(judgement.remedy, 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_letter_says_that_something_waits_and_no_more),
		TEST(a_code_is_brought_and_nothing_of_the_operators_text),
		TEST(a_text_that_is_not_ascii_is_encoded),
		TEST(every_line_ends_and_none_is_too_long),
		TEST(a_long_subject_is_folded),
		TEST(what_is_no_text_is_refused),
		TEST(a_reply_means_what_it_was_to),
	};

	return cmocka_run_group_tests_name("kind_email", tests, NULL, NULL);
}
