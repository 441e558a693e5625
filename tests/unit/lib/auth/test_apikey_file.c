/* The file of keys changes under a program that serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/auth/apikey.h"
#include "lib/auth/apikey_file.h"
#include "lib/auth/scope.h"
#include "lib/base/log.h"

#define NOW INT64_C(1795225140)

enum { A, B, KEYS };

static uint64_t now_ms = 1000000;

uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return now_ms;
}

/* The wall clock, as far as files are old; and a file of one tick. */
static int64_t wall_ms;
static bool is_one_tick;
static struct stat tick;

int64_t __wrap_wp_wall_ms(void);
int64_t __wrap_wp_wall_ms(void)
{
	return wall_ms;
}

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st)
{
	if (!is_one_tick)
		return __real_stat(path, st);
	*st = tick;
	return 0;
}

struct stage {
	char dir[32];
	char path[64];
	struct wp_apikey keys[KEYS];
	char texts[KEYS][WP_APIKEY_LEN + 1];
	struct wp_apikey_file *file;
	int saved; /* standard error, while it is caught in log */
	int log;
};

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	*state = stage;
	if (stage == NULL)
		return -1;
	/* All files are old, so only what looks different is read again. */
	wall_ms = INT64_C(4000000000000);
	is_one_tick = false;
	(void)snprintf(stage->dir, sizeof(stage->dir), "/tmp/wp-key-XXXXXX");
	if (mkdtemp(stage->dir) == NULL)
		return -1;
	(void)snprintf(stage->path, sizeof(stage->path), "%s/keys", stage->dir);
	for (int i = 0; i < KEYS; i++) {
		wp_apikey_make(&stage->keys[i], stage->texts[i]);
		stage->keys[i].scopes = WP_SCOPE_SEND;
		stage->keys[i].expires_s = WP_APIKEY_FOR_EVER;
		(void)snprintf(stage->keys[i].name, sizeof(stage->keys[i].name),
			       "%c", "ab"[i]);
	}
	stage->log = memfd_create("log", MFD_CLOEXEC);
	stage->saved = dup(STDERR_FILENO);
	return dup2(stage->log, STDERR_FILENO) == -1 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	(void)dup2(stage->saved, STDERR_FILENO);
	close(stage->saved);
	close(stage->log);
	wp_apikey_file_free(&stage->file);
	(void)unlink(stage->path);
	(void)rmdir(stage->dir);
	free(stage);
	return 0;
}

/* The file holds text from now on, in place of what it held. */
static void write_text(struct stage *stage, const char *text)
{
	int fd = open(stage->path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void write_key(struct stage *stage, int i)
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_apikey_write(&text, &stage->keys[i]);
	write_text(stage, text.data);
	wp_buf_release(&text);
}

static void open_file(struct stage *stage)
{
	assert_int_equal(wp_apikey_file_new(&stage->file, stage->path, NULL),
			 WP_OK);
}

static bool is_good(struct stage *stage, int i)
{
	const struct wp_token token = { stage->texts[i], WP_APIKEY_LEN };
	struct wp_identity who;

	return wp_apikey_file_verify(stage->file, &token, NOW, &who, NULL) ==
	       WP_OK;
}

static void let_a_second_pass(void)
{
	now_ms += 1000;
}

/* How many lines have this in them, of all that were logged? */
static int logged(const struct stage *stage, const char *part)
{
	char text[16384];
	ssize_t len = pread(stage->log, text, sizeof(text) - 1, 0);
	int n = 0;

	assert_true(len >= 0);
	text[len] = '\0';
	for (const char *at = strstr(text, part); at != NULL;
	     at = strstr(at + 1, part))
		n++;
	return n;
}

static void a_change_is_seen_a_second_later(void **state)
{
	struct stage *stage = *state;

	write_key(stage, A);
	open_file(stage);
	assert_true(is_good(stage, A));
	assert_false(is_good(stage, B));

	write_key(stage, B);
	now_ms += 999;
	assert_true(is_good(stage, A));
	now_ms += 1;
	assert_false(is_good(stage, A));
	assert_true(is_good(stage, B));
}

static void a_key_that_was_added_is_good_at_once(void **state)
{
	struct stage *stage = *state;

	write_key(stage, A);
	open_file(stage);
	assert_false(is_good(stage, B));
	write_key(stage, B);
	assert_true(is_good(stage, B));
	assert_false(is_good(stage, A));
}

/* As the command line does it, and whoever else replaces files well. */
static void a_file_in_its_place_is_seen(void **state)
{
	struct stage *stage = *state;
	char aside[80];

	write_key(stage, A);
	open_file(stage);
	(void)snprintf(aside, sizeof(aside), "%s.new", stage->path);
	assert_int_equal(rename(stage->path, aside), 0);
	write_key(stage, B);
	(void)unlink(aside);
	let_a_second_pass();
	assert_true(is_good(stage, B));
	assert_false(is_good(stage, A));
}

/* The times of a file have coarse ticks: within one, changes look the same. */
static void a_change_in_the_tick_of_the_reading_is_seen(void **state)
{
	struct stage *stage = *state;

	write_key(stage, A);
	assert_int_equal(stat(stage->path, &tick), 0);
	is_one_tick = true;
	wall_ms = tick.st_ctim.tv_sec * 1000;
	open_file(stage);
	assert_true(is_good(stage, A));
	write_key(stage, B);
	let_a_second_pass();
	assert_true(is_good(stage, B));

	/* What looks the same long after is not read again. */
	wall_ms += 60000;
	let_a_second_pass();
	assert_true(is_good(stage, B));
	write_key(stage, A);
	let_a_second_pass();
	assert_true(is_good(stage, B));
	is_one_tick = false;
	let_a_second_pass();
	assert_true(is_good(stage, A));
}

static void an_empty_file_is_no_keys(void **state)
{
	struct stage *stage = *state;

	write_key(stage, A);
	open_file(stage);
	write_text(stage, "");
	let_a_second_pass();
	assert_false(is_good(stage, A));
}

static void a_broken_file_changes_nothing_and_is_told_once(void **state)
{
	struct stage *stage = *state;

	write_key(stage, A);
	open_file(stage);
	write_text(stage, "# fine\nrubbish:with-a-secret\n");
	for (int i = 0; i < 3; i++) {
		let_a_second_pass();
		assert_true(is_good(stage, A));
	}
	assert_int_equal(logged(stage, "the file of keys is refused"), 1);
	assert_int_equal(logged(stage, "line 2: must be <id>"), 1);
	assert_int_equal(logged(stage, "with-a-secret"), 0);

	/* Broken in another way. */
	write_text(stage, "rubbish");
	let_a_second_pass();
	assert_true(is_good(stage, A));
	assert_int_equal(logged(stage, "the file of keys is refused"), 2);

	write_key(stage, B);
	let_a_second_pass();
	assert_true(is_good(stage, B));
	assert_int_equal(logged(stage, "the file of keys was read"), 1);
}

static void a_file_that_is_gone_changes_nothing(void **state)
{
	struct stage *stage = *state;

	write_key(stage, A);
	open_file(stage);
	assert_int_equal(unlink(stage->path), 0);
	for (int i = 0; i < 3; i++) {
		let_a_second_pass();
		assert_true(is_good(stage, A));
	}
	assert_int_equal(logged(stage, "cannot be read: No such file"), 1);
	write_key(stage, B);
	let_a_second_pass();
	assert_true(is_good(stage, B));
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	static const mode_t good[] = { 0640, 0600, 0440, 0400 };
	static const mode_t bad[] = { 0660, 0644, 0641, 0604, 0650, 0740 };
	struct stage *stage = *state;
	struct wp_error err = { 0 };

	write_key(stage, A);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(chmod(stage->path, good[i]), 0);
		open_file(stage);
		wp_apikey_file_free(&stage->file);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(chmod(stage->path, bad[i]), 0);
		assert_int_equal(
			wp_apikey_file_new(&stage->file, stage->path, &err),
			WP_ERR_INVAL);
		assert_non_null(strstr(err.msg, "auth.api_keys_file: /tmp/"));
		assert_non_null(strstr(err.msg, "chmod it to 0640 or less"));
	}
	/* Also while it serves. */
	assert_int_equal(chmod(stage->path, 0640), 0);
	open_file(stage);
	write_key(stage, B);
	assert_int_equal(chmod(stage->path, 0660), 0);
	let_a_second_pass();
	assert_true(is_good(stage, A));
	assert_false(is_good(stage, B));
}

static void what_is_no_plain_file_is_refused(void **state)
{
	struct stage *stage = *state;
	struct wp_error err = { 0 };

	assert_int_equal(wp_apikey_file_new(&stage->file, stage->dir, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "is no plain file"));
	assert_int_equal(mkfifo(stage->path, 0600), 0);
	assert_int_equal(wp_apikey_file_new(&stage->file, stage->path, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "is no plain file"));
	assert_int_equal(unlink(stage->path), 0);
	assert_int_equal(wp_apikey_file_new(&stage->file, stage->path, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "cannot be read"));
	assert_null(stage->file);
}

static void a_file_has_a_largest(void **state)
{
	struct stage *stage = *state;
	struct wp_error err = { 0 };

	write_text(stage, "");
	assert_int_equal(truncate(stage->path, WP_APIKEY_FILE_MAX_BYTES + 1),
			 0);
	assert_int_equal(wp_apikey_file_new(&stage->file, stage->path, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "must not be over 1 MiB"));
	assert_int_equal(truncate(stage->path, WP_APIKEY_FILE_MAX_BYTES), 0);
	assert_int_equal(wp_apikey_file_new(&stage->file, stage->path, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "line 1: has no end"));
}

/* The file of somebody else; only root can make one. */
static void a_file_of_others_is_refused(void **state)
{
	enum { SOMEBODY = 4711 };
	struct stage *stage = *state;
	struct wp_error err = { 0 };
	struct wp_buf text;
	struct stat st;

	if (geteuid() != 0)
		skip();
	write_key(stage, A);
	assert_int_equal(chown(stage->path, SOMEBODY, SOMEBODY), 0);
	assert_int_equal(wp_apikey_file_new(&stage->file, stage->path, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "must belong to root or to who runs"));
	/* But whoever is root may look after it. */
	wp_buf_init(&text, 0);
	assert_int_equal(wp_apikey_file_load(stage->path,
					     WP_SECRET_ANYS_TO_ROOT, &text, &st,
					     &err),
			 WP_OK);
	assert_int_equal(st.st_uid, SOMEBODY);
	wp_buf_release(&text);

	/* Root's is everybody's to trust; a third one's is not. */
	assert_int_equal(chown(stage->path, 0, SOMEBODY), 0);
	assert_int_equal(chmod(stage->dir, 0755), 0);
	assert_int_equal(setegid(SOMEBODY), 0);
	assert_int_equal(seteuid(SOMEBODY), 0);
	open_file(stage);
	wp_apikey_file_free(&stage->file);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(stage->path, SOMEBODY + 1, SOMEBODY), 0);
	assert_int_equal(seteuid(SOMEBODY), 0);
	assert_int_equal(wp_apikey_file_new(&stage->file, stage->path, &err),
			 WP_ERR_INVAL);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_non_null(strstr(err.msg, "must belong to root or to who runs"));
}

static void without_a_file_nobody_has_a_key(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(wp_apikey_file_new(&stage->file, "", NULL), WP_OK);
	assert_false(is_good(stage, A));
	let_a_second_pass();
	assert_false(is_good(stage, A));
	wp_apikey_file_free(&stage->file);
	assert_null(stage->file);
	wp_apikey_file_free(&stage->file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_is_seen_a_second_later),
		TEST(a_key_that_was_added_is_good_at_once),
		TEST(a_file_in_its_place_is_seen),
		TEST(a_change_in_the_tick_of_the_reading_is_seen),
		TEST(an_empty_file_is_no_keys),
		TEST(a_broken_file_changes_nothing_and_is_told_once),
		TEST(a_file_that_is_gone_changes_nothing),
		TEST(a_file_that_others_may_write_is_refused),
		TEST(what_is_no_plain_file_is_refused),
		TEST(a_file_has_a_largest),
		TEST(a_file_of_others_is_refused),
		TEST(without_a_file_nobody_has_a_key),
	};

	wp_log_setup("test", WP_LOG_INFO);
	return cmocka_run_group_tests_name("apikey_file", tests, NULL, NULL);
}
