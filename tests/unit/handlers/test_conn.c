/*
 * Connections over socketpairs: cut anywhere, left by their peers, too many,
 * asked when the process stops. Redis is a socket on which nobody answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "handlers/conn.h"
#include "handlers/serve.h"

#include "tests/unit/handlers/fake.h"
#include "tests/unit/handlers/fake_fcgi.h"

enum { HERD = 4000, IDLE = 200, IDLE_BYTES_MAX = 560, TURNS_MAX = 10000 };

struct stage {
	struct fake_world world; /* without a ctx */
	struct wp_ctx ctx;
	struct wp_conns conns;
	int silent_fd; /* listens in place of Redis */
	char redis[128];
};

static uint64_t later_ms;
uint64_t __real_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void);

/* Time passes when the test wants. */
uint64_t __wrap_wp_mono_ms(void)
{
	return __real_wp_mono_ms() + later_ms;
}

static void on_turn_end(void *ctx)
{
	(void)ctx;
}

static bool listen_silently(struct stage *stage)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "/tmp/test_conn.%d.sock", (int)getpid());
	(void)unlink(address.sun_path);
	(void)snprintf(stage->redis, sizeof(stage->redis), "unix:%s",
		       address.sun_path);
	stage->silent_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(stage->silent_fd, (struct sockaddr *)&address,
		    sizeof(address)) == 0 &&
	       listen(stage->silent_fd, 16) == 0;
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	*state = stage;
	later_ms = 0;
	if (stage == NULL || !listen_silently(stage) ||
	    !fake_world_begin(&stage->world))
		return -1;
	stage->world.conf.redis.address = stage->redis;
	stage->world.conf.redis.command_timeout_ms = 3600 * 1000;
	if (!fake_ctx_init(&stage->ctx, &stage->world.shared))
		return -1;
	return wp_conns_init(&stage->conns, &stage->ctx, on_turn_end, NULL,
			     NULL) == WP_OK
		       ? 0
		       : -1;
}

/* Calls that wait are told no, and end for whoever is left. */
static void end_calls(struct stage *stage)
{
	wp_store_thread_stop(&stage->ctx.store);
	wp_backend_free(&stage->ctx.backend);
	wp_turn_run(&stage->conns.turn);
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	if (stage->ctx.backend != NULL)
		end_calls(stage);
	wp_conns_release(&stage->conns);
	assert_int_equal(stage->conns.n, 0);
	assert_int_equal(stage->conns.n_busy, 0);
	assert_int_equal(stage->conns.room.held, 0);
	assert_int_equal(stage->ctx.n_waiting, 0);
	wp_ctx_release(&stage->ctx);
	fake_world_release(&stage->world);
	close(stage->silent_fd);
	(void)unlink(stage->redis + strlen("unix:"));
	free(stage);
	return 0;
}

static void turn(struct stage *stage)
{
	ev_run(stage->ctx.loop, EVRUN_NOWAIT);
	ev_run(stage->ctx.loop, EVRUN_NOWAIT);
}

/* A new connection; returns the web server's end. */
static int connect_to(struct stage *stage, bool is_surplus)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				    0, fds),
			 0);
	wp_conns_accept(&stage->conns, fds[1], is_surplus);
	return fds[0];
}

static void put(int fd, const char *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static void ask(int fd, const char *method, const char *uri, const char *body)
{
	struct wp_buf bytes;

	wp_buf_init(&bytes, 0);
	fake_add_request(&bytes, method, uri, body);
	put(fd, bytes.data, bytes.len);
	wp_buf_release(&bytes);
}

/* How many answers with this status are there, and is that the end? */
static int hear(int fd, const char *status, bool *is_end)
{
	static char text[65536];
	char line[32];
	size_t len = 0;
	ssize_t n;
	int count = 0;
	const char *at = text;

	(void)snprintf(line, sizeof(line), "Status: %s ", status);
	while ((n = recv(fd, text + len, sizeof(text) - len, 0)) > 0)
		len += (size_t)n;
	*is_end = n == 0 || (n == -1 && errno == ECONNRESET);
	while ((at = memmem(at, (size_t)(text + len - at), line,
			    strlen(line))) != NULL) {
		at++;
		count++;
	}
	return count;
}

/* The loop sees some of many at a time. */
static void await_nobody(struct stage *stage)
{
	for (int i = 0; stage->conns.n > 0 && i < TURNS_MAX; i++)
		turn(stage);
	assert_int_equal(stage->conns.n, 0);
}

static void requests_may_be_cut_anywhere(void **state)
{
	struct stage *stage = *state;
	struct wp_buf bytes;
	bool is_end;
	int n = 0;

	wp_buf_init(&bytes, 0);
	fake_add_request(&bytes, "GET", "/healthz", "");
	fake_add_request(&bytes, "GET", "/healthz", "{}");
	for (size_t cut = 1; cut < bytes.len; cut++) {
		int fd = connect_to(stage, false);

		put(fd, bytes.data, cut);
		turn(stage);
		n = hear(fd, "200", &is_end);
		assert_false(is_end);
		put(fd, bytes.data + cut, bytes.len - cut);
		turn(stage);
		assert_int_equal(n + hear(fd, "200", &is_end), 2);
		assert_false(is_end);
		assert_int_equal(stage->conns.n, 1);
		assert_int_equal(stage->conns.n_busy, 0);
		close(fd);
		turn(stage);
		assert_int_equal(stage->conns.n, 0);
	}
	wp_buf_release(&bytes);
}

static void what_waits_for_redis_holds_up_nobody(void **state)
{
	struct stage *stage = *state;
	int slow = connect_to(stage, false), quick = connect_to(stage, false);
	bool is_end;

	ask(slow, "GET", "/api/messages", "");
	ask(slow, "GET", "/healthz", "");
	turn(stage);
	assert_int_equal(stage->ctx.n_waiting, 1);
	assert_int_equal(stage->conns.n_busy, 1);
	for (int i = 0; i < 3; i++) {
		ask(quick, "GET", "/healthz", "");
		turn(stage);
		assert_int_equal(hear(quick, "200", &is_end), 1);
	}
	/* On one connection answers keep the order of requests. */
	assert_int_equal(hear(slow, "200", &is_end), 0);
	assert_false(is_end);

	end_calls(stage);
	assert_int_equal(hear(slow, "503", &is_end), 1);
	turn(stage);
	close(slow);
	close(quick);
}

/* Of one that says who it is, or does not: the answer is there in one turn. */
static void assert_told(struct stage *stage, int fd, const char *status,
			const struct fake *fake)
{
	struct wp_buf bytes;
	bool is_end;

	wp_buf_init(&bytes, 0);
	fake_add(&bytes, fake);
	put(fd, bytes.data, bytes.len);
	turn(stage);
	assert_int_equal(hear(fd, status, &is_end), 1);
	assert_false(is_end);
	wp_buf_release(&bytes);
}

static void assert_probes(struct stage *stage, int fd)
{
	struct fake fake;

	fake_request(&fake, "GET", "/healthz");
	assert_told(stage, fd, "200", &fake);
	fake_release(&fake);
	fake_request(&fake, "GET", "/nothing");
	assert_told(stage, fd, "404", &fake);
	fake_release(&fake);
	fake_request(&fake, "DELETE", "/api/send");
	assert_told(stage, fd, "405", &fake);
	fake_release(&fake);
}

static void assert_refusals(struct stage *stage, int fd)
{
	static char large[4096];
	struct fake fake;

	memset(large, ' ', sizeof(large) - 1);
	fake_request(&fake, "GET", "/api/messages");
	assert_told(stage, fd, "401", &fake);
	fake_release(&fake);
	fake_request(&fake, "GET", "/api/messages?limit=x");
	fake_login(&fake);
	assert_told(stage, fd, "400", &fake);
	fake_release(&fake);
	fake_request(&fake, "POST", "/api/send");
	fake_login(&fake);
	fake_param(&fake, "CONTENT_TYPE=application/json");
	fake_body(&fake, large, strlen(large));
	assert_told(stage, fd, "413", &fake);
	fake_release(&fake);
}

/* Redis answers nobody, and no more may wait for it. */
static void who_needs_no_redis_does_not_wait_behind_those_who_do(void **state)
{
	const struct rlimit enough = { 2 * WP_SERVE_WAITING_MAX + 64,
				       2 * WP_SERVE_WAITING_MAX + 64 };
	static int fds[WP_SERVE_WAITING_MAX];
	struct stage *stage = *state;
	int quick = connect_to(stage, false), n = 0;
	bool is_end;

	if (setrlimit(RLIMIT_NOFILE, &enough) == -1)
		skip();
	for (size_t i = 0; i < WP_SERVE_WAITING_MAX; i++) {
		if (i == WP_SERVE_WAITING_MAX - 1)
			assert_refusals(stage, quick);
		fds[i] = connect_to(stage, false);
		ask(fds[i], "GET", "/api/messages", "");
		turn(stage);
	}
	assert_int_equal(stage->ctx.n_waiting, WP_SERVE_WAITING_MAX);
	assert_probes(stage, quick);
	ask(quick, "GET", "/api/messages", "");
	turn(stage);
	assert_int_equal(hear(quick, "503", &is_end), 1);

	/* All that came before those who still wait. */
	for (size_t i = 0; i < WP_SERVE_WAITING_MAX; i++)
		assert_int_equal(hear(fds[i], "503", &is_end), 0);
	end_calls(stage);
	for (size_t i = 0; i < WP_SERVE_WAITING_MAX; i++) {
		n += hear(fds[i], "503", &is_end);
		close(fds[i]);
	}
	assert_int_equal(n, WP_SERVE_WAITING_MAX);
	close(quick);
	await_nobody(stage);
}

static void a_peer_that_leaves_leaves_nothing(void **state)
{
	struct stage *stage = *state;
	struct wp_buf bytes;

	wp_buf_init(&bytes, 0);
	fake_add_request(
		&bytes, "POST", "/api/send",
		"{\"recipientId\":\"bob\",\"encryptedData\":\"aGk=\"}");
	for (size_t len = 0; len < bytes.len; len++) {
		int fd = connect_to(stage, false);

		put(fd, bytes.data, len);
		turn(stage);
		close(fd);
		turn(stage);
		assert_int_equal(stage->conns.n, 0);
	}
	wp_buf_release(&bytes);
}

/* The call goes on to its end, for nobody. */
static void a_peer_that_leaves_a_call_is_waited_for(void **state)
{
	struct stage *stage = *state;
	int fd = connect_to(stage, false);

	ask(fd, "POST", "/api/send",
	    "{\"recipientId\":\"bob\",\"encryptedData\":\"aGk=\"}");
	turn(stage);
	assert_int_equal(stage->ctx.n_waiting, 1);
	close(fd);
	turn(stage);
	assert_int_equal(stage->conns.n, 1);
	assert_int_equal(stage->ctx.n_waiting, 1);

	end_calls(stage);
	assert_int_equal(stage->conns.n, 0);
	assert_int_equal(stage->ctx.n_waiting, 0);
}

static void what_is_surplus_is_told_so(void **state)
{
	struct stage *stage = *state;
	int fd = connect_to(stage, true);
	bool is_end;

	ask(fd, "GET", "/api/messages", "");
	turn(stage);
	assert_int_equal(hear(fd, "503", &is_end), 1);
	assert_true(is_end);
	assert_int_equal(stage->ctx.n_waiting, 0);
	assert_int_equal(stage->conns.n, 0);
	close(fd);
}

static void at_a_stop_who_is_idle_may_ask_once_more(void **state)
{
	struct stage *stage = *state;
	int idle = connect_to(stage, false), half = connect_to(stage, false);
	struct wp_buf bytes;
	bool is_end;

	ask(idle, "GET", "/healthz", "");
	turn(stage);
	assert_int_equal(hear(idle, "200", &is_end), 1);
	wp_buf_init(&bytes, 0);
	fake_add_request(&bytes, "GET", "/healthz", "");
	put(half, bytes.data, 3); /* of the first record's header */
	turn(stage);

	wp_conns_stop(&stage->conns);
	turn(stage);
	assert_int_equal(stage->conns.n, 2);
	assert_int_equal(hear(idle, "200", &is_end), 0);
	assert_false(is_end);
	assert_int_equal(hear(half, "200", &is_end), 0);
	assert_false(is_end);

	put(half, bytes.data + 3, bytes.len - 3);
	ask(idle, "GET", "/healthz", "");
	turn(stage);
	assert_int_equal(hear(idle, "200", &is_end), 1);
	assert_true(is_end);
	assert_int_equal(hear(half, "200", &is_end), 1);
	assert_true(is_end);
	assert_int_equal(stage->conns.n, 0);
	close(idle);
	close(half);
	wp_buf_release(&bytes);
}

/* Wait until the loop has seen the time. */
static void let_pass(struct stage *stage, uint64_t ms)
{
	uint64_t start_ms;

	later_ms += ms;
	start_ms = __real_wp_mono_ms();
	while (__real_wp_mono_ms() - start_ms < 3 * WP_TICK_MS)
		ev_run(stage->ctx.loop, EVRUN_ONCE);
}

static void silence_has_an_end(void **state)
{
	struct stage *stage = *state;
	int idle = connect_to(stage, false), half = connect_to(stage, false);
	int calling = connect_to(stage, false);
	struct wp_buf bytes;

	wp_buf_init(&bytes, 0);
	fake_add_request(&bytes, "GET", "/healthz", "");
	put(half, bytes.data, bytes.len - 1);
	ask(calling, "GET", "/api/messages", "");
	turn(stage);
	let_pass(stage, WP_CONN_PATIENCE_MS - 2000);
	assert_int_equal(stage->conns.n, 3);
	let_pass(stage, 3000);
	assert_int_equal(stage->conns.n, 2);
	assert_int_equal(stage->conns.n_busy, 1);

	let_pass(stage, WP_CONN_IDLE_MS);
	assert_int_equal(stage->conns.n, 1);
	assert_int_equal(stage->ctx.n_waiting, 1);
	close(idle);
	close(half);
	close(calling);
	wp_buf_release(&bytes);
}

/* Bytes and the deadline come in the same turn of the loop. */
static void what_comes_with_the_deadline_is_in_time(void **state)
{
	struct stage *stage = *state;
	int fd = connect_to(stage, false);
	struct wp_buf bytes;
	bool is_end;

	wp_buf_init(&bytes, 0);
	fake_add_request(&bytes, "GET", "/healthz", "");
	put(fd, bytes.data, bytes.len - 1);
	turn(stage);
	later_ms += WP_CONN_PATIENCE_MS + 1000;
	(void)poll(NULL, 0, 2 * WP_TICK_MS); /* the loop's own time */
	put(fd, bytes.data + bytes.len - 1, 1);
	turn(stage);
	assert_int_equal(hear(fd, "200", &is_end), 1);
	assert_false(is_end);

	/* It has a deadline still. */
	let_pass(stage, WP_CONN_IDLE_MS + 1000);
	assert_int_equal(stage->conns.n, 0);
	close(fd);
	wp_buf_release(&bytes);
}

static void who_says_no_more_hears_the_answer(void **state)
{
	struct stage *stage = *state;
	int fd = connect_to(stage, false);
	bool is_end;

	ask(fd, "GET", "/healthz", "");
	turn(stage);
	assert_int_equal(hear(fd, "200", &is_end), 1);
	ask(fd, "GET", "/api/messages", "");
	turn(stage);
	assert_int_equal(stage->ctx.n_waiting, 1);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turn(stage);
	assert_int_equal(stage->conns.n, 1);

	end_calls(stage);
	assert_int_equal(hear(fd, "503", &is_end), 1);
	assert_true(is_end);
	close(fd);
}

/* More answers than are let wait at a time. */
static void many_requests_at_once_are_all_answered(void **state)
{
	enum { ASKED = 2000 };
	static const char begin[8] = { 0, 1, 1 };
	struct stage *stage = *state;
	int fd = connect_to(stage, false), n = 0;
	struct wp_buf one, data;
	bool is_end = false;

	wp_buf_init(&one, 0);
	wp_buf_init(&data, 0);
	wp_buf_add(&data, begin, sizeof(begin));
	fake_add_record(&one, 1, &data);
	wp_buf_clear(&data);
	fake_add_param(&data, "REQUEST_METHOD=GET");
	fake_add_param(&data, "REQUEST_URI=/healthz");
	fake_add_record(&one, 4, &data);
	wp_buf_clear(&data);
	fake_add_record(&one, 5, &data);
	for (int i = 0; i < ASKED; i++)
		wp_buf_add(&data, one.data, one.len);
	for (size_t at = 0; at < data.len || n < ASKED;) {
		ssize_t sent =
			send(fd, data.data + at, data.len - at, MSG_NOSIGNAL);
		int before = n;

		at += sent > 0 ? (size_t)sent : 0;
		turn(stage);
		n += hear(fd, "200", &is_end);
		assert_true(sent > 0 || n > before);
	}
	assert_int_equal(n, ASKED);
	assert_false(is_end);
	close(fd);
	turn(stage);
	wp_buf_release(&one);
	wp_buf_release(&data);
}

/* The answer does not fit the socket, and nobody takes it. */
static void an_answer_that_nobody_takes_has_an_end(void **state)
{
	struct stage *stage = *state;
	int fd = connect_to(stage, false);
	struct wp_buf bytes;
	ssize_t n;

	wp_buf_init(&bytes, 0);
	fake_add_request(&bytes, "GET", "/healthz", "");
	do {
		n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
		turn(stage);
	} while (n == (ssize_t)bytes.len);
	assert_int_equal(stage->conns.n, 1);
	let_pass(stage, WP_CONN_PATIENCE_MS + 1000);
	assert_int_equal(stage->conns.n, 0);
	close(fd);
	wp_buf_release(&bytes);
}

static void idle_connections_are_cheap(void **state)
{
	struct stage *stage = *state;
	size_t before, after;
	int fds[IDLE];
	bool is_end;

	for (size_t i = 0; i < IDLE; i++)
		fds[i] = -1;
	before = mallinfo2().uordblks;
	for (size_t i = 0; i < IDLE; i++) {
		fds[i] = connect_to(stage, false);
		ask(fds[i], "GET", "/healthz", "");
		turn(stage);
		assert_int_equal(hear(fds[i], "200", &is_end), 1);
	}
	after = mallinfo2().uordblks;
	/* One call, and what the loop has by descriptor, are in there too. */
	assert_in_range(after - before, 0, IDLE * IDLE_BYTES_MAX + 65536);
	for (size_t i = 0; i < IDLE; i++)
		close(fds[i]);
	await_nobody(stage);
}

static void a_herd_is_served(void **state)
{
	const struct rlimit enough = { 2 * HERD + 64, 2 * HERD + 64 };
	struct stage *stage = *state;
	static int fds[HERD];
	struct wp_buf bytes;
	int n = 0, turns = 0;
	bool is_end;

	if (setrlimit(RLIMIT_NOFILE, &enough) == -1)
		skip();
	wp_buf_init(&bytes, 0);
	fake_add_request(&bytes, "GET", "/healthz", "");
	for (size_t i = 0; i < HERD; i++) {
		fds[i] = connect_to(stage, false);
		put(fds[i], bytes.data, bytes.len - 1);
	}
	turn(stage);
	assert_int_equal(stage->conns.n, HERD);
	assert_int_equal(stage->conns.n_busy, HERD);
	for (size_t i = 0; i < HERD; i++)
		put(fds[i], bytes.data + bytes.len - 1, 1);
	while (stage->conns.n_busy > 0 && turns++ < TURNS_MAX)
		turn(stage);
	for (size_t i = 0; i < HERD; i++) {
		n += hear(fds[i], "200", &is_end);
		close(fds[i]);
	}
	assert_int_equal(n, HERD);
	await_nobody(stage);
	wp_buf_release(&bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_may_be_cut_anywhere),
		TEST(what_waits_for_redis_holds_up_nobody),
		TEST(who_needs_no_redis_does_not_wait_behind_those_who_do),
		TEST(a_peer_that_leaves_leaves_nothing),
		TEST(a_peer_that_leaves_a_call_is_waited_for),
		TEST(what_is_surplus_is_told_so),
		TEST(at_a_stop_who_is_idle_may_ask_once_more),
		TEST(silence_has_an_end),
		TEST(what_comes_with_the_deadline_is_in_time),
		TEST(who_says_no_more_hears_the_answer),
		TEST(many_requests_at_once_are_all_answered),
		TEST(an_answer_that_nobody_takes_has_an_end),
		TEST(idle_connections_are_cheap),
		TEST(a_herd_is_served),
	};

	wp_log_setup("test", WP_LOG_ERROR);
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
