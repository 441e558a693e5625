/* Answers over HTTP, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ws-daemon/wire/http_answer.h"

static struct wp_buf out;

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

static void ok_says_its_length_with_and_without_its_body(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
				   "Content-Type: text/plain\r\n"
				   "Content-Length: 5\r\n"
				   "X-Request-Id: id-1\r\n"
				   "Cache-Control: no-store\r\n"
				   "Connection: close\r\n"
				   "\r\n";
	size_t len = strlen(head);

	(void)state;
	wp_http_answer_ok(&out, "id-1", "text/plain", "READY", false);
	assert_string_equal(out.data, head);
	wp_http_answer_ok(&out, "id-1", "text/plain", "READY", true);
	assert_memory_equal(out.data + len, head, len);
	assert_string_equal(out.data + 2 * len, "READY");
}

static void error_is_json_with_a_code(void **state)
{
	(void)state;
	wp_http_answer_error(&out, "id-1", 404, "not_found",
			     "no \"such\" path");
	assert_string_equal(out.data, "HTTP/1.1 404 Not Found\r\n"
				      "Content-Type: application/json\r\n"
				      "Content-Length: 47\r\n"
				      "X-Request-Id: id-1\r\n"
				      "Cache-Control: no-store\r\n"
				      "Connection: close\r\n"
				      "\r\n"
				      "{\"error\":\"no \\\"such\\\" path\","
				      "\"code\":\"not_found\"}");
}

static void status_brings_what_it_needs(void **state)
{
	static const struct {
		unsigned status;
		const char *line;
	} rows[] = {
		{ 401, "\r\nWWW-Authenticate: Bearer\r\n" },
		{ 405, "\r\nAllow: GET\r\n" },
		{ 426, "\r\nUpgrade: websocket\r\n"
		       "Sec-WebSocket-Version: 13\r\n" },
		{ 426, "\r\nConnection: close, Upgrade\r\n" },
		{ 503, "\r\nRetry-After: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wp_buf_clear(&out);
		wp_http_answer_error(&out, NULL, rows[i].status, "c", "s");
		assert_non_null(strstr(out.data, rows[i].line));
		/* And no other one. */
		wp_buf_clear(&out);
		wp_http_answer_error(&out, NULL, 400, "c", "s");
		assert_null(strstr(out.data, rows[i].line));
	}
}

static void retry_after_is_spread_over_five_seconds(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		unsigned seconds = 0;

		wp_buf_clear(&out);
		wp_http_answer_error(&out, NULL, 503, "c", "s");
		assert_int_equal(sscanf(strstr(out.data, "Retry-After: "),
					"Retry-After: %u\r", &seconds),
				 1);
		assert_in_range(seconds, 1, 5);
		seen |= 1U << seconds;
	}
	assert_int_equal(seen, 0x3e);
}

static void who_brings_no_id_gets_a_new_one(void **state)
{
	char first[33] = "";
	char second[33] = "";

	(void)state;
	wp_http_answer_error(&out, "", 400, "c", "s");
	assert_int_equal(sscanf(strstr(out.data, "X-Request-Id: "),
				"X-Request-Id: %32[0-9a-f]\r", first),
			 1);
	wp_buf_clear(&out);
	wp_http_answer_error(&out, NULL, 400, "c", "s");
	assert_int_equal(sscanf(strstr(out.data, "X-Request-Id: "),
				"X-Request-Id: %32[0-9a-f]\r", second),
			 1);
	assert_int_equal(strlen(first), 32);
	assert_string_not_equal(first, second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			ok_says_its_length_with_and_without_its_body, setup,
			teardown),
		cmocka_unit_test_setup_teardown(error_is_json_with_a_code,
						setup, teardown),
		cmocka_unit_test_setup_teardown(status_brings_what_it_needs,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			retry_after_is_spread_over_five_seconds, setup,
			teardown),
		cmocka_unit_test_setup_teardown(who_brings_no_id_gets_a_new_one,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("http_answer", tests, NULL, NULL);
}
