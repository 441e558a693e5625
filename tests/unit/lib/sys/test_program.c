/* The frame of a program: how it begins, what it reads again, how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"

static const struct wp_conf_section *const sections[] = {
	&wp_conf_log, &wp_conf_redis, &wp_conf_handlers, NULL
};

static const struct wp_conf_program about = {
	.name = "waypost-test",
	.summary = "is tested",
	.known = wp_conf_sections,
	.sections = sections,
};

/* Bits: which of the first three are closed before, and null after. */
static int begin_with(int closed)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		struct wp_program program;
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
		if (!wp_program_begin(&program, &about, 0, NULL) ||
		    stat("/dev/null", &null) == -1)
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

	n = wp_program_raise_descriptors();

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(limit.rlim_cur == before.rlim_max);
	assert_true(before.rlim_max == RLIM_INFINITY ? n == UINT64_MAX
						     : n == before.rlim_max);
	assert_true(wp_program_raise_descriptors() == n);
}

/* A SIGHUP that came too early; 0 when nobody was hurt. */
static int hang_up(bool is_service)
{
	struct wp_conf_program service = about;
	struct wp_program program;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		service.is_service = is_service;
		if (!wp_program_begin(&program, &service, 0, NULL))
			_exit(1);
		(void)raise(SIGHUP);
		(void)raise(SIGPIPE);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void a_service_lets_a_reload_wait_and_a_tool_ends(void **state)
{
	(void)state;

	assert_int_equal(hang_up(true), 0);
	assert_int_equal(hang_up(false), SIGHUP);
}

static void begin(struct wp_program *program)
{
	static char name[] = "waypost-test";
	static char *argv[] = { name, NULL };

	clearenv();
	setenv("WAYPOST_CONFIG", "/dev/null", 1);
	assert_true(wp_program_begin(program, &about, 1, argv));
}

static enum wp_err refuse(void *ctx, const struct wp_conf *next,
			  struct wp_error *err)
{
	*(int64_t *)ctx = next->handlers.threads;
	return wp_error_set(err, WP_ERR_INVAL, "too many threads");
}

static void a_reload_is_taken_or_refused_as_a_whole(void **state)
{
	struct wp_program program;
	struct wp_conf now, next;
	struct wp_error err = { 0 };
	int64_t asked = 0;
	char said[4096] = "";
	int saved, file;

	(void)state;
	begin(&program);
	assert_int_equal(wp_program_load(&program, &now, &err), WP_OK);

	setenv("WAYPOST_HANDLERS_THREADS", "7", 1);
	assert_true(wp_program_reload(&program, &now, &next, NULL, NULL));
	assert_int_equal(next.handlers.threads, 7);
	wp_conf_release(&next);

	file = memfd_create("said", MFD_CLOEXEC);
	saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
	/* What is said from now on is for the level that was read. */
	wp_log_plain(NULL, WP_LOG_DEBUG, "at debug");
	setenv("LOG_LEVEL", "debug", 1);
	assert_true(wp_program_reload(&program, &now, &next, NULL, NULL));
	wp_conf_release(&next);
	wp_log_plain(NULL, WP_LOG_DEBUG, "at debug since the reload");
	unsetenv("LOG_LEVEL");
	assert_false(wp_program_reload(&program, &now, &next, refuse, &asked));
	assert_int_equal(asked, 7);
	assert_null(next.redis.address);
	setenv("WAYPOST_REDIS_DATABASE", "1", 1);
	assert_false(wp_program_reload(&program, &now, &next, NULL, NULL));
	setenv("WAYPOST_REDIS_DATABASE", "x", 1);
	assert_false(wp_program_reload(&program, &now, &next, NULL, NULL));
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_true(pread(file, said, sizeof(said) - 1, 0) > 0);
	close(saved);
	close(file);
	assert_null(strstr(said, "\"at debug\""));
	assert_non_null(strstr(said, "\"at debug since the reload\""));
	assert_non_null(strstr(said, "\"too many threads\""));
	assert_non_null(strstr(said, "redis.database: cannot be changed"));
	assert_non_null(strstr(said, "WAYPOST_REDIS_DATABASE: must be"));
	/* What ends the program is told at its end; this has not. */
	assert_int_equal(program.faults.n, 0);
	wp_conf_release(&now);
}

static enum wp_err find_fault(void *ctx, struct wp_error *err)
{
	struct wp_program *program = ctx;
	enum wp_err rc = WP_OK;
	struct wp_error why;

	wp_error_set(&why, WP_ERR_UNAVAIL, "Redis is away");
	wp_faults_note(&program->faults, WP_ERR_UNAVAIL, &why, &rc, err);
	return rc;
}

static void a_check_tells_each_fault_once(void **state)
{
	struct wp_program program;
	const struct wp_program_look look = {
		.key = "handlers.listen",
		.address = "unix:/nowhere/at/all",
		.look = find_fault,
		.ctx = &program,
		.fine = "unused",
	};
	struct wp_error err = { 0 };

	(void)state;
	begin(&program);

	assert_int_equal(wp_program_check(&program, &look, &err), WP_ERR_INVAL);

	assert_int_equal(program.faults.n, 2);
	assert_memory_equal(program.faults.list[0].msg,
			    "handlers.listen: ", 17);
	assert_string_equal(program.faults.list[0].msg, err.msg);
	assert_string_equal(program.faults.list[1].msg, "Redis is away");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_closed_becomes_null_and_nothing_else),
		cmocka_unit_test(the_soft_limit_is_raised_to_the_hard_one),
		cmocka_unit_test(a_service_lets_a_reload_wait_and_a_tool_ends),
		cmocka_unit_test(a_reload_is_taken_or_refused_as_a_whole),
		cmocka_unit_test(a_check_tells_each_fault_once),
	};

	return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
