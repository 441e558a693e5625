/* Codes are random, and read as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/accounts/recovery.h"
#include "lib/base/digest.h"

static void a_code_is_26_letters_and_digits_of_base32(void **state)
{
	char a[WP_RECOVERY_CODE_LEN + 1], b[WP_RECOVERY_CODE_LEN + 1];
	uint8_t hash[WP_RECOVERY_HASH_LEN];

	(void)state;
	wp_recovery_make(a, hash);
	wp_recovery_make(b, hash);
	assert_int_equal(strlen(a), 26);
	assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz234567"), 26);
	assert_string_not_equal(a, b);
}

static void what_is_kept_is_its_digest(void **state)
{
	char code[WP_RECOVERY_CODE_LEN + 1];
	uint8_t kept[WP_RECOVERY_HASH_LEN], hash[WP_RECOVERY_HASH_LEN];

	(void)state;
	wp_recovery_make(code, kept);
	wp_sha256(code, WP_RECOVERY_CODE_LEN, hash);
	assert_memory_equal(kept, hash, sizeof(hash));
	assert_int_equal(wp_recovery_hash(code, strlen(code), hash), WP_OK);
	assert_memory_equal(kept, hash, sizeof(hash));
}

static void it_may_be_typed_in_groups_and_in_capitals(void **state)
{
	static const char plain[] = "abcdefghijklmnopqrstuv2345";
	static const char typed[] = "ABCD-EFGH-ijkl mnop qrst-uv23-45";
	uint8_t a[WP_RECOVERY_HASH_LEN], b[WP_RECOVERY_HASH_LEN];

	(void)state;
	assert_int_equal(wp_recovery_hash(plain, 26, a), WP_OK);
	assert_int_equal(wp_recovery_hash(typed, strlen(typed), b), WP_OK);
	assert_memory_equal(a, b, sizeof(a));
}

static void other_texts_are_no_codes(void **state)
{
	static const char *const texts[] = {
		"",
		"abcdefghijklmnopqrstuv234",   /* 25 */
		"abcdefghijklmnopqrstuv23456", /* 27 */
		"abcdefghijklmnopqrstuv2341",  /* 1 is none of them */
		"abcdefghijklmnopqrstuv234\xc3",
		"abcdefghijklmnopqrstuv234=",
	};
	uint8_t hash[WP_RECOVERY_HASH_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(
			wp_recovery_hash(texts[i], strlen(texts[i]), hash),
			WP_ERR_INVAL);
	assert_int_equal(
		wp_recovery_hash("abcdefghijklmnopqrstuv234\0", 26, hash),
		WP_ERR_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_is_26_letters_and_digits_of_base32),
		cmocka_unit_test(what_is_kept_is_its_digest),
		cmocka_unit_test(it_may_be_typed_in_groups_and_in_capitals),
		cmocka_unit_test(other_texts_are_no_codes),
	};

	return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
