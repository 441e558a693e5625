/* The HTTP half of a WebSocket connection, against RFC 9112 and RFC 6455. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ws-daemon/wire/http.h"

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

/* ---- upgrades ---- */

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define SOUND                                                                  \
	"Host: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"

static enum wp_head_status parse(struct wp_head *head, const char *text,
				 unsigned *http)
{
	*http = 0;
	return wp_head_parse(head, text, strlen(text), http);
}

/* Judge "GET /ws HTTP/1.1" with these fields as an upgrade. */
static unsigned judge(const char *fields, struct wp_upgrade *upgrade)
{
	static char text[2048];
	static struct wp_head head;
	unsigned http;

	snprintf(text, sizeof(text), "GET /ws HTTP/1.1\r\n%s\r\n", fields);
	assert_int_equal(parse(&head, text, &http), WP_HEAD_OK);
	return wp_upgrade_read(upgrade, &head);
}

static void a_sound_upgrade_is_accepted_as_the_rfc_shows(void **state)
{
	struct wp_upgrade upgrade;

	(void)state;
	assert_int_equal(judge(SOUND, &upgrade), 101);
	wp_upgrade_response(&out, &upgrade);

	/* RFC 6455 section 1.3. */
	assert_string_equal(out.data, "HTTP/1.1 101 Switching Protocols\r\n"
				      "Upgrade: websocket\r\n"
				      "Connection: Upgrade\r\n"
				      "Sec-WebSocket-Accept: "
				      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
				      "\r\n");
	assert_null(upgrade.origin.data);
	assert_null(upgrade.plain_name.data);
	assert_null(upgrade.inline_name.data);
}

static void
the_answer_selects_a_protocol_only_when_one_was_offered(void **state)
{
	struct wp_upgrade upgrade;

	(void)state;
	assert_int_equal(judge(SOUND, &upgrade), 101);
	wp_upgrade_response(&out, &upgrade);
	assert_null(strstr(out.data, "Sec-WebSocket-Protocol"));
	assert_non_null(strstr(out.data, "\r\n\r\n"));

	wp_buf_clear(&out);
	assert_int_equal(judge(SOUND
			       "Sec-WebSocket-Protocol: waypost.v1, a.b.c\r\n",
			       &upgrade),
			 101);
	wp_upgrade_response(&out, &upgrade);
	assert_non_null(
		strstr(out.data, "Sec-WebSocket-Protocol: waypost.v1\r\n"));
	assert_null(strstr(out.data, "a.b.c"));
}

static void unsound_upgrades_get_the_right_status(void **state)
{
	struct wp_upgrade u;

	(void)state;
	assert_int_equal(judge("Host: h\r\n", &u), 426);
	assert_int_equal(judge("Host: h\r\nUpgrade: websocket\r\n"
			       "Connection: Upgrade\r\n"
			       "Sec-WebSocket-Version: 12\r\n"
			       "Sec-WebSocket-Key: " KEY "\r\n",
			       &u),
			 426);
	assert_int_equal(judge("Host: h\r\nUpgrade: websocket\r\n"
			       "Connection: Upgrade\r\n"
			       "Sec-WebSocket-Version: 13\r\n",
			       &u),
			 400);
	assert_int_equal(judge("Host: h\r\nUpgrade: websocket\r\n"
			       "Connection: Upgrade\r\n"
			       "Sec-WebSocket-Version: 13\r\n"
			       "Sec-WebSocket-Key: dGhl\r\n",
			       &u),
			 400);
	assert_int_equal(judge(SOUND "Sec-WebSocket-Key: " KEY "\r\n", &u),
			 400);
	assert_int_equal(judge(SOUND "Content-Length: 5\r\n", &u), 400);
	assert_int_equal(judge(SOUND "Transfer-Encoding: chunked\r\n", &u),
			 400);
	assert_int_equal(judge(SOUND "Host: other\r\n", &u), 400);
	assert_int_equal(judge(SOUND "Content-Length: 0\r\n", &u), 101);
}

static void only_get_is_a_method_here(void **state)
{
	struct wp_upgrade upgrade;
	struct wp_head head;
	unsigned http;

	(void)state;
	assert_int_equal(
		parse(&head, "POST /ws HTTP/1.1\r\n" SOUND "\r\n", &http),
		WP_HEAD_OK);
	assert_int_equal(wp_upgrade_read(&upgrade, &head), 405);
	assert_int_equal(
		parse(&head, "get /ws HTTP/1.1\r\n" SOUND "\r\n", &http),
		WP_HEAD_OK);
	assert_int_equal(wp_upgrade_read(&upgrade, &head), 405);
}

/* Is this, or nothing, what the 101 selects? */
static void expect_selected(const struct wp_upgrade *upgrade, const char *want)
{
	static const char field[] = "\r\nSec-WebSocket-Protocol: ";
	struct wp_buf answer;
	const char *at;

	wp_buf_init(&answer, 0);
	wp_upgrade_response(&answer, upgrade);
	at = strstr(answer.data, field);
	if (want == NULL) {
		assert_null(at);
	} else {
		assert_non_null(at);
		at += strlen(field);
		assert_memory_equal(at, want, strlen(want));
		assert_memory_equal(at + strlen(want), "\r\n", 2);
	}
	wp_buf_release(&answer);
}

static void protocols_name_a_token_in_three_forms(void **state)
{
	struct wp_upgrade u;

	(void)state;
	assert_int_equal(
		judge(SOUND "Sec-WebSocket-Protocol: waypost.v1,tok\r\n", &u),
		101);
	assert_memory_equal(u.subprotocol_token.data, "tok", 3);
	expect_selected(&u, "waypost.v1");

	assert_int_equal(judge(SOUND "Sec-WebSocket-Protocol: tok\r\n", &u),
			 101);
	assert_memory_equal(u.subprotocol_token.data, "tok", 3);
	expect_selected(&u, "tok");

	assert_int_equal(
		judge(SOUND "Sec-WebSocket-Protocol: waypost.v1\r\n", &u), 101);
	assert_null(u.subprotocol_token.data);

	assert_int_equal(
		judge(SOUND "Sec-WebSocket-Protocol: a, b, waypost.v1\r\n", &u),
		400);
	assert_int_equal(judge(SOUND "Sec-WebSocket-Protocol: a\r\n"
				     "Sec-WebSocket-Protocol: b\r\n",
			       &u),
			 400);
	assert_int_equal(judge(SOUND "Sec-WebSocket-Protocol: a,,b\r\n", &u),
			 400);
}

static void messages_in_place_of_pokes_have_a_name_of_their_own(void **state)
{
	struct wp_upgrade u;

	(void)state;
	assert_int_equal(judge(SOUND "Sec-WebSocket-Protocol: "
				     "waypost.v1, waypost.v1.inline, tok\r\n",
			       &u),
			 101);
	assert_memory_equal(u.subprotocol_token.data, "tok", 3);
	assert_non_null(u.inline_name.data);
	/* Whoever reads it says whether it is given. */
	expect_selected(&u, "waypost.v1");
	u.is_inline = true;
	expect_selected(&u, "waypost.v1.inline");

	/* A token is not echoed where a name was offered. */
	assert_int_equal(judge(SOUND "Sec-WebSocket-Protocol: "
				     "tok, waypost.v1.inline\r\n",
			       &u),
			 101);
	assert_memory_equal(u.subprotocol_token.data, "tok", 3);
	expect_selected(&u, NULL);
	u.is_inline = true;
	expect_selected(&u, "waypost.v1.inline");

	/* Asked for in the URL, it selects what is offered. */
	assert_int_equal(
		judge(SOUND "Sec-WebSocket-Protocol: waypost.v1\r\n", &u), 101);
	u.is_inline = true;
	expect_selected(&u, "waypost.v1");

	assert_int_equal(judge(SOUND "Sec-WebSocket-Protocol: "
				     "waypost.v1.inline, a, b\r\n",
			       &u),
			 400);
}

/* ---- other answers ---- */

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sound_upgrade_is_accepted_as_the_rfc_shows),
		TEST(the_answer_selects_a_protocol_only_when_one_was_offered),
		TEST(unsound_upgrades_get_the_right_status),
		TEST(only_get_is_a_method_here),
		TEST(protocols_name_a_token_in_three_forms),
		TEST(messages_in_place_of_pokes_have_a_name_of_their_own),
		TEST(ok_says_its_length_with_and_without_its_body),
		TEST(error_is_json_with_a_code),
		TEST(status_brings_what_it_needs),
		TEST(retry_after_is_spread_over_five_seconds),
		TEST(who_brings_no_id_gets_a_new_one),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
