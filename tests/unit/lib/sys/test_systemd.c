/* Sockets that a service manager hands over, and what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/systemd.h"

/*
 * What wp_sd_take_socket() gives in a child with these variables and, when
 * has_fd, a socket as descriptor 3. "self" stands for the child's own id.
 * Exit status: the descriptor, or 99 for -1; 98 when a variable stayed.
 */
static int inherited(const char *pid, const char *fds, bool has_fd)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		char own[32];
		int fd;

		snprintf(own, sizeof(own), "%d", (int)getpid());
		setenv("LISTEN_PID", strcmp(pid, "self") == 0 ? own : pid, 1);
		setenv("LISTEN_FDS", fds, 1);
		setenv("LISTEN_FDNAMES", "a:b", 1);
		if (has_fd)
			dup2(socket(AF_UNIX, SOCK_STREAM, 0), 3);
		else
			close(3);
		fd = wp_sd_take_socket();
		if (getenv("LISTEN_PID") != NULL ||
		    getenv("LISTEN_FDS") != NULL ||
		    getenv("LISTEN_FDNAMES") != NULL)
			_exit(98);
		if (fd != -1 && fcntl(fd, F_GETFD) != FD_CLOEXEC)
			_exit(97);
		_exit(fd == -1 ? 99 : fd);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_socket_is_taken_only_when_it_is_meant_for_us(void **state)
{
	(void)state;
	assert_int_equal(inherited("self", "1", true), 3);
	assert_int_equal(inherited("1", "1", true), 99);
	assert_int_equal(inherited("self", "0", true), 99);
	assert_int_equal(inherited("self", "", true), 99);
	assert_int_equal(inherited("self", "-1", true), 99);
	assert_int_equal(inherited("self", "1x", true), 99);
	assert_int_equal(inherited("self", "99999999999999999999", true), 99);
	assert_int_equal(inherited("self", "1", false), 99);
}

static int receiver(struct sockaddr_un *name, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)name, len), 0);
	return fd;
}

static void expect_message(int fd, const char *start)
{
	char text[256] = "";
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(n > 0);
	assert_memory_equal(text, start, strlen(start));
}

static void the_state_reaches_a_socket_in_the_file_system(void **state)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/waypost-test-XXXXXX";
	char path[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/n", dir);
	memcpy(name.sun_path, path, strlen(path) + 1);
	fd = receiver(&name, sizeof(name));
	setenv("NOTIFY_SOCKET", path, 1);

	wp_sd_notify("READY=1");
	expect_message(fd, "READY=1");
	wp_sd_notify("RELOADING=1");
	expect_message(fd, "RELOADING=1\nMONOTONIC_USEC=");

	close(fd);
	wp_sd_notify("STOPPING=1"); /* nobody listens: no harm */
	unlink(path);
	wp_sd_notify("STOPPING=1");
	rmdir(dir);
}

static void the_state_reaches_an_abstract_socket(void **state)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char text[64];
	int len, fd;

	(void)state;
	len = snprintf(text, sizeof(text), "@waypost-test-%d", (int)getpid());
	memcpy(name.sun_path + 1, text + 1, (size_t)len - 1);
	fd = receiver(&name,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				  (size_t)len));
	setenv("NOTIFY_SOCKET", text, 1);

	wp_sd_notify("STOPPING=1");

	expect_message(fd, "STOPPING=1");
	close(fd);
}

static struct wp_sd_life life_with(const char *usec, const char *pid)
{
	struct wp_sd_life life;

	setenv("NOTIFY_SOCKET", "@waypost-test-nobody", 1);
	setenv("WATCHDOG_USEC", usec, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
	else
		unsetenv("WATCHDOG_PID");
	wp_sd_life_begin(&life);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return life;
}

static void a_watchdog_is_told_twice_in_its_time_at_least(void **state)
{
	struct wp_sd_life life;
	char own[32];

	(void)state;
	snprintf(own, sizeof(own), "%d", (int)getpid());
	life = life_with("2000000", NULL);
	assert_int_equal(life.watchdog_ms, 2000);
	assert_int_equal(life.pulse_ms, 1000);
	life = life_with("2000000", own);
	assert_int_equal(life.pulse_ms, 1000);
	/* The status is to be fresh, however patient the watchdog is. */
	life = life_with("9000000000000", own);
	assert_true(life.watchdog_ms > 60 * 60 * 1000);
	assert_int_equal(life.pulse_ms, 5000);
	/* No number of times a second that would keep us from work. */
	life = life_with("1000", own);
	assert_int_equal(life.pulse_ms, 10);
	/* Whoever is looked at gets two looks, or all would be ended. */
	assert_int_equal(life.watchdog_ms, 20);
	life = life_with("1", own);
	assert_int_equal(life.watchdog_ms / life.pulse_ms, 2);
}

static void who_is_not_watched_has_a_status_only(void **state)
{
	static const char *const bad[] = { "0", "-1", "", "1s",
					   "99999999999999999999" };
	struct wp_sd_life life;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		life = life_with(bad[i], NULL);
		assert_int_equal(life.watchdog_ms, 0);
		assert_int_equal(life.pulse_ms, 5000);
	}
	life = life_with("2000000", "1"); /* our parent is watched */
	assert_int_equal(life.watchdog_ms, 0);
	unsetenv("NOTIFY_SOCKET");
	wp_sd_life_begin(&life);
	assert_int_equal(life.pulse_ms, 0);
	wp_sd_pulse(&life, NULL, "nobody hears it");
}

static void a_pulse_says_what_goes_on(void **state)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char text[64];
	struct wp_sd_life life = { .pulse_ms = 1000 };
	int len, fd;

	(void)state;
	len = snprintf(text, sizeof(text), "@waypost-test-%d", (int)getpid());
	memcpy(name.sun_path + 1, text + 1, (size_t)len - 1);
	fd = receiver(&name,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				  (size_t)len));
	setenv("NOTIFY_SOCKET", text, 1);

	wp_sd_pulse(&life, NULL, "3 users");
	expect_message(fd, "STATUS=3 users");
	life.watchdog_ms = 2000;
	wp_sd_pulse(&life, "unix:/r", "3 users");
	expect_message(fd, "WATCHDOG=1\nSTATUS=waiting for Redis at unix:/r "
			   "since 0 s; 3 users");
	assert_int_not_equal(life.away_ms, 0);
	life.away_ms -= 12000;
	wp_sd_pulse(&life, "unix:/r", "3 users");
	expect_message(fd, "WATCHDOG=1\nSTATUS=waiting for Redis at unix:/r "
			   "since 12 s; 3 users");
	wp_sd_pulse(&life, NULL, "3 users");
	expect_message(fd, "WATCHDOG=1\nSTATUS=3 users");
	assert_int_equal(life.away_ms, 0);

	/* A manager that does not read stops nobody. */
	for (int i = 0; i < 10000; i++)
		wp_sd_pulse(&life, NULL, "3 users");
	close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
	char long_path[256];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	wp_sd_notify("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	wp_sd_notify("READY=1");
	memset(long_path, 'a', sizeof(long_path));
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", long_path, 1);
	wp_sd_notify("READY=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_socket_is_taken_only_when_it_is_meant_for_us),
		cmocka_unit_test(the_state_reaches_a_socket_in_the_file_system),
		cmocka_unit_test(the_state_reaches_an_abstract_socket),
		cmocka_unit_test(a_watchdog_is_told_twice_in_its_time_at_least),
		cmocka_unit_test(who_is_not_watched_has_a_status_only),
		cmocka_unit_test(a_pulse_says_what_goes_on),
		cmocka_unit_test(without_a_manager_nothing_happens),
	};

	return cmocka_run_group_tests_name("systemd", tests, NULL, NULL);
}
