/* To the journal each line says how much it matters, and to nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/log.h"

enum { CAPTURE_MAX = 64 * 1024 };

/* Standard error goes into memory, which JOURNAL_STREAM may name. */
struct capture {
	int file;
	int saved;
	char text[CAPTURE_MAX]; /* NUL-terminated */
};

static void capture_begin(struct capture *capture)
{
	fflush(stderr);
	capture->file = memfd_create("stderr", MFD_CLOEXEC);
	capture->saved = dup(STDERR_FILENO);
	assert_true(capture->file >= 0 && capture->saved >= 0);
	assert_int_equal(dup2(capture->file, STDERR_FILENO), STDERR_FILENO);
}

static void capture_end(struct capture *capture)
{
	ssize_t n;

	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	n = pread(capture->file, capture->text, CAPTURE_MAX - 1, 0);
	assert_true(n >= 0);
	capture->text[n] = '\0';
	close(capture->file);
}

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
	static struct capture capture;
	char *rest = capture.text;

	(void)state;
	capture_begin(&capture);
	name_stream("", ":", "");
	wp_log_setup("waypost-test", WP_LOG_DEBUG);
	say_all();
	assert_string_equal(wp_log_priority(WP_LOG_ERROR), "<3>");
	capture_end(&capture);

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
	static struct capture capture;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		capture_begin(&capture);
		name_stream(others[i].before, others[i].between,
			    others[i].behind);
		wp_log_setup("waypost-test", WP_LOG_DEBUG);
		say_all();
		assert_string_equal(wp_log_priority(WP_LOG_ERROR), "");
		capture_end(&capture);
		assert_int_equal(capture.text[0], '{');
		assert_null(strstr(capture.text, "\n<"));
	}
}

static void without_the_variable_there_is_no_journal(void **state)
{
	static struct capture capture;

	(void)state;
	capture_begin(&capture);
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	wp_log_setup("waypost-test", WP_LOG_DEBUG);
	say_all();
	assert_string_equal(wp_log_priority(WP_LOG_ERROR), "");
	capture_end(&capture);
	assert_int_equal(capture.text[0], '{');
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
