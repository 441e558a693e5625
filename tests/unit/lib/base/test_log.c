/* Nobody may forge a line, and no line may be half of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/json.h"
#include "lib/base/log.h"

enum { CAPTURE_MAX = 1 << 20 };

/* Standard error goes into memory between begin and end. */
struct capture {
	int file;
	int saved;
	char *text; /* owned; what was written, NUL-terminated */
};

static void capture_begin(struct capture *capture)
{
	fflush(stderr);
	capture->file = memfd_create("stderr", MFD_CLOEXEC);
	/* As a log file is opened: threads must not overwrite each other. */
	fcntl(capture->file, F_SETFL, O_APPEND);
	capture->saved = dup(STDERR_FILENO);
	assert_true(capture->file >= 0 && capture->saved >= 0);
	assert_int_equal(dup2(capture->file, STDERR_FILENO), STDERR_FILENO);
}

static size_t capture_end(struct capture *capture)
{
	ssize_t n;

	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	capture->text = malloc(CAPTURE_MAX);
	assert_non_null(capture->text);
	n = pread(capture->file, capture->text, CAPTURE_MAX - 1, 0);
	assert_true(n >= 0);
	capture->text[n] = '\0';
	close(capture->file);
	return (size_t)n;
}

/* The member's value as it stands in the line, in a static buffer; or NULL. */
static const char *member(const char *line, size_t len, const char *name)
{
	static char value[4096];
	const char *found = NULL;
	struct wp_json_slice key;
	struct wp_json_slice raw;
	struct wp_json js;

	wp_json_init(&js, line, len);
	assert_true(wp_json_object_begin(&js));
	while (wp_json_object_next(&js, &key)) {
		assert_true(wp_json_skip(&js, &raw));
		if (!wp_json_slice_is(&key, name))
			continue;
		assert_null(found);
		assert_true(raw.len < sizeof(value));
		memcpy(value, raw.data, raw.len);
		value[raw.len] = '\0';
		found = value;
	}
	if (!wp_json_end(&js))
		fail_msg("%s at %zu: %.*s", js.err, js.pos, (int)len, line);
	return found;
}

/* Capture exactly one line of which the member is wanted. */
#define assert_member(capture_ptr, name, want)                             \
	do {                                                               \
		const char *text_ = (capture_ptr)->text;                   \
		const char *value_ = member(text_, strlen(text_), (name)); \
		assert_non_null(strchr(text_, '\n'));                      \
		assert_ptr_equal(strchr(text_, '\n'),                      \
				 text_ + strlen(text_) - 1);               \
		assert_non_null(value_);                                   \
		assert_string_equal(value_, (want));                       \
	} while (0)

static void a_line_is_one_object_with_all_its_fields(void **state)
{
	struct wp_log log = { .component = "feed", .peer = "c-1" };
	struct capture capture;
	const char *time;

	(void)state;
	wp_log_setup("waypost-test", WP_LOG_INFO);
	capture_begin(&capture);
	wp_log(&log, WP_LOG_WARN, "redis lost", wp_str("address", "a:1"),
	       wp_int("retry_ms", -7), wp_int("least", INT64_MIN),
	       wp_int("zero", 0));
	capture_end(&capture);
	assert_member(&capture, "level", "\"warn\"");
	assert_member(&capture, "service", "\"waypost-test\"");
	assert_member(&capture, "component", "\"feed\"");
	assert_member(&capture, "peer", "\"c-1\"");
	assert_member(&capture, "msg", "\"redis lost\"");
	assert_member(&capture, "address", "\"a:1\"");
	assert_member(&capture, "retry_ms", "-7");
	assert_member(&capture, "least", "-9223372036854775808");
	assert_member(&capture, "zero", "0");
	time = member(capture.text, strlen(capture.text), "time");
	assert_non_null(time);
	assert_int_equal(strlen(time), 26); /* 24 and the quotes */
	assert_int_equal(time[25 - 1], 'Z');
	free(capture.text);
}

static void who_is_talking_may_be_nobody(void **state)
{
	struct wp_log log = { .component = NULL };
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	wp_log_plain(NULL, WP_LOG_INFO, "ready");
	wp_log_plain(&log, WP_LOG_INFO, "ready");
	capture_end(&capture);
	assert_null(strstr(capture.text, "component"));
	assert_null(strstr(capture.text, "peer"));
	assert_non_null(strstr(capture.text, "\"msg\":\"ready\"}\n{\"time\""));
	free(capture.text);
}

static void hostile_bytes_cannot_forge_a_line(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	wp_log(NULL, WP_LOG_ERROR, "x\n{\"level\":\"info\"}",
	       wp_str("k\"", "a\",\"level\":\"none\"\r\n\x1b[31m\xff"));
	capture_end(&capture);
	assert_member(&capture, "level", "\"error\"");
	assert_member(&capture, "k\"",
		      "\"a\\\",\\\"level\\\":\\\"none\\\"\\u000d\\u000a"
		      "\\u001b[31m\xef\xbf\xbd\"");
	free(capture.text);
}

static void the_threshold_holds_and_can_change(void **state)
{
	struct capture capture;

	(void)state;
	wp_log_set_level(WP_LOG_WARN);
	capture_begin(&capture);
	wp_log_plain(NULL, WP_LOG_INFO, "no");
	wp_log_plain(NULL, WP_LOG_DEBUG, "no");
	assert_int_equal(lseek(capture.file, 0, SEEK_END), 0);
	wp_log_plain(NULL, WP_LOG_WARN, "one");
	wp_log_plain(NULL, WP_LOG_ERROR, "two");
	wp_log_set_level(WP_LOG_DEBUG);
	wp_log_plain(NULL, WP_LOG_DEBUG, "three");
	capture_end(&capture);
	assert_non_null(strstr(capture.text, "one"));
	assert_non_null(strstr(capture.text, "two"));
	assert_non_null(strstr(capture.text, "three"));
	wp_log_set_level(WP_LOG_INFO);
	free(capture.text);
}

static void a_long_string_is_cut_between_characters(void **state)
{
	int shift;

	(void)state;
	for (shift = 0; shift < 4; shift++) {
		char text[1025] = { 0 };
		struct capture capture;
		const char *value;
		size_t i;

		memset(text, 'a', (size_t)shift);
		for (i = (size_t)shift; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 4);
		capture_begin(&capture);
		wp_log(NULL, WP_LOG_INFO, text, wp_str("long", text));
		capture_end(&capture);
		value = member(capture.text, strlen(capture.text), "long");
		assert_non_null(value);
		assert_null(strstr(value, "\xef\xbf\xbd"));
		assert_in_range(strlen(value) - 2, 253, 256);
		free(capture.text);
	}
}

static void exactly_256_bytes_are_not_cut(void **state)
{
	char text[257];
	struct capture capture;
	const char *value;

	(void)state;
	memset(text, 'x', 256);
	text[256] = '\0';
	capture_begin(&capture);
	wp_log(NULL, WP_LOG_INFO, "e", wp_str("k", text));
	capture_end(&capture);
	value = member(capture.text, strlen(capture.text), "k");
	assert_non_null(value);
	assert_int_equal(strlen(value), 258);
	free(capture.text);
}

static void fields_that_do_not_fit_are_left_out_and_told(void **state)
{
	struct wp_log log = { .component = NULL };
	struct wp_log_field fields[9];
	struct capture capture;
	char worst[257];
	char names[8][8];
	size_t i;

	(void)state;
	memset(worst, '\x01', 256); /* six characters each */
	worst[256] = '\0';
	log.component = worst;
	memset(log.peer, '\x02', sizeof(log.peer) - 1);
	for (i = 0; i < 8; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "f%zu", i);
		fields[i] = wp_str(names[i], worst);
	}
	fields[7] = wp_int("last", 42);
	fields[8] = (struct wp_log_field){ 0 };
	capture_begin(&capture);
	wp_log_write(&log, WP_LOG_INFO, worst, fields);
	assert_true(capture_end(&capture) <= 4096);
	assert_member(&capture, "truncated", "true");
	assert_member(&capture, "last", "42");
	free(capture.text);
}

static void errno_survives_even_a_failed_write(void **state)
{
	int saved = dup(STDERR_FILENO);

	(void)state;
	assert_true(saved >= 0);
	close(STDERR_FILENO);
	errno = EXDEV;
	wp_log_plain(NULL, WP_LOG_ERROR, "nobody hears");
	assert_int_equal(errno, EXDEV);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

enum { THREADS = 4, LINES = 200 };

/* Would hang here if it waited. */
static void a_reader_that_stands_still_stops_nobody(void **state)
{
	enum { SPOKEN = 5000 }; /* more than a pipe holds */
	static char text[1 << 16];
	int saved = dup(STDERR_FILENO);
	int ends[2];
	int written = 0;
	char told[64];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);

	for (int i = 0; i < SPOKEN; i++)
		wp_log_plain(NULL, WP_LOG_WARN, "nobody hears");
	while ((n = read(ends[0], text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++)
			written += text[i] == '\n';
	wp_log_plain(NULL, WP_LOG_WARN, "somebody hears");
	n = read(ends[0], text, sizeof(text) - 1);

	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	assert_in_range(written, 1, SPOKEN - 1);
	assert_true(n > 0);
	text[n] = '\0';
	(void)snprintf(told, sizeof(told), "\"lines\":%d}\n", SPOKEN - written);
	assert_non_null(strstr(text, told));
	assert_non_null(strstr(text, "somebody hears"));
}

static void *chatter(void *arg)
{
	int i;

	for (i = 0; i < LINES; i++) {
		if (i % 2 == 0)
			wp_log_gather(NULL, WP_LOG_INFO, "line",
				      wp_str("who", arg), wp_int("n", i));
		else
			wp_log(NULL, WP_LOG_INFO, "line", wp_str("who", arg),
			       wp_int("n", i));
	}
	return NULL;
}

static void lines_of_many_threads_stay_whole(void **state)
{
	static char who[THREADS][2] = { "a", "b", "c", "d" };
	pthread_t threads[THREADS];
	struct capture capture;
	char *line, *end;
	int i, lines = 0;

	(void)state;
	capture_begin(&capture);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, chatter, who[i]), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	capture_end(&capture);
	for (line = capture.text; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		assert_non_null(end);
		assert_non_null(member(line, (size_t)(end - line), "who"));
		lines++;
	}
	assert_int_equal(lines, THREADS * LINES);
	free(capture.text);
}

/* ---- gathered lines ---- */

/* Standard error goes into a pipe that keeps each write as it was. */
struct packets {
	int ends[2];
	int saved;
	char text[1 << 16]; /* of the last write that was read */
};

static void packets_begin(struct packets *packets)
{
	packets->saved = dup(STDERR_FILENO);
	assert_true(packets->saved >= 0);
	assert_int_equal(pipe2(packets->ends, O_DIRECT | O_NONBLOCK), 0);
	assert_int_equal(dup2(packets->ends[1], STDERR_FILENO), STDERR_FILENO);
}

/* How many lines the next write has; each is whole. 0: there is none. */
static int next_write(struct packets *packets)
{
	ssize_t n = read(packets->ends[0], packets->text,
			 sizeof(packets->text) - 1);
	int lines = 0;
	char *end;

	packets->text[n > 0 ? n : 0] = '\0';
	for (char *line = packets->text; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		assert_non_null(end);
		assert_non_null(member(line, (size_t)(end - line), "msg"));
		lines++;
	}
	return lines;
}

static void packets_end(struct packets *packets)
{
	dup2(packets->saved, STDERR_FILENO);
	close(packets->saved);
	close(packets->ends[0]);
	close(packets->ends[1]);
}

static void gather(int n)
{
	wp_log_gather(NULL, WP_LOG_INFO, "gathered", wp_int("n", n));
}

static void gathered_lines_are_one_write(void **state)
{
	static struct packets packets;

	(void)state;
	packets_begin(&packets);
	gather(1);
	gather(2);
	gather(3);
	assert_int_equal(next_write(&packets), 0);
	errno = EXDEV;
	wp_log_flush();
	assert_int_equal(errno, EXDEV);
	assert_int_equal(next_write(&packets), 3);
	assert_true(strstr(packets.text, "\"n\":1") <
		    strstr(packets.text, "\"n\":2"));

	wp_log_flush(); /* of nothing, nothing */
	assert_int_equal(next_write(&packets), 0);
	packets_end(&packets);
}

static void any_other_line_goes_out_at_once_and_behind_them(void **state)
{
	static struct packets packets;

	(void)state;
	packets_begin(&packets);
	gather(1);
	wp_log_plain(NULL, WP_LOG_DEBUG, "below the threshold");
	assert_int_equal(next_write(&packets), 0);
	wp_log_plain(NULL, WP_LOG_WARN, "redis lost");
	assert_int_equal(next_write(&packets), 2);
	assert_true(strstr(packets.text, "gathered") <
		    strstr(packets.text, "redis lost"));
	packets_end(&packets);
}

/* What a pipe would take in pieces is never written at once. */
static void more_than_a_pipe_takes_at_once_is_several_writes(void **state)
{
	enum { MANY = 100 };
	static struct packets packets;
	int writes = 0, lines = 0, n;

	(void)state;
	packets_begin(&packets);
	for (int i = 0; i < MANY; i++)
		gather(i);
	wp_log_flush();
	while ((n = next_write(&packets)) > 0) {
		assert_in_range(strlen(packets.text), 1, 4096);
		lines += n;
		writes++;
	}
	packets_end(&packets);
	assert_int_equal(lines, MANY);
	assert_in_range(writes, 2, MANY / 10);
}

static void a_gathered_line_that_nobody_reads_is_counted(void **state)
{
	enum { SPOKEN = 5000 };
	static struct packets packets;
	int written = 0, n;
	char told[64];

	(void)state;
	packets_begin(&packets);
	for (int i = 0; i < SPOKEN; i++)
		gather(i);
	wp_log_flush();
	while ((n = next_write(&packets)) > 0)
		written += n;
	assert_in_range(written, 1, SPOKEN - 1);
	wp_log_plain(NULL, WP_LOG_WARN, "somebody hears");
	assert_int_equal(next_write(&packets), 1);
	packets_end(&packets);
	(void)snprintf(told, sizeof(told), "\"lines\":%d}\n", SPOKEN - written);
	assert_non_null(strstr(packets.text, told));
}

static void a_fork_and_an_exit_lose_and_repeat_nothing(void **state)
{
	static struct packets packets;
	int status = -1;
	pid_t child;

	(void)state;
	wp_log_setup("waypost-test", WP_LOG_INFO);
	packets_begin(&packets);
	gather(1);
	child = fork();
	if (child == 0) {
		gather(2);
		exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	wp_log_flush();
	assert_int_equal(next_write(&packets), 1);
	assert_non_null(strstr(packets.text, "\"n\":1"));
	assert_int_equal(next_write(&packets), 1);
	assert_non_null(strstr(packets.text, "\"n\":2"));
	assert_int_equal(next_write(&packets), 0);
	packets_end(&packets);
	assert_int_equal(status, 0);
}

static void what_was_dropped_is_told_by_the_parent_alone(void **state)
{
	enum { SPOKEN = 5000 };
	static struct packets packets;
	int status = -1;
	pid_t child;

	(void)state;
	wp_log_setup("waypost-test", WP_LOG_INFO);
	packets_begin(&packets);
	for (int i = 0; i < SPOKEN; i++)
		gather(i);
	child = fork();
	if (child == 0) {
		while (next_write(&packets) > 0)
			continue;
		gather(SPOKEN);
		exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(next_write(&packets), 1);
	assert_null(strstr(packets.text, "dropped"));
	gather(SPOKEN);
	wp_log_flush();
	assert_int_equal(next_write(&packets), 1);
	assert_non_null(strstr(packets.text, "dropped"));
	packets_end(&packets);
	assert_int_equal(status, 0);
}

static void a_repeated_event_is_said_once_per_interval(void **state)
{
	struct wp_log_limit limit = { 0 };
	uint32_t swallowed = 99;

	(void)state;
	assert_true(wp_log_allow(&limit, 5, 1000, &swallowed));
	assert_int_equal(swallowed, 0);
	assert_false(wp_log_allow(&limit, 6, 1000, &swallowed));
	assert_false(wp_log_allow(&limit, 1004, 1000, &swallowed));
	assert_true(wp_log_allow(&limit, 1005, 1000, &swallowed));
	assert_int_equal(swallowed, 2);
	assert_true(wp_log_allow(&limit, 2005, 1000, &swallowed));
	assert_int_equal(swallowed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_one_object_with_all_its_fields),
		cmocka_unit_test(who_is_talking_may_be_nobody),
		cmocka_unit_test(hostile_bytes_cannot_forge_a_line),
		cmocka_unit_test(the_threshold_holds_and_can_change),
		cmocka_unit_test(a_long_string_is_cut_between_characters),
		cmocka_unit_test(exactly_256_bytes_are_not_cut),
		cmocka_unit_test(fields_that_do_not_fit_are_left_out_and_told),
		cmocka_unit_test(errno_survives_even_a_failed_write),
		cmocka_unit_test(a_reader_that_stands_still_stops_nobody),
		cmocka_unit_test(lines_of_many_threads_stay_whole),
		cmocka_unit_test(gathered_lines_are_one_write),
		cmocka_unit_test(
			any_other_line_goes_out_at_once_and_behind_them),
		cmocka_unit_test(
			more_than_a_pipe_takes_at_once_is_several_writes),
		cmocka_unit_test(a_gathered_line_that_nobody_reads_is_counted),
		cmocka_unit_test(a_fork_and_an_exit_lose_and_repeat_nothing),
		cmocka_unit_test(what_was_dropped_is_told_by_the_parent_alone),
		cmocka_unit_test(a_repeated_event_is_said_once_per_interval),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
