/* A list is searched where it lies, and only one that can be searched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/accounts/blocklist.h"

static char dir[64];
static char path[96];

static void write_list(const char *text, size_t len)
{
	FILE *file;

	(void)unlink(path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static struct wp_blocklist *open_list(const char *text)
{
	struct wp_blocklist *list = NULL;
	struct wp_error err = { 0 };

	write_list(text, strlen(text));
	if (wp_blocklist_open(&list, path, &err) != WP_OK)
		fail_msg("%s", err.msg);
	return list;
}

static bool has(const struct wp_blocklist *list, const char *text)
{
	bool is_there = false;

	assert_int_equal(
		wp_blocklist_has(list, text, strlen(text), &is_there, NULL),
		WP_OK);
	return is_there;
}

static void refused(const char *sentence)
{
	struct wp_blocklist *list = NULL;
	struct wp_error err = { 0 };

	assert_int_equal(wp_blocklist_open(&list, path, &err), WP_ERR_INVAL);
	assert_null(list);
	assert_non_null(strstr(err.msg, sentence));
}

static void every_line_is_found_and_nothing_else(void **state)
{
	char text[20000];
	struct wp_blocklist *list;
	size_t len = 0;

	(void)state;
	/* Of many lengths, so that middles fall everywhere. */
	for (int i = 0; i < 700; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%04d%.*s\n", 2 * i, i % 17,
					"xxxxxxxxxxxxxxxxx");
	list = open_list(text);
	for (int i = 0; i < 700; i++) {
		char line[32];

		(void)snprintf(line, sizeof(line), "%04d%.*s", 2 * i, i % 17,
			       "xxxxxxxxxxxxxxxxx");
		assert_true(has(list, line));
		line[3]++;
		assert_false(has(list, line));
	}
	assert_false(has(list, ""));
	assert_false(has(list, "zzz"));
	wp_blocklist_close(&list);
	assert_null(list);
}

static void the_last_line_needs_no_end(void **state)
{
	struct wp_blocklist *list = open_list("a\nab\nb");

	(void)state;
	assert_true(has(list, "a"));
	assert_true(has(list, "ab"));
	assert_true(has(list, "b"));
	assert_false(has(list, "aa"));
	assert_false(has(list, "ab\nb"));
	wp_blocklist_close(&list);
}

static void bytes_beyond_ascii_sort_by_their_value(void **state)
{
	struct wp_blocklist *list = open_list("a\nz\n\xc3\xa4\n\xf0\x9f\n");

	(void)state;
	assert_true(has(list, "\xc3\xa4"));
	assert_true(has(list, "\xf0\x9f"));
	assert_true(has(list, "z"));
	wp_blocklist_close(&list);
}

static void no_list_has_nothing(void **state)
{
	struct wp_blocklist *list = NULL;

	(void)state;
	assert_int_equal(wp_blocklist_open(&list, "", NULL), WP_OK);
	assert_null(list);
	assert_false(has(NULL, "password"));
	list = open_list("");
	assert_false(has(list, "password"));
	wp_blocklist_close(&list);
}

static void another_order_is_refused(void **state)
{
	(void)state;
	write_list("b\na\n", 4);
	refused("not sorted");
	write_list("a\nB\nc\n", 6);
	refused("not sorted");
	write_list("A\na\n", 4);
	refused("lower case");
	write_list("a\r\nb\r\n", 6);
	refused("carriage");
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	(void)state;
	write_list("a\nb\n", 4);
	assert_int_equal(chmod(path, 0664), 0);
	refused("written by others");
	assert_int_equal(chmod(path, 0646), 0);
	refused("written by others");
}

static void what_is_no_file_is_refused(void **state)
{
	struct wp_blocklist *list = NULL;

	(void)state;
	(void)unlink(path);
	refused("No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused("is no file");
	assert_int_equal(wp_blocklist_open(&list, dir, NULL), WP_ERR_INVAL);
}

static void a_line_without_an_end_costs_no_walk(void **state)
{
	size_t len = 64 * 1024;
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', len);
	write_list(text, len);
	refused("over 4096 bytes");
	free(text);
}

/* Under a mapping this would be a SIGBUS. */
static void a_file_that_is_cut_off_is_no_clean_bill(void **state)
{
	struct wp_blocklist *list = open_list("a\nb\nc\nd\n");
	bool is_there = false;

	(void)state;
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(wp_blocklist_has(list, "b", 1, &is_there, NULL),
			 WP_ERR_UNAVAIL);
	wp_blocklist_close(&list);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "%.40s/wp-blocklist-XXXXXX",
		       getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/list", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_is_found_and_nothing_else),
		cmocka_unit_test(the_last_line_needs_no_end),
		cmocka_unit_test(bytes_beyond_ascii_sort_by_their_value),
		cmocka_unit_test(no_list_has_nothing),
		cmocka_unit_test(another_order_is_refused),
		cmocka_unit_test(a_file_that_others_may_write_is_refused),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(a_line_without_an_end_costs_no_walk),
		cmocka_unit_test(a_file_that_is_cut_off_is_no_clean_bill),
	};

	return cmocka_run_group_tests_name("blocklist", tests, setup, teardown);
}
