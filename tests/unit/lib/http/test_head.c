/* One request head, against RFC 9112. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http/head.h"

#define FIELDS "Host: h\r\nConnection: keep-alive, Upgrade\r\n"

static struct wp_text text_of(const char *text)
{
	return (struct wp_text){ text, strlen(text) };
}

static enum wp_head_status parse(struct wp_head *head, const char *text,
				 unsigned *http)
{
	*http = 0;
	return wp_head_parse(head, text, strlen(text), http);
}

static void expect_bad(const char *text, unsigned status)
{
	struct wp_head head;
	unsigned http;

	assert_int_equal(parse(&head, text, &http), WP_HEAD_BAD);
	assert_int_equal(http, status);
}

static void every_prefix_of_a_head_asks_for_more(void **state)
{
	const char *text = "GET /ws?a=b HTTP/1.1\r\n" FIELDS "\r\n";
	struct wp_head head;
	unsigned http;

	(void)state;
	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(wp_head_parse(&head, text, len, &http),
				 WP_HEAD_MORE);

	assert_int_equal(parse(&head, text, &http), WP_HEAD_OK);
	assert_int_equal(head.len, strlen(text));
	assert_memory_equal(head.path.data, "/ws", head.path.len);
	assert_memory_equal(head.query.data, "a=b", head.query.len);
}

static void malformed_heads_are_refused(void **state)
{
	(void)state;
	expect_bad("\r\n\r\n", 400);
	expect_bad("GET\r\n\r\n", 400);
	expect_bad("GET /\r\n\r\n", 400);
	expect_bad("GET  HTTP/1.1\r\n\r\n", 400);
	expect_bad("GET / x HTTP/1.1\r\n\r\n", 400);
	expect_bad("GET http://h/ HTTP/1.1\r\n\r\n", 400);
	expect_bad("G\x01T / HTTP/1.1\r\n\r\n", 400);
	expect_bad("GET /\x80 HTTP/1.1\r\n\r\n", 400);
	expect_bad("GET / FTP/1.1\r\n\r\n", 400);
	expect_bad("GET / HTTP/2.0\r\n\r\n", 505);
	expect_bad("GET / HTTP/1.0\r\n\r\n", 505);
	expect_bad("GET / HTTP/1.1\r\nHost\r\n\r\n", 400);
	expect_bad("GET / HTTP/1.1\r\n: x\r\n\r\n", 400);
	expect_bad("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400);
	expect_bad("GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400);
	expect_bad("GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n", 400);
	expect_bad("GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", 400);
}

static void heads_are_bounded_in_bytes_and_fields(void **state)
{
	char *text = malloc(2 * WP_HEAD_MAX);
	size_t len = (size_t)sprintf(text, "GET / HTTP/1.1\r\n");
	struct wp_head head;
	unsigned http = 0;

	(void)state;
	memset(text + len, 'a', WP_HEAD_MAX);
	assert_int_equal(wp_head_parse(&head, text, WP_HEAD_MAX, &http),
			 WP_HEAD_BAD);
	assert_int_equal(http, 431);

	for (int i = 0; i < WP_HEAD_FIELDS + 1; i++)
		len += (size_t)sprintf(text + len, "x-%d: y\r\n", i);
	sprintf(text + len, "\r\n");
	expect_bad(text, 431);
	free(text);
}

static void cookies_are_found_by_their_whole_name(void **state)
{
	struct wp_head head;
	struct wp_text value;
	unsigned http;

	(void)state;
	assert_int_equal(parse(&head,
			       "GET / HTTP/1.1\r\n"
			       "Cookie: xauth=1; auth=the.token ; a=b\r\n\r\n",
			       &http),
			 WP_HEAD_OK);
	value = wp_head_cookie(&head, "auth");

	assert_int_equal(value.len, strlen("the.token"));
	assert_memory_equal(value.data, "the.token", value.len);
	assert_null(wp_head_cookie(&head, "aut").data);
}

/* What is behind the head is not looked at, and no part is copied. */
static void the_parts_are_where_they_were(void **state)
{
	const char *text = "PUT /a?b=c?d HTTP/1.1\r\nA:1\r\nb: \t2 3 \r\n"
			   "A: \r\n\r\nC: 4\r\n\r\n";
	struct wp_head head;
	unsigned http;

	(void)state;
	assert_int_equal(parse(&head, text, &http), WP_HEAD_OK);

	assert_int_equal(head.len, strlen(text) - strlen("C: 4\r\n\r\n"));
	assert_ptr_equal(head.method.data, text);
	assert_true(wp_text_is(&head.method, "PUT"));
	assert_true(wp_text_is(&head.path, "/a"));
	assert_true(wp_text_is(&head.query, "b=c?d"));
	assert_int_equal(head.n_fields, 3);
	assert_true(wp_text_is(&head.fields[0].value, "1"));
	assert_true(wp_text_is(&head.fields[1].value, "2 3"));
	assert_int_equal(head.fields[2].value.len, 0);
	assert_non_null(head.fields[2].value.data);
	assert_int_equal(wp_head_count(&head, "a"), 2);
	assert_int_equal(wp_head_count(&head, "c"), 0);
	assert_null(wp_head_field(&head, "c").data);

	assert_int_equal(parse(&head, "GET / HTTP/1.1\r\n\r\n", &http),
			 WP_HEAD_OK);
	assert_int_equal(head.n_fields, 0);
	assert_null(head.query.data);
}

static void as_many_fields_as_may_be_are_read(void **state)
{
	char text[64 * WP_HEAD_FIELDS];
	size_t len = (size_t)sprintf(text, "GET / HTTP/1.1\r\n");
	struct wp_head head;
	unsigned http;

	(void)state;
	for (int i = 0; i < WP_HEAD_FIELDS; i++)
		len += (size_t)sprintf(text + len, "x-%d: %d\r\n", i, i);
	sprintf(text + len, "\r\n");

	assert_int_equal(parse(&head, text, &http), WP_HEAD_OK);
	assert_int_equal(head.n_fields, WP_HEAD_FIELDS);
	assert_true(wp_text_is(&head.fields[WP_HEAD_FIELDS - 1].value, "63"));
}

static void who_wants_the_line_only_sees_no_field_and_no_version(void **state)
{
	static const struct {
		const char *text;
		enum wp_head_status status;
	} rows[] = {
		{ "GET /m?a HTTP/1.1\r\n\r\n", WP_HEAD_OK },
		{ "GET /m?a HTTP/1.0\r\nbad\r\n\r\n", WP_HEAD_OK },
		{ "GET /m?a HTTP/1.1\r\n", WP_HEAD_MORE },
		{ "", WP_HEAD_MORE },
		{ "GET /m\r\n\r\n", WP_HEAD_BAD },
		{ "\r\n\r\n", WP_HEAD_BAD },
	};
	struct wp_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(wp_head_parse_line(&head, rows[i].text,
						    strlen(rows[i].text)),
				 rows[i].status);
		if (rows[i].status != WP_HEAD_OK)
			continue;
		assert_true(wp_text_is(&head.method, "GET"));
		assert_true(wp_text_is(&head.path, "/m"));
		assert_true(wp_text_is(&head.query, "a"));
		assert_int_equal(head.n_fields, 0);
	}
}

static void tokens_are_found_in_any_list_of_the_name(void **state)
{
	struct wp_head head;
	unsigned http;

	(void)state;
	assert_int_equal(parse(&head,
			       "GET / HTTP/1.1\r\nA: x, Upgrade\r\n"
			       "B: z\r\nA:\ty\t,\r\n\r\n",
			       &http),
			 WP_HEAD_OK);

	assert_true(wp_head_has_token(&head, "a", "upgrade"));
	assert_true(wp_head_has_token(&head, "A", "Y"));
	assert_false(wp_head_has_token(&head, "a", "z"));
	assert_false(wp_head_has_token(&head, "a", "up"));
	assert_false(wp_head_has_token(&head, "c", "x"));
}

static void lists_are_cut_at_commas(void **state)
{
	struct wp_text list = text_of(" a ,,\tb c"), absent = { 0 };
	struct wp_text one;

	(void)state;
	assert_true(wp_text_next_element(&list, &one));
	assert_true(wp_text_is(&one, "a"));
	assert_true(wp_text_next_element(&list, &one));
	assert_int_equal(one.len, 0);
	assert_true(wp_text_next_element(&list, &one));
	assert_true(wp_text_is(&one, "b c"));
	assert_false(wp_text_next_element(&list, &one));
	assert_false(wp_text_next_element(&absent, &one));
}

static void texts_are_compared_whole(void **state)
{
	struct wp_text text = text_of("Ab"), absent = { 0 };
	struct wp_text empty = text_of("");

	(void)state;
	assert_true(wp_text_is(&text, "Ab"));
	assert_false(wp_text_is(&text, "ab"));
	assert_false(wp_text_is(&text, "A"));
	assert_false(wp_text_is(&text, "Abc"));
	assert_true(wp_text_is_word(&text, "aB"));
	assert_false(wp_text_is_word(&text, "aBc"));
	assert_true(wp_text_is(&empty, ""));
	assert_false(wp_text_is(&absent, ""));
	assert_false(wp_text_is_word(&absent, ""));
}

static void a_token_has_no_separator(void **state)
{
	static const char good[] = "azAZ09!#$%&'*+-.^_`|~";
	struct wp_text text = text_of(good);

	(void)state;
	assert_true(wp_text_is_token(&text));
	text.len = 0;
	assert_false(wp_text_is_token(&text));
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		struct wp_text one = { &byte, 1 };

		assert_int_equal(wp_text_is_token(&one),
				 c != 0 && (strchr(good, c) != NULL ||
					    (c > '0' && c < '9') ||
					    (c > 'A' && c < 'Z') ||
					    (c > 'a' && c < 'z')));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix_of_a_head_asks_for_more),
		cmocka_unit_test(malformed_heads_are_refused),
		cmocka_unit_test(heads_are_bounded_in_bytes_and_fields),
		cmocka_unit_test(cookies_are_found_by_their_whole_name),
		cmocka_unit_test(the_parts_are_where_they_were),
		cmocka_unit_test(as_many_fields_as_may_be_are_read),
		cmocka_unit_test(
			who_wants_the_line_only_sees_no_field_and_no_version),
		cmocka_unit_test(tokens_are_found_in_any_list_of_the_name),
		cmocka_unit_test(lists_are_cut_at_commas),
		cmocka_unit_test(texts_are_compared_whole),
		cmocka_unit_test(a_token_has_no_separator),
	};

	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
