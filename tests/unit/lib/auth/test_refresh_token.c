/* A refresh token is ours or nobody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/auth/refresh_token.h"

static const struct wp_refresh_token some = {
	.partition = 0xfe01,
	.session = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255 },
	.generation = 0x80000001,
};

static struct wp_own_key key_of(const char *secret, const char *purpose)
{
	struct wp_own_key key;

	wp_own_key_make(&key, secret, purpose);
	return key;
}

static struct wp_own_key right_key(void)
{
	return key_of("the secret of the store", WP_REFRESH_TOKEN_PURPOSE);
}

static enum wp_err read_as(const struct wp_own_key *key, const char *text)
{
	struct wp_refresh_token out;

	return wp_refresh_token_read(key, text, strlen(text), &out);
}

static void what_was_written_is_read(void **state)
{
	const struct wp_own_key key = right_key();
	char text[WP_REFRESH_TOKEN_LEN + 1];
	struct wp_refresh_token out;

	(void)state;

	wp_refresh_token_write(&key, &some, text);
	assert_int_equal(strlen(text), WP_REFRESH_TOKEN_LEN);
	assert_memory_equal(text, "wpr_", 4);
	assert_int_equal(wp_refresh_token_read(&key, text, strlen(text), &out),
			 WP_OK);
	assert_int_equal(out.partition, some.partition);
	assert_memory_equal(out.session, some.session, sizeof(out.session));
	assert_int_equal(out.generation, some.generation);
}

/* The form is a contract: what was given yesterday must be read tomorrow. */
static void its_form_is_what_it_was(void **state)
{
	const struct wp_own_key key = right_key();
	char text[WP_REFRESH_TOKEN_LEN + 1];

	(void)state;

	wp_refresh_token_write(&key, &some, text);
	assert_memory_equal(text, "wpr__gEAAQIDBAUGBwgJCgsMDQ7_gAAAA",
			    sizeof("wpr__gEAAQIDBAUGBwgJCgsMDQ7_gAAAA") - 1);
}

static void any_other_character_anywhere_is_refused(void **state)
{
	const struct wp_own_key key = right_key();
	char text[WP_REFRESH_TOKEN_LEN + 1];

	(void)state;

	wp_refresh_token_write(&key, &some, text);
	for (size_t i = 0; i < WP_REFRESH_TOKEN_LEN; i++) {
		char was = text[i];

		for (int c = 1; c < 256; c++) {
			text[i] = (char)c;
			if ((char)c != was)
				assert_int_equal(read_as(&key, text),
						 WP_ERR_DENIED);
		}
		text[i] = was;
	}
	assert_int_equal(read_as(&key, text), WP_OK);
}

static void another_length_is_refused(void **state)
{
	const struct wp_own_key key = right_key();
	char text[WP_REFRESH_TOKEN_LEN + 2];
	struct wp_refresh_token out;

	(void)state;

	wp_refresh_token_write(&key, &some, text);
	text[WP_REFRESH_TOKEN_LEN] = 'A';
	for (size_t len = 0; len <= WP_REFRESH_TOKEN_LEN + 1; len++)
		assert_int_equal(wp_refresh_token_read(&key, text, len, &out),
				 len == WP_REFRESH_TOKEN_LEN ? WP_OK
							     : WP_ERR_DENIED);
}

static void another_secret_or_purpose_makes_another_token(void **state)
{
	const struct wp_own_key right = right_key();
	const struct wp_own_key keys[] = {
		key_of("another secret", WP_REFRESH_TOKEN_PURPOSE),
		key_of("the secret of the store", "another purpose"),
	};
	char text[WP_REFRESH_TOKEN_LEN + 1];

	(void)state;

	wp_refresh_token_write(&right, &some, text);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(read_as(&keys[i], text), WP_ERR_DENIED);
}

static void a_key_that_is_forgotten_is_gone(void **state)
{
	static const struct wp_own_key nothing;
	struct wp_own_key key = right_key();

	(void)state;

	wp_own_key_forget(&key);
	assert_memory_equal(&key, &nothing, sizeof(key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(its_form_is_what_it_was),
		cmocka_unit_test(any_other_character_anywhere_is_refused),
		cmocka_unit_test(another_length_is_refused),
		cmocka_unit_test(another_secret_or_purpose_makes_another_token),
		cmocka_unit_test(a_key_that_is_forgotten_is_gone),
	};

	return cmocka_run_group_tests_name("refresh_token", tests, NULL, NULL);
}
