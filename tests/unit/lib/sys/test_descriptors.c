/* The first three descriptors, and how many more there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/descriptors.h"

/* Bits: which of the first three are closed before, and null after. */
static int begin_with(int closed)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		struct stat null, found;
		int is_null = 0, file = open("/", O_RDONLY);

		/* Something that is not /dev/null. */
		for (int fd = 0; fd < 3; fd++)
			if (dup2(file, fd) == -1)
				_exit(99);
		for (int fd = 0; fd < 3; fd++)
			if ((closed & 1 << fd) != 0)
				close(fd);
		closefrom(3);
		if (!wp_descriptors_begin() || stat("/dev/null", &null) == -1)
			_exit(98);
		for (int fd = 0; fd < 3; fd++)
			if (fstat(fd, &found) == 0 &&
			    found.st_rdev == null.st_rdev)
				is_null |= 1 << fd;
		if (open("/", O_RDONLY) != 3)
			_exit(97);
		_exit(is_null);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void what_is_closed_becomes_null_and_nothing_else(void **state)
{
	(void)state;

	for (int closed = 0; closed < 8; closed++)
		assert_int_equal(begin_with(closed), closed);
}

static void the_soft_limit_is_raised_to_the_hard_one(void **state)
{
	struct rlimit limit, before;
	uint64_t n;

	(void)state;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = (struct rlimit){ 100, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);

	n = wp_descriptors_raise();

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(limit.rlim_cur == before.rlim_max);
	assert_true(before.rlim_max == RLIM_INFINITY ? n == UINT64_MAX
						     : n == before.rlim_max);
	assert_true(wp_descriptors_raise() == n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_closed_becomes_null_and_nothing_else),
		cmocka_unit_test(the_soft_limit_is_raised_to_the_hard_one),
	};

	return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
