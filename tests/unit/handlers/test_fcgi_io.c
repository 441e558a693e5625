/* FastCGI records over a socket pair: requests in, answers out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/buf.h"

#include "handlers/fcgi_io.h"

/* Record types and roles of the FastCGI specification, section 8. */
enum {
	BEGIN_REQUEST = 1,
	END_REQUEST = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
	RESPONDER = 1,
	HEADER_LEN = 8,
};

struct wire {
	int peer; /* the web server's end */
	struct wp_fcgi *fcgi;
	struct wp_buf out; /* what is to be sent */
};

static int set_up(void **state)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	int fds[2];

	if (wire == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		return -1;
	wire->peer = fds[0];
	wire->fcgi = wp_fcgi_new();
	wp_buf_init(&wire->out, 0);
	wp_fcgi_open(wire->fcgi, fds[1]);
	*state = wire;
	return 0;
}

static int tear_down(void **state)
{
	struct wire *wire = *state;

	wp_fcgi_free(&wire->fcgi);
	wp_buf_release(&wire->out);
	close(wire->peer);
	free(wire);
	return 0;
}

static void add_record(struct wire *wire, int type, const void *data,
		       size_t len)
{
	const unsigned char header[HEADER_LEN] = {
		1, (unsigned char)type,       0,
		1, (unsigned char)(len >> 8), (unsigned char)(len & 255),
	};

	wp_buf_add(&wire->out, header, sizeof(header));
	wp_buf_add(&wire->out, data, len);
}

static void add_begin(struct wire *wire, bool is_kept)
{
	const unsigned char body[8] = { 0, RESPONDER, is_kept };

	add_record(wire, BEGIN_REQUEST, body, sizeof(body));
}

static void add_param(struct wire *wire, const char *name, const char *value)
{
	struct wp_buf pair;

	wp_buf_init(&pair, 0);
	wp_buf_add_char(&pair, (char)strlen(name));
	wp_buf_add_char(&pair, (char)strlen(value));
	wp_buf_add_str(&pair, name);
	wp_buf_add_str(&pair, value);
	add_record(wire, PARAMS, pair.data, pair.len);
	wp_buf_release(&pair);
}

/* A whole request with one parameter and this body. */
static void add_request(struct wire *wire, bool is_kept, const char *body)
{
	add_begin(wire, is_kept);
	add_param(wire, "REQUEST_METHOD", "POST");
	add_record(wire, PARAMS, "", 0);
	if (body[0] != '\0')
		add_record(wire, STDIN, body, strlen(body));
	add_record(wire, STDIN, "", 0);
}

static void send_all(struct wire *wire)
{
	assert_int_equal(send(wire->peer, wire->out.data, wire->out.len, 0),
			 wire->out.len);
	wp_buf_clear(&wire->out);
}

static void read_exactly(int fd, void *data, size_t len)
{
	assert_int_equal(recv(fd, data, len, MSG_WAITALL), len);
}

/* Collect what the answer's STDOUT records say, up to END_REQUEST. */
static void read_answer(struct wire *wire, struct wp_buf *text)
{
	unsigned char header[HEADER_LEN];
	char data[65536];

	wp_buf_clear(text);
	do {
		size_t len, padding;

		read_exactly(wire->peer, header, sizeof(header));
		len = (size_t)(header[4] << 8 | header[5]);
		padding = header[6];
		if (len + padding > 0)
			read_exactly(wire->peer, data, len + padding);
		if (header[1] == STDOUT)
			wp_buf_add(text, data, len);
	} while (header[1] != END_REQUEST);
}

static bool has_param(const struct wp_io *io, const char *text)
{
	for (size_t i = 0; io->params[i] != NULL; i++)
		if (strcmp(io->params[i], text) == 0)
			return true;
	return false;
}

static void a_request_comes_in_and_its_answer_goes_out(void **state)
{
	struct wire *wire = *state;
	struct wp_buf answer;
	struct wp_io *io;
	char body[16];

	wp_buf_init(&answer, 0);
	add_request(wire, false, "hello");
	send_all(wire);
	/* The web server goes when it has sent all, as far as reading goes. */
	(void)shutdown(wire->peer, SHUT_WR);

	io = wp_fcgi_next(wire->fcgi);
	assert_non_null(io);
	assert_true(has_param(io, "REQUEST_METHOD=POST"));
	assert_int_equal(io->ops->read(io, body, sizeof(body)), 5);
	assert_memory_equal(body, "hello", 5);
	assert_int_equal(io->ops->read(io, body, sizeof(body)), 0);
	assert_true(io->ops->write(io, "Status: 200 OK\r\n\r\nhi", 20));
	assert_false(wp_fcgi_finish(wire->fcgi));
	assert_int_equal(wp_fcgi_fd(wire->fcgi), -1);

	read_answer(wire, &answer);
	assert_string_equal(answer.data, "Status: 200 OK\r\n\r\nhi");
	wp_buf_release(&answer);
}

static void a_kept_connection_carries_the_next_request(void **state)
{
	struct wire *wire = *state;
	struct wp_buf answer;

	wp_buf_init(&answer, 0);
	for (int i = 0; i < 3; i++) {
		struct wp_io *io;
		char body[4];

		add_request(wire, true, "body");
		send_all(wire);
		io = wp_fcgi_next(wire->fcgi);
		assert_non_null(io);
		/* Exactly the body, but not yet its end. */
		assert_int_equal(io->ops->read(io, body, sizeof(body)), 4);
		assert_true(io->ops->write(io, "Status: 204\r\n\r\n", 15));
		assert_true(wp_fcgi_finish(wire->fcgi));
		read_answer(wire, &answer);
		assert_string_equal(answer.data, "Status: 204\r\n\r\n");
	}
	assert_int_not_equal(wp_fcgi_fd(wire->fcgi), -1);
	wp_fcgi_close(wire->fcgi);
	assert_int_equal(wp_fcgi_fd(wire->fcgi), -1);
	wp_buf_release(&answer);
}

static void an_unread_body_ends_a_kept_connection(void **state)
{
	struct wire *wire = *state;
	struct wp_buf answer;
	struct wp_io *io;

	wp_buf_init(&answer, 0);
	add_request(wire, true, "refused unread");
	send_all(wire);
	(void)shutdown(wire->peer, SHUT_WR);

	io = wp_fcgi_next(wire->fcgi);
	assert_non_null(io);
	assert_true(io->ops->write(io, "Status: 401\r\n\r\n", 15));
	assert_false(wp_fcgi_finish(wire->fcgi));

	read_answer(wire, &answer);
	assert_string_equal(answer.data, "Status: 401\r\n\r\n");
	wp_buf_release(&answer);
}

static void garbage_closes_the_connection(void **state)
{
	struct wire *wire = *state;
	char byte;

	wp_buf_add_str(&wire->out, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	send_all(wire);
	(void)shutdown(wire->peer, SHUT_WR);

	assert_null(wp_fcgi_next(wire->fcgi));

	assert_int_equal(wp_fcgi_fd(wire->fcgi), -1);
	/* Nothing but an end, however it is told. */
	assert_true(recv(wire->peer, &byte, 1, 0) <= 0);
}

static void a_peer_that_leaves_early_is_no_request(void **state)
{
	struct wire *wire = *state;

	add_begin(wire, false);
	add_param(wire, "REQUEST_METHOD", "POST");
	send_all(wire);
	(void)shutdown(wire->peer, SHUT_WR);

	assert_null(wp_fcgi_next(wire->fcgi));
	assert_int_equal(wp_fcgi_fd(wire->fcgi), -1);
}

/* Until pid sleeps in a system call, which is the one to be looked at. */
static void await_sleep(pid_t pid)
{
	char path[64], state = 0;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	while (state != 'S') {
		FILE *file = fopen(path, "re");

		assert_non_null(file);
		assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
		(void)fclose(file);
		(void)sched_yield();
	}
}

static void stop_and_go_on(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, &status, WCONTINUED), pid);
	assert_true(WIFCONTINUED(status));
}

static void a_process_that_was_stopped_still_takes_the_request(void **state)
{
	struct wire *wire = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(wp_fcgi_next(wire->fcgi) == NULL);
	assert_int_not_equal(pid, -1);
	for (int i = 0; i < 2; i++) {
		await_sleep(pid);
		stop_and_go_on(pid);
	}
	add_request(wire, false, "");
	send_all(wire);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The linker hands poll() to us: is the time over before a byte came? */
static bool is_late;
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return is_late ? 0 : __real_poll(fds, n, timeout);
}

static void a_peer_that_says_nothing_in_time_is_closed_then(void **state)
{
	struct wire *wire = *state;
	char byte;

	/* Whoever went on to read would find a request. */
	add_request(wire, false, "");
	send_all(wire);
	is_late = true;
	assert_null(wp_fcgi_next(wire->fcgi));
	is_late = false;
	assert_int_equal(wp_fcgi_fd(wire->fcgi), -1);
	/* What it had not read makes it a reset. */
	assert_true(recv(wire->peer, &byte, 1, 0) <= 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_comes_in_and_its_answer_goes_out),
		TEST(a_kept_connection_carries_the_next_request),
		TEST(an_unread_body_ends_a_kept_connection),
		TEST(garbage_closes_the_connection),
		TEST(a_peer_that_leaves_early_is_no_request),
		TEST(a_process_that_was_stopped_still_takes_the_request),
		TEST(a_peer_that_says_nothing_in_time_is_closed_then),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	if (wp_fcgi_setup(NULL) != WP_OK)
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("fcgi_io", tests, NULL, NULL);
}
