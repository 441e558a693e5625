/* What all answers have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/http/answer.h"

static bool keep(char id[WP_REQUEST_ID_MAX + 1], const char *text, size_t len)
{
	const struct wp_text given = { text, len };

	memset(id, '?', WP_REQUEST_ID_MAX + 1);
	return wp_request_id_keep(id, &given);
}

static void only_what_cannot_forge_a_line_is_kept(void **state)
{
	char id[WP_REQUEST_ID_MAX + 1];

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char text[] = { 'a', (char)c, 'Z' };
		bool is_fine = (c >= '0' && c <= '9') ||
			       (c >= 'A' && c <= 'Z') ||
			       (c >= 'a' && c <= 'z') || c == '.' || c == '_' ||
			       c == '-';

		assert_int_equal(keep(id, text, sizeof(text)), is_fine);
		if (is_fine)
			assert_memory_equal(id, text, sizeof(text));
		assert_int_equal(id[sizeof(text)], is_fine ? '\0' : '?');
	}
}

static void ids_have_a_length(void **state)
{
	const struct wp_text absent = { 0 };
	char text[WP_REQUEST_ID_MAX + 1], id[WP_REQUEST_ID_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));

	assert_false(wp_request_id_keep(id, &absent));
	assert_false(keep(id, text, 0));
	assert_true(keep(id, text, 1));
	assert_string_equal(id, "x");
	assert_true(keep(id, text, WP_REQUEST_ID_MAX));
	assert_int_equal(strlen(id), WP_REQUEST_ID_MAX);
	assert_false(keep(id, text, WP_REQUEST_ID_MAX + 1));
}

static void a_made_id_could_have_been_given(void **state)
{
	char id[WP_REQUEST_ID_MAX + 1], other[WP_REQUEST_ID_MAX + 1];
	struct wp_random_pool pool = { 0 };

	(void)state;
	wp_request_id_make(id, NULL);
	wp_request_id_make(other, NULL);

	assert_int_equal(strlen(id), 32);
	assert_true(keep(other, id, strlen(id)));
	assert_string_equal(id, other);
	wp_request_id_make(other, NULL);
	assert_string_not_equal(id, other);
	wp_request_id_make(id, &pool);
	wp_request_id_make(other, &pool);
	assert_int_equal(strlen(id), 32);
	assert_string_not_equal(id, other);
}

static void statuses_have_their_phrase(void **state)
{
	(void)state;
	assert_string_equal(wp_http_reason(202), "Accepted");
	assert_string_equal(wp_http_reason(413), "Content Too Large");
	assert_string_equal(wp_http_reason(507), "Insufficient Storage");
	assert_string_equal(wp_http_reason(999), "Error");
}

static void all_waits_up_to_the_longest_come_about(void **state)
{
	unsigned seen = 0;

	(void)state;
	/* That one of them is missing has a chance of 3 in 10^97. */
	for (int i = 0; i < 1000; i++) {
		unsigned s = wp_http_retry_after_s(5);

		assert_in_range(s, 1, 5);
		seen |= 1U << s;
	}
	assert_int_equal(seen, 0x3e);
	assert_int_equal(wp_http_retry_after_s(1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_cannot_forge_a_line_is_kept),
		cmocka_unit_test(ids_have_a_length),
		cmocka_unit_test(a_made_id_could_have_been_given),
		cmocka_unit_test(statuses_have_their_phrase),
		cmocka_unit_test(all_waits_up_to_the_longest_come_about),
	};

	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
