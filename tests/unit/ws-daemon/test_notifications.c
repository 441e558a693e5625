/* What backends publish passes through unchanged, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "tests/support/ws/ws_client.h"
#include "ws-daemon/filter.h"
#include "ws-daemon/notifications.h"

enum { DEPTH_MAX = 64 };

#define USER "urn:sm:user:ann"

static struct ws_world world;
static int peer;

static int setup(void **state)
{
	(void)state;
	ws_world_start(&world);
	(void)ws_open_quiet(&world, &peer);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(peer);
	ws_world_stop(&world);
	return 0;
}

/* What has come: the text of one frame, the caller's; NULL when nothing has. */
static char *read_frame(void)
{
	size_t len;
	const char *text = ws_read_all(peer, &len);
	size_t header = 2;
	size_t payload;
	char *out;

	if (len == 0)
		return NULL;
	assert_int_equal((uint8_t)text[0], 0x80 | WP_WS_TEXT);
	payload = (uint8_t)text[1];
	if (payload == 126) {
		header = 4;
		payload = (size_t)(uint8_t)text[2] << 8 | (uint8_t)text[3];
	}
	assert_int_equal(len, header + payload);
	out = calloc(1, payload + 1);
	assert_non_null(out);
	memcpy(out, text + header, payload);
	return out;
}

static int64_t n_malformed(void)
{
	return wp_metric_get(world.metrics, WP_M_NOTIFICATION_MALFORMED);
}

/* The frame that text becomes, at the time that it has; NULL when it is
 * refused. */
static char *frame_of(const char *text)
{
	int64_t before = n_malformed();
	char *exact = malloc(strlen(text) + 1);
	char *frame;
	char *at;

	/* A copy without its terminator lets the sanitizer see a read past
	 * the end. */
	memcpy(exact, text, strlen(text));
	exact = realloc(exact, strlen(text) > 0 ? strlen(text) : 1);
	wp_notification_deliver(world.parts, USER, strlen(USER), exact,
				strlen(text));
	free(exact);
	ws_world_settle(&world);
	frame = read_frame();
	assert_int_equal(n_malformed() - before, frame == NULL);
	if (frame == NULL)
		return NULL;
	/* 2026-01-02T03:04:05.678Z, whatever the digits. */
	at = strstr(frame, "\"timestamp\":\"");
	assert_non_null(at);
	for (at += strlen("\"timestamp\":\""); *at != '"'; at++)
		if (*at >= '0' && *at <= '9')
			*at = '0';
	return frame;
}

static void assert_frame(const char *text, const char *expected)
{
	char *frame = frame_of(text);

	assert_non_null(frame);
	assert_string_equal(frame, expected);
	free(frame);
}

#define AT "\"timestamp\":\"0000-00-00T00:00:00.000Z\"}"

static void type_and_payload_pass_through_unchanged(void **state)
{
	(void)state;

	assert_frame(
		"{\"type\":\"x\",\"payload\":{\"b\":1.50,\"a\" : [ ]}}",
		"{\"type\":\"x\",\"payload\":{\"b\":1.50,\"a\" : [ ]}," AT);
	assert_frame(" { \"payload\" : \"p\" , \"type\" : \"\\u0041\" } ",
		     "{\"type\":\"\\u0041\",\"payload\":\"p\"," AT);
	assert_frame("{\"type\":\"x\",\"payload\":-1e9,\"more\":[{}]}",
		     "{\"type\":\"x\",\"payload\":-1e9," AT);
	assert_frame(
		"{\"type\":\"x\",\"payload\":[[],{},[{\"a\":[1,2]}],0]}",
		"{\"type\":\"x\",\"payload\":[[],{},[{\"a\":[1,2]}],0]," AT);
	assert_frame("{\"type\":\"x\"}",
		     "{\"type\":\"x\",\"payload\":null," AT);
}

/* Grammar asks for four digits, not for whole characters (RFC 8259, 7). */
static void half_a_surrogate_pair_passes_through_unchanged(void **state)
{
	static const char *const halves[] = {
		"\\ud83d",        "\\ude00",        "x\\ud83d",
		"\\ud83dx",       "\\ud83d\\n",     "\\ud83d\\u0041",
		"\\ud83d\\ud83d", "\\ude00\\ud83d", "\\uD83D\\uDE00\\uDBFF",
		"\\udfff\\udfff",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		char text[256];
		char frame[256];

		snprintf(text, sizeof(text),
			 "{\"type\":\"%s\",\"%s\":1,\"payload\":{\"%s\":\"%s\"}"
			 "}",
			 halves[i], halves[i], halves[i], halves[i]);
		snprintf(frame, sizeof(frame),
			 "{\"type\":\"%s\",\"payload\":{\"%s\":\"%s\"}," AT,
			 halves[i], halves[i], halves[i]);
		assert_frame(text, frame);
	}
	assert_null(frame_of("{\"type\":\"x\",\"payload\":\"\\ud83\"}"));
	assert_null(frame_of("{\"type\":\"x\",\"payload\":\"\\ud83d\\u\"}"));
	assert_null(
		frame_of("{\"type\":\"x\",\"payload\":\"\\ud83d\\u12g4\"}"));
}

static void what_is_no_such_object_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"payload\":1}",
		"{\"type\":1,\"payload\":1}",
		"{\"type\":null}",
		"{\"type\":[\"x\"],\"payload\":1}",
		"{\"type\":\"x\",\"payload\":}",
		"{\"type\":\"x\",\"payload\":1",
		"{\"type\":\"x\",\"payload\":1}}",
		"{\"type\":\"x\",\"payload\":1} x",
		"{\"type\":\"x\",\"payload\":1,}",
		"{,\"type\":\"x\"}",
		"{\"type\":\"x\" \"payload\":1}",
		"{\"type\":\"x\",\"payload\":[1,]}",
		"{\"type\":\"x\",\"payload\":[1 2]}",
		"{\"type\":\"x\",\"payload\":[1}",
		"{\"type\":\"x\",\"payload\":{\"a\"}}",
		"{\"type\":\"x\",\"payload\":{\"a\":1]}",
		"{\"type\":\"x\",\"payload\":{1:1}}",
		"{\"type\":\"x\",\"payload\":{\"a\":1,}}",
		"{\"type\":\"x\",\"payload\":01}",
		"{\"type\":\"x\",\"payload\":nul}",
		"{\"type\":\"x\",\"payload\":\"\xff\"}",
		"{\"type\":\"x\",\"payload\":\"a\nb\"}",
		"{\"type\":\"x\",\"payload\":[",
		"{\"type\":\"x\",\"payload\":{",
	};

	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *frame = frame_of(rows[i]);

		if (frame != NULL)
			fail_msg("accepted: %s", rows[i]);
	}
}

static bool is_accepted_at_depth(size_t depth)
{
	char text[512] = "{\"type\":\"x\",\"payload\":";
	char *frame;
	bool is_accepted;

	for (size_t i = 0; i < depth; i++)
		strcat(text, i % 2 == 0 ? "[" : "{\"a\":");
	strcat(text, "1");
	for (size_t i = depth; i > 0; i--)
		strcat(text, (i - 1) % 2 == 0 ? "]" : "}");
	strcat(text, "}");
	frame = frame_of(text);
	is_accepted = frame != NULL;
	free(frame);
	return is_accepted;
}

static void payloads_nest_deeper_than_envelopes_but_not_for_ever(void **state)
{
	(void)state;

	assert_true(is_accepted_at_depth(20));
	assert_true(is_accepted_at_depth(DEPTH_MAX - 1));
	assert_false(is_accepted_at_depth(DEPTH_MAX));
	assert_false(is_accepted_at_depth(DEPTH_MAX + 1));
}

static void a_text_cut_anywhere_is_refused(void **state)
{
	static const char text[] =
		"{\"type\":\"x\",\"payload\":{\"a\":[1,{\"b\":\"c\"}]}}";
	char cut[sizeof(text)];

	(void)state;

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		memcpy(cut, text, i);
		cut[i] = '\0';
		assert_null(frame_of(cut));
	}
}

/* ---- topics ---- */

/* The one connection asks for this, as a client does in its request. */
static bool ask_for(struct wp_conn *conn, const char *query)
{
	struct wp_head head = { .query = { query, strlen(query) } };

	wp_extra_free(&conn->extra);
	return wp_filter_read(conn, &head);
}

static struct wp_conn *the_connection(void)
{
	return wp_conn_of(wp_hub_user(world.parts->live.hub, USER, strlen(USER))
				  ->members);
}

static int setup_topics(void **state)
{
	static const char *const patterns[] = { "project:{projectId}:{user}",
						"job:{jobId}:{user}" };

	(void)setup(state);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(wp_topic_read(&world.parts->topics[i],
					       patterns[i], NULL),
				 WP_OK);
	world.parts->n_topics = 2;
	return 0;
}

static char *topic_frame(size_t topic, const char *channel, const char *text)
{
	wp_topic_deliver(world.parts, topic, channel, strlen(channel), text,
			 strlen(text));
	ws_world_settle(&world);
	return read_frame();
}

static bool hears(size_t topic, const char *channel)
{
	char *frame = topic_frame(topic, channel, "{\"progress\":{\"a\":1}}");
	bool has_come = frame != NULL;

	if (has_come)
		assert_string_equal(frame, "{\"progress\":{\"a\":1}}");
	free(frame);
	return has_come;
}

static void a_filter_passes_what_it_names_or_all(void **state)
{
	struct wp_conn *conn = the_connection();

	(void)state;
	assert_true(hears(0, "project:7:ann"));
	assert_true(hears(1, "job:x:" USER));

	assert_true(ask_for(conn, "projectId=7&token=x"));
	assert_true(hears(0, "project:7:ann"));
	assert_false(hears(0, "project:8:ann"));
	assert_false(hears(0, "project:77:ann"));
	assert_true(hears(1, "job:x:ann"));
	assert_int_equal(
		wp_metric_get(world.metrics, WP_M_NOTIFICATION_FILTERED), 2);

	assert_true(ask_for(conn, "jobId=x&projectId=%37"));
	assert_true(hears(0, "project:7:ann"));
	assert_false(hears(1, "job:7:ann"));
	/* What is about nothing passes every filter. */
	assert_frame("{\"type\":\"x\"}",
		     "{\"type\":\"x\",\"payload\":null," AT);
}

static void what_has_a_type_is_wrapped_on_a_topic_too(void **state)
{
	char *frame = topic_frame(0, "project:7:ann",
				  "{\"type\":\"x\",\"payload\":1}");

	(void)state;
	assert_non_null(frame);
	assert_non_null(strstr(frame, "{\"type\":\"x\",\"payload\":1,"
				      "\"timestamp\":\""));
	free(frame);
	assert_null(topic_frame(0, "project:7:ann", "{\"type\":1}"));
	assert_null(topic_frame(0, "project:7:ann", "[1]"));
	assert_null(topic_frame(0, "project:7:ann", "{\"a\":}"));
	assert_null(topic_frame(0, "project:7:bob", "{}"));
	assert_null(topic_frame(0, "project:7 :ann", "{}"));
	assert_null(topic_frame(0, "project:7:", "{}"));
}

/* Each daemon hears what each sends itself. */
static void canaries_of_others_are_no_users_who_are_not_here(void **state)
{
	static const char canary[] = "urn:sm:canary:00112233", text[] = "{}";
	static const char nobody[] = "urn:sm:user:00112233";
	struct wp_parts *parts = world.parts;
	int peer_of_one;

	(void)state;
	wp_notification_deliver(parts, canary, strlen(canary), text, 2);
	assert_int_equal(
		wp_metric_get(world.metrics, WP_M_NOTIFICATION_NO_USER), 0);
	assert_int_equal(parts->notified_ms, 0);
	wp_notification_deliver(parts, nobody, strlen(nobody), text, 2);
	assert_int_equal(
		wp_metric_get(world.metrics, WP_M_NOTIFICATION_NO_USER), 1);
	assert_true(parts->notified_ms > 0);

	/* Who is connected is told, whatever the name. */
	(void)ws_world_open(&world, canary, &peer_of_one);
	wp_notification_deliver(parts, canary, strlen(canary),
				"{\"type\":\"x\"}", 12);
	assert_int_equal(wp_metric_get(world.metrics, WP_M_NOTIFIED), 1);
	close(peer_of_one);
}

static void ids_that_are_none_are_refused(void **state)
{
	static const char *const rows[] = {
		"projectId=",
		"projectId=a%20b",
		"projectId=a*",
		"projectId=7&projectId=7",
		"projectId=%00",
		"projectId=%0a",
		"projectId=%zz",
		"projectId=a:b",
		"projectId=%c3%a4",
		"projectId=0123456789012345678901234567890"
		"12345678901234567890",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (ask_for(the_connection(), rows[i]))
			fail_msg("taken: %s", rows[i]);
	assert_true(ask_for(the_connection(),
			    "projectId=01234567890123456789012345678901234567"
			    "890123456789"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define TOPIC_TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup_topics, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(type_and_payload_pass_through_unchanged),
		TEST(half_a_surrogate_pair_passes_through_unchanged),
		TEST(what_is_no_such_object_is_refused),
		TEST(payloads_nest_deeper_than_envelopes_but_not_for_ever),
		TEST(a_text_cut_anywhere_is_refused),
		TOPIC_TEST(a_filter_passes_what_it_names_or_all),
		TOPIC_TEST(what_has_a_type_is_wrapped_on_a_topic_too),
		TOPIC_TEST(ids_that_are_none_are_refused),
		TEST(canaries_of_others_are_no_users_who_are_not_here),
	};

	return cmocka_run_group_tests_name("notifications", tests, NULL, NULL);
}
