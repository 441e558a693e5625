/* A folder that one process writes: whole files, one owner, nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/folder.h"

enum { PATH_BYTES = 128 };

static char base[64];
static char path[96]; /* of the folder; it is made by who owns it */

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(base, sizeof(base), "%s/wp-folder-XXXXXX",
		       getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(base));
	(void)snprintf(path, sizeof(path), "%s/keys", base);
	return 0;
}

static int tear_down(void **state)
{
	char command[PATH_BYTES];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", base);
	return system(command) == 0 ? 0 : -1;
}

static struct wp_folder own(void)
{
	struct wp_folder folder;
	struct wp_error err = { 0 };

	if (wp_folder_own(&folder, path, "lock", &err) != WP_OK)
		fail_msg("%s", err.msg);
	return folder;
}

static void put(const struct wp_folder *folder, const char *name, mode_t mode,
		const char *text)
{
	struct wp_error err = { 0 };
	const struct wp_folder_write what = {
		.name = name,
		.mode = mode,
		.data = text,
		.len = strlen(text),
	};

	if (wp_folder_write(folder, &what, &err) != WP_OK)
		fail_msg("%s", err.msg);
}

static enum wp_err get(const struct wp_folder *folder, const char *name,
		       bool is_secret, size_t max_bytes, char *text)
{
	const struct wp_folder_read what = {
		.name = name,
		.is_secret = is_secret,
		.max_bytes = max_bytes,
	};
	struct wp_error err = { 0 };
	struct wp_buf buf;
	enum wp_err rc;

	wp_buf_init(&buf, 0);
	rc = wp_folder_read(folder, &what, &buf, &err);
	if (rc == WP_OK) {
		memcpy(text, buf.data != NULL ? buf.data : "", buf.len);
		text[buf.len] = '\0';
	}
	wp_buf_release(&buf);
	return rc;
}

static mode_t mode_of(const struct wp_folder *folder, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW),
			 0);
	return st.st_mode & 07777;
}

static void a_file_is_there_whole_and_with_its_mode(void **state)
{
	struct wp_folder folder = own();
	char text[32];
	struct wp_error err = { 0 };

	(void)state;
	(void)umask(0077);
	put(&folder, "a", 0640, "one");
	put(&folder, "b", 0600, "secret");
	put(&folder, "a", 0640, "another");

	assert_int_equal(get(&folder, "a", false, 31, text), WP_OK);
	assert_string_equal(text, "another");
	assert_int_equal(mode_of(&folder, "a"), 0640);
	assert_int_equal(mode_of(&folder, "b"), 0600);
	assert_int_equal(get(&folder, "b", true, 31, text), WP_OK);

	assert_int_equal(wp_folder_remove(&folder, "a", &err), WP_OK);
	assert_int_equal(wp_folder_remove(&folder, "a", &err), WP_OK);
	assert_int_equal(get(&folder, "a", false, 31, text), WP_ERR_NOTFOUND);
	(void)umask(0022);
	wp_folder_close(&folder);
}

static void what_is_too_long_is_refused(void **state)
{
	struct wp_folder folder = own();
	char text[32];

	(void)state;
	put(&folder, "a", 0640, "12345678");
	assert_int_equal(get(&folder, "a", false, 8, text), WP_OK);
	assert_int_equal(get(&folder, "a", false, 7, text), WP_ERR_FULL);
	wp_folder_close(&folder);
}

static void what_others_may_touch_is_refused(void **state)
{
	struct wp_folder folder = own();
	char text[32];

	(void)state;
	put(&folder, "a", 0660, "x");
	put(&folder, "b", 0602, "x");
	put(&folder, "c", 0640, "x");
	assert_int_equal(get(&folder, "a", false, 8, text), WP_ERR_DENIED);
	assert_int_equal(get(&folder, "b", false, 8, text), WP_ERR_DENIED);
	assert_int_equal(get(&folder, "c", false, 8, text), WP_OK);
	assert_int_equal(get(&folder, "c", true, 8, text), WP_ERR_DENIED);

	assert_int_equal(symlinkat("c", folder.fd, "link"), 0);
	assert_int_equal(get(&folder, "link", false, 8, text), WP_ERR_SYS);
	assert_int_equal(mkfifoat(folder.fd, "fifo", 0600), 0);
	assert_int_equal(get(&folder, "fifo", false, 8, text), WP_ERR_DENIED);
	wp_folder_close(&folder);
}

static void a_folder_that_others_write_is_refused(void **state)
{
	struct wp_folder folder = WP_FOLDER_NONE;
	struct wp_error err = { 0 };
	char text[32];

	(void)state;
	assert_int_equal(wp_folder_open(&folder, path, &err), WP_ERR_NOTFOUND);
	/* As a check does, before anybody has made it. */
	assert_int_equal(get(&folder, "a", false, 31, text), WP_ERR_NOTFOUND);
	wp_folder_close(&folder);
	folder = own();
	wp_folder_close(&folder);
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(wp_folder_own(&folder, path, "lock", &err),
			 WP_ERR_DENIED);
	wp_folder_close(&folder);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(wp_folder_open(&folder, path, &err), WP_OK);
	wp_folder_close(&folder);
}

/* Own it in another process until told to end. */
static pid_t own_elsewhere(int *end_out)
{
	int ready[2], end[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		close(end[1]);
		(void)own();
		(void)!write(ready[1], "x", 1);
		(void)!read(end[0], &byte, 1);
		_exit(0);
	}
	close(ready[1]);
	close(end[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*end_out = end[1];
	return pid;
}

static void there_is_one_owner_and_it_is_named(void **state)
{
	struct wp_folder folder = WP_FOLDER_NONE;
	struct wp_error err = { 0 };
	char number[32];
	int end;
	pid_t pid = own_elsewhere(&end);

	(void)state;
	assert_int_equal(wp_folder_own(&folder, path, "lock", &err),
			 WP_ERR_CONFLICT);
	(void)snprintf(number, sizeof(number), "process %ld ", (long)pid);
	assert_non_null(strstr(err.msg, number));
	wp_folder_close(&folder);

	assert_int_equal(wp_folder_open(&folder, path, &err), WP_OK);
	assert_int_equal(wp_folder_owner(&folder, "lock"), pid);
	close(end);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(wp_folder_owner(&folder, "lock"), 0);
	wp_folder_close(&folder);
	folder = own();
	wp_folder_close(&folder);
}

static void what_a_kill_left_behind_goes(void **state)
{
	struct wp_folder folder = own();
	int fd = openat(folder.fd, ".new-0123456789abcdef",
			O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_not_equal(fd, -1);
	close(fd);
	put(&folder, "a", 0640, "x");
	wp_folder_close(&folder);
	folder = own();
	assert_int_equal(faccessat(folder.fd, ".new-0123456789abcdef", F_OK, 0),
			 -1);
	assert_int_equal(faccessat(folder.fd, "a", F_OK, 0), 0);
	wp_folder_close(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_file_is_there_whole_and_with_its_mode, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_long_is_refused,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_others_may_touch_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_folder_that_others_write_is_refused, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			there_is_one_owner_and_it_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_kill_left_behind_goes,
						set_up, tear_down),
	};

	return cmocka_run_group_tests_name("sys/folder", tests, NULL, NULL);
}
