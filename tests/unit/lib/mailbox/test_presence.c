/* What is said on the channels, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/presence.h"

static struct {
	char text[256];
	size_t len;
} heard;

static void hear(void *ctx, const struct wp_poke *poke)
{
	char *at = heard.text + heard.len;
	size_t room = sizeof(heard.text) - heard.len;

	(void)ctx;
	if (poke->what == WP_POKE_NONCE)
		heard.len +=
			(size_t)snprintf(at, room, "nonce %u;", poke->nonce);
	else
		heard.len += (size_t)snprintf(
			at, room, "%s %.*s;",
			poke->what == WP_POKE_USER ? "user" : "kick",
			(int)poke->len, poke->text);
}

/*
 * Everything that a message says, written down: "user a; kick b; nonce 7;".
 * The message is copied to where nothing follows it.
 */
static const char *said(const char *message, size_t len)
{
	char *copy = test_malloc(len + 1);

	memcpy(copy, message, len);
	copy[len] = '!';
	heard.len = 0;
	heard.text[0] = '\0';
	wp_poke_read(copy, len, hear, NULL);
	test_free(copy);
	return heard.text;
}

static const char *text_says(const char *message)
{
	return said(message, strlen(message));
}

static void users_are_told_one_by_one(void **state)
{
	(void)state;
	assert_string_equal(text_says("p urn:a"), "user urn:a;");
	assert_string_equal(text_says("p a,b,c"), "user a;user b;user c;");
	assert_string_equal(text_says("p a,,b,"), "user a;user ;user b;");
	assert_string_equal(text_says("p ,"), "user ;");
	assert_string_equal(text_says("p  a"), "user  a;");
}

static void a_kick_names_one_connection(void **state)
{
	(void)state;
	assert_string_equal(text_says("k 0a-1b.77"), "kick 0a-1b.77;");
	assert_string_equal(text_says("k a,b"), "kick a,b;");
}

static void a_nonce_is_a_number_of_32_bits(void **state)
{
	(void)state;
	assert_string_equal(text_says("n 0"), "nonce 0;");
	assert_string_equal(text_says("n 007"), "nonce 7;");
	assert_string_equal(text_says("n 4294967295"), "nonce 4294967295;");
	assert_string_equal(text_says("n 4294967296"), "");
	assert_string_equal(text_says("n 18446744073709551615"), "");
	assert_string_equal(text_says("n 18446744073709551616"), "");
	assert_string_equal(text_says("n 1a"), "");
	assert_string_equal(text_says("n -1"), "");
	assert_string_equal(text_says("n  1"), "");
	assert_string_equal(said("n 1\0", 4), "");
}

static void what_is_not_understood_says_nothing(void **state)
{
	(void)state;
	assert_string_equal(text_says(""), "");
	assert_string_equal(text_says("p"), "");
	assert_string_equal(text_says("p "), "");
	assert_string_equal(text_says("k "), "");
	assert_string_equal(text_says("n "), "");
	assert_string_equal(text_says("pa,b"), "");
	assert_string_equal(text_says("p\ta"), "");
	assert_string_equal(text_says("x a"), "");
	assert_string_equal(text_says("P a"), "");
	assert_string_equal(said("\0 a", 3), "");
}

static void no_byte_behind_a_message_is_read(void **state)
{
	static const char message[] = "p a,bc";
	static const char *const expected[] = { "",
						"",
						"",
						"user a;",
						"user a;",
						"user a;user b;",
						"user a;user bc;" };

	(void)state;
	for (size_t len = 0; len < sizeof(message); len++)
		assert_string_equal(said(message, len), expected[len]);
}

static void a_nonce_goes_to_the_own_channel(void **state)
{
	static const char words[] = "$7\r\nPUBLISH\r\n"
				    "$13\r\nwp:poke:0a-1b\r\n"
				    "$12\r\nn 4294967295\r\n";
	size_t len;
	const char *text;
	struct wp_cmd cmd;

	(void)state;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "of before");
	wp_poke_nonce_build(&cmd, "0a-1b", UINT32_MAX);

	assert_false(cmd.words.failed);
	assert_int_equal(cmd.n, 3);
	assert_int_equal(cmd.words.len, sizeof(words) - 1);
	assert_memory_equal(cmd.words.data, words, sizeof(words) - 1);
	text = wp_cmd_word(&cmd, 2, &len);
	assert_string_equal(said(text, len), "nonce 4294967295;");
	wp_cmd_release(&cmd);
}

static void the_longest_incarnation_has_a_channel(void **state)
{
	static const char longest[] = "0123456789abcdef0123456789abcdef-abcdef";
	char channel[WP_POKE_CHANNEL_MAX + 1];
	char name[WP_CONNECTION_MAX + 1];

	(void)state;
	assert_int_equal(strlen(longest), WP_INCARNATION_MAX);
	wp_poke_channel(channel, longest);
	assert_string_equal(channel,
			    "wp:poke:0123456789abcdef0123456789abcdef-abcdef");
	wp_connection_name(name, longest, UINT64_MAX);
	assert_string_equal(name, "0123456789abcdef0123456789abcdef-abcdef."
				  "18446744073709551615");
}

static const char *notified(const char *channel, size_t len, size_t *len_out)
{
	*len_out = len;
	return wp_poke_notified(channel, len_out);
}

static void a_notification_is_for_the_rest_of_its_channels_name(void **state)
{
	size_t len;

	(void)state;
	assert_string_equal(notified("user_noti:bob", 13, &len), "bob");
	assert_int_equal(len, 3);
	assert_memory_equal(notified("user_noti:b\0x", 13, &len), "b\0x", 3);
	assert_int_equal(len, 3);
	assert_non_null(notified("user_noti:", 10, &len));
	assert_int_equal(len, 0);
	assert_null(notified("user_noti:", 9, &len));
	assert_null(notified("user_note:bob", 13, &len));
	assert_null(notified("", 0, &len));
}

static bool number_of(const char *name, uint64_t *out)
{
	return wp_connection_number(name, strlen(name), "i1", out);
}

static void a_connection_has_a_number_under_its_incarnation(void **state)
{
	char name[WP_CONNECTION_MAX + 1];
	uint64_t number = 0;

	(void)state;
	wp_connection_name(name, "i1", 42);
	assert_string_equal(name, "i1.42");
	assert_true(number_of(name, &number));
	assert_int_equal(number, 42);
	assert_true(wp_connection_number("i1.427", 5, "i1", &number));
	assert_int_equal(number, 42);

	assert_false(number_of("i1.", &number));
	assert_false(number_of("i1", &number));
	assert_false(number_of("i1-42", &number));
	assert_false(number_of("i2.42", &number));
	assert_false(number_of("i10.42", &number));
	assert_false(number_of("i1.4x", &number));
	assert_false(number_of("i1.99999999999999999999", &number));
	assert_false(number_of("", &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_told_one_by_one),
		cmocka_unit_test(a_kick_names_one_connection),
		cmocka_unit_test(a_nonce_is_a_number_of_32_bits),
		cmocka_unit_test(what_is_not_understood_says_nothing),
		cmocka_unit_test(no_byte_behind_a_message_is_read),
		cmocka_unit_test(a_nonce_goes_to_the_own_channel),
		cmocka_unit_test(the_longest_incarnation_has_a_channel),
		cmocka_unit_test(
			a_notification_is_for_the_rest_of_its_channels_name),
		cmocka_unit_test(
			a_connection_has_a_number_under_its_incarnation),
	};

	return cmocka_run_group_tests_name("poke", tests, NULL, NULL);
}
