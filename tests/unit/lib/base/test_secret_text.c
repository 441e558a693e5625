/* Where a secret ends, whichever editor has written it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/base/secret_text.h"

struct row {
	const char *text;
	size_t len;
	const char *secret; /* or NULL: why there is none */
	const char *fault;
};

#define GOOD(literal, secret)                              \
	{                                                  \
		literal, sizeof(literal) - 1, secret, NULL \
	}
#define BAD(literal, fault)                               \
	{                                                 \
		literal, sizeof(literal) - 1, NULL, fault \
	}

static void one_line_end_is_left_out(void **state)
{
	static const struct row rows[] = {
		GOOD("secret", "secret"),
		GOOD("secret\n", "secret"),
		GOOD("secret\r\n", "secret"),
		GOOD("secret\r", "secret"),
		/* What is more than one was meant, or is wrong as it is. */
		GOOD("secret\n\n", "secret\n"),
		GOOD("secret\r\n\r\n", "secret\r\n"),
		GOOD("secret\n\r", "secret\n"),
		GOOD("secret\r\r\n", "secret\r"),
		GOOD(" two words\t\n", " two words\t"),
		GOOD("\nsecret", "\nsecret"),
		GOOD("\n\n", "\n"),
		BAD("", "is empty"),
		BAD("\n", "is empty"),
		BAD("\r", "is empty"),
		BAD("\r\n", "is empty"),
		BAD("sec\0ret\n", "must not hold a NUL byte"),
		BAD("secret\0", "must not hold a NUL byte"),
		BAD("secret\0\n", "must not hold a NUL byte"),
		BAD("\0", "must not hold a NUL byte"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		size_t len = row->len;
		const char *fault = wp_secret_text_trim(row->text, &len);

		if (row->fault != NULL) {
			assert_non_null(fault);
			assert_string_equal(fault, row->fault);
			continue;
		}
		assert_null(fault);
		assert_int_equal(len, strlen(row->secret));
		assert_memory_equal(row->text, row->secret, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_end_is_left_out),
	};

	return cmocka_run_group_tests_name("secret_text", tests, NULL, NULL);
}
