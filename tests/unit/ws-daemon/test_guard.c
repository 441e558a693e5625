/*
 * Who is too fast for the daemon, and what happens then. Presence cannot be
 * told here, so whoever may come in is answered 503. Units that are given back
 * after 100 s are given back after the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "tests/support/ws/ws_client.h"
#include "ws-daemon/admit.h"

enum { TOKEN_MAX = 512, MS_PER_S = 1000 };

static const struct wp_conn_upcalls upcalls = {
	.on_request = wp_admit_request,
	.on_left = wp_admit_left,
};

static char secret[] = "0123456789abcdef0123456789abcdef";
static const char json_ping[] = "{\"type\":\"ping\"}";
static const char from_outside[] = "X-Forwarded-For: 192.0.2.1\r\n";
static struct wp_auth *auth;

static int setup(void **state)
{
	static struct ws_world world;
	struct wp_conf with_key;

	ws_world_start(&world);
	*state = &world;
	with_key = world.conf;
	with_key.auth.jwt_secret = secret;
	if (wp_auth_new(&auth, &with_key, NULL) != WP_OK)
		return -1;
	world.parts->auth = auth;
	return 0;
}

static int teardown(void **state)
{
	ws_world_stop(*state);
	wp_auth_free(&auth);
	return 0;
}

/* One rate, and no other limit. */
static void limit(struct ws_world *w, enum wp_limit_class class,
		  const char *item)
{
	char text[64];
	char *items[] = { text };
	struct wp_limit_rates all, rates = { 0 };

	(void)snprintf(text, sizeof(text), "%s", item);
	assert_int_equal(wp_limit_rates_read(&all, items, 1, NULL), WP_OK);
	rates.of[class] = all.of[class];
	wp_limiter_use(w->parts->limiter, &rates);
	w->parts->frames = rates.of[WP_LIMIT_FRAMES];
}

/* ---- before the upgrade ---- */

static const char *answer(struct ws_world *w, const char *target,
			  const char *fields)
{
	char request[2048];
	const char *text;
	int pair[2];
	int len = snprintf(request, sizeof(request),
			   "GET %s HTTP/1.1\r\nHost: chat.example\r\n"
			   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			   "Sec-WebSocket-Version: 13\r\n"
			   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			   "%s\r\n",
			   target, fields);

	w->parts->upcalls = &upcalls;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	wp_conn_accept(w->parts, pair[0]);
	ws_write_all(pair[1], request, (size_t)len);
	ws_world_settle(w);
	text = ws_read_all(pair[1], NULL);
	close(pair[1]);
	ws_world_settle(w);
	return text;
}

static void expect(struct ws_world *w, const char *target, const char *fields,
		   const char *status)
{
	const char *text = answer(w, target, fields);

	if (strncmp(text, "HTTP/1.1 ", 9) != 0 ||
	    strncmp(text + 9, status, 3) != 0)
		fail_msg("%s with %swas answered:\n%s", target, fields, text);
}

static void who_fails_often_is_429_before_all_else(void **state)
{
	struct ws_world *w = *state;
	const char *text;
	int s = 0;

	limit(w, WP_LIMIT_FAILED, "failed=0.01/3");

	for (int i = 0; i < 3; i++)
		expect(w, "/connect", from_outside, "401");
	text = answer(w, "/connect?ticket=t", from_outside);

	assert_int_equal(
		strncmp(text, "HTTP/1.1 429 Too Many Requests\r\n", 32), 0);
	assert_non_null(strstr(text, "\"code\":\"rate_limited\"}"));
	(void)sscanf(strstr(text, "Retry-After: "), "Retry-After: %d", &s);
	assert_in_range(s, 100, 102);
	assert_int_equal(
		wp_metric_get(w->metrics, WP_M_LIMITED + WP_LIMIT_FAILED), 1);
	expect(w, "/connect", "X-Forwarded-For: 9.9.9.9, 192.0.2.1\r\n", "429");
	expect(w, "/connect", "X-Forwarded-For: 192.0.2.1, 9.9.9.9\r\n", "401");
	expect(w, "/healthz", from_outside, "200");
}

static void each_kind_of_failure_counts(void **state)
{
	struct ws_world *w = *state;

	limit(w, WP_LIMIT_FAILED, "failed=0.01/2");

	expect(w, "/connect", from_outside, "401");
	expect(w, "/connect",
	       "X-Forwarded-For: 192.0.2.1\r\nSec-WebSocket-Key: x\r\n", "400");
	expect(w, "/connect", from_outside, "429");
}

static void nobody_is_limited_whose_address_is_not_known(void **state)
{
	static const char *const fields[] = {
		"",
		"X-Forwarded-For: 127.0.0.1\r\n",
		"X-Forwarded-For: unknown\r\n",
		"X-Forwarded-For: \r\n",
		"X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: 192.0.2.9\r\n",
	};
	struct ws_world *w = *state;

	limit(w, WP_LIMIT_FAILED, "failed=0.01/1");

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		for (int k = 0; k < 3; k++)
			expect(w, "/connect", fields[i], "401");
}

/* An Authorization field of this user. */
static void add_token(char fields[TOKEN_MAX], const char *user)
{
	static const char header[] = "{\"alg\":\"HS256\"}";
	char payload[128], signed_text[300], text[200];
	uint8_t mac[WP_SHA256_LEN];
	int len = snprintf(payload, sizeof(payload),
			   "{\"sub\":\"%s\",\"exp\":%lld}", user,
			   (long long)(wp_wall_ms() / MS_PER_S + 3600));
	size_t n = wp_base64url_encode(header, sizeof(header) - 1, signed_text);

	signed_text[n++] = '.';
	n += wp_base64url_encode(payload, (size_t)len, signed_text + n);
	wp_hmac_sha256(secret, strlen(secret), signed_text, n, mac);
	text[wp_base64url_encode(mac, sizeof(mac), text)] = '\0';
	(void)snprintf(fields, TOKEN_MAX, "Authorization: Bearer %.*s.%s\r\n",
		       (int)n, signed_text, text);
}

static void a_user_who_connects_too_often_is_429(void **state)
{
	struct ws_world *w = *state;
	char ann[TOKEN_MAX], bob[TOKEN_MAX];

	limit(w, WP_LIMIT_CONNECT, "connect=0.01/2");
	add_token(ann, "ann");
	add_token(bob, "bob");

	expect(w, "/connect", ann, "503");
	expect(w, "/ws", ann, "503");
	expect(w, "/connect", ann, "429");
	expect(w, "/connect", bob, "503");
	assert_int_equal(
		wp_metric_get(w->metrics, WP_M_LIMITED + WP_LIMIT_CONNECT), 1);
}

/* ---- frames ---- */

static void too_many_sends_are_errors_that_say_when(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;
	const char *text;
	int peer, s = 0;

	limit(w, WP_LIMIT_SEND, "send=0.01/2");
	(void)ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 3; i++)
		ws_add_send(&out, i);
	ws_write_all(peer, out.data, out.len);
	ws_world_settle(w);

	text = ws_read_all(peer, NULL);
	assert_non_null(strstr(text, "\"ref\":2,\"code\":\"rate_limited\""));
	assert_null(strstr(text, "\"ref\":1"));
	(void)sscanf(strstr(text, "\"retryAfterSeconds\":"),
		     "\"retryAfterSeconds\":%d}", &s);
	assert_in_range(s, 100, 102);
	assert_int_equal(
		wp_metric_get(w->metrics, WP_M_LIMITED + WP_LIMIT_SEND), 1);
	ws_answer_all(w);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

static size_t pongs(struct ws_world *w, int peer)
{
	size_t len;
	const char *text;

	ws_world_settle(w);
	text = ws_read_all(peer, &len);
	return ws_count(text, len, "pong");
}

static void too_many_frames_are_read_later_and_none_is_lost(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;
	size_t n;
	int peer;

	limit(w, WP_LIMIT_FRAMES, "frames=10/5");
	(void)ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 12; i++)
		ws_text_add(&out, json_ping);
	ws_write_all(peer, out.data, out.len);

	n = pongs(w, peer);
	assert_int_equal(n, 5);
	assert_int_equal(
		wp_metric_get(w->metrics, WP_M_LIMITED + WP_LIMIT_FRAMES), 1);
	/* However often its turn comes. */
	ws_write_all(peer, out.data, out.len);
	assert_int_equal(pongs(w, peer), 0);

	for (int i = 0; i < 24 && n < 24; i++) {
		size_t some;

		ws_world_pass(w, 200);
		some = pongs(w, peer);
		assert_in_range(some, 1, 3);
		n += some;
	}
	assert_int_equal(n, 24);
	assert_int_equal(w->parts->n_open, 1);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

static void who_is_not_read_is_not_taken_for_silent(void **state)
{
	struct ws_world *w = *state;
	int64_t idle_ms = w->conf.websocket.idle_timeout_ms;
	struct wp_buf out;
	int peer;

	limit(w, WP_LIMIT_FRAMES, "frames=0.01/5");
	(void)ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 6; i++)
		ws_text_add(&out, json_ping);
	ws_write_all(peer, out.data, out.len);
	assert_int_equal(pongs(w, peer), 5);

	for (int64_t ms = 0; ms < 95 * MS_PER_S; ms += idle_ms / 4)
		ws_world_pass(w, idle_ms / 4);
	assert_int_equal(w->parts->n_open, 1);
	ws_world_pass(w, 10 * MS_PER_S);
	assert_int_equal(pongs(w, peer), 1);

	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_fails_often_is_429_before_all_else),
		TEST(each_kind_of_failure_counts),
		TEST(nobody_is_limited_whose_address_is_not_known),
		TEST(a_user_who_connects_too_often_is_429),
		TEST(too_many_sends_are_errors_that_say_when),
		TEST(too_many_frames_are_read_later_and_none_is_lost),
		TEST(who_is_not_read_is_not_taken_for_silent),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
