/* Sockets with the right name, mode and owner of that name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/sys/listen.h"
#include "lib/sys/listen_address.h"

static char dir[64];
static char path[96];    /* of the socket */
static char address[96]; /* the same with unix: */

static int must_listen(const char *text)
{
	struct wp_error err;
	int fd = -1;

	if (wp_listen(text, &fd, &err) != WP_OK)
		fail_msg("%s", err.msg);
	return fd;
}

static int connect_unix(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(name.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void every_form_of_an_address_is_read(void **state)
{
	static const struct {
		const char *text, *path, *host, *port;
	} rows[] = {
		{ "unix:/a b", "/a b", "", "" },
		{ "tcp:127.0.0.1:80", "", "127.0.0.1", "80" },
		{ "localhost:65535", "", "localhost", "65535" },
		{ ":8080", "", "", "8080" },
		{ "tcp::8080", "", "", "8080" },
		{ "[::1]:80", "", "::1", "80" },
		{ "tcp:[fe80::1%eth0]:0", "", "fe80::1%eth0", "0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wp_listen_address out;

		assert_int_equal(wp_listen_parse(&out, rows[i].text, NULL),
				 WP_OK);
		assert_string_equal(out.path, rows[i].path);
		assert_string_equal(out.host, rows[i].host);
		assert_string_equal(out.port, rows[i].port);
		assert_int_equal(out.is_unix, rows[i].path[0] != '\0');
	}
}

static void a_malformed_address_is_named(void **state)
{
	static const char *const texts[] = {
		"",       "unix:",    "unix:a",    "80",      "host",
		"host:",  "host:x",   "host:-1",   "h:65536", "h:000080",
		"::1:80", "[]:80",    "[::1]80",   "[::1]",   "a/b:80",
		"h: 80",  "tcp:unix", "unix:@abc", "h:80 ",
	};
	char long_path[256];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct wp_error err = { 0 };
		char quoted[64];
		int fd = -1;

		assert_int_equal(wp_listen(texts[i], &fd, &err), WP_ERR_INVAL);
		snprintf(quoted, sizeof(quoted), "address \"%s\" ", texts[i]);
		assert_memory_equal(err.msg, quoted, strlen(quoted));
		assert_int_equal(fd, -1);
	}
	snprintf(long_path, sizeof(long_path), "unix:/%0*d", 107, 0);
	assert_int_equal(wp_listen(long_path, &(int){ 0 }, NULL), WP_ERR_INVAL);
}

static void a_unix_socket_is_for_its_group_whatever_the_umask(void **state)
{
	mode_t before = umask(0);
	struct stat st;
	int peer, fd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		umask(i == 0 ? 0 : 0777);
		fd = must_listen(address);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0660);
		peer = connect_unix();
		assert_int_not_equal(peer, -1);
		assert_true(wp_listen_is_listening(fd));
		assert_false(wp_listen_is_listening(peer));
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		close(peer);
		close(fd);
		wp_listen_unlink(address);
		assert_int_equal(access(path, F_OK), -1);
	}
	umask(before);
}

static void a_stale_name_is_replaced(void **state)
{
	int fd = must_listen(address);
	int peer;

	(void)state;
	close(fd); /* as a crash would: the name stays */
	assert_int_equal(access(path, F_OK), 0);

	fd = must_listen(address);

	peer = connect_unix();
	assert_int_not_equal(peer, -1);
	close(peer);
	close(fd);
	wp_listen_unlink(address);
}

static void a_live_name_is_refused_and_left_alone(void **state)
{
	int fd = must_listen(address);
	struct wp_error err;
	char sentence[160];
	int peer, other = -1;

	(void)state;
	assert_int_equal(wp_listen(address, &other, &err), WP_ERR_SYS);

	snprintf(sentence, sizeof(sentence),
		 "%s is in use by a running program", path);
	assert_string_equal(err.msg, sentence);
	assert_int_equal(other, -1);
	peer = connect_unix();
	assert_int_not_equal(peer, -1);
	close(peer);
	close(fd);
	wp_listen_unlink(address);
}

static void what_is_no_socket_is_never_removed(void **state)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct wp_error err;
	int fd = -1;

	(void)state;
	assert_int_not_equal(file, -1);
	close(file);

	assert_int_equal(wp_listen(address, &fd, &err), WP_ERR_SYS);
	wp_listen_unlink(address);
	wp_listen_unlink("tcp:127.0.0.1:80");
	wp_listen_unlink("nonsense");

	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void a_missing_folder_is_told(void **state)
{
	struct wp_error err;
	int fd = -1;

	(void)state;
	assert_int_equal(wp_listen("unix:/nowhere/s", &fd, &err), WP_ERR_SYS);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_string_equal(err.msg, "listen on /nowhere/s: No such file or "
				     "directory");
}

static void what_is_no_socket_is_not_listening(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_false(wp_listen_is_listening(fds[0]));
	assert_false(wp_listen_is_listening(-1));
	close(fds[0]);
	close(fds[1]);
}

/* Loopback and a port that the kernel picks: nothing leaves the process. */
static void a_tcp_socket_listens_and_its_port_is_taken(void **state)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int fd = must_listen("tcp:127.0.0.1:0");
	struct wp_error err;
	char again[32];
	int other = -1;

	(void)state;
	assert_true(wp_listen_is_listening(fd));
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	assert_int_equal(name.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	snprintf(again, sizeof(again), "127.0.0.1:%d", ntohs(name.sin_port));

	assert_int_equal(wp_listen(again, &other, &err), WP_ERR_SYS);

	assert_int_equal(err.sys_errno, EADDRINUSE);
	close(fd);
	fd = must_listen(again); /* at once: SO_REUSEADDR */
	close(fd);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/waypost-test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(address, sizeof(address), "unix:%s/s", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_an_address_is_read),
		cmocka_unit_test(a_malformed_address_is_named),
		cmocka_unit_test(
			a_unix_socket_is_for_its_group_whatever_the_umask),
		cmocka_unit_test(a_stale_name_is_replaced),
		cmocka_unit_test(a_live_name_is_refused_and_left_alone),
		cmocka_unit_test(what_is_no_socket_is_never_removed),
		cmocka_unit_test(a_missing_folder_is_told),
		cmocka_unit_test(what_is_no_socket_is_not_listening),
		cmocka_unit_test(a_tcp_socket_listens_and_its_port_is_taken),
	};

	return cmocka_run_group_tests_name("listen", tests, make_dir,
					   remove_dir);
}
