/* Passwords that are made here are good enough, whatever the settings ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/accounts/new_account.h"
#include "lib/accounts/password_rules.h"

static void they_keep_the_rules_at_every_length(void **state)
{
	char text[WP_PASSWORD_MADE_MAX + 1];
	struct wp_username bob;

	(void)state;
	assert_int_equal(wp_username_read(&bob, "bob", 3, NULL), WP_OK);
	/* The range of accounts.min_password_length. */
	for (size_t min = 8; min <= 128; min++) {
		const struct wp_password_rules rules = { .min_chars = min,
							 .name = &bob };
		struct wp_error err = { 0 };
		size_t len = wp_password_invent(text, min);

		assert_int_equal(strlen(text), len);
		assert_true(len >= min && len >= WP_RECOVERY_CODE_LEN);
		if (wp_password_rules_check(&rules, text, len, &err) != WP_OK)
			fail_msg("%zu: %s", min, err.msg);
	}
}

static void each_is_another_one(void **state)
{
	char a[WP_PASSWORD_MADE_MAX + 1], b[WP_PASSWORD_MADE_MAX + 1];
	size_t len = wp_password_invent(a, 60);

	(void)state;
	assert_int_equal(len, 3 * WP_RECOVERY_CODE_LEN);
	assert_int_equal(wp_password_invent(b, 60), len);
	assert_string_not_equal(a, b);
	/* Nor does one part repeat another. */
	assert_memory_not_equal(a, a + WP_RECOVERY_CODE_LEN,
				WP_RECOVERY_CODE_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_keep_the_rules_at_every_length),
		cmocka_unit_test(each_is_another_one),
	};

	return cmocka_run_group_tests_name("new_account", tests, NULL, NULL);
}
