/* The published vectors, and that key and length count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/siphash.h"

/* Key and text are 00 01 02 …, as in the paper and its reference code. */
static uint64_t hash_of_first(size_t len)
{
	uint8_t key[WP_SIPHASH_KEY_LEN], text[64];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)i;
	return wp_siphash(key, text, len);
}

static void it_gives_what_the_paper_and_the_reference_give(void **state)
{
	(void)state;

	assert_true(hash_of_first(0) == 0x726fdb47dd0e0e31);
	assert_true(hash_of_first(1) == 0x74f839c593dc67fd);
	assert_true(hash_of_first(8) == 0x93f5f5799a932462);
	assert_true(hash_of_first(15) == 0xa129ca6149be45e5);
	assert_true(hash_of_first(63) == 0x958a324ceb064572);
}

static void another_key_gives_another_hash(void **state)
{
	const uint8_t one[WP_SIPHASH_KEY_LEN] = { 1 }, two[16] = { 2 };

	(void)state;

	assert_true(wp_siphash(one, "bob", 3) != wp_siphash(two, "bob", 3));
}

static void zeros_at_the_end_count(void **state)
{
	const uint8_t key[WP_SIPHASH_KEY_LEN] = { 1 };

	(void)state;

	assert_true(wp_siphash(key, "\0\0", 1) != wp_siphash(key, "\0\0", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			it_gives_what_the_paper_and_the_reference_give),
		cmocka_unit_test(another_key_gives_another_hash),
		cmocka_unit_test(zeros_at_the_end_count),
	};

	return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
