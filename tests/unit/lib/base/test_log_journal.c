/* To the journal each line says how much it matters, and to nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/log.h"
#include "tests/support/said.h"

/* What systemd says of a service whose output is the journal is all of it:
 * device, ":", inode, "". */
static void name_stream(const char *before, const char *between,
			const char *behind)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%s%ju%s%ju%s", before,
		       (uintmax_t)st.st_dev, between, (uintmax_t)st.st_ino,
		       behind);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
}

/* Two gathered lines and three others, one of each level. */
static void say_all(void)
{
	wp_log_gather(NULL, WP_LOG_INFO, "request", wp_int("n", 1));
	wp_log_gather(NULL, WP_LOG_DEBUG, "request", wp_int("n", 2));
	wp_log_plain(NULL, WP_LOG_WARN, "redis lost\n<0>forged");
	wp_log_plain(NULL, WP_LOG_ERROR, "no room");
}

static void each_line_begins_with_its_priority(void **state)
{
	static const char *const begins[] = { "<6>{", "<7>{", "<4>{", "<3>{" };
	static struct said said;
	char *rest = said.text;

	(void)state;
	said_begin(&said, WP_LOG_DEBUG);
	name_stream("", ":", "");
	wp_log_setup("waypost-test", WP_LOG_DEBUG);
	say_all();
	assert_string_equal(wp_log_priority(WP_LOG_ERROR), "<3>");
	said_end(&said);

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		char *line = strsep(&rest, "\n");

		assert_non_null(line);
		assert_int_equal(strncmp(line, begins[i], 4), 0);
		assert_int_equal(line[strlen(line) - 1], '}');
	}
	assert_string_equal(rest, "");
}

static void another_descriptor_is_no_journal(void **state)
{
	static const struct {
		const char *before;
		const char *between;
		const char *behind;
	} others[] = {
		{ "", ":", "0" }, { "1", ":", "" }, { "", ":", ":1" },
		{ "", " ", "" },  { ":", ":", "" }, { "", ":x", "" },
		{ "", "", "" },
	};
	static struct said said;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		said_begin(&said, WP_LOG_DEBUG);
		name_stream(others[i].before, others[i].between,
			    others[i].behind);
		wp_log_setup("waypost-test", WP_LOG_DEBUG);
		say_all();
		assert_string_equal(wp_log_priority(WP_LOG_ERROR), "");
		said_end(&said);
		assert_int_equal(said.text[0], '{');
		assert_null(strstr(said.text, "\n<"));
	}
}

static void without_the_variable_there_is_no_journal(void **state)
{
	static struct said said;

	(void)state;
	said_begin(&said, WP_LOG_DEBUG);
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	wp_log_setup("waypost-test", WP_LOG_DEBUG);
	say_all();
	assert_string_equal(wp_log_priority(WP_LOG_ERROR), "");
	said_end(&said);
	assert_int_equal(said.text[0], '{');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_begins_with_its_priority),
		cmocka_unit_test(another_descriptor_is_no_journal),
		cmocka_unit_test(without_the_variable_there_is_no_journal),
	};

	return cmocka_run_group_tests_name("log_journal", tests, NULL, NULL);
}
