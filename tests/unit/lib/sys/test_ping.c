/* Who answers and who does not, and that nobody is waited for without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/listen.h"
#include "lib/sys/ping.h"

static char dir[64];
static char address[96];
static struct wp_listener listener;
static pid_t server;

static int begin(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/waypost-test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(address, sizeof(address), "unix:%s/s", dir);
	server = -1;
	return wp_listen(address, &listener, NULL) == WP_OK ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	if (server != -1) {
		(void)kill(server, SIGKILL);
		(void)waitpid(server, NULL, 0);
	}
	wp_listen_close(&listener);
	return rmdir(dir);
}

/* A process that hears "ask" once and says these one behind the other. */
static void serve(const char *const *says)
{
	server = fork();
	assert_int_not_equal(server, -1);
	if (server == 0) {
		int fd = accept(listener.fd, NULL, NULL);
		char text[16];

		if (recv(fd, text, 3, MSG_WAITALL) != 3 ||
		    memcmp(text, "ask", 3) != 0)
			_exit(1);
		for (; *says != NULL; says++)
			(void)send(fd, *says, strlen(*says), MSG_NOSIGNAL);
		_exit(0);
	}
}

static enum wp_err ping(const char *text, struct wp_error *err)
{
	return wp_ping(text, "ask", 3, "is well", err);
}

static void who_is_well_says_so_in_as_many_pieces_as_he_likes(void **state)
{
	static const char *const says[] = { "he ", "is", " we", "ll and",
					    NULL };

	(void)state;
	serve(says);
	assert_int_equal(ping(address, NULL), WP_OK);
}

static void who_says_something_else_is_not_well(void **state)
{
	static const char *const says[] = { "he is ill", NULL };
	struct wp_error err;

	(void)state;
	serve(says);
	assert_int_equal(ping(address, &err), WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, ": the answer is not that it is well"));
}

static void a_stream_without_end_is_no_answer(void **state)
{
	static char much[8192];
	static const char *const says[] = { much, "is well", NULL };

	(void)state;
	memset(much, 'a', sizeof(much) - 1);
	serve(says);
	assert_int_equal(ping(address, NULL), WP_ERR_UNAVAIL);
}

static void who_says_nothing_is_given_up(void **state)
{
	char sentence[160];
	struct wp_error err;

	(void)state;
	/* It is accepted by the kernel, and by nobody else. */
	assert_int_equal(ping(address, &err), WP_ERR_UNAVAIL);
	snprintf(sentence, sizeof(sentence),
		 "%s: there was no answer within 3000 ms", address);
	assert_string_equal(err.msg, sentence);
}

static void nobody_is_told_with_the_address(void **state)
{
	char sentence[160];
	struct wp_error err;

	(void)state;
	close(listener.fd); /* a crash: the name stays */
	snprintf(sentence, sizeof(sentence), "%s: Connection refused", address);
	assert_int_equal(ping(address, &err), WP_ERR_SYS);
	assert_string_equal(err.msg, sentence);
	assert_int_equal(unlink(address + strlen("unix:")), 0);
	listener = WP_LISTENER_NONE;

	assert_int_equal(ping("unix:/nowhere/s", &err), WP_ERR_SYS);
	assert_string_equal(err.msg,
			    "unix:/nowhere/s: No such file or directory");
	assert_int_equal(ping("nonsense", &err), WP_ERR_INVAL);
}

/* One that listens at every address is asked at the loopback. */
static void every_address_is_asked_at_this_host(void **state)
{
	static const char *const says[] = { "is well", NULL };
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	char text[32];

	(void)state;
	wp_listen_close(&listener);
	assert_int_equal(wp_listen(":0", &listener, NULL), WP_OK);
	assert_int_equal(
		getsockname(listener.fd, (struct sockaddr *)&name, &len), 0);
	snprintf(text, sizeof(text), ":%d",
		 ntohs(((struct sockaddr_in6 *)&name)->sin6_port));
	serve(says);
	assert_int_equal(ping(text, NULL), WP_OK);
	wp_listen_close(&listener);

	/* TCP tells that nobody listens after the connect has begun. */
	server = -1;
	assert_int_equal(ping(text, NULL), WP_ERR_UNAVAIL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_well_says_so_in_as_many_pieces_as_he_likes),
		TEST(who_says_something_else_is_not_well),
		TEST(a_stream_without_end_is_no_answer),
		TEST(who_says_nothing_is_given_up),
		TEST(nobody_is_told_with_the_address),
		TEST(every_address_is_asked_at_this_host),
	};

	return cmocka_run_group_tests_name("ping", tests, NULL, NULL);
}
