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
		cmocka_unit_test(without_a_manager_nothing_happens),
	};

	return cmocka_run_group_tests_name("systemd", tests, NULL, NULL);
}
