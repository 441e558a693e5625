/* What strangers may write into a frame, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws-daemon/wire/client_frame.h"

static const char *read_text(struct wp_client_frame *frame, const char *text)
{
	return wp_client_frame_read(frame, text, strlen(text));
}

static void assert_slice(const struct wp_json_slice *slice, const char *text)
{
	assert_non_null(slice->data);
	assert_int_equal(slice->len, strlen(text));
	assert_memory_equal(slice->data, text, slice->len);
}

static void assert_sound(const char *text)
{
	struct wp_client_frame frame;

	assert_null(read_text(&frame, text));
}

static void assert_unsound(const char *text)
{
	struct wp_client_frame frame;

	if (read_text(&frame, text) == NULL)
		fail_msg("accepted: %s", text);
}

static void a_send_frame_is_taken_apart(void **state)
{
	struct wp_client_frame frame;

	(void)state;

	assert_null(read_text(
		&frame, "{\"envelope\": {\"a\":[1]} ,\"ref\":\"r1\","
			"\"idempotencyKey\":\"k\",\"expiresInSeconds\":60,"
			"\"other\":null,\"type\":\"send\"}"));

	assert_int_equal(frame.type, WP_FRAME_SEND);
	assert_slice(&frame.ref, "\"r1\"");
	assert_slice(&frame.key, "k");
	assert_slice(&frame.expires, "60");
	assert_slice(&frame.envelope, "{\"a\":[1]}");
}

static void members_that_are_absent_or_null_are_absent(void **state)
{
	struct wp_client_frame frame;

	(void)state;

	assert_null(read_text(&frame, "{\"type\":\"send\",\"ref\":null,"
				      "\"idempotencyKey\":null,"
				      "\"expiresInSeconds\":null,"
				      "\"envelope\":null}"));
	assert_null(frame.ref.data);
	assert_null(frame.key.data);
	assert_null(frame.expires.data);
	assert_null(frame.envelope.data);

	assert_null(read_text(&frame, "{\"type\":\"ping\"}"));
	assert_int_equal(frame.type, WP_FRAME_PING);
	assert_null(frame.ref.data);
	assert_false(frame.has_chat);
}

static void an_expiry_may_come_in_quotes(void **state)
{
	struct wp_client_frame frame;

	(void)state;

	assert_null(read_text(&frame, "{\"type\":\"send\","
				      "\"expiresInSeconds\":\"60\"}"));

	assert_slice(&frame.expires, "60");
}

static void every_type_is_known_by_its_name(void **state)
{
	static const struct {
		const char *text;
		enum wp_frame_type type;
	} rows[] = {
		{ "{\"type\":\"send\"}", WP_FRAME_SEND },
		{ "{\"type\":\"ack\"}", WP_FRAME_ACK },
		{ "{\"type\":\"chat\"}", WP_FRAME_CHAT },
		{ "{\"type\":\"ping\"}", WP_FRAME_PING },
		{ "{\"type\":\"watch\"}", WP_FRAME_WATCH },
		{ "{\"type\":\"unwatch\"}", WP_FRAME_UNWATCH },
		{ "{\"type\":\"p\\u0069ng\"}", WP_FRAME_PING },
		{ "{\"type\":\"Ping\"}", WP_FRAME_UNKNOWN },
		{ "{\"type\":\"\"}", WP_FRAME_UNKNOWN },
	};
	struct wp_client_frame frame;

	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(read_text(&frame, rows[i].text));
		assert_int_equal(frame.type, rows[i].type);
	}
}

static void a_ref_is_an_integer_or_a_short_string(void **state)
{
	char text[256];
	char longest[WP_REF_MAX + 1];

	(void)state;
	memset(longest, 'r', WP_REF_MAX);
	longest[WP_REF_MAX] = '\0';

	assert_sound("{\"type\":\"ping\",\"ref\":-7}");
	assert_sound("{\"type\":\"ping\",\"ref\":\"\"}");
	snprintf(text, sizeof(text), "{\"type\":\"ping\",\"ref\":\"%s\"}",
		 longest);
	assert_sound(text);

	snprintf(text, sizeof(text), "{\"type\":\"ping\",\"ref\":\"%sx\"}",
		 longest);
	assert_unsound(text);
	assert_unsound("{\"type\":\"ping\",\"ref\":1.5}");
	assert_unsound("{\"type\":\"ping\",\"ref\":true}");
	assert_unsound("{\"type\":\"ping\",\"ref\":[1]}");
	assert_unsound("{\"type\":\"ping\",\"ref\":123456789012345678901}");
}

static void unsound_frames_are_refused(void **state)
{
	(void)state;

	assert_unsound("");
	assert_unsound("null");
	assert_unsound("[]");
	assert_unsound("{}");
	assert_unsound("{\"ref\":1}");
	assert_unsound("{\"type\":null}");
	assert_unsound("{\"type\":1}");
	assert_unsound("{\"type\":\"ping\"");
	assert_unsound("{\"type\":\"ping\"}x");
	assert_unsound("{\"type\":\"ping\",}");
	assert_unsound("{\"type\":\"ping\",\"type\":\"ping\"}");
	assert_unsound("{\"type\":\"ping\",\"ref\":1,\"r\\u0065f\":2}");
	assert_unsound("{\"type\":\"chat\",\"chatId\":7}");
	assert_unsound("{\"type\":\"send\",\"idempotencyKey\":7}");
	assert_unsound("{\"type\":\"send\",\"x\":"
		       "[[[[[[[[[[[[1]]]]]]]]]]]]}");
}

static void chat_null_differs_from_no_chat(void **state)
{
	struct wp_client_frame frame;

	(void)state;

	assert_null(read_text(&frame, "{\"type\":\"chat\",\"chatId\":null}"));
	assert_true(frame.has_chat);
	assert_null(frame.chat.data);

	assert_null(read_text(&frame, "{\"type\":\"chat\",\"chatId\":\"c\"}"));
	assert_true(frame.has_chat);
	assert_slice(&frame.chat, "c");
}

/* The text that presence is told for this JSON string; NULL: it is refused. */
static char *chat_of(const char *json_string)
{
	struct wp_client_frame frame;
	char text[4096];
	const char *sentence;
	char *out;

	snprintf(text, sizeof(text), "{\"type\":\"chat\",\"chatId\":%s}",
		 json_string);
	assert_null(read_text(&frame, text));
	sentence = wp_chat_read(&frame.chat, &out);
	assert_true((sentence == NULL) == (out != NULL));
	return out;
}

static void assert_chat(const char *json_string, const char *expected)
{
	char *text = chat_of(json_string);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

/* n times the text, in quotes. */
static const char *repeated(const char *text, size_t n)
{
	static char json[4096];

	strcpy(json, "\"");
	for (size_t i = 0; i < n; i++)
		strcat(json, text);
	strcat(json, "\"");
	return json;
}

static void a_chat_is_told_as_it_is(void **state)
{
	char longest[WP_CHAT_MAX + 1] = { 0 };

	(void)state;
	assert_chat("\"\"", "");
	assert_chat("\"a b\\u00e9\\\"\"", "a b\xc3\xa9\"");
	memset(longest, 'a', WP_CHAT_MAX);
	assert_chat(repeated("a", WP_CHAT_MAX), longest);
	assert_chat(repeated("\\u0061", WP_CHAT_MAX), longest);
}

/* Cut or replaced, two ids could become one. */
static void a_chat_that_would_have_to_be_changed_is_refused(void **state)
{
	static const char *const controls[] = { "\"a\\tb\"", "\"\\n\"",
						"\"a\\u0000\"", "\"\\u007f\"",
						"\"\\u001fa\"" };

	(void)state;
	assert_null(chat_of(repeated("a", WP_CHAT_MAX + 1)));
	assert_null(chat_of(repeated("\\u0061", WP_CHAT_MAX + 1)));
	assert_null(chat_of(repeated("\xc3\xa9", WP_CHAT_MAX / 2 + 1)));
	assert_null(chat_of(repeated("a", 3000)));
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
		assert_null(chat_of(controls[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_send_frame_is_taken_apart),
		cmocka_unit_test(members_that_are_absent_or_null_are_absent),
		cmocka_unit_test(an_expiry_may_come_in_quotes),
		cmocka_unit_test(every_type_is_known_by_its_name),
		cmocka_unit_test(a_ref_is_an_integer_or_a_short_string),
		cmocka_unit_test(unsound_frames_are_refused),
		cmocka_unit_test(chat_null_differs_from_no_chat),
		cmocka_unit_test(a_chat_is_told_as_it_is),
		cmocka_unit_test(
			a_chat_that_would_have_to_be_changed_is_refused),
	};

	return cmocka_run_group_tests_name("client_frame", tests, NULL, NULL);
}
