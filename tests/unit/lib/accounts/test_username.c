/* Names of accounts: one form, and no name that passes for the operator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/accounts/username.h"

static enum wp_err read_name(struct wp_username *out, const char *text)
{
	return wp_username_read(out, text, strlen(text), NULL);
}

static void upper_case_is_lower_case(void **state)
{
	struct wp_username name;

	(void)state;
	assert_int_equal(read_name(&name, "Bob.The-Builder_2"), WP_OK);
	assert_string_equal(name.text, "bob.the-builder_2");
	assert_int_equal(name.len, strlen(name.text));
}

static void length_is_bounded(void **state)
{
	char text[34];
	struct wp_username name;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++)
		assert_int_equal(wp_username_read(&name, text, len, NULL),
				 len >= 3 && len <= 32 ? WP_OK : WP_ERR_INVAL);
}

static void every_byte_is_judged(void **state)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-";
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct wp_username name;

	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[3] = { 'a', (char)c, 'b' };
		char head[3] = { (char)c, 'a', 'b' };

		assert_int_equal(wp_username_read(&name, text, 3, NULL),
				 memchr(allowed, c, sizeof(allowed) - 1) != NULL
					 ? WP_OK
					 : WP_ERR_INVAL);
		assert_int_equal(wp_username_read(&name, head, 3, NULL),
				 memchr(first, c, sizeof(first) - 1) != NULL
					 ? WP_OK
					 : WP_ERR_INVAL);
	}
}

static void reserved_names_are_known(void **state)
{
	static const char *const names[] = {
		"admin", "root",     "System",  "waypost",  "support",   "HELP",
		"null",  "security", "service", "everyone", "anonymous",
	};
	struct wp_username name;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(read_name(&name, names[i]), WP_OK);
		assert_true(wp_username_is_reserved(&name));
	}
	assert_int_equal(read_name(&name, "admin2"), WP_OK);
	assert_false(wp_username_is_reserved(&name));
}

static void the_mailbox_is_that_of_the_legacy_id(void **state)
{
	struct wp_username name;
	struct wp_urn urn;

	(void)state;
	assert_int_equal(read_name(&name, "Bob"), WP_OK);
	wp_username_urn(&name, &urn);
	assert_string_equal(urn.text, "urn:sm:user:bob");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upper_case_is_lower_case),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(every_byte_is_judged),
		cmocka_unit_test(reserved_names_are_known),
		cmocka_unit_test(the_mailbox_is_that_of_the_legacy_id),
	};

	return cmocka_run_group_tests_name("username", tests, NULL, NULL);
}
