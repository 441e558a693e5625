/* The body of an ack: all of it is understood, or nothing is deleted. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/mailbox/ack.h"

enum { PARTITION = 7 };

static enum wp_err read_text(struct wp_ack_ids *ids, const char *text,
			     struct wp_error *err)
{
	return wp_ack_ids_read(ids, text, strlen(text), PARTITION, err);
}

/* The text of an id with this seq. */
static const char *id_text(uint64_t seq, uint16_t partition)
{
	static char text[WP_MSGID_LEN + 1];
	const struct wp_msgid id = {
		.entry = { .ms = 1700000000000, .seq = seq },
		.partition = partition,
	};

	wp_msgid_format(&id, text);
	return text;
}

static char *body_of(size_t n)
{
	struct wp_buf body;

	wp_buf_init(&body, 0);
	wp_buf_add_str(&body, "{\"messageIds\":[");
	for (size_t i = 0; i < n; i++)
		wp_buf_printf(&body, "%s\"%s\"", i > 0 ? "," : "",
			      id_text(i, PARTITION));
	wp_buf_add_str(&body, "]}");
	assert_false(body.failed);
	return body.data;
}

static void ids_are_read_in_order_and_twice_is_fine(void **state)
{
	struct wp_ack_ids ids;
	char text[200];
	char *body = body_of(3);

	(void)state;

	assert_int_equal(read_text(&ids, body, NULL), WP_OK);
	assert_int_equal(ids.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ids.ids[i].entry.seq, i);
	wp_ack_ids_release(&ids);
	free(body);

	(void)snprintf(text, sizeof(text), "{\"messageIds\":[\"%s\",\"%s\"]}",
		       id_text(1, PARTITION), id_text(1, PARTITION));
	assert_int_equal(read_text(&ids, text, NULL), WP_OK);
	assert_int_equal(ids.n, 2);
	wp_ack_ids_release(&ids);
}

/* Whoever keeps them charges by the text. */
static void ids_take_no_more_memory_than_their_text(void **state)
{
	static const size_t counts[] = { 1, 2, 50, WP_ACK_MAX };
	struct wp_ack_ids ids;

	(void)state;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		char *body = body_of(counts[i]);

		assert_int_equal(read_text(&ids, body, NULL), WP_OK);
		assert_int_equal(ids.n, counts[i]);
		assert_true(malloc_usable_size(ids.ids) <=
			    strlen(body) + sizeof(*ids.ids));
		wp_ack_ids_release(&ids);
		free(body);
	}
}

static void an_empty_array_and_other_members_are_fine(void **state)
{
	struct wp_ack_ids ids;

	(void)state;

	assert_int_equal(
		read_text(&ids,
			  " {\"x\":{\"messageIds\":7},\"messageIds\":[]} ",
			  NULL),
		WP_OK);
	assert_int_equal(ids.n, 0);
	wp_ack_ids_release(&ids);
}

static void ids_that_cannot_be_ours_are_left_out(void **state)
{
	struct wp_ack_ids ids;
	char text[300];

	(void)state;

	(void)snprintf(text, sizeof(text),
		       "{\"messageIds\":[\"%s\","
		       "\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\"]}",
		       id_text(1, PARTITION + 1));
	assert_int_equal(read_text(&ids, text, NULL), WP_OK);
	assert_int_equal(ids.n, 0);
	wp_ack_ids_release(&ids);
}

static void an_id_may_be_written_with_escapes(void **state)
{
	struct wp_ack_ids ids;
	char text[200];

	(void)state;

	/* \u002d is the first dash. */
	(void)snprintf(text, sizeof(text),
		       "{\"messageIds\":[\"%.8s\\u002d%s\"]}",
		       id_text(5, PARTITION), id_text(5, PARTITION) + 9);
	assert_int_equal(read_text(&ids, text, NULL), WP_OK);
	assert_int_equal(ids.n, 1);
	assert_int_equal(ids.ids[0].entry.seq, 5);
	wp_ack_ids_release(&ids);
}

static void what_is_not_understood_is_refused_with_a_sentence(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"7",
		"{}",
		"{\"messageids\":[]}",
		"{\"messageIds\":null}",
		"{\"messageIds\":{}}",
		"{\"messageIds\":\"x\"}",
		"{\"messageIds\":[7]}",
		"{\"messageIds\":[null]}",
		"{\"messageIds\":[\"\"]}",
		"{\"messageIds\":[\"no-uuid\"]}",
		"{\"messageIds\":[\"\\u0041\\u0041\"]}",
		"{\"messageIds\":[],\"messageIds\":[]}",
		"{\"messageIds\":[]} x",
		"{\"messageIds\":[}",
		"{\"messageIds\":[",
		"{\"messageIds\":[],}",
	};

	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wp_error err = { 0 };
		struct wp_ack_ids ids;

		if (read_text(&ids, bad[i], &err) != WP_ERR_INVAL)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.code, WP_ERR_INVAL);
		assert_true(strlen(err.msg) > 10);
		assert_null(ids.ids);
		assert_int_equal(ids.n, 0);
	}
}

static void a_long_escaped_text_is_no_id(void **state)
{
	enum { ESCAPES = 4000 };
	struct wp_ack_ids ids;
	struct wp_buf body;

	(void)state;

	wp_buf_init(&body, 0);
	wp_buf_add_str(&body, "{\"messageIds\":[\"");
	for (int i = 0; i < ESCAPES; i++)
		wp_buf_add_str(&body, "\\u0061");
	wp_buf_add_str(&body, "\"]}");
	assert_int_equal(read_text(&ids, body.data, NULL), WP_ERR_INVAL);
	wp_buf_release(&body);
}

static void a_thousand_ids_are_accepted_and_one_more_is_not(void **state)
{
	struct wp_error err = { 0 };
	struct wp_ack_ids ids;
	char *body = body_of(WP_ACK_MAX);

	(void)state;

	assert_int_equal(read_text(&ids, body, &err), WP_OK);
	assert_int_equal(ids.n, WP_ACK_MAX);
	wp_ack_ids_release(&ids);
	free(body);

	body = body_of(WP_ACK_MAX + 1);
	assert_int_equal(read_text(&ids, body, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "1000"));
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_read_in_order_and_twice_is_fine),
		cmocka_unit_test(ids_take_no_more_memory_than_their_text),
		cmocka_unit_test(an_empty_array_and_other_members_are_fine),
		cmocka_unit_test(ids_that_cannot_be_ours_are_left_out),
		cmocka_unit_test(an_id_may_be_written_with_escapes),
		cmocka_unit_test(
			what_is_not_understood_is_refused_with_a_sentence),
		cmocka_unit_test(a_long_escaped_text_is_no_id),
		cmocka_unit_test(
			a_thousand_ids_are_accepted_and_one_more_is_not),
	};

	return cmocka_run_group_tests_name("ack_ids", tests, NULL, NULL);
}
