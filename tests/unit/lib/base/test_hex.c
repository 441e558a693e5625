/* Each byte is a digit of either case, or none; rows are written whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/hex.h"

static void every_byte_is_one_digit_or_none(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		const char *at = c == 0 ? NULL : strchr(digits, c);
		int want = at == NULL ? -1 : (int)(at - digits);

		assert_int_equal(wp_hex_value((char)c),
				 want > 15 ? want - 6 : want);
	}
}

static void a_value_and_its_digit_mean_the_same(void **state)
{
	unsigned int value;

	(void)state;
	for (value = 0; value < 16; value++)
		assert_int_equal(wp_hex_value(wp_hex_digit(value)), value);
	assert_int_equal(wp_hex_digit(0xfa), 'a'); /* its low half only */
}

static void a_row_is_lower_case_and_ends(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x7f, 0x80, 0xff, 0xa5 };
	char text[2 * sizeof(bytes) + 2];

	(void)state;
	memset(text, 'x', sizeof(text));

	wp_hex_write(text, bytes, sizeof(bytes));

	assert_string_equal(text, "007f80ffa5");
	assert_int_equal(text[sizeof(text) - 1], 'x');
	wp_hex_write(text, bytes, 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_one_digit_or_none),
		cmocka_unit_test(a_value_and_its_digit_mean_the_same),
		cmocka_unit_test(a_row_is_lower_case_and_ends),
	};

	return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
