/* Whom the kernel would let in: the first class that fits decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/waypost/doctor/reach.h"

enum { STRANGER = 54321, THEIRS = 54322 };

static char folder[64];
static char path[96];

static int make_socket(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	strcpy(folder, "/tmp/waypost-reach-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.sock", folder);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	close(fd);
	return chmod(folder, 0755);
}

static int remove_socket(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static bool may(const struct wp_doctor_web *web, mode_t mode, char why[128])
{
	assert_int_equal(chmod(path, mode), 0);
	return wp_doctor_may_connect(path, web, why, 128);
}

static void the_first_class_that_fits_decides(void **state)
{
	const struct wp_doctor_web stranger = { .uid = STRANGER,
						.groups = { THEIRS },
						.n_groups = 1 };
	const struct wp_doctor_web member = { .uid = STRANGER,
					      .groups = { THEIRS, getegid() },
					      .n_groups = 2 };
	const struct wp_doctor_web root = { .uid = 0 };
	char why[128];

	(void)state;
	assert_true(may(&stranger, 0666, why));
	assert_false(may(&stranger, 0660, why));
	assert_non_null(strstr(why, "0660"));
	assert_true(may(&member, 0660, why));
	/* To read is not enough, and others' rights are not theirs. */
	assert_false(may(&member, 0640, why));
	assert_false(may(&member, 0606, why));
	assert_true(may(&root, 0, why));
}

static void each_folder_on_the_way_counts(void **state)
{
	const struct wp_doctor_web stranger = { .uid = STRANGER };
	char why[128];

	(void)state;
	assert_int_equal(chmod(folder, 0700), 0);
	assert_false(may(&stranger, 0666, why));
	assert_non_null(strstr(why, folder));
	assert_int_equal(chmod(folder, 0701), 0);
	assert_true(may(&stranger, 0666, why));
}

static void what_is_not_there_lets_nobody_in(void **state)
{
	const struct wp_doctor_web stranger = { .uid = STRANGER };
	char why[128];

	(void)state;
	assert_false(wp_doctor_may_connect("/nonexistent/a", &stranger, why,
					   sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
}

static void a_process_is_who_it_acts_as(void **state)
{
	struct wp_doctor_web web;

	(void)state;
	assert_true(wp_doctor_read_status(
		"Name:\tnginx\nUmask:\t0022\nUid:\t0\t33\t0\t0\n"
		"Gid:\t0\t34\t0\t0\nFDSize:\t64\nGroups:\t35 36 \nVmPeak:\t1\n",
		&web));
	assert_string_equal(web.name, "nginx");
	assert_int_equal(web.uid, 33);
	assert_int_equal(web.n_groups, 3);
	assert_int_equal(web.groups[0], 34);
	assert_int_equal(web.groups[1], 35);
	assert_int_equal(web.groups[2], 36);
	assert_true(wp_doctor_read_status("Name:\ta\nUid:\t1\t2\nGid:\t3\t4\n"
					  "Groups:\t\n",
					  &web));
	assert_int_equal(web.n_groups, 1);
	assert_false(wp_doctor_read_status("Name:\ta\nUid:\t1\nGid:\t3\t4\n"
					   "Groups:\t\n",
					   &web));
	assert_false(wp_doctor_read_status("", &web));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_first_class_that_fits_decides, make_socket,
			remove_socket),
		cmocka_unit_test_setup_teardown(each_folder_on_the_way_counts,
						make_socket, remove_socket),
		cmocka_unit_test(what_is_not_there_lets_nobody_in),
		cmocka_unit_test(a_process_is_who_it_acts_as),
	};

	return cmocka_run_group_tests_name("doctor_reach", tests, NULL, NULL);
}
