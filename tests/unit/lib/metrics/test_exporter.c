/* One small door: what it answers, and that nobody can block it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/metrics/exporter.h"

enum { PLACES = 64, REQUEST_MAX = 4096 };

static const struct wp_metric_desc descs[] = {
	{ "t_total", NULL, "Things.", WP_COUNTER },
};

struct fixture {
	char dir[64];
	char address[96];
	struct wp_metrics *metrics;
	struct wp_exporter_setup setup;
	struct wp_exporter *exporter;
};

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct wp_error err;

	assert_non_null(f);
	*state = f;
	snprintf(f->dir, sizeof(f->dir), "/tmp/waypost-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->address, sizeof(f->address), "unix:%s/s", f->dir);
	assert_int_equal(wp_metrics_new(&f->metrics, descs, 1, NULL), WP_OK);
	f->setup = (struct wp_exporter_setup){
		.program = "waypost-test",
		.address = f->address,
		.metrics = f->metrics,
	};
	if (wp_exporter_start(&f->exporter, &f->setup, &err) != WP_OK)
		fail_msg("%s", err.msg);
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;
	int rc;

	wp_exporter_stop(&f->exporter);
	assert_null(f->exporter);
	wp_exporter_stop(&f->exporter);
	wp_metrics_free(&f->metrics);
	rc = rmdir(f->dir); /* fails if the socket were left behind */
	free(f);
	return rc;
}

static int dial_to(const char *address)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *path = address + strlen("unix:");

	memcpy(name.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)),
			 0);
	return fd;
}

static int dial(const struct fixture *f)
{
	return dial_to(f->address);
}

/* Read to the end, which is the peer's close, and close. */
static char *hang_up(int fd)
{
	static char text[16384];
	size_t used = 0;
	ssize_t n;

	while ((n = recv(fd, text + used, sizeof(text) - 1 - used, 0)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(fd);
	return text;
}

/* The same of one that only we turn. */
static char *turn_until_hung_up(struct wp_exporter *exporter, int fd)
{
	struct pollfd fds[] = {
		{ .fd = wp_exporter_fd(exporter), .events = POLLIN },
		{ .fd = fd, .events = POLLRDHUP },
	};

	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0)
		wp_exporter_turn(exporter);
	return hang_up(fd);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

static char *ask(const struct fixture *f, const char *request)
{
	int fd = dial(f);

	say(fd, request);
	return hang_up(fd);
}

static void metrics_are_served_with_their_type_and_length(void **state)
{
	static const char table[] = "# HELP t_total Things.\n"
				    "# TYPE t_total counter\n"
				    "t_total 3\n";
	struct fixture *f = *state;
	const char *answer, *body;
	char head[256];

	wp_metric_add(f->metrics, 0, 3);

	answer = ask(f, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
	body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	body += 4;
	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\n"
		 "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
		 "Content-Length: %zu\r\n"
		 "Cache-Control: no-store\r\n"
		 "Connection: close\r\n\r\n",
		 strlen(body));
	assert_int_equal(body - answer, strlen(head));
	assert_memory_equal(answer, head, strlen(head));
	assert_memory_equal(body, table, strlen(table));
	/* Behind it what every program tells. */
	assert_non_null(strstr(body, "\nwaypost_build_info{program="
				     "\"waypost-test\",version=\""));
}

static unsigned write_page(void *ctx, struct wp_buf *out)
{
	wp_buf_add_str(out, "{}\n");
	return *(const unsigned *)ctx;
}

static void pages_are_in_json_and_metrics_only_for_who_asks(void **state)
{
	static const struct wp_exporter_page pages[] = {
		{ "/health", write_page },
		{ "/metrics", write_page },
		{ NULL, NULL },
	};
	static const struct {
		const char *request;
		bool is_page;
	} rows[] = {
		{ "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", true },
		{ "GET /health HTTP/1.0\r\n\r\n", true },
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\n"
		  "Accept: application/json\r\n\r\n",
		  true },
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", false },
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
		  false },
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\nbad field\r\n"
		  "Accept: application/json\r\n\r\n",
		  false },
		{ "GET /healthz HTTP/1.1\r\nHost: a\r\n"
		  "Accept: application/json\r\n\r\n",
		  false },
	};
	struct fixture *f = *state;
	unsigned status = 503;
	struct wp_error err;
	char *answer;

	wp_exporter_stop(&f->exporter);
	f->setup.pages = pages;
	f->setup.pages_ctx = &status;
	if (wp_exporter_start(&f->exporter, &f->setup, &err) != WP_OK)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_page;

		answer = ask(f, rows[i].request);
		is_page = strncmp(answer, "HTTP/1.1 503 ", 13) == 0 &&
			  strstr(answer,
				 "\r\nContent-Type: application/json\r\n") !=
				  NULL &&
			  strstr(answer, "\r\n\r\n{}\n") != NULL;

		if (is_page != rows[i].is_page)
			fail_msg("%s: %s", rows[i].request, answer);
	}
	answer = ask(f, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(strstr(answer, "\r\n\r\nonly /metrics, /health and "
				       "/healthz are here\n"));
}

static void everything_else_is_404(void **state)
{
	static const struct {
		const char *request;
		const char *status;
	} rows[] = {
		{ "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n" },
		{ "GET /metrics?a=b HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n" },
		{ "GET /metricsx HTTP/1.0\r\n\r\n", "HTTP/1.1 404 " },
		{ "GET /metrics\r\n\r\n", "HTTP/1.1 404 " },
		{ "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 404 " },
		{ "POST /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 404 " },
		{ "\r\n\r\n", "HTTP/1.1 404 " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *answer = ask(*state, rows[i].request);

		assert_memory_equal(answer, rows[i].status,
				    strlen(rows[i].status));
	}
}

static void a_request_may_come_byte_by_byte(void **state)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\n\r\n";
	int fd = dial(*state);

	for (size_t i = 0; i < sizeof(request) - 1; i++)
		assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);

	assert_non_null(strstr(hang_up(fd), "\r\n\r\nOK\n"));
}

static void a_head_without_end_is_hung_up_on(void **state)
{
	char text[REQUEST_MAX + 1];
	int fd = dial(*state);

	memset(text, 'a', REQUEST_MAX);
	text[REQUEST_MAX] = '\0';
	say(fd, text);

	assert_string_equal(hang_up(fd), "");
}

/* Nobody hangs up, and nobody waits: the oldest of them gives way. */
static void silent_peers_leave_room_for_others(void **state)
{
	int silent[3 * PLACES];

	for (int i = 0; i < 3 * PLACES; i++) {
		silent[i] = dial(*state);
		if (i % 2 == 0)
			say(silent[i], "GET /metr");
	}

	assert_non_null(
		strstr(ask(*state, "GET /healthz HTTP/1.0\r\n\r\n"), "200 OK"));

	assert_string_equal(hang_up(silent[0]), "");
	/* Who came last is still listened to. */
	say(silent[3 * PLACES - 1], "GET /healthz HTTP/1.0\r\n\r\n");
	assert_non_null(strstr(hang_up(silent[3 * PLACES - 1]), "200 OK"));
	for (int i = 1; i < 3 * PLACES - 1; i++)
		close(silent[i]);
}

static void stopping_does_not_wait_for_peers(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(fd, "GET /met");

	wp_exporter_stop(&f->exporter);

	assert_string_equal(hang_up(fd), "");
}

static void an_address_in_use_stops_the_start(void **state)
{
	struct fixture *f = *state;
	struct wp_exporter_setup wrong = f->setup;
	struct wp_exporter *other = NULL;
	struct wp_error err;

	assert_int_equal(wp_exporter_start(&other, &f->setup, &err),
			 WP_ERR_SYS);
	assert_null(other);
	wrong.address = "x";
	assert_int_equal(wp_exporter_start(&other, &wrong, &err), WP_ERR_INVAL);
	assert_null(other);
	/* The one that runs has kept its name. */
	assert_non_null(
		strstr(ask(f, "GET /healthz HTTP/1.0\r\n\r\n"), "200 OK"));
}

static void stopping_leaves_a_successors_name_alone(void **state)
{
	struct fixture *f = *state;
	struct wp_exporter *successor = NULL;
	struct wp_error err;

	wp_exporter_unlink(f->exporter);
	assert_int_equal(wp_exporter_start(&successor, &f->setup, &err), WP_OK);

	wp_exporter_stop(&f->exporter);

	assert_non_null(
		strstr(ask(f, "GET /healthz HTTP/1.0\r\n\r\n"), "200 OK"));
	wp_exporter_stop(&successor);
}

static void prepare(void *ctx, struct wp_buf *out)
{
	struct fixture *f = ctx;

	wp_metric_set(f->metrics, 0, 41);
	wp_buf_add_str(out, "t_more 1\n");
}

static size_t children(void *ctx, pid_t *pids, size_t max)
{
	assert_non_null(ctx);
	assert_true(max > 0);
	pids[0] = getppid();
	return 1;
}

static double number(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	assert_non_null(at);
	return strtod(at + strlen(name), NULL);
}

/* Whoever has a loop turns it there; a child that was forked meanwhile, and has
 * forgotten it, is noticed by nobody. */
static void a_program_may_turn_it_itself(void **state)
{
	struct fixture *f = *state;
	struct wp_exporter_setup setup = f->setup;
	struct wp_exporter *own = NULL;
	struct pollfd poll_fd = { .events = POLLIN };
	char address[128];
	const char *text;
	int status = -1, half, fd;
	pid_t child;

	snprintf(address, sizeof(address), "%s2", f->address);
	setup.address = address;
	setup.prepare = prepare;
	setup.children = children;
	setup.ctx = f;
	assert_int_equal(wp_exporter_open(&own, &setup, NULL), WP_OK);
	poll_fd.fd = wp_exporter_fd(own);
	assert_int_equal(poll(&poll_fd, 1, 0), 0);

	half = dial_to(address);
	say(half, "GET /met");
	assert_int_equal(poll(&poll_fd, 1, -1), 1);
	wp_exporter_turn(own);
	child = fork();
	if (child == 0) {
		wp_exporter_forget(own);
		_exit(fcntl(poll_fd.fd, F_GETFD) == -1 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(half);
	fd = dial_to(address);
	say(fd, "GET /metrics HTTP/1.0\r\n\r\n");
	text = turn_until_hung_up(own, fd);

	assert_non_null(strstr(text, "\nt_total 41\nt_more 1\n"));
	assert_true(number(text, "\nprocess_resident_memory_bytes ") > 0);
	assert_true(number(text, "\nprocess_open_fds ") > 3);
	assert_non_null(strstr(text, "\nprocess_cpu_seconds_total "));
	assert_non_null(strstr(text, "\nprocess_max_fds "));
	assert_true(number(text, "\nprocess_start_time_seconds ") > 1e9);
	wp_exporter_stop(&own);
}

/* Who speaks is not the last that a program hears of. */
static void a_crowd_holds_up_nobody_behind_it(void **state)
{
	enum { TURNS_MAX = 8 };
	struct fixture *f = *state;
	struct wp_exporter_setup own = f->setup;
	struct wp_exporter *exporter = NULL;
	struct wp_error err;
	char address[112];
	int silent[3 * PLACES], fd;
	struct pollfd end = { .events = POLLRDHUP };

	snprintf(address, sizeof(address), "unix:%s/o", f->dir);
	own.address = address;
	if (wp_exporter_open(&exporter, &own, &err) != WP_OK)
		fail_msg("%s", err.msg);
	for (int i = 0; i < 3 * PLACES; i++)
		silent[i] = dial_to(address);
	end.fd = fd = dial_to(address);
	say(fd, "GET /healthz HTTP/1.0\r\n\r\n");

	for (int i = 0; i < TURNS_MAX && poll(&end, 1, 0) == 0; i++)
		wp_exporter_turn(exporter);

	assert_int_equal(poll(&end, 1, 0), 1);
	assert_non_null(strstr(hang_up(fd), "200 OK"));
	for (int i = 0; i < 3 * PLACES; i++)
		close(silent[i]);
	wp_exporter_stop(&exporter);
}

static void lines_of_the_log_are_counted_by_level(void **state)
{
	static const char *const name =
		"\nwaypost_log_lines_total{level=\"warn\"} ";
	static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
	double before = number(ask(*state, request), name);

	wp_log_setup("test", WP_LOG_WARN);
	wp_log_plain(NULL, WP_LOG_WARN, "one");
	wp_log_plain(NULL, WP_LOG_INFO, "none");

	assert_true(number(ask(*state, request), name) == before + 1);
	assert_true(number(ask(*state, request),
			   "\nwaypost_log_lines_total{level=\"info\"} ") == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(metrics_are_served_with_their_type_and_length),
		TEST(pages_are_in_json_and_metrics_only_for_who_asks),
		TEST(everything_else_is_404),
		TEST(a_request_may_come_byte_by_byte),
		TEST(a_head_without_end_is_hung_up_on),
		TEST(silent_peers_leave_room_for_others),
		TEST(stopping_does_not_wait_for_peers),
		TEST(an_address_in_use_stops_the_start),
		TEST(stopping_leaves_a_successors_name_alone),
		TEST(a_program_may_turn_it_itself),
		TEST(a_crowd_holds_up_nobody_behind_it),
		TEST(lines_of_the_log_are_counted_by_level),
	};

	return cmocka_run_group_tests_name("exporter", tests, NULL, NULL);
}
