/* Addresses of e-mail: only what means nothing in a header or a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/push/address.h"

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN

static void a_plain_address_is_one(void **state)
{
	static const char *const good[] = {
		"bob@example.com",
		"Bob.B_b%c+d-e@mail.example.com",
		"1@example.co",
		SIXTY "abcd@example.com",
		"a@xn--bcher-kva.example",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!wp_push_address_ok(good[i]))
			fail_msg("%s", good[i]);
}

static void whatever_else_there_may_be_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"@example.com",
		"bob",
		"bob@",
		"bob@example",
		"bob@127.0.0.1",
		"bob@[127.0.0.1]",
		"bob@0x7f.1",
		"bob@example.com.",
		"bob@-example.com",
		"bob@exa_mple.com",
		"bob@@example.com",
		"bob@example.com@example.com",
		SIXTY "abcde@example.com",
		"b ob@example.com",
		" bob@example.com",
		"bob@example.com ",
		"bob@example.com\r\nBcc: eve@example.com",
		"bob\r\n@example.com",
		"bob@example.com>",
		"<bob@example.com>",
		"\"bob\"@example.com",
		"bob,eve@example.com",
		"bob;eve@example.com",
		"bob:eve@example.com",
		"b(ob)@example.com",
		"b\xc3\xb6"
		"b@example.com",
		"bob@b\xc3\xbc"
		"cher.example",
		"b\x7f"
		"ob@example.com",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (wp_push_address_ok(bad[i]))
			fail_msg("%s", bad[i]);
}

static void it_is_as_long_as_a_server_takes(void **state)
{
	char text[400];

	(void)state;
	(void)snprintf(text, sizeof(text), "abcd@%s.%s.%s.%s.example", SIXTY,
		       SIXTY, SIXTY, SIXTY "");
	text[WP_ADDRESS_MAX] = '\0';
	text[WP_ADDRESS_MAX - 1] = 'e';
	assert_true(wp_push_address_ok(text));
	memmove(text + 1, text, WP_ADDRESS_MAX + 1);
	text[0] = 'a';
	assert_false(wp_push_address_ok(text));
}

static void only_its_host_is_the_same_in_any_case(void **state)
{
	char text[] = "Bob.B@Mail.EXAMPLE.com";

	(void)state;
	wp_push_address_settle(text);
	assert_string_equal(text, "Bob.B@mail.example.com");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_address_is_one),
		cmocka_unit_test(whatever_else_there_may_be_is_none),
		cmocka_unit_test(it_is_as_long_as_a_server_takes),
		cmocka_unit_test(only_its_host_is_the_same_in_any_case),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
