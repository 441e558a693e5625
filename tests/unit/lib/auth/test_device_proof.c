/* A proof is of one account, one device and one password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/auth/device_proof.h"

static const uint8_t account[WP_DEVICE_ACCOUNT_LEN] = "0123456789abcde";
static const uint8_t other[WP_DEVICE_ACCOUNT_LEN] = "0123456789abcdf";
static const struct wp_device phone = { account, "phone-1", 1795225140 };

static struct wp_own_key right_key(void)
{
	struct wp_own_key key;

	wp_own_key_make(&key, "the secret of the store",
			WP_DEVICE_PROOF_PURPOSE);
	return key;
}

static bool is_proof_of(const struct wp_device *device, const char *text)
{
	const struct wp_own_key key = right_key();

	return wp_device_proof_is(&key, device, text, strlen(text));
}

static void it_proves_one_device_and_no_other(void **state)
{
	const struct wp_device others[] = {
		{ other, "phone-1", 1795225140 },
		{ account, "phone-2", 1795225140 },
		{ account, "phone-", 1795225140 },
		{ account, "", 1795225140 },
		{ account, "phone-1", 1795225141 },
		{ account, "phone-1", -1 },
	};
	const struct wp_own_key key = right_key();
	char text[WP_DEVICE_PROOF_LEN + 1];

	(void)state;

	wp_device_proof_write(&key, &phone, text);
	assert_int_equal(strlen(text), WP_DEVICE_PROOF_LEN);
	assert_true(is_proof_of(&phone, text));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(is_proof_of(&others[i], text));
}

static void any_other_character_anywhere_is_refused(void **state)
{
	const struct wp_own_key key = right_key();
	char text[WP_DEVICE_PROOF_LEN + 1];

	(void)state;

	wp_device_proof_write(&key, &phone, text);
	for (size_t i = 0; i < WP_DEVICE_PROOF_LEN; i++) {
		char was = text[i];

		for (int c = 1; c < 256; c++) {
			text[i] = (char)c;
			assert_int_equal(is_proof_of(&phone, text),
					 (char)c == was);
		}
		text[i] = was;
	}
	for (size_t len = 0; len < WP_DEVICE_PROOF_LEN; len++)
		assert_false(wp_device_proof_is(&key, &phone, text, len));
}

static void a_device_has_a_plain_name(void **state)
{
	static const char longest[] = "0123456789abcdef0123456789ABCDEF01234567"
				      "89abcdef0123456789._-xyz";

	(void)state;

	_Static_assert(sizeof(longest) - 1 == WP_DEVICE_ID_MAX, "the longest");
	assert_true(wp_device_id_ok("a", 1));
	assert_true(wp_device_id_ok(longest, WP_DEVICE_ID_MAX));
	assert_false(wp_device_id_ok(longest, WP_DEVICE_ID_MAX + 1));
	assert_false(wp_device_id_ok("", 0));
	for (int c = 0; c < 256; c++) {
		const char one = (char)c;
		bool is_plain = (c >= '0' && c <= '9') ||
				(c >= 'A' && c <= 'Z') ||
				(c >= 'a' && c <= 'z') || c == '.' ||
				c == '_' || c == '-';

		assert_int_equal(wp_device_id_ok(&one, 1), is_plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_proves_one_device_and_no_other),
		cmocka_unit_test(any_other_character_anywhere_is_refused),
		cmocka_unit_test(a_device_has_a_plain_name),
	};

	return cmocka_run_group_tests_name("device_proof", tests, NULL, NULL);
}
