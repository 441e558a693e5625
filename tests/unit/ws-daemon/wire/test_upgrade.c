/* The HTTP half of a WebSocket connection, against RFC 9112 and RFC 6455. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_upgrade_is_accepted_as_the_rfc_shows),
		cmocka_unit_test(
			the_answer_selects_a_protocol_only_when_one_was_offered),
		cmocka_unit_test(unsound_upgrades_get_the_right_status),
		cmocka_unit_test(only_get_is_a_method_here),
		cmocka_unit_test(protocols_name_a_token_in_three_forms),
	};

	return cmocka_run_group_tests_name("upgrade", tests, NULL, NULL);
}
