/* Every process must compute the same partition, for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/base/crc32c.h"

static void the_check_value_of_the_polynomial_holds(void **state)
{
	(void)state;
	assert_int_equal(wp_crc32c("123456789", 9), 0xE3069283);
	assert_int_equal(wp_crc32c("", 0), 0);
	assert_int_equal(wp_crc32c(NULL, 0), 0);
}

static void the_vectors_of_rfc_3720_hold(void **state)
{
	unsigned char bytes[32];
	size_t i;

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(wp_crc32c(bytes, sizeof(bytes)), 0x8A9136AA);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(wp_crc32c(bytes, sizeof(bytes)), 0x62A8AB43);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	assert_int_equal(wp_crc32c(bytes, sizeof(bytes)), 0x46DD794E);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(31 - i);
	assert_int_equal(wp_crc32c(bytes, sizeof(bytes)), 0x113FDB5C);
}

/* The definition, bit by bit. */
static uint32_t slow_crc(const unsigned char *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78U : 0);
	}
	return ~crc;
}

static void the_table_agrees_with_the_definition(void **state)
{
	unsigned char bytes[2];
	unsigned a, b;

	(void)state;
	for (a = 0; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			bytes[0] = (unsigned char)a;
			bytes[1] = (unsigned char)b;
			assert_int_equal(wp_crc32c(bytes, 2),
					 slow_crc(bytes, 2));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_check_value_of_the_polynomial_holds),
		cmocka_unit_test(the_vectors_of_rfc_3720_hold),
		cmocka_unit_test(the_table_agrees_with_the_definition),
	};

	return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
