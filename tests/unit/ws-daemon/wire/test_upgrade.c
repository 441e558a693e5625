/* The HTTP half of a WebSocket connection, against RFC 9112 and RFC 6455. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ws-daemon/wire/upgrade.h"

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

static void expect_bad(const char *text, unsigned status)
{
	struct wp_head head;
	unsigned http;

	assert_int_equal(parse(&head, text, &http), WP_HEAD_BAD);
	assert_int_equal(http, status);
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

static void every_prefix_of_a_head_asks_for_more(void **state)
{
	const char *text = "GET /ws?a=b HTTP/1.1\r\n" SOUND "\r\n";
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

static void a_sound_upgrade_is_accepted_as_the_rfc_shows(void **state)
{
	struct wp_upgrade upgrade;
	char accept[WP_ACCEPT_LEN + 1];

	(void)state;
	assert_int_equal(judge(SOUND, &upgrade), 101);
	wp_upgrade_accept(&upgrade.key, accept);

	/* RFC 6455 section 1.3. */
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_null(upgrade.origin.data);
	assert_null(upgrade.protocol.data);
}

static void
the_answer_selects_a_protocol_only_when_one_was_offered(void **state)
{
	struct wp_upgrade upgrade;
	struct wp_buf out;

	(void)state;
	wp_buf_init(&out, 0);
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
	wp_buf_release(&out);
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

static void protocols_name_a_token_in_three_forms(void **state)
{
	struct wp_upgrade u;

	(void)state;
	assert_int_equal(
		judge(SOUND "Sec-WebSocket-Protocol: waypost.v1,tok\r\n", &u),
		101);
	assert_memory_equal(u.subprotocol_token.data, "tok", 3);
	assert_memory_equal(u.protocol.data, "waypost.v1", u.protocol.len);

	assert_int_equal(judge(SOUND "Sec-WebSocket-Protocol: tok\r\n", &u),
			 101);
	assert_memory_equal(u.subprotocol_token.data, "tok", 3);
	assert_memory_equal(u.protocol.data, "tok", u.protocol.len);

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

static int param(const char *query, const char *name, char *out, size_t size)
{
	struct wp_text text = { query, strlen(query) };

	return wp_query_param(&text, name, out, size);
}

static void query_parameters_are_found_and_decoded(void **state)
{
	struct wp_text absent = { 0 };
	char out[8];

	(void)state;
	assert_int_equal(param("ticket=abc", "ticket", out, sizeof(out)), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(
		param("x=1&ticket=a%2Db&y", "ticket", out, sizeof(out)), 3);
	assert_string_equal(out, "a-b");
	assert_int_equal(
		param("xticket=1&tickets=2", "ticket", out, sizeof(out)), -1);
	/* The rules are those of all other queries: see test_query. */
	assert_int_equal(param("ticket", "ticket", out, sizeof(out)), 0);
	assert_int_equal(param("%74icket=a+b", "ticket", out, sizeof(out)), 3);
	assert_string_equal(out, "a+b");
	assert_int_equal(param("ticket=a&ticket=a", "ticket", out, sizeof(out)),
			 -2);
	assert_int_equal(param("", "ticket", out, sizeof(out)), -1);
	assert_int_equal(wp_query_param(&absent, "ticket", out, sizeof(out)),
			 -1);
	assert_int_equal(param("ticket=%4", "ticket", out, sizeof(out)), -2);
	assert_int_equal(param("ticket=%zz", "ticket", out, sizeof(out)), -2);
	assert_int_equal(param("ticket=%00", "ticket", out, sizeof(out)), -2);
	assert_int_equal(param("ticket=12345678", "ticket", out, sizeof(out)),
			 -2);
	assert_int_equal(param("ticket=", "ticket", out, sizeof(out)), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix_of_a_head_asks_for_more),
		cmocka_unit_test(malformed_heads_are_refused),
		cmocka_unit_test(heads_are_bounded_in_bytes_and_fields),
		cmocka_unit_test(a_sound_upgrade_is_accepted_as_the_rfc_shows),
		cmocka_unit_test(
			the_answer_selects_a_protocol_only_when_one_was_offered),
		cmocka_unit_test(unsound_upgrades_get_the_right_status),
		cmocka_unit_test(only_get_is_a_method_here),
		cmocka_unit_test(protocols_name_a_token_in_three_forms),
		cmocka_unit_test(query_parameters_are_found_and_decoded),
		cmocka_unit_test(cookies_are_found_by_their_whole_name),
	};

	return cmocka_run_group_tests_name("upgrade", tests, NULL, NULL);
}
