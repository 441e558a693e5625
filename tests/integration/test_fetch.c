/*
 * A pool of connections, with the libcurl that is installed, against a server
 * of HTTP/2 that behaves as badly as it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/net/fetch.h"
#include "lib/net/reach.h"
#include "tests/support/fake_provider.h"

enum {
	CONNECTIONS = 2,
	ROUNDS = 4,
	A_ROUND = 800,
	AT_ONCE = 100,
	MANY_HOSTS = 100,
	REPLY_MAX = 4096,
	PATIENCE_S = 60,
	/* So long that nothing good takes it, whatever the machine is doing. */
	LONG_MS = 30 * 1000,
	SHORT_MS = 700,
	RESULTS_MAX = 1024,
};

static char folder[FAKE_PATH_MAX];

/* What came of one request; text is copied. */
struct result {
	bool is_over;
	enum wp_transfer_end end;
	long status;
	bool is_http2;
	size_t len;
	char body[64];
	char retry_after[64];
};

struct world {
	struct ev_loop *loop;
	struct wp_fetch_pool *pool;
	struct fake_provider fake;
	ev_timer watchdog;
	size_t n_left; /* of those that must end */
	/* Of a run of many: which of them is begun next. */
	const char *token;
	size_t n_begun;
	size_t n_of_them;
	size_t n_good;
	size_t n_http2;
	struct result results[RESULTS_MAX];
};

static void on_watchdog(EV_P_ ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(EV_A_ EVBREAK_ALL);
}

static struct wp_transfer_rules rules_of(const char *ca, uint32_t total_ms)
{
	return (struct wp_transfer_rules){
		.agent = "waypost-test",
		.ca_file = ca,
		.connect_ms = total_ms < 5000 ? total_ms : 5000,
		.total_ms = total_ms,
		.body_max = REPLY_MAX,
		.cuts = true,
		.connections = CONNECTIONS,
	};
}

static void use_pool(struct world *world, const struct wp_transfer_rules *rules)
{
	wp_fetch_pool_free(&world->pool);
	world->pool = wp_fetch_pool_new(world->loop, rules);
	assert_non_null(world->pool);
}

static struct world *begin(const char *certificate, const char *more,
			   uint32_t total_ms)
{
	struct world *world = calloc(1, sizeof(*world));
	char ca[2 * FAKE_PATH_MAX];
	struct wp_transfer_rules rules = rules_of(ca, total_ms);

	assert_non_null(world);
	world->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(world->loop);
	ev_timer_init(&world->watchdog, on_watchdog, PATIENCE_S, 0);
	fake_provider_begin(&world->fake, folder, certificate, more);
	(void)snprintf(ca, sizeof(ca), "%s/%s.pem", folder, certificate);
	use_pool(world, &rules);
	return world;
}

static void end(struct world *world)
{
	wp_fetch_pool_free(&world->pool);
	fake_provider_end(&world->fake);
	ev_timer_stop(world->loop, &world->watchdog);
	ev_loop_destroy(world->loop);
	free(world);
}

static void one_less(struct world *world)
{
	assert_true(world->n_left > 0);
	if (--world->n_left == 0)
		ev_break(world->loop, EVBREAK_ALL);
}

/* Until all that must end have ended. */
static void wait_for_all(struct world *world)
{
	world->watchdog.repeat = PATIENCE_S;
	ev_timer_again(world->loop, &world->watchdog);
	if (world->n_left > 0)
		ev_run(world->loop, 0);
	ev_timer_stop(world->loop, &world->watchdog);
	assert_int_equal(world->n_left, 0);
}

/* ---- single requests ---- */

/* What a transfer needs to find its way back. */
struct told {
	struct world *world;
	struct result *result;
};

static void on_end(void *ctx, const struct wp_transfer_answer *answer)
{
	struct told *told = ctx;
	struct result *result = told->result;
	const char *value = wp_transfer_header(answer, "retry-AFTER");

	assert_false(result->is_over);
	assert_int_equal(answer->why[0] == '\0',
			 answer->end == WP_TRANSFER_ANSWERED);
	assert_int_equal(answer->status != 0,
			 answer->end == WP_TRANSFER_ANSWERED);
	result->is_over = true;
	result->end = answer->end;
	result->status = answer->status;
	result->is_http2 = answer->is_http2;
	result->len = answer->len;
	(void)snprintf(result->body, sizeof(result->body), "%s", answer->body);
	if (value != NULL)
		(void)snprintf(result->retry_after, sizeof(result->retry_after),
			       "%s", value);
	assert_null(wp_transfer_header(answer, "X-Nobody"));
	one_less(told->world);
	free(told);
}

static void url_of(const struct world *world, const char *host,
		   const char *token, char out[FAKE_PATH_MAX])
{
	assert_true(snprintf(out, FAKE_PATH_MAX, "https://%s:%d/3/device/%s",
			     host, world->fake.port, token) < FAKE_PATH_MAX);
}

static void ask_url(struct world *world, size_t i, const char *url,
		    wp_transfer_may_fn may)
{
	static const struct wp_transfer_header headers[] = {
		{ "Content-Type", "application/json" },
		{ "apns-topic", "org.example.app" },
	};
	const struct wp_transfer_request request = {
		.url = url,
		.headers = headers,
		.n_headers = 2,
		.body = "{\"a\":\"\0\"}",
		.len = 9,
		.may = may,
	};
	struct told *told = malloc(sizeof(*told));
	struct wp_error err = { 0 };

	assert_non_null(told);
	told->world = world;
	told->result = &world->results[i];
	*told->result = (struct result){ .is_over = false };
	world->n_left++;
	if (wp_fetch_begin(world->pool, &request, on_end, told, &err) != WP_OK)
		fail_msg("%s", err.msg);
}

static void ask(struct world *world, size_t i, const char *token)
{
	char url[FAKE_PATH_MAX];

	url_of(world, "127.0.0.1", token, url);
	ask_url(world, i, url, NULL);
}

static const struct result *ask_one(struct world *world, const char *token)
{
	ask(world, 0, token);
	wait_for_all(world);
	return &world->results[0];
}

static int requests_of(struct world *world, const char *token)
{
	int requests, connections;

	fake_provider_count(&world->fake, token, &requests, &connections);
	return requests;
}

static int connections_of(struct world *world)
{
	int requests, connections;

	fake_provider_count(&world->fake, "*", &requests, &connections);
	return connections;
}

/* ---- many of them ---- */

static void begin_next(struct world *world);

static void on_one_of_many(void *ctx, const struct wp_transfer_answer *answer)
{
	struct world *world = ctx;

	world->n_good +=
		answer->end == WP_TRANSFER_ANSWERED && answer->status == 200;
	world->n_http2 += answer->is_http2;
	if (world->n_begun < world->n_of_them)
		begin_next(world);
	one_less(world);
}

static void begin_next(struct world *world)
{
	char url[FAKE_PATH_MAX];
	const struct wp_transfer_request request = { .url = url,
						     .body = "{}",
						     .len = 2 };
	struct wp_error err = { 0 };

	/* In the middle of them one that is special. */
	url_of(world, "127.0.0.1",
	       world->n_begun == world->n_of_them / 2 ? world->token : "t",
	       url);
	world->n_begun++;
	world->n_left++;
	assert_int_equal(wp_fetch_begin(world->pool, &request, on_one_of_many,
					world, &err),
			 WP_OK);
}

static void ask_many(struct world *world, size_t n, size_t at_once,
		     const char *token)
{
	world->token = token;
	world->n_begun = world->n_good = world->n_http2 = 0;
	world->n_of_them = n;
	while (world->n_begun < at_once)
		begin_next(world);
	assert_int_equal(wp_fetch_running(world->pool), at_once);
	wait_for_all(world);
	assert_int_equal(world->n_begun, n);
	assert_int_equal(wp_fetch_running(world->pool), 0);
}

/* ---- what must be ---- */

/*
 * In rounds: nghttp2 1.61, which Node has, ends a connection of libcurl 7.88
 * with an error when it has had some 1,000 requests.
 */
static void thousands_share_a_few_connections(void **state)
{
	struct world *world = begin("good", "", LONG_MS);

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		ask_many(world, A_ROUND, AT_ONCE, "t");
		assert_int_equal(world->n_good, A_ROUND);
		assert_int_equal(world->n_http2, A_ROUND);
		wp_fetch_renew(world->pool);
	}
	assert_int_equal(requests_of(world, "*"), ROUNDS * A_ROUND);
	assert_in_range(connections_of(world), ROUNDS, ROUNDS * CONNECTIONS);
	end(world);
}

static void who_comes_at_once_waits_for_the_connection(void **state)
{
	struct world *world = begin("good", "", LONG_MS);

	(void)state;
	ask_many(world, 60, 60, "t");
	assert_int_equal(world->n_good, 60);
	assert_int_equal(connections_of(world), 1);
	/* More than fit on one, and on two. */
	ask_many(world, 250, 250, "t");
	assert_int_equal(world->n_good, 250);
	assert_in_range(connections_of(world), 1, CONNECTIONS);
	end(world);
}

static void an_answer_comes_with_status_header_and_body(void **state)
{
	struct world *world = begin("good", "", LONG_MS);
	const struct result *result;
	const char *said;

	(void)state;
	fake_provider_tell(&world->fake, "a",
			   "[{\"status\":429,\"headers\":{\"Retry-After\":"
			   "\" 120\",\"Set-Cookie\":\"k=v\"},"
			   "\"body\":{\"reason\":\"TooManyRequests\"}},{}]");
	result = ask_one(world, "a");
	assert_int_equal(result->end, WP_TRANSFER_ANSWERED);
	assert_int_equal(result->status, 429);
	assert_true(result->is_http2);
	assert_string_equal(result->retry_after, "120");
	assert_string_equal(result->body, "{\"reason\":\"TooManyRequests\"}");
	(void)fake_provider_requests(&world->fake);

	(void)ask_one(world, "a");
	said = fake_provider_requests(&world->fake);
	assert_non_null(strstr(said, "\"method\":\"POST\""));
	assert_non_null(strstr(said, "\"path\":\"/3/device/a\""));
	assert_non_null(strstr(said, "\"apns-topic\":\"org.example.app\""));
	assert_non_null(strstr(said, "\"content-type\":\"application/json\""));
	assert_non_null(strstr(said, "\"user-agent\":\"waypost-test\""));
	/* {"a":"<NUL>"} */
	assert_non_null(strstr(said, "\"body\":\"eyJhIjoiACJ9\""));
	assert_null(strstr(said, "cookie"));
	assert_null(strstr(said, "accept-encoding"));
	end(world);
}

static void after_goaway_all_the_others_are_answered(void **state)
{
	struct world *world = begin("good", "", LONG_MS);

	(void)state;
	fake_provider_tell(&world->fake, "g", "[{\"act\":\"goaway\"}]");
	ask_many(world, A_ROUND, AT_ONCE, "g");
	assert_int_equal(world->n_good, A_ROUND);
	end(world);
}

/* So who is asked may see it twice, though we hear of one answer. */
static void what_was_not_begun_with_is_repeated(void **state)
{
	struct world *world = begin("good", "", LONG_MS);

	(void)state;
	fake_provider_tell(&world->fake, "r", "[{\"act\":\"refuse\"},{}]");
	assert_int_equal(ask_one(world, "r")->status, 200);
	assert_int_equal(requests_of(world, "r"), 2);
	end(world);
}

static void a_stream_that_ends_takes_no_other_with_it(void **state)
{
	struct world *world = begin("good", "", LONG_MS);

	(void)state;
	fake_provider_tell(&world->fake, "x", "[{\"act\":\"reset\"}]");
	fake_provider_tell(&world->fake, "t", "[{\"delay\":100}]");
	ask(world, 0, "x");
	for (size_t i = 1; i < 20; i++)
		ask(world, i, "t");
	wait_for_all(world);
	assert_int_equal(world->results[0].end, WP_TRANSFER_UNREACHABLE);
	for (size_t i = 1; i < 20; i++)
		assert_int_equal(world->results[i].status, 200);
	end(world);
}

static void who_shared_a_connection_that_died_does_not_know(void **state)
{
	struct world *world = begin("good", "", LONG_MS);

	(void)state;
	/* One connection, so that all are on it. */
	assert_int_equal(ask_one(world, "t")->status, 200);
	fake_provider_tell(&world->fake, "s", "[{\"act\":\"stall\"}]");
	fake_provider_tell(&world->fake, "d",
			   "[{\"act\":\"destroy\",\"delay\":200},{}]");
	for (size_t i = 1; i < 50; i++)
		ask(world, i, "s");
	ask(world, 0, "d");
	wait_for_all(world);
	for (size_t i = 0; i < 50; i++) {
		assert_int_equal(world->results[i].end,
				 WP_TRANSFER_UNREACHABLE);
		assert_int_equal(world->results[i].status, 0);
	}
	/* And the next one is none the worse. */
	assert_int_equal(ask_one(world, "d")->status, 200);
	end(world);
}

static void what_stalls_ends_in_time(void **state)
{
	struct world *world = begin("good", "", SHORT_MS);
	uint64_t begun_ms = wp_mono_ms();

	(void)state;
	fake_provider_tell(&world->fake, "s", "[{\"act\":\"stall\"}]");
	/* Its bytes keep coming, and that is no reason to wait. */
	fake_provider_tell(&world->fake, "b",
			   "[{\"act\":\"drip\",\"every\":50}]");
	ask(world, 0, "s");
	ask(world, 1, "b");
	wait_for_all(world);
	assert_int_equal(world->results[0].end, WP_TRANSFER_UNREACHABLE);
	assert_int_equal(world->results[1].end, WP_TRANSFER_UNREACHABLE);
	assert_true(wp_mono_ms() - begun_ms >= SHORT_MS);
	end(world);
}

static void http_1_is_seen(void **state)
{
	struct world *world = begin("good", ",\"http1\":true", LONG_MS);
	const struct result *result;

	(void)state;
	result = ask_one(world, "t");
	assert_int_equal(result->end, WP_TRANSFER_ANSWERED);
	assert_int_equal(result->status, 200);
	assert_false(result->is_http2);
	end(world);
}

static void no_redirect_is_followed(void **state)
{
	struct world *world = begin("good", "", LONG_MS);
	char answers[256];

	(void)state;
	(void)snprintf(answers, sizeof(answers),
		       "[{\"status\":307,\"headers\":{\"Location\":"
		       "\"https://127.0.0.1:%d/3/device/there\"}}]",
		       world->fake.port);
	fake_provider_tell(&world->fake, "m", answers);
	assert_int_equal(ask_one(world, "m")->status, 307);
	assert_int_equal(requests_of(world, "there"), 0);
	end(world);
}

static void a_gigabyte_is_cut_and_the_status_counts(void **state)
{
	struct world *world = begin("good", "", LONG_MS);

	(void)state;
	fake_provider_tell(&world->fake, "f",
			   "[{\"status\":410,\"act\":\"flood\","
			   "\"bytes\":1073741824}]");
	fake_provider_tell(&world->fake, "t", "[{\"delay\":100}]");
	ask(world, 0, "f");
	for (size_t i = 1; i < 10; i++)
		ask(world, i, "t");
	wait_for_all(world);
	assert_int_equal(world->results[0].end, WP_TRANSFER_ANSWERED);
	assert_int_equal(world->results[0].status, 410);
	assert_int_equal(world->results[0].len, REPLY_MAX);
	for (size_t i = 1; i < 10; i++)
		assert_int_equal(world->results[i].status, 200);
	end(world);
}

static void a_certificate_is_for_the_name_and_of_the_signer(void **state)
{
	struct world *world = begin("other", "", LONG_MS);
	struct wp_transfer_rules rules = rules_of("", LONG_MS);

	(void)state;
	assert_int_equal(ask_one(world, "t")->end, WP_TRANSFER_UNTRUSTED);
	end(world);
	/* The system's signers do not know it. */
	world = begin("good", "", LONG_MS);
	use_pool(world, &rules);
	assert_int_equal(ask_one(world, "t")->end, WP_TRANSFER_UNTRUSTED);
	assert_int_equal(requests_of(world, "*"), 0);
	end(world);
}

static void nothing_goes_without_tls(void **state)
{
	struct world *world = begin("good", "", SHORT_MS);
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	char url[FAKE_PATH_MAX];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/",
		       ntohs(address.sin_port));
	ask_url(world, 0, url, NULL);
	ask_url(world, 1, "file:///etc/passwd", NULL);
	wait_for_all(world);
	assert_int_equal(world->results[0].end, WP_TRANSFER_UNREACHABLE);
	assert_int_equal(world->results[1].end, WP_TRANSFER_UNREACHABLE);
	/* Nobody came. */
	assert_int_equal(accept4(fd, NULL, NULL, SOCK_CLOEXEC), -1);
	close(fd);
	end(world);
}

static bool is_out_there(const void *guard, const struct sockaddr *address,
			 socklen_t len)
{
	(void)guard;
	return wp_reach_may(address, len, NULL, 0);
}

/* However it is written, it is the address that counts. */
static void a_stranger_leads_us_nowhere_inside(void **state)
{
	static const char *const hosts[] = {
		"127.0.0.1",  "localhost",    "127.1",
		"0x7f000001", "2130706433",   "0177.0.0.1",
		"0.0.0.0",    "[::1]",        "[::ffff:127.0.0.1]",
		"[::]",       "[::127.0.0.1]"
	};
	enum { HOSTS = sizeof(hosts) / sizeof(hosts[0]) };
	struct world *world = begin("good", "", LONG_MS);
	char url[FAKE_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < HOSTS; i++) {
		url_of(world, hosts[i], "t", url);
		ask_url(world, i, url, is_out_there);
	}
	wait_for_all(world);
	for (size_t i = 0; i < HOSTS; i++)
		if (world->results[i].end != WP_TRANSFER_FORBIDDEN)
			fail_msg("%s: %d", hosts[i],
				 (int)world->results[i].end);
	assert_int_equal(connections_of(world), 0);
	end(world);
}

static void nobody_adds_a_header_of_his_own(void **state)
{
	struct world *world = begin("good", "", LONG_MS);
	char url[FAKE_PATH_MAX];
	struct wp_transfer_header header = { "X-A", "b\r\nX-C: d" };
	struct wp_transfer_request request = { .url = url,
					       .headers = &header,
					       .n_headers = 1 };
	struct wp_error err = { 0 };

	(void)state;
	url_of(world, "127.0.0.1", "t", url);
	assert_int_equal(
		wp_fetch_begin(world->pool, &request, on_end, NULL, &err),
		WP_ERR_INVAL);
	header = (struct wp_transfer_header){ "X-A\n", "b" };
	assert_int_equal(
		wp_fetch_begin(world->pool, &request, on_end, NULL, &err),
		WP_ERR_INVAL);
	header = (struct wp_transfer_header){ "X-A", "b" };
	request.url = "https://127.0.0.1/\r\nX: y";
	assert_int_equal(
		wp_fetch_begin(world->pool, &request, on_end, NULL, &err),
		WP_ERR_INVAL);
	assert_int_equal(wp_fetch_running(world->pool), 0);
	end(world);
}

static void renewed_it_uses_other_connections(void **state)
{
	struct world *world = begin("good", "", LONG_MS);

	(void)state;
	assert_int_equal(ask_one(world, "t")->status, 200);
	assert_int_equal(ask_one(world, "t")->status, 200);
	assert_int_equal(connections_of(world), 1);
	wp_fetch_renew(world->pool);
	assert_int_equal(ask_one(world, "t")->status, 200);
	assert_int_equal(connections_of(world), 2);
	end(world);
}

/* In the call that tells, it renews, and begins one on what is new. */
static void on_renew(void *ctx, const struct wp_transfer_answer *answer)
{
	struct world *world = ctx;

	assert_int_equal(answer->status, 403);
	wp_fetch_renew(world->pool);
	ask(world, 1, "again");
	one_less(world);
}

static void what_is_under_way_ends_where_it_is(void **state)
{
	struct world *world = begin("good", "", LONG_MS);
	char url[FAKE_PATH_MAX];
	const struct wp_transfer_request request = { .url = url };
	struct wp_error err = { 0 };

	(void)state;
	fake_provider_tell(&world->fake, "slow", "[{\"delay\":400}]");
	fake_provider_tell(&world->fake, "no", "[{\"status\":403}]");
	assert_int_equal(ask_one(world, "t")->status, 200);
	ask(world, 0, "slow");
	url_of(world, "127.0.0.1", "no", url);
	world->n_left++;
	assert_int_equal(
		wp_fetch_begin(world->pool, &request, on_renew, world, &err),
		WP_OK);
	assert_int_equal(wp_fetch_running(world->pool), 2);
	wait_for_all(world);
	assert_int_equal(world->results[0].status, 200);
	assert_int_equal(world->results[1].status, 200);
	assert_int_equal(connections_of(world), 2);
	end(world);
}

/* Somebody takes connections, and says nothing on them. */
static int begin_silence(int *port_out)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, AT_ONCE), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port_out = ntohs(at.sin_port);
	return fd;
}

static void on_early_end(void *ctx, const struct wp_transfer_answer *answer)
{
	(void)ctx;
	fail_msg("it ended before the others did: %s", answer->why);
}

static void no_host_waits_for_another_that_is_silent(void **state)
{
	enum { SILENT = 20, GOOD = 20 };
	struct world *world = begin("good", "", LONG_MS);
	char url[FAKE_PATH_MAX];
	const struct wp_transfer_request request = { .url = url };
	struct wp_error err = { 0 };
	int port, fd = begin_silence(&port);

	(void)state;
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/t", port);
	for (size_t i = 0; i < SILENT; i++)
		assert_int_equal(wp_fetch_begin(world->pool, &request,
						on_early_end, NULL, &err),
				 WP_OK);
	for (size_t i = 0; i < GOOD; i++)
		ask(world, i, "t");
	wait_for_all(world);
	for (size_t i = 0; i < GOOD; i++)
		assert_int_equal(world->results[i].status, 200);
	wp_fetch_pool_free(&world->pool);
	close(fd);
	end(world);
}

enum { RANKS = 4 };

/* Of a row of requests, each of which begins when another one has ended. */
struct rank {
	struct world *world;
	size_t n; /* how many ended before it, one for the other */
};

static struct {
	size_t at[RANKS]; /* under way */
	bool was_overtaken;
} row;

static void begin_one_of_row(struct world *world, size_t n);

static void on_one_of_row(void *ctx, const struct wp_transfer_answer *answer)
{
	struct rank *rank = ctx;

	assert_int_equal(answer->end, WP_TRANSFER_UNREACHABLE);
	assert_true(answer->why[0] != '\0');
	row.at[rank->n]--;
	/* Two who began behind it have had their time. */
	for (size_t i = 0; i + 1 < rank->n; i++)
		row.was_overtaken |= row.at[i] > 0;
	if (rank->n + 1 < RANKS)
		begin_one_of_row(rank->world, rank->n + 1);
	one_less(rank->world);
	free(rank);
}

static void begin_one_of_row(struct world *world, size_t n)
{
	char url[FAKE_PATH_MAX];
	const struct wp_transfer_request request = { .url = url };
	struct rank *rank = malloc(sizeof(*rank));
	struct wp_error err = { 0 };

	assert_non_null(rank);
	*rank = (struct rank){ .world = world, .n = n };
	row.at[n]++;
	world->n_left++;
	url_of(world, "127.0.0.1", "s", url);
	assert_int_equal(wp_fetch_begin(world->pool, &request, on_one_of_row,
					rank, &err),
			 WP_OK);
}

static void who_waits_for_a_connection_has_an_end_as_well(void **state)
{
	enum { WIDTH = 16, PATIENT_MS = 1500 };
	struct world *world = begin("good", ",\"http1\":true", PATIENT_MS);

	(void)state;
	fake_provider_tell(&world->fake, "s", "[{\"act\":\"stall\"}]");
	memset(&row, 0, sizeof(row));
	for (size_t i = 0; i < WIDTH; i++)
		begin_one_of_row(world, 0);
	wait_for_all(world);
	assert_false(row.was_overtaken);
	end(world);
}

static size_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/* Nobody listens there. */
static void ask_hosts(struct world *world, int net)
{
	for (int i = 0; i < MANY_HOSTS; i++) {
		char host[FAKE_PATH_MAX], url[FAKE_PATH_MAX];

		(void)snprintf(host, sizeof(host), "127.0.%d.%d", net, i);
		url_of(world, host, "t", url);
		ask_url(world, (size_t)i, url, NULL);
	}
	wait_for_all(world);
	for (int i = 0; i < MANY_HOSTS; i++)
		assert_int_equal(world->results[i].end,
				 WP_TRANSFER_UNREACHABLE);
}

static void what_hosts_have_cost_is_given_back(void **state)
{
	struct world *world = begin("good", "", LONG_MS);
	size_t n;

	(void)state;
	ask_hosts(world, 1);
	n = count_descriptors();
	ask_hosts(world, 2);
	assert_int_equal(count_descriptors(), n);
	/* That which was used last has its connection still. */
	assert_int_equal(ask_one(world, "t")->status, 200);
	assert_int_equal(ask_one(world, "t")->status, 200);
	assert_int_equal(connections_of(world), 1);
	end(world);
}

static void a_pool_that_goes_tells_nobody(void **state)
{
	struct world *world = begin("good", "", LONG_MS);
	char url[FAKE_PATH_MAX];
	const struct wp_transfer_request request = { .url = url };
	struct wp_error err = { 0 };

	(void)state;
	fake_provider_tell(&world->fake, "s", "[{\"act\":\"stall\"}]");
	url_of(world, "127.0.0.1", "s", url);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wp_fetch_begin(world->pool, &request, on_end,
						NULL, &err),
				 WP_OK);
	/* Under way, and not just begun. */
	assert_int_equal(ask_one(world, "t")->status, 200);
	wp_fetch_pool_free(&world->pool);
	assert_null(world->pool);
	end(world);
}

/* Alone, where no provider can be: it has said why. */
static void all_is_skipped(void **state)
{
	(void)state;
	skip();
}

static int make_folder(void **state)
{
	const char *parent = getenv("WAYPOST_TEST_DIR");

	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/fetch.XXXXXX",
		       parent != NULL ? parent : "/tmp");
	if (mkdtemp(folder) == NULL)
		return -1;
	fake_certificate(folder, "good", "IP:127.0.0.1,DNS:localhost");
	fake_certificate(folder, "other", "DNS:other.example");
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "good.pem", "good-key.pem",
					     "other.pem", "other-key.pem" };
	char path[2 * FAKE_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)remove(path);
	}
	return remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousands_share_a_few_connections),
		cmocka_unit_test(who_comes_at_once_waits_for_the_connection),
		cmocka_unit_test(an_answer_comes_with_status_header_and_body),
		cmocka_unit_test(after_goaway_all_the_others_are_answered),
		cmocka_unit_test(what_was_not_begun_with_is_repeated),
		cmocka_unit_test(a_stream_that_ends_takes_no_other_with_it),
		cmocka_unit_test(
			who_shared_a_connection_that_died_does_not_know),
		cmocka_unit_test(what_stalls_ends_in_time),
		cmocka_unit_test(http_1_is_seen),
		cmocka_unit_test(no_redirect_is_followed),
		cmocka_unit_test(a_gigabyte_is_cut_and_the_status_counts),
		cmocka_unit_test(
			a_certificate_is_for_the_name_and_of_the_signer),
		cmocka_unit_test(nothing_goes_without_tls),
		cmocka_unit_test(a_stranger_leads_us_nowhere_inside),
		cmocka_unit_test(nobody_adds_a_header_of_his_own),
		cmocka_unit_test(renewed_it_uses_other_connections),
		cmocka_unit_test(what_is_under_way_ends_where_it_is),
		cmocka_unit_test(no_host_waits_for_another_that_is_silent),
		cmocka_unit_test(who_waits_for_a_connection_has_an_end_as_well),
		cmocka_unit_test(what_hosts_have_cost_is_given_back),
		cmocka_unit_test(a_pool_that_goes_tells_nobody),
	};
	const struct CMUnitTest none[] = { cmocka_unit_test(all_is_skipped) };

	if (!node_child_can_be())
		return cmocka_run_group_tests_name("fetch", none, NULL, NULL);
	return cmocka_run_group_tests_name("fetch", tests, make_folder,
					   remove_folder);
}
