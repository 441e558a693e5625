/* What is no trace has no say in a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/http/trace.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define ZEROS "0000000000000000"

static bool read_text(struct wp_trace *out, const char *text)
{
	const struct wp_text value = { text, text == NULL ? 0 : strlen(text) };

	return wp_trace_read(out, &value);
}

static void a_sound_one_is_read(void **state)
{
	static const char *const sound[] = {
		"00-" TRACE "-" PARENT "-00",
		"00-" TRACE "-" PARENT "-ff",
		"01-" TRACE "-" PARENT "-01",
		"fe-" TRACE "-" PARENT "-01-more",
	};
	struct wp_trace trace;

	(void)state;
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
		assert_true(read_text(&trace, sound[i]));
		assert_string_equal(trace.trace_id, TRACE);
		assert_string_equal(trace.parent_id, PARENT);
	}
}

static void any_other_is_none(void **state)
{
	static const char *const others[] = {
		NULL,
		"",
		"00",
		"00-" TRACE "-" PARENT "-0",
		"00-" TRACE "-" PARENT "-01-more",
		"00-" TRACE "-" PARENT "-010",
		"01-" TRACE "-" PARENT "-01more",
		"ff-" TRACE "-" PARENT "-01",
		"0G-" TRACE "-" PARENT "-01",
		"00-" ZEROS ZEROS "-" PARENT "-01",
		"00-" TRACE "-" ZEROS "-01",
		"00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
		"00-" TRACE "-B7AD6B7169203331-01",
		"00-" TRACE "-" PARENT "-0A",
		"00_" TRACE "-" PARENT "-01",
		"00-" TRACE "_" PARENT "-01",
		"00-" TRACE "-" PARENT "_01",
		"00-" TRACE "-\",\"a\":\"b\"7169-01",
		" 00-" TRACE "-" PARENT "-01",
	};
	struct wp_trace trace;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		memset(&trace, 'x', sizeof(trace));
		assert_false(read_text(&trace, others[i]));
		assert_string_equal(trace.trace_id, "");
		assert_string_equal(trace.parent_id, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_one_is_read),
		cmocka_unit_test(any_other_is_none),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
