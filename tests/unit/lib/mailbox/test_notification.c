/* What a back end hands over is published as it is, or refused as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/notification.h"

static enum wp_err read_text(const char *text, struct wp_notification *out,
			     struct wp_error *err)
{
	return wp_notification_read(out, text, strlen(text), err);
}

/* It is published so. */
static void expect(const char *text, const char *channel, const char *message)
{
	struct wp_notification notification;
	struct wp_error err = { 0 };
	struct wp_buf scratch;
	struct wp_cmd cmd;
	const char *word;
	size_t len;

	if (read_text(text, &notification, &err) != WP_OK)
		fail_msg("%s: %s", text, err.msg);
	wp_buf_init(&scratch, 0);
	wp_cmd_init(&cmd);
	wp_notification_build(&cmd, &notification, &scratch);
	word = wp_cmd_word(&cmd, 0, &len);
	assert_int_equal(len, strlen("PUBLISH"));
	assert_memory_equal(word, "PUBLISH", len);
	word = wp_cmd_word(&cmd, 1, &len);
	assert_int_equal(len, strlen(channel));
	assert_memory_equal(word, channel, len);
	word = wp_cmd_word(&cmd, 2, &len);
	assert_int_equal(len, strlen(message));
	assert_memory_equal(word, message, len);
	wp_cmd_release(&cmd);
	wp_buf_release(&scratch);
}

static void expect_bad(const char *text, enum wp_err rc, const char *sentence)
{
	struct wp_notification notification;
	struct wp_error err = { 0 };

	assert_int_equal(read_text(text, &notification, &err), rc);
	if (strstr(err.msg, sentence) == NULL)
		fail_msg("%s: '%s' lacks '%s'", text, err.msg, sentence);
}

static void type_and_payload_are_passed_on_byte_by_byte(void **state)
{
	(void)state;
	expect("{\"user\":\"bob\",\"type\":\"t\",\"payload\":{\"a\":[1,2]}}",
	       "user_noti:urn:sm:user:bob",
	       "{\"type\":\"t\",\"payload\":{\"a\":[1,2]}}");
	expect(" { \"payload\" : [ 1.0e2 , \"\\u00e4\" ]\n,\t\"type\":\"\\\"\","
	       "\"user\":\"urn:a:b:c\" } ",
	       "user_noti:urn:a:b:c",
	       "{\"type\":\"\\\"\",\"payload\":[ 1.0e2 , \"\\u00e4\" ]}");
	expect("{\"user\":\"b\\u006fb\",\"type\":\"t\",\"payload\":\"\\ud83d\","
	       "\"other\":{\"user\":1}}",
	       "user_noti:urn:sm:user:bob",
	       "{\"type\":\"t\",\"payload\":\"\\ud83d\"}");
}

static void an_absent_payload_is_null(void **state)
{
	(void)state;
	expect("{\"user\":\"bob\",\"type\":\"t\"}", "user_noti:urn:sm:user:bob",
	       "{\"type\":\"t\",\"payload\":null}");
}

static void what_is_no_json_is_said_to_be_none(void **state)
{
	static const char *const cases[] = {
		"",
		"{",
		"{\"user\":\"bob\",\"type\":\"t\"",
		"{\"user\":\"bob\",\"type\":\"t\"}}",
		"{\"user\":\"bob\",\"type\":\"t\",}",
		"{\"user\":\"bob\",\"type\":\"t\",\"payload\":x}",
		"{\"user\":\"bob\",\"type\":\"t\",\"payload\":\"\xff\"}",
		"[1,]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_bad(cases[i], WP_ERR_PROTO, "");
}

static void what_is_no_notification_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
		{ "[]", "must be an object" },
		{ "null", "must be an object" },
		{ "{}", "user must be" },
		{ "{\"type\":\"t\"}", "user must be" },
		{ "{\"user\":7,\"type\":\"t\"}", "user must be" },
		{ "{\"user\":null,\"type\":\"t\"}", "user must be" },
		{ "{\"user\":\"\",\"type\":\"t\"}", "user: " },
		{ "{\"user\":\"a:b\",\"type\":\"t\"}", "user: " },
		{ "{\"user\":\"*\",\"type\":\"t\"}", "user: " },
		{ "{\"user\":\"a\\u0000\",\"type\":\"t\"}", "user: " },
		{ "{\"user\":\"a\\nb\",\"type\":\"t\"}", "user: " },
		{ "{\"user\":\"bob\"}", "type must be" },
		{ "{\"user\":\"bob\",\"type\":\"\"}", "type must be" },
		{ "{\"user\":\"bob\",\"type\":null}", "type must be" },
		{ "{\"user\":\"bob\",\"type\":[\"t\"]}", "type must be" },
		{ "{\"user\":\"bob\",\"user\":\"bob\",\"type\":\"t\"}",
		  "given twice" },
		{ "{\"user\":\"bob\",\"type\":\"t\",\"\\u0074ype\":\"t\"}",
		  "given twice" },
		{ "{\"user\":\"bob\",\"type\":\"t\",\"payload\":1,"
		  "\"payload\":null}",
		  "given twice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_bad(cases[i].text, WP_ERR_INVAL, cases[i].sentence);
}

static void each_part_has_a_longest(void **state)
{
	enum { ROOM = WP_NOTIFICATION_PAYLOAD_MAX + 512 };
	struct wp_notification notification;
	char *text = malloc(ROOM);
	struct wp_error err;

	(void)state;
	assert_non_null(text);
	(void)snprintf(text, ROOM, "{\"user\":\"bob\",\"type\":\"%0*d\"}",
		       WP_NOTIFICATION_TYPE_MAX, 0);
	assert_int_equal(read_text(text, &notification, &err), WP_OK);
	(void)snprintf(text, ROOM, "{\"user\":\"bob\",\"type\":\"%0*d\"}",
		       WP_NOTIFICATION_TYPE_MAX + 1, 0);
	expect_bad(text, WP_ERR_INVAL, "type must be");

	(void)snprintf(text, ROOM,
		       "{\"user\":\"bob\",\"type\":\"t\",\"payload\":\"%0*d\"}",
		       WP_NOTIFICATION_PAYLOAD_MAX - 2, 0);
	assert_int_equal(read_text(text, &notification, &err), WP_OK);
	assert_int_equal(notification.payload.len, WP_NOTIFICATION_PAYLOAD_MAX);
	(void)snprintf(text, ROOM,
		       "{\"user\":\"bob\",\"type\":\"t\",\"payload\":\"%0*d\"}",
		       WP_NOTIFICATION_PAYLOAD_MAX - 1, 0);
	expect_bad(text, WP_ERR_FULL, "more than 32768 bytes");

	(void)snprintf(text, ROOM, "{\"user\":\"%0*d\",\"type\":\"t\"}",
		       WP_URN_MAX + 1, 0);
	expect_bad(text, WP_ERR_INVAL, "user: a URN has at most 255 bytes");
	free(text);
}

static void nesting_has_a_deepest(void **state)
{
	enum { DEEP = WP_NOTIFICATION_DEPTH_MAX - 1 }; /* inside the object */
	struct wp_notification notification;
	char text[256], open[DEEP + 2], shut[DEEP + 2];
	struct wp_error err;

	(void)state;
	for (int more = 0; more < 2; more++) {
		int depth = DEEP + more;

		memset(open, '[', sizeof(open));
		memset(shut, ']', sizeof(shut));
		(void)snprintf(text, sizeof(text),
			       "{\"user\":\"bob\",\"type\":\"t\","
			       "\"payload\":%.*s%.*s}",
			       depth, open, depth, shut);
		assert_int_equal(read_text(text, &notification, &err),
				 more == 0 ? WP_OK : WP_ERR_PROTO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(type_and_payload_are_passed_on_byte_by_byte),
		cmocka_unit_test(an_absent_payload_is_null),
		cmocka_unit_test(what_is_no_json_is_said_to_be_none),
		cmocka_unit_test(what_is_no_notification_is_refused),
		cmocka_unit_test(each_part_has_a_longest),
		cmocka_unit_test(nesting_has_a_deepest),
	};

	return cmocka_run_group_tests_name("notification", tests, NULL, NULL);
}
