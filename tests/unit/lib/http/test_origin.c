/* Which origins are listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/http/origin.h"

static enum wp_origin_match find(const struct wp_conf_list *list,
				 const char *text)
{
	return wp_origin_find(list, text, strlen(text));
}

static void names_are_compared_whole_and_without_case(void **state)
{
	static char app[] = "https://App.example", null[] = "null";
	static char *items[] = { app, null, NULL };
	const struct wp_conf_list list = { .items = items, .n = 2 };

	(void)state;

	assert_int_equal(find(&list, "https://app.example"), WP_ORIGIN_BY_NAME);
	assert_int_equal(find(&list, "HTTPS://APP.EXAMPLE"), WP_ORIGIN_BY_NAME);
	assert_int_equal(find(&list, "https://app.example.evil"),
			 WP_ORIGIN_UNLISTED);
	assert_int_equal(find(&list, "https://app.exampl"), WP_ORIGIN_UNLISTED);
	assert_int_equal(find(&list, "http://app.example"), WP_ORIGIN_UNLISTED);
	assert_int_equal(find(&list, ""), WP_ORIGIN_UNLISTED);
	assert_int_equal(find(&list, "null"), WP_ORIGIN_UNLISTED);
	assert_int_equal(find(&list, "Null"), WP_ORIGIN_UNLISTED);
}

static void a_name_counts_more_than_a_star(void **state)
{
	static char app[] = "https://app.example", star[] = "*";
	static char *items[] = { star, app, NULL };
	const struct wp_conf_list list = { .items = items, .n = 2 };

	(void)state;

	assert_int_equal(find(&list, "https://app.example"), WP_ORIGIN_BY_NAME);
	assert_int_equal(find(&list, "https://any.example"), WP_ORIGIN_BY_STAR);
	assert_int_equal(find(&list, "null"), WP_ORIGIN_UNLISTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_compared_whole_and_without_case),
		cmocka_unit_test(a_name_counts_more_than_a_star),
	};

	return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
