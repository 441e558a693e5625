/* Each request of a WebSocket's handshake can have a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/said.h"
#include "tests/support/ws/ws_client.h"
#include "ws-daemon/admit.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define TRACEPARENT "traceparent: 00-" TRACE "-b7ad6b7169203331-01\r\n"
/* Of {"alg":"HS256"}, {} and nothing. */
#define UNSIGNED "eyJhbGciOiJIUzI1NiJ9.e30.AAAA"

static const struct wp_conn_upcalls upcalls = {
	.on_request = wp_admit_request,
	.on_left = wp_admit_left,
};

/* The world's, who let everybody in. */
static const struct wp_conn_upcalls *welcome;

static int setup(void **state)
{
	static struct ws_world world;

	ws_world_start(&world);
	*state = &world;
	world.parts->auth = world.auth;
	welcome = world.parts->upcalls;
	world.parts->upcalls = &upcalls;
	world.conf.log.requests = WP_REQUESTS_ALL;
	return 0;
}

static int teardown(void **state)
{
	ws_world_stop(*state);
	return 0;
}

/* What is said about a request that is refused. */
static const char *about(struct ws_world *w, const char *head,
			 enum wp_log_level level)
{
	static struct said said;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	said_begin(&said, level);
	wp_conn_accept(w->parts, pair[0]);
	ws_write_all(pair[1], head, strlen(head));
	ws_world_settle(w);
	close(pair[1]);
	ws_world_settle(w);
	return said_end(&said);
}

#define UPGRADE                                                \
	" HTTP/1.1\r\nHost: chat.example\r\n"                  \
	"Upgrade: websocket\r\nConnection: Upgrade\r\n"        \
	"Sec-WebSocket-Version: 13\r\nX-Request-Id: ask-1\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void each_refusal_has_its_code_and_reason(void **state)
{
	static const struct {
		const char *head;
		const char *parts[3];
	} refusals[] = {
		{ "GET /connect" UPGRADE "\r\n",
		  { "\"status\":401", "\"code\":\"unauthorized\"",
		    "\"reason\":\"missing\"" } },
		{ "GET /ws" UPGRADE "Authorization: Basic YTpi\r\n\r\n",
		  { "\"route\":\"connect\"", "\"status\":401",
		    "\"reason\":\"malformed\"" } },
		{ "GET /connect" UPGRADE "Authorization: Bearer a.b\r\n\r\n",
		  { "\"status\":401", "\"code\":\"unauthorized\"",
		    "\"reason\":\"malformed\"" } },
		{ "GET /connect" UPGRADE "Authorization: Bearer " UNSIGNED
		  "\r\n\r\n",
		  { "\"status\":401", "\"code\":\"unauthorized\"",
		    "\"reason\":\"signature\"" } },
		{ "GET /connect" UPGRADE "Origin: https://evil.example\r\n\r\n",
		  { "\"status\":403", "\"code\":\"origin_not_allowed\"",
		    "\"method\":\"GET\"" } },
		{ "POST /connect" UPGRADE "\r\n",
		  { "\"status\":405", "\"code\":\"method_not_allowed\"",
		    "\"method\":\"other\"" } },
		{ "GET /nothing" UPGRADE "\r\n",
		  { "\"status\":404", "\"code\":\"not_found\"",
		    "\"route\":\"none\"" } },
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const char *text = about(*state, refusals[i].head, WP_LOG_INFO);

		assert_non_null(strstr(text, "\"door\":\"ws\""));
		assert_non_null(strstr(text, "\"request_id\":\"ask-1\""));
		for (size_t k = 0; k < 3; k++)
			if (strstr(text, refusals[i].parts[k]) == NULL)
				fail_msg("%s is not in %s",
					 refusals[i].parts[k], text);
		assert_null(strstr(text, "Bearer"));
		assert_null(strstr(text, UNSIGNED));
		assert_null(strstr(text, "trace_id"));
	}
}

static void a_trace_is_told_if_there_is_one(void **state)
{
	const char *text = about(
		*state, "GET /connect" UPGRADE TRACEPARENT "\r\n", WP_LOG_INFO);

	assert_non_null(strstr(text, "\"trace_id\":\"" TRACE "\""));
	assert_non_null(strstr(text, "\"parent_id\":\"b7ad6b7169203331\""));
	text = about(*state,
		     "GET /connect" UPGRADE TRACEPARENT TRACEPARENT "\r\n",
		     WP_LOG_INFO);
	assert_non_null(strstr(text, "\"status\":401"));
	assert_null(strstr(text, "trace_id"));
}

static void how_long_the_answer_is_is_told(void **state)
{
	static const char probe[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char head[] = "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

	assert_non_null(
		strstr(about(*state, probe, WP_LOG_DEBUG), "\"bytes\":2,"));
	assert_non_null(strstr(about(*state, head, WP_LOG_DEBUG),
			       "\"method\":\"HEAD\",\"status\":200"));
	assert_non_null(
		strstr(about(*state, head, WP_LOG_DEBUG), "\"bytes\":0,"));
	assert_string_equal(about(*state, probe, WP_LOG_INFO), "");
}

static void what_opens_has_one_as_well(void **state)
{
	struct ws_world *w = *state;
	static struct said said;
	const char *text;
	int peer;

	w->parts->upcalls = welcome;
	said_begin(&said, WP_LOG_INFO);
	ws_world_open(w, "urn:sm:user:alice", &peer);
	ws_world_settle(w);
	text = said_end(&said);
	close(peer);
	ws_world_settle(w);
	w->parts->upcalls = &upcalls;
	assert_non_null(strstr(text, "\"status\":101"));
	assert_null(strstr(text, "\"code\""));
	assert_null(strstr(text, "alice"));
}

static void by_presets_refusals_have_none(void **state)
{
	struct ws_world *w = *state;

	w->conf.log.requests = WP_REQUESTS_ERRORS;
	assert_string_equal(
		about(w, "GET /connect" UPGRADE "\r\n", WP_LOG_INFO), "");
}

/* Nobody asked for anything. */
static void what_is_no_request_has_none(void **state)
{
	assert_string_equal(about(*state, "nonsense\r\n\r\n", WP_LOG_INFO), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_refusal_has_its_code_and_reason),
		cmocka_unit_test(a_trace_is_told_if_there_is_one),
		cmocka_unit_test(how_long_the_answer_is_is_told),
		cmocka_unit_test(what_opens_has_one_as_well),
		cmocka_unit_test(by_presets_refusals_have_none),
		cmocka_unit_test(what_is_no_request_has_none),
	};

	return cmocka_run_group_tests_name("request", tests, setup, teardown);
}
