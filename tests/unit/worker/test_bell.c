/*
 * Messages of doorbells: lists that scripts write, and anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "worker/bell.h"

enum { PARTITIONS = 64 };

/* From memory of just that length, so that a sanitizer sees what is read. */
static bool read_text(struct wp_bell *bell, const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len > 0 ? len : 1);
	bool is_ours;

	assert_non_null(copy);
	memcpy(copy, text, len);
	is_ours = wp_bell_read(bell, copy, len, PARTITIONS);
	free(copy);
	return is_ours;
}

static void a_list_of_partitions_is_read(void **state)
{
	struct wp_bell bell;

	(void)state;
	assert_true(read_text(&bell, "7"));
	assert_false(bell.is_due);
	assert_int_equal(bell.n, 1);
	assert_int_equal(bell.partitions[0], 7);
	assert_true(read_text(&bell, "0,63,17"));
	assert_int_equal(bell.n, 3);
	assert_int_equal(bell.partitions[0], 0);
	assert_int_equal(bell.partitions[1], 63);
	assert_int_equal(bell.partitions[2], 17);
}

static void that_somebody_is_due_is_another_message(void **state)
{
	struct wp_bell bell;

	(void)state;
	assert_true(read_text(&bell, "due 12"));
	assert_true(bell.is_due);
	assert_int_equal(bell.n, 1);
	assert_int_equal(bell.partitions[0], 12);
	assert_false(read_text(&bell, "due 12,13"));
}

static void whatever_else_comes_rings_nobody(void **state)
{
	static const char *const texts[] = {
		"",     ",",
		"1,",   ",1",
		"1,,2", "64",
		"1,64", "-1",
		"1 2",  "due",
		"due ", "due x",
		"7x",   "99999999999999999999",
	};
	struct wp_bell bell;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (read_text(&bell, texts[i]))
			fail_msg("\"%s\" was read", texts[i]);
		assert_int_equal(bell.n, 0);
	}
}

static void a_list_has_at_most_a_hundred(void **state)
{
	struct wp_bell bell;
	struct wp_buf text;

	(void)state;
	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "1");
	for (int i = 1; i < WP_BELL_MAX; i++)
		wp_buf_add_str(&text, ",1");
	assert_true(read_text(&bell, text.data));
	assert_int_equal(bell.n, WP_BELL_MAX);
	wp_buf_add_str(&text, ",1");
	assert_false(read_text(&bell, text.data));
	wp_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_partitions_is_read),
		cmocka_unit_test(that_somebody_is_due_is_another_message),
		cmocka_unit_test(whatever_else_comes_rings_nobody),
		cmocka_unit_test(a_list_has_at_most_a_hundred),
	};

	return cmocka_run_group_tests_name("bell", tests, NULL, NULL);
}
