/* Framing, byte by byte: every rule of RFC 6455 that a client can break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ws-daemon/wire/frame.h"

enum { LIMIT = 100000, FIN = 0x80, MASKED = 0x80 };

/* Bytes of a client's stream under construction. */
struct stream {
	uint8_t data[4 * LIMIT];
	size_t len;
};

static struct stream *stream_new(void)
{
	struct stream *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	return s;
}

static void put(struct stream *s, uint8_t byte)
{
	s->data[s->len++] = byte;
}

/* Append a masked frame; first carries FIN and opcode. */
static void put_frame(struct stream *s, uint8_t first, const void *payload,
		      size_t len)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	const uint8_t *bytes = payload;

	put(s, first);
	if (len < 126) {
		put(s, (uint8_t)(MASKED | len));
	} else if (len <= 0xffff) {
		put(s, MASKED | 126);
		put(s, (uint8_t)(len >> 8));
		put(s, (uint8_t)len);
	} else {
		put(s, MASKED | 127);
		for (int shift = 56; shift >= 0; shift -= 8)
			put(s, (uint8_t)(len >> shift));
	}
	for (size_t i = 0; i < 4; i++)
		put(s, mask[i]);
	for (size_t i = 0; i < len; i++)
		put(s, (uint8_t)(bytes[i] ^ mask[i % 4]));
}

/* Was permessage-deflate agreed on? */
static bool may_deflate;

/* What a reader reported, as one line of text: "T5 P0 C1000 E1002". */
struct trace {
	char text[512];
	char last[2 * LIMIT]; /* payload of the last text, ping or pong */
	size_t last_len;
};

static void note(struct trace *trace, const struct wp_ws_event *event)
{
	size_t used = strlen(trace->text);
	char *at = trace->text + used;
	size_t room = sizeof(trace->text) - used;

	switch (event->type) {
	case WP_WS_EVENT_NONE:
		return;
	case WP_WS_EVENT_TEXT:
		snprintf(at, room, "%c%zu ", event->is_deflated ? 'D' : 'T',
			 event->len);
		break;
	case WP_WS_EVENT_PING:
		snprintf(at, room, "P%zu ", event->len);
		break;
	case WP_WS_EVENT_PONG:
		snprintf(at, room, "O%zu ", event->len);
		break;
	case WP_WS_EVENT_CLOSE:
		snprintf(at, room, "C%u ", event->code);
		return;
	case WP_WS_EVENT_ERROR:
		snprintf(at, room, "E%u ", event->code);
		return;
	}
	if (event->len > 0)
		memcpy(trace->last, event->data, event->len);
	trace->last[event->len] = '\0';
	trace->last_len = event->len;
}

/* Feed a stream in pieces of `step` bytes, each in memory of its own. */
static struct trace *run(const struct stream *s, size_t step)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	struct wp_ws_reader reader = { 0 };
	bool is_over = false;

	assert_non_null(trace);
	for (size_t at = 0; at < s->len && !is_over; at += step) {
		size_t len = s->len - at < step ? s->len - at : step;
		uint8_t *piece = malloc(len);
		size_t used = 0;

		assert_non_null(piece);
		memcpy(piece, s->data + at, len);
		while (used < len && !is_over) {
			struct wp_ws_event event;

			used += wp_ws_reader_feed(&reader, LIMIT, may_deflate,
						  piece + used, len - used,
						  &event);
			note(trace, &event);
			is_over = event.type == WP_WS_EVENT_CLOSE ||
				  event.type == WP_WS_EVENT_ERROR;
		}
		free(piece);
	}
	wp_ws_reader_release(&reader);
	return trace;
}

/* The same events must come out however the stream is cut. */
static void expect(struct stream *s, const char *events, const char *last)
{
	static const size_t steps[] = { 1, 2, 3, 5, 7, 13, 1024, SIZE_MAX / 2 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct trace *trace = run(s, steps[i]);

		assert_string_equal(trace->text, events);
		if (last != NULL)
			assert_string_equal(trace->last, last);
		free(trace);
	}
	free(s);
}

static void a_whole_text_frame_is_one_event(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	put_frame(s, FIN | WP_WS_TEXT, "hello", 5);

	expect(s, "T5 ", "hello");
}

static void an_empty_text_is_an_event(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	put_frame(s, FIN | WP_WS_TEXT, "", 0);

	expect(s, "T0 ", "");
}

static void all_three_length_forms_are_read(void **state)
{
	static const size_t lens[] = { 125, 126, 127, 65535, 65536, LIMIT };

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct stream *s = stream_new();
		char *text = malloc(lens[i] + 1);
		char events[32];

		assert_non_null(text);
		for (size_t k = 0; k < lens[i]; k++)
			text[k] = (char)('a' + k % 26);
		text[lens[i]] = '\0';
		put_frame(s, FIN | WP_WS_TEXT, text, lens[i]);
		snprintf(events, sizeof(events), "T%zu ", lens[i]);

		expect(s, events, text);
		free(text);
	}
}

static void fragments_join_and_controls_may_interrupt(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	put_frame(s, WP_WS_TEXT, "ab", 2);
	put_frame(s, FIN | WP_WS_PING, "p", 1);
	put_frame(s, WP_WS_CONTINUATION, "", 0);
	put_frame(s, FIN | WP_WS_PONG, "", 0);
	put_frame(s, FIN | WP_WS_CONTINUATION, "cd", 2);
	put_frame(s, FIN | WP_WS_TEXT, "next", 4);

	expect(s, "P1 O0 T4 T4 ", "next");
}

static void joined_fragments_keep_their_bytes(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	put_frame(s, WP_WS_TEXT, "", 0);
	put_frame(s, WP_WS_CONTINUATION, "gr\xc3", 3);
	put_frame(s, FIN | WP_WS_CONTINUATION, "\xbc\xc3\x9f", 3);

	expect(s, "T6 ", "gr\xc3\xbc\xc3\x9f");
}

static void a_fragmented_message_over_the_limit_is_1009(void **state)
{
	struct stream *s = stream_new();
	char *half = calloc(1, LIMIT);

	(void)state;
	memset(half, 'x', LIMIT);
	put_frame(s, WP_WS_TEXT, half, LIMIT);
	put_frame(s, FIN | WP_WS_CONTINUATION, "y", 1);
	free(half);

	expect(s, "E1009 ", NULL);
}

static void a_huge_announced_length_is_refused_before_its_bytes(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	put(s, FIN | WP_WS_TEXT);
	put(s, MASKED | 127);
	put(s, 0x7f);
	for (int i = 0; i < 7 + 4; i++)
		put(s, 0xff);

	expect(s, "E1009 ", NULL);
}

static void a_length_with_its_top_bit_is_1002(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	put(s, FIN | WP_WS_TEXT);
	put(s, MASKED | 127);
	for (int i = 0; i < 8 + 4; i++)
		put(s, 0xff);

	expect(s, "E1002 ", NULL);
}

static void a_length_that_is_not_minimal_is_1002(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	put(s, FIN | WP_WS_TEXT);
	put(s, MASKED | 126);
	put(s, 0);
	put(s, 125);
	for (int i = 0; i < 4 + 125; i++)
		put(s, 0);

	expect(s, "E1002 ", NULL);
}

static void first_bytes_that_break_the_rules_are_refused(void **state)
{
	static const struct {
		uint8_t first;
		uint8_t second;
		const char *events;
	} cases[] = {
		{ FIN | 0x40 | WP_WS_TEXT, MASKED, "E1002 " }, /* RSV1 */
		{ FIN | 0x10 | WP_WS_PING, MASKED, "E1002 " }, /* RSV3 */
		{ FIN | WP_WS_TEXT, 5, "E1002 " },             /* no mask */
		{ FIN | WP_WS_BINARY, MASKED, "E1003 " },
		{ WP_WS_BINARY, MASKED, "E1003 " },
		{ FIN | 0x3, MASKED, "E1002 " },
		{ FIN | 0x7, MASKED, "E1002 " },
		{ FIN | 0xb, MASKED, "E1002 " },
		{ FIN | 0xf, MASKED, "E1002 " },
		{ WP_WS_PING, MASKED, "E1002 " },             /* fragmented */
		{ FIN | WP_WS_PING, MASKED | 126, "E1002 " }, /* too long */
		{ FIN | WP_WS_CONTINUATION, MASKED, "E1002 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *s = stream_new();

		put(s, cases[i].first);
		put(s, cases[i].second);
		expect(s, cases[i].events, NULL);
	}
}

static void a_new_message_inside_a_fragmented_one_is_1002(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	put_frame(s, WP_WS_TEXT, "ab", 2);
	put_frame(s, FIN | WP_WS_TEXT, "cd", 2);

	expect(s, "E1002 ", NULL);
}

static void text_that_is_no_utf8_is_1007(void **state)
{
	static const char *const bad[] = { "\xc3\x28",     "\xc0\x80",
					   "\xed\xa0\x80", "\xf5\x80\x80\x80",
					   "\xff",         "ab\xe2\x82" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct stream *s = stream_new();

		put_frame(s, FIN | WP_WS_TEXT, bad[i], strlen(bad[i]));
		expect(s, "E1007 ", NULL);
	}
}

static void bad_utf8_in_a_first_fragment_fails_at_once(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	put_frame(s, WP_WS_TEXT, "\xff", 1);

	expect(s, "E1007 ", NULL);
}

static void close_codes_are_judged(void **state)
{
	static const struct {
		uint8_t payload[8];
		size_t len;
		const char *events;
	} cases[] = {
		{ { 0 }, 0, "C1005 " },
		{ { 0x03, 0xe8 }, 2, "C1000 " },
		{ { 0x03, 0xe8, 'b', 'y', 'e' }, 5, "C1000 " },
		{ { 0x03 }, 1, "E1002 " },
		{ { 0x03, 0xe7 }, 2, "E1002 " }, /* 999 */
		{ { 0x03, 0xec }, 2, "E1002 " }, /* 1004 */
		{ { 0x03, 0xed }, 2, "E1002 " }, /* 1005 */
		{ { 0x03, 0xee }, 2, "E1002 " }, /* 1006 */
		{ { 0x03, 0xf7 }, 2, "E1002 " }, /* 1015 */
		{ { 0x07, 0xd0 }, 2, "E1002 " }, /* 2000 */
		{ { 0x0b, 0xb8 }, 2, "C3000 " },
		{ { 0x13, 0x87 }, 2, "C4999 " },
		{ { 0x13, 0x88 }, 2, "E1002 " }, /* 5000 */
		{ { 0x03, 0xe8, 0xff }, 3, "E1007 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *s = stream_new();

		put_frame(s, FIN | WP_WS_CLOSE, cases[i].payload, cases[i].len);
		put_frame(s, FIN | WP_WS_TEXT, "late", 4);
		expect(s, cases[i].events, NULL);
	}
}

static void an_idle_reader_holds_no_memory(void **state)
{
	struct stream *s = stream_new();
	struct wp_ws_reader reader = { 0 };
	struct wp_ws_event event;
	size_t used = 0;

	(void)state;
	put_frame(s, WP_WS_TEXT, "ab", 2);
	put_frame(s, FIN | WP_WS_CONTINUATION, "cd", 2);
	put_frame(s, FIN | WP_WS_PING, "", 0);
	/* A header that is cut is a frame that has begun. */
	for (size_t n = 1; n < s->len; n++) {
		used += wp_ws_reader_feed(&reader, LIMIT, may_deflate,
					  s->data + used, n - used, &event);
		assert_int_equal(used, n);
		assert_true(wp_ws_reader_is_holding(&reader));
	}
	used += wp_ws_reader_feed(&reader, LIMIT, may_deflate, s->data + used,
				  1, &event);
	assert_int_equal(event.type, WP_WS_EVENT_PING);
	wp_ws_reader_done(&reader);
	assert_null(reader.partial);
	assert_true(sizeof(reader) <= sizeof(void *));
	wp_ws_reader_release(&reader);
	free(s);
}

static void a_deflated_message_is_marked_on_its_first_frame_only(void **state)
{
	struct stream *s = stream_new();

	(void)state;
	may_deflate = true;
	/* Not looked at: what it stands for is not known here. */
	put_frame(s, FIN | WP_WS_DEFLATED | WP_WS_TEXT, "\xff\xfe", 2);
	put_frame(s, WP_WS_DEFLATED | WP_WS_TEXT, "\xc0", 1);
	put_frame(s, FIN | WP_WS_PING, "p", 1);
	put_frame(s, FIN | WP_WS_CONTINUATION, "bc", 2);
	put_frame(s, FIN | WP_WS_TEXT, "plain", 5);
	put_frame(s, WP_WS_DEFLATED | WP_WS_TEXT, "a", 1);
	put_frame(s, FIN | WP_WS_DEFLATED | WP_WS_CONTINUATION, "b", 1);
	expect(s, "D2 P1 D3 T5 E1002 ", NULL);
	may_deflate = false;
}

static void rsv1_is_1002_where_it_means_nothing(void **state)
{
	static const uint8_t firsts[] = {
		WP_WS_PING,         WP_WS_PONG, WP_WS_CLOSE,
		WP_WS_CONTINUATION, 0x3,        0x20 | WP_WS_TEXT, /* RSV2 */
		0x10 | WP_WS_TEXT,                                 /* RSV3 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(firsts); i++) {
		struct stream *s = stream_new();

		may_deflate = true;
		put_frame(s, (uint8_t)(FIN | WP_WS_DEFLATED | firsts[i]), "",
			  0);
		expect(s, "E1002 ", NULL);
	}
	may_deflate = false;
}

static void a_deflated_message_may_be_a_little_longer(void **state)
{
	size_t most = LIMIT + LIMIT / 8 + 64;
	char *data = calloc(1, most + 1);
	struct stream *s = stream_new();

	(void)state;
	assert_non_null(data);
	may_deflate = true;
	put_frame(s, FIN | WP_WS_DEFLATED | WP_WS_TEXT, data, most);
	put_frame(s, FIN | WP_WS_DEFLATED | WP_WS_TEXT, data, most + 1);
	expect(s, "D112564 E1009 ", NULL);
	may_deflate = false;
	free(data);
}

static void server_headers_have_the_shortest_form(void **state)
{
	uint8_t header[WP_WS_HEADER_MAX];

	(void)state;

	assert_int_equal(wp_ws_frame_header(header, WP_WS_TEXT, 125), 2);
	assert_memory_equal(header, "\x81\x7d", 2);
	assert_int_equal(wp_ws_frame_header(header, WP_WS_PING, 0), 2);
	assert_memory_equal(header, "\x89\x00", 2);
	assert_int_equal(wp_ws_frame_header(header, WP_WS_TEXT, 126), 4);
	assert_memory_equal(header, "\x81\x7e\x00\x7e", 4);
	assert_int_equal(wp_ws_frame_header(header, WP_WS_TEXT, 65536), 10);
	assert_memory_equal(header, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
			    10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_text_frame_is_one_event),
		cmocka_unit_test(an_empty_text_is_an_event),
		cmocka_unit_test(all_three_length_forms_are_read),
		cmocka_unit_test(fragments_join_and_controls_may_interrupt),
		cmocka_unit_test(joined_fragments_keep_their_bytes),
		cmocka_unit_test(a_fragmented_message_over_the_limit_is_1009),
		cmocka_unit_test(
			a_huge_announced_length_is_refused_before_its_bytes),
		cmocka_unit_test(a_length_with_its_top_bit_is_1002),
		cmocka_unit_test(a_length_that_is_not_minimal_is_1002),
		cmocka_unit_test(first_bytes_that_break_the_rules_are_refused),
		cmocka_unit_test(a_new_message_inside_a_fragmented_one_is_1002),
		cmocka_unit_test(text_that_is_no_utf8_is_1007),
		cmocka_unit_test(bad_utf8_in_a_first_fragment_fails_at_once),
		cmocka_unit_test(close_codes_are_judged),
		cmocka_unit_test(an_idle_reader_holds_no_memory),
		cmocka_unit_test(
			a_deflated_message_is_marked_on_its_first_frame_only),
		cmocka_unit_test(rsv1_is_1002_where_it_means_nothing),
		cmocka_unit_test(a_deflated_message_may_be_a_little_longer),
		cmocka_unit_test(server_headers_have_the_shortest_form),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
