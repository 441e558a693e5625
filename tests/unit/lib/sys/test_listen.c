/* Sockets with the right name, mode and owner of that name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/listen.h"

static char dir[64];
static char path[96];    /* of the socket */
static char address[96]; /* the same with unix: */

static struct wp_listener must_listen(const char *text)
{
	struct wp_listener listener;
	struct wp_error err;

	if (wp_listen(text, &listener, &err) != WP_OK)
		fail_msg("%s", err.msg);
	return listener;
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

static void every_form_of_an_address_is_taken(void **state)
{
	static const char *const texts[] = {
		"unix:/a b",
		"unix:/a:b",
		"tcp:127.0.0.1:80",
		"localhost:65535",
		":8080",
		"tcp::8080",
		"[::1]:80",
		"tcp:[fe80::1%eth0]:0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(wp_listen_check(texts[i], NULL), WP_OK);
}

/* Where it listens: host and port as numbers. */
static void name_of(int fd, char host[64], char port[16])
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	assert_int_equal(getnameinfo((struct sockaddr *)&name, len, host, 64,
				     port, 16, NI_NUMERICHOST | NI_NUMERICSERV),
			 0);
}

/* A chroot may have no /etc/hosts, and nobody may tell it. */
static bool knows_localhost(void)
{
	struct addrinfo *found;

	if (getaddrinfo("localhost", NULL, NULL, &found) != 0)
		return false;
	freeaddrinfo(found);
	return true;
}

static void each_form_of_tcp_leads_to_its_host_and_port(void **state)
{
	static const struct {
		const char *prefix;  /* of a port */
		const char *host[2]; /* one or the other, by family */
	} rows[] = {
		{ "127.0.0.1:", { "127.0.0.1", NULL } },
		{ "tcp:127.0.0.1:", { "127.0.0.1", NULL } },
		{ "localhost:", { "127.0.0.1", "::1" } },
		{ ":", { "0.0.0.0", "::" } },
		{ "tcp::", { "0.0.0.0", "::" } },
		{ "[::1]:", { "::1", NULL } },
		{ "tcp:[::1]:", { "::1", NULL } },
	};
	struct wp_listener listener = must_listen("127.0.0.1:0");
	char free_port[16], host[64], port[16], text[64];

	(void)state;
	name_of(listener.fd, host, free_port);
	wp_listen_close(&listener);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wp_error err;

		snprintf(text, sizeof(text), "%s%s", rows[i].prefix, free_port);
		if (wp_listen(text, &listener, &err) != WP_OK) {
			/* A host may have no IPv6. */
			assert_true(strstr(text, "::1") != NULL ||
				    (strstr(text, "localhost") != NULL &&
				     !knows_localhost()));
			assert_int_equal(err.code, WP_ERR_SYS);
			continue;
		}
		name_of(listener.fd, host, port);
		assert_string_equal(port, free_port);
		if (strcmp(host, rows[i].host[0]) != 0) {
			assert_non_null(rows[i].host[1]);
			assert_string_equal(host, rows[i].host[1]);
		}
		wp_listen_close(&listener);
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
		struct wp_listener none;

		assert_int_equal(wp_listen(texts[i], &none, &err),
				 WP_ERR_INVAL);
		snprintf(quoted, sizeof(quoted), "address \"%s\" ", texts[i]);
		assert_memory_equal(err.msg, quoted, strlen(quoted));
		assert_int_equal(none.fd, -1);
	}
	snprintf(long_path, sizeof(long_path), "unix:/%0*d", 107, 0);
	assert_int_equal(wp_listen(long_path, &(struct wp_listener){ 0 }, NULL),
			 WP_ERR_INVAL);
}

static void a_unix_socket_is_for_its_group_whatever_the_umask(void **state)
{
	mode_t before = umask(0);
	struct stat st;
	int peer;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct wp_listener listener;

		umask(i == 0 ? 0 : 0777);
		listener = must_listen(address);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0660);
		peer = connect_unix();
		assert_int_not_equal(peer, -1);
		assert_true(wp_listen_is_listening(listener.fd));
		assert_false(wp_listen_is_listening(peer));
		assert_int_equal(fcntl(listener.fd, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fcntl(listener.fd, F_GETFL) & O_NONBLOCK, 0);
		close(peer);
		wp_listen_close(&listener);
		assert_int_equal(listener.fd, -1);
		assert_int_equal(access(path, F_OK), -1);
		wp_listen_close(&listener); /* nothing */
	}
	umask(before);
}

static void a_stale_name_is_replaced(void **state)
{
	struct wp_listener listener = must_listen(address);
	int peer;

	(void)state;
	close(listener.fd); /* as a crash would: the name stays */
	assert_int_equal(access(path, F_OK), 0);

	listener = must_listen(address);

	peer = connect_unix();
	assert_int_not_equal(peer, -1);
	close(peer);
	wp_listen_close(&listener);
}

static void a_live_name_is_refused_and_left_alone(void **state)
{
	struct wp_listener listener = must_listen(address);
	struct wp_listener other;
	struct wp_error err;
	char sentence[160];
	int peer;

	(void)state;
	assert_int_equal(wp_listen(address, &other, &err), WP_ERR_SYS);

	snprintf(sentence, sizeof(sentence),
		 "%s is in use by a running program", path);
	assert_string_equal(err.msg, sentence);
	assert_int_equal(other.fd, -1);
	peer = connect_unix();
	assert_int_not_equal(peer, -1);
	close(peer);
	wp_listen_close(&listener);
}

/* Who waits in the queue is still accepted; nobody else comes in. */
static void a_name_goes_before_its_socket(void **state)
{
	struct wp_listener listener = must_listen(address);
	int waiting = connect_unix();
	int accepted;

	(void)state;
	wp_listen_unlink(&listener);

	assert_int_equal(connect_unix(), -1);
	accepted = accept(listener.fd, NULL, NULL);
	assert_int_not_equal(accepted, -1);
	close(accepted);
	close(waiting);
	wp_listen_close(&listener);
}

static void a_successors_name_is_left_alone(void **state)
{
	struct wp_listener old = must_listen(address);
	struct wp_listener new, late;
	int peer;

	(void)state;
	wp_listen_unlink(&old);
	new = must_listen(address);
	wp_listen_unlink(&old); /* the second time */
	/*
	 * And one that only now comes to it, after somebody removed the name.
	 */
	assert_int_equal(unlink(path), 0);
	late = must_listen(address);
	wp_listen_close(&new);

	peer = connect_unix();
	assert_int_not_equal(peer, -1);
	close(peer);
	wp_listen_close(&late);
	wp_listen_close(&old);
	assert_int_equal(access(path, F_OK), -1);
}

enum { HEIR_FD = 4 }; /* heir.c: behind the one where it says that it serves */

/* An heir of this socket, in a process of its own, that ends. */
static _Noreturn void be_heir(const struct wp_listener *old, bool serves)
{
	struct wp_listener own = WP_LISTENER_NONE;
	char from[16], list[160];

	(void)snprintf(from, sizeof(from), "%d", (int)getppid());
	(void)snprintf(list, sizeof(list), "%ju %ju %s\n", (uintmax_t)old->dev,
		       (uintmax_t)old->ino, address);
	if (dup2(old->fd, HEIR_FD) == -1 ||
	    dup2(STDERR_FILENO, HEIR_FD - 1) == -1 ||
	    setenv("WP_HEIR", from, 1) == -1 ||
	    setenv("WP_HEIR_SOCKETS", list, 1) == -1)
		_exit(2);
	wp_heir_begin();
	if (wp_listen(address, &own, NULL) != WP_OK || own.fd != HEIR_FD)
		_exit(3);
	if (serves)
		wp_heir_tell_ready();
	wp_listen_close(&own);
	_exit(0);
}

static void run_heir(const struct wp_listener *old, bool serves)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		be_heir(old, serves);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void an_heir_takes_the_name_away_only_when_it_is_his(void **state)
{
	struct wp_listener old = must_listen(address);
	int peer;

	(void)state;
	/* It fails before it serves: nothing has changed. */
	run_heir(&old, false);
	peer = connect_unix();
	assert_int_not_equal(peer, -1);
	close(peer);

	run_heir(&old, true);
	assert_int_equal(access(path, F_OK), -1);
	wp_listen_give_up(&old);
	wp_listen_close(&old);
}

/* ---- who comes at the same time ---- */

enum { STARTERS = 4, ROUNDS = 200 };

struct starter {
	pthread_barrier_t *barrier;
	struct wp_listener listener;
};

static void *start_now(void *ctx)
{
	struct starter *starter = ctx;

	(void)pthread_barrier_wait(starter->barrier);
	(void)!wp_listen(address, &starter->listener, NULL);
	return NULL;
}

static void of_several_that_start_at_once_one_gets_the_name(void **state)
{
	struct starter starters[STARTERS];
	pthread_t threads[STARTERS];
	pthread_barrier_t barrier;

	(void)state;
	pthread_barrier_init(&barrier, NULL, STARTERS);
	for (int round = 0; round < ROUNDS; round++) {
		struct wp_listener stale = must_listen(address);
		int n = 0;
		int peer;

		close(stale.fd);
		for (int i = 0; i < STARTERS; i++) {
			starters[i].barrier = &barrier;
			pthread_create(&threads[i], NULL, start_now,
				       &starters[i]);
		}
		for (int i = 0; i < STARTERS; i++) {
			pthread_join(threads[i], NULL);
			n += starters[i].listener.fd != -1;
		}
		assert_int_equal(n, 1);
		peer = connect_unix();
		assert_int_not_equal(peer, -1);
		close(peer);
		for (int i = 0; i < STARTERS; i++)
			wp_listen_close(&starters[i].listener);
		assert_int_equal(access(path, F_OK), -1);
	}
	pthread_barrier_destroy(&barrier);
}

/* A start in the middle of a stop: refused, or it has a name that works. */
static void a_stop_never_takes_the_name_of_a_start(void **state)
{
	pthread_barrier_t barrier;

	(void)state;
	pthread_barrier_init(&barrier, NULL, 2);
	for (int round = 0; round < ROUNDS; round++) {
		struct wp_listener old = must_listen(address);
		struct starter starter = { .barrier = &barrier };
		pthread_t thread;
		int peer;

		pthread_create(&thread, NULL, start_now, &starter);
		(void)pthread_barrier_wait(&barrier);
		wp_listen_close(&old);
		pthread_join(thread, NULL);
		peer = connect_unix();
		assert_int_equal(peer != -1, starter.listener.fd != -1);
		if (peer != -1)
			close(peer);
		wp_listen_close(&starter.listener);
	}
	pthread_barrier_destroy(&barrier);
}

static void what_is_no_socket_is_never_removed(void **state)
{
	struct wp_listener listener = must_listen(address);
	struct wp_listener other;
	struct wp_error err;
	int file;

	(void)state;
	assert_int_equal(unlink(path), 0);
	file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_not_equal(file, -1);
	close(file);

	assert_int_equal(wp_listen(address, &other, &err), WP_ERR_SYS);
	wp_listen_close(&listener);

	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void a_locked_folder_is_told(void **state)
{
	struct wp_listener listener;
	struct wp_error err;
	char sentence[160];
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);

	assert_int_equal(wp_listen(address, &listener, &err), WP_ERR_SYS);

	snprintf(sentence, sizeof(sentence),
		 "listen on %s: somebody keeps its folder locked", path);
	assert_string_equal(err.msg, sentence);
	close(fd);
}

/* A look finds what a start would, and leaves everything as it is. */
static void a_look_tells_what_a_start_would_meet(void **state)
{
	struct wp_listener listener;
	struct wp_error err;
	struct stat st;
	FILE *file;

	(void)state;
	assert_int_equal(wp_listen_look(address, &err), WP_OK);
	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(wp_listen_look("tcp:127.0.0.1:1", &err), WP_OK);
	assert_int_equal(wp_listen_look("nonsense", &err), WP_ERR_INVAL);
	assert_int_equal(wp_listen_look("unix:/nowhere/at/all.sock", &err),
			 WP_ERR_INVAL);
	assert_string_equal(err.msg, "no socket can be made in /nowhere/at: No "
				     "such file or directory");

	listener = must_listen(address);
	assert_int_equal(wp_listen_look(address, &err), WP_ERR_CONFLICT);
	close(listener.fd); /* a crash: the name stays */
	assert_int_equal(wp_listen_look(address, &err), WP_OK);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(unlink(path), 0);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(wp_listen_look(address, &err), WP_ERR_INVAL);
	assert_int_equal(unlink(path), 0);
}

static void a_missing_folder_is_told(void **state)
{
	struct wp_listener listener;
	struct wp_error err;

	(void)state;
	assert_int_equal(wp_listen("unix:/nowhere/s", &listener, &err),
			 WP_ERR_SYS);
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
	struct wp_listener listener = must_listen("tcp:127.0.0.1:0");
	struct wp_listener other;
	struct wp_error err;
	char again[32];

	(void)state;
	assert_true(wp_listen_is_listening(listener.fd));
	assert_int_equal(
		getsockname(listener.fd, (struct sockaddr *)&name, &len), 0);
	assert_int_equal(name.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	snprintf(again, sizeof(again), "127.0.0.1:%d", ntohs(name.sin_port));

	assert_int_equal(wp_listen(again, &other, &err), WP_ERR_SYS);

	assert_int_equal(err.sys_errno, EADDRINUSE);
	wp_listen_close(&listener);
	listener = must_listen(again); /* at once: SO_REUSEADDR */
	wp_listen_close(&listener);
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

/* As many as the kernel allows wait to be accepted; the next one is refused. */
static void a_crowd_is_queued(void **state)
{
	enum { CROWD = 2000 };
	struct rlimit old, all;
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int *peers = malloc(CROWD * sizeof(*peers));
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "r");
	struct wp_listener listener;
	int allowed = 0;
	int n;

	(void)state;
	assert_non_null(peers);
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &allowed), 1);
	(void)fclose(file);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	if (allowed < CROWD || old.rlim_max < CROWD + 100) {
		free(peers);
		skip();
	}
	all = (struct rlimit){ old.rlim_max, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	listener = must_listen(address);
	memcpy(name.sun_path, path, strlen(path) + 1);
	for (n = 0; n < CROWD; n++) {
		peers[n] = socket(
			AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_int_not_equal(peers[n], -1);
		if (connect(peers[n], (struct sockaddr *)&name, sizeof(name)) !=
		    0)
			fail_msg("only %d were queued", n);
	}
	while (n > 0)
		close(peers[--n]);
	wp_listen_close(&listener);
	free(peers);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crowd_is_queued),
		cmocka_unit_test(every_form_of_an_address_is_taken),
		cmocka_unit_test(each_form_of_tcp_leads_to_its_host_and_port),
		cmocka_unit_test(a_malformed_address_is_named),
		cmocka_unit_test(
			a_unix_socket_is_for_its_group_whatever_the_umask),
		cmocka_unit_test(a_stale_name_is_replaced),
		cmocka_unit_test(a_live_name_is_refused_and_left_alone),
		cmocka_unit_test(a_name_goes_before_its_socket),
		cmocka_unit_test(a_successors_name_is_left_alone),
		cmocka_unit_test(
			an_heir_takes_the_name_away_only_when_it_is_his),
		cmocka_unit_test(
			of_several_that_start_at_once_one_gets_the_name),
		cmocka_unit_test(a_stop_never_takes_the_name_of_a_start),
		cmocka_unit_test(what_is_no_socket_is_never_removed),
		cmocka_unit_test(a_locked_folder_is_told),
		cmocka_unit_test(a_look_tells_what_a_start_would_meet),
		cmocka_unit_test(a_missing_folder_is_told),
		cmocka_unit_test(what_is_no_socket_is_not_listening),
		cmocka_unit_test(a_tcp_socket_listens_and_its_port_is_taken),
	};

	return cmocka_run_group_tests_name("listen", tests, make_dir,
					   remove_dir);
}
