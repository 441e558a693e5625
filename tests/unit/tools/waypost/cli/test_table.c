/* Rows for people and for programs, whatever stands in them. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/waypost/cli/table.h"

static const struct wp_style people = { .is_for_people = true,
					.now_ms = 1000000000 };
static const struct wp_style programs = { .now_ms = 1000000000 };

static const struct wp_column columns[] = {
	{ .title = "NAME" },
	{ .title = "N", .is_right = true },
	{ .title = "WHY" },
};
static const struct wp_column plain[] = { { .title = NULL },
					  { .title = NULL } };

static void expect(struct wp_cli_table *table, const char *text)
{
	struct wp_buf out;

	wp_buf_init(&out, 0);
	wp_cli_table_end(table, &out);
	assert_false(out.failed);
	assert_string_equal(out.len > 0 ? out.data : "", text);
	wp_buf_release(&out);
}

static struct wp_cli_table begin(const struct wp_style *style)
{
	struct wp_cli_table table;

	wp_cli_table_begin(&table, style, columns, 3);
	return table;
}

static void people_get_columns_under_titles(void **state)
{
	struct wp_cli_table table = begin(&people);

	(void)state;
	wp_cli_table_text(&table, "a");
	wp_cli_table_count(&table, 12345);
	wp_cli_table_text(&table, "because");
	wp_cli_table_text(&table, "longer");
	wp_cli_table_count(&table, 7);
	wp_cli_table_text(&table, "");
	expect(&table, "NAME         N  WHY\n"
		       "a       12\u2009345  because\n"
		       "longer       7  -\n");
}

static void programs_get_tabs_and_numbers_as_they_are(void **state)
{
	struct wp_cli_table table = begin(&programs);

	(void)state;
	wp_cli_table_text(&table, "a");
	wp_cli_table_count(&table, 12345);
	wp_cli_table_text(&table, "tab\there");
	wp_cli_table_time(&table, 1000);
	wp_cli_table_size(&table, 3 << 20);
	wp_cli_table_span(&table, 61500);
	expect(&table, "a\t12345\ttab?here\n"
		       "1970-01-01T00:00:01.000Z\t3145728\t61.500\n");
}

static void without_rows_there_is_nothing(void **state)
{
	struct wp_cli_table table = begin(&people);

	(void)state;
	expect(&table, "");
}

static void what_no_terminal_should_get_is_a_question_mark(void **state)
{
	struct wp_cli_table table;

	(void)state;
	wp_cli_table_begin(&table, &people, plain, 2);
	wp_cli_table_text(&table, "\033[31m\xff\xc3");
	wp_cli_table_text(&table, "\u00e9\xc2\x9b"
				  "31m\n");    /* CSI of eight bits */
	wp_cli_table_text(&table, "a\u202eb"); /* right to left from here */
	wp_cli_table_text(&table, "\u2066c");
	expect(&table, "?[31m??  \u00e9?31m?\n"
		       "a?b      ?c\n");
}

static void widths_are_those_of_characters(void **state)
{
	struct wp_cli_table table;

	(void)state;
	wp_cli_table_begin(&table, &people, plain, 2);
	wp_cli_table_text(&table, "\u65e5\u672c"); /* two columns each */
	wp_cli_table_text(&table, "x");
	wp_cli_table_text(&table, "e\u0301tat"); /* an accent of its own */
	wp_cli_table_text(&table, "y");
	expect(&table, "\u65e5\u672c  x\ne\u0301tat  y\n");
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	struct wp_style style = people;
	struct wp_cli_table table;

	(void)state;
	style.width = 20;
	table = begin(&style);
	wp_cli_table_text(&table, "name");
	wp_cli_table_count(&table, 1);
	wp_cli_table_text(&table, "eleven more");
	wp_cli_table_text(&table, "name");
	wp_cli_table_count(&table, 1);
	wp_cli_table_text(&table, "a reason that is long");
	wp_cli_table_text(&table, "name");
	wp_cli_table_count(&table, 1);
	wp_cli_table_text(&table, "0123456789\u65e5\u672c");
	expect(&table, "NAME  N  WHY\n"
		       "name  1  eleven more\n"
		       "name  1  a reason t\u2026\n"
		       "name  1  0123456789\u2026\n");
	/* Where even those before it have no room. */
	table = begin(&style);
	wp_cli_table_text(&table, "a name without an end");
	wp_cli_table_count(&table, 1);
	wp_cli_table_text(&table, "x");
	expect(&table, "NAME\n"
		       "a name without an e\u2026\n");
}

static void colours_are_outside_of_widths(void **state)
{
	struct wp_style style = people;
	struct wp_cli_table table;

	(void)state;
	wp_cli_table_begin(&table, &style, plain, 2);
	wp_cli_table_text(&table, "bad");
	wp_cli_table_paint(&table, WP_BAD);
	wp_cli_table_text(&table, "x");
	expect(&table, "bad  x\n");
	style.has_colour = true;
	wp_cli_table_begin(&table, &style, plain, 2);
	wp_cli_table_text(&table, "bad");
	wp_cli_table_paint(&table, WP_BAD);
	wp_cli_table_text(&table, "x");
	expect(&table, "\033[31mbad\033[0m  x\n");
}

static void expect_said(void (*say)(const struct wp_style *, struct wp_buf *,
				    int64_t),
			int64_t value, const char *text)
{
	struct wp_buf out;

	wp_buf_init(&out, 0);
	say(&people, &out, value);
	assert_string_equal(out.data, text);
	wp_buf_release(&out);
}

static void people_get_units(void **state)
{
	(void)state;
	expect_said(wp_style_count, 0, "0");
	expect_said(wp_style_count, -1234567, "-1\u2009234\u2009567");
	expect_said(wp_style_size, 1023, "1023 B");
	expect_said(wp_style_size, 1536, "1.5 KiB");
	expect_said(wp_style_size, (INT64_C(1) << 20) - 1, "1.0 MiB");
	expect_said(wp_style_size, INT64_C(1) << 52, "4096.0 TiB");
	expect_said(wp_style_span, 999, "0s");
	expect_said(wp_style_span, 192000, "3m 12s");
	expect_said(wp_style_span, 7500000, "2h 5m");
	expect_said(wp_style_span, 90000000, "1d 1h");
	expect_said(wp_style_time, people.now_ms - 192000, "3m 12s ago");
	expect_said(wp_style_time, people.now_ms + 5000, "in 5s");
	expect_said(wp_style_time, 0, "unknown");
	expect_said(wp_style_time, INT64_MAX, "unknown");
}

static void times_can_be_had_in_full(void **state)
{
	struct wp_style style = people;
	struct wp_buf out;

	(void)state;
	style.is_utc = true;
	wp_buf_init(&out, 0);
	wp_style_time(&style, &out, 1000);
	assert_string_equal(out.data, "1970-01-01T00:00:01.000Z");
	wp_buf_release(&out);
}

static void what_is_no_terminal_is_for_programs(void **state)
{
	struct wp_style style;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	wp_style_of(&style, ends[1], false);
	assert_false(style.is_for_people || style.has_colour);
	assert_int_equal(style.width, 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void a_terminal_has_a_width_and_perhaps_colours(void **state)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	struct wp_style style;

	(void)state;
	if (fd == -1) {
		print_message("SKIPPED: there is no pseudo terminal\n");
		skip();
	}
	assert_int_equal(setenv("TERM", "xterm", 1), 0);
	assert_int_equal(unsetenv("NO_COLOR"), 0);
	assert_int_equal(setenv("COLUMNS", "33", 1), 0);
	wp_style_of(&style, fd, true);
	assert_true(style.is_for_people && style.has_colour && style.is_utc);
	assert_int_equal(style.width, 33); /* the terminal says nothing */
	assert_int_equal(setenv("COLUMNS", "1", 1), 0);
	wp_style_of(&style, fd, false);
	assert_int_equal(style.width, 20);
	assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
	wp_style_of(&style, fd, false);
	assert_false(style.has_colour);
	assert_int_equal(setenv("NO_COLOR", "", 1), 0);
	assert_int_equal(setenv("TERM", "dumb", 1), 0);
	wp_style_of(&style, fd, false);
	assert_false(style.has_colour);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(people_get_columns_under_titles),
		cmocka_unit_test(programs_get_tabs_and_numbers_as_they_are),
		cmocka_unit_test(without_rows_there_is_nothing),
		cmocka_unit_test(
			what_no_terminal_should_get_is_a_question_mark),
		cmocka_unit_test(widths_are_those_of_characters),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(colours_are_outside_of_widths),
		cmocka_unit_test(people_get_units),
		cmocka_unit_test(times_can_be_had_in_full),
		cmocka_unit_test(what_is_no_terminal_is_for_programs),
		cmocka_unit_test(a_terminal_has_a_width_and_perhaps_colours),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
