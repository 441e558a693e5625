/* Sockets that belong to the group of whoever has to reach them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/listen.h"

static char dir[64];
static char path[72];    /* of the socket */
static char address[96]; /* the same with unix: */

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/waypost-test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(address, sizeof(address), "unix:%s", path);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* A group that we are in, and the one that files have by themselves is not it;
 * NULL when there is none. */
static const struct group *other_group(void)
{
	const struct group *group;
	gid_t groups[64];
	int n = getgroups(64, groups);

	if (geteuid() == 0)
		return getgrnam("daemon");
	for (int i = 0; i < n; i++) {
		group = getgrgid(groups[i]);
		if (groups[i] != getegid() && group != NULL)
			return group;
	}
	return NULL;
}

static void a_socket_belongs_to_the_group_that_is_named(void **state)
{
	const struct group *group = other_group();
	struct wp_listener listener;
	struct stat st;

	(void)state;
	if (group == NULL)
		skip();
	assert_int_equal(wp_listen_look_group(group->gr_name, NULL), WP_OK);
	assert_int_equal(
		wp_listen_group(address, group->gr_name, &listener, NULL),
		WP_OK);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_gid, group->gr_gid);
	assert_int_equal(st.st_mode & 0777, 0660);
	wp_listen_close(&listener);

	assert_int_equal(wp_listen_look_group("", NULL), WP_OK);
	assert_int_equal(wp_listen(address, &listener, NULL), WP_OK);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_not_equal(st.st_gid, group->gr_gid);
	wp_listen_close(&listener);
}

static void a_group_that_is_not_there_is_told(void **state)
{
	struct wp_listener listener;
	struct wp_error err;
	struct stat st;

	(void)state;
	assert_int_equal(wp_listen_look_group("no-such-group", &err),
			 WP_ERR_INVAL);
	assert_string_equal(err.msg, "there is no group no-such-group");
	assert_int_equal(
		wp_listen_group(address, "no-such-group", &listener, &err),
		WP_ERR_INVAL);
	assert_int_equal(listener.fd, -1);
	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(wp_listen_group("tcp:127.0.0.1:0", "no-such-group",
					 &listener, &err),
			 WP_OK);
	wp_listen_close(&listener);
}

/* In a child that is nobody, in no group but its own. */
static void a_group_of_others_is_told(void **state)
{
	static const char sentence[] =
		"a socket cannot be given to group daemon; make the user of "
		"this program a member of it";
	enum { NOBODY = 65534 };
	struct wp_listener listener;
	struct wp_error err = { 0 };
	struct stat st;
	int status = -1;
	pid_t child;

	(void)state;
	if (geteuid() != 0 || getgrnam("daemon") == NULL)
		skip();
	assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
	child = fork();
	if (child == 0) {
		if (setgroups(0, NULL) == -1 || setgid(NOBODY) == -1 ||
		    setuid(NOBODY) == -1)
			_exit(2);
		if (wp_listen_look_group("daemon", &err) != WP_ERR_SYS ||
		    strcmp(err.msg, sentence) != 0)
			_exit(3);
		if (wp_listen_group(address, "daemon", &listener, &err) !=
			    WP_ERR_SYS ||
		    strcmp(err.msg, sentence) != 0)
			_exit(4);
		_exit(lstat(path, &st) == -1 ? 0 : 5);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(chown(dir, 0, 0), 0);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_socket_belongs_to_the_group_that_is_named),
		TEST(a_group_that_is_not_there_is_told),
		TEST(a_group_of_others_is_told),
	};

	return cmocka_run_group_tests_name("listen_group", tests, NULL, NULL);
}
