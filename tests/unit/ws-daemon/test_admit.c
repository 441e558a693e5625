/* Who may come in: which pages, and where their token is looked for. Presence
 * cannot be told here, so whoever may come in is answered 503. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/ws/ws_client.h"
#include "ws-daemon/admit.h"

static const struct wp_conn_upcalls upcalls = {
	.on_request = wp_admit_request,
	.on_left = wp_admit_left,
};

static char secret[] = "0123456789abcdef0123456789abcdef";
static char cookie_name[] = "auth";
static struct wp_auth *auth;
static struct wp_conf before; /* what presets the world has */

static int setup(void **state)
{
	static struct ws_world world;
	struct wp_conf with_key;

	ws_world_start(&world);
	*state = &world;
	before = world.conf;
	with_key = world.conf;
	with_key.auth.jwt_secret = secret;
	if (wp_auth_new(&auth, &with_key, NULL) != WP_OK)
		return -1;
	world.parts->auth = auth;
	world.parts->upcalls = &upcalls;
	return 0;
}

static int teardown(void **state)
{
	struct ws_world *w = *state;

	w->conf = before;
	ws_world_stop(w);
	wp_auth_free(&auth);
	return 0;
}

/* The answer to a request with this target and, besides what an upgrade has,
 * these fields. */
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

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	wp_conn_accept(w->parts, pair[0]);
	ws_write_all(pair[1], request, (size_t)len);
	ws_world_settle(w);
	text = ws_read_all(pair[1], NULL);
	close(pair[1]);
	ws_world_settle(w);
	assert_int_equal(w->parts->n_sockets, 0);
	return text;
}

static void expect(struct ws_world *w, const char *target, const char *fields,
		   const char *status, const char *sentence)
{
	const char *text = answer(w, target, fields);

	if (strncmp(text, "HTTP/1.1 ", 9) != 0 ||
	    strncmp(text + 9, status, 3) != 0 || strstr(text, sentence) == NULL)
		fail_msg("%s with %swas answered:\n%s", target, fields, text);
}

/* What is said of a token that is none. */
static const char none[] = "a token is required";
static const char malformed[] = "the token is not made of three parts";
static const char let_in[] = "presence cannot be registered now";

/* ---- pages ---- */

enum verdict {
	FOREIGN,
	ALLOWED,
	TRUSTED, /* so far that its cookies are looked at */
};

static enum verdict judge(struct ws_world *w, const char *origin,
			  const char *headers, char *allowed)
{
	char *items[] = { allowed, NULL };
	char fields[1024];
	const char *text;

	w->conf.cors.allowed_origins =
		(struct wp_conf_list){ .items = items,
				       .n = allowed == NULL ? 0 : 1 };
	w->conf.websocket.cookie_name = cookie_name;
	(void)snprintf(
		fields, sizeof(fields), "%s%s%s%sCookie: auth=x\r\n",
		origin == NULL ? "" : "Origin: ", origin == NULL ? "" : origin,
		origin == NULL ? "" : "\r\n", headers);
	text = answer(w, "/connect", fields);
	w->conf = before;
	if (strstr(text, "HTTP/1.1 403 ") == text)
		return FOREIGN;
	assert_ptr_equal(strstr(text, "HTTP/1.1 401 "), text);
	if (strstr(text, none) != NULL)
		return ALLOWED;
	assert_non_null(strstr(text, malformed));
	return TRUSTED;
}

static char listed[] = "https://app.example";
static char any[] = "*";

static void programs_without_an_origin_may_connect(void **state)
{
	assert_int_equal(judge(*state, NULL, "", NULL), ALLOWED);
}

static void listed_origins_are_compared_as_a_whole(void **state)
{
	struct ws_world *w = *state;

	assert_int_equal(judge(w, "https://app.example", "", listed), TRUSTED);
	assert_int_equal(judge(w, "https://app.example.evil", "", listed),
			 FOREIGN);
	assert_int_equal(judge(w, "https://app.exampl", "", listed), FOREIGN);
	assert_int_equal(judge(w, "http://app.example", "", listed), FOREIGN);
	assert_int_equal(judge(w, "https://app.example:8443", "", listed),
			 FOREIGN);
}

static void the_requests_own_origin_is_trusted(void **state)
{
	struct ws_world *w = *state;

	assert_int_equal(judge(w, "http://chat.example", "", NULL), TRUSTED);
	assert_int_equal(judge(w, "https://chat.example", "", NULL), FOREIGN);
	assert_int_equal(judge(w, "https://chat.example",
			       "X-Forwarded-Proto: https\r\n", NULL),
			 TRUSTED);
	assert_int_equal(judge(w, "https://chat.example",
			       "X-Forwarded-Proto: https, http\r\n", NULL),
			 TRUSTED);
	assert_int_equal(judge(w, "http://chat.example",
			       "X-Forwarded-Proto: https\r\n", NULL),
			 FOREIGN);
	assert_int_equal(judge(w, "http://chat.example:81", "", NULL), FOREIGN);
}

static void null_is_nobody_even_when_everybody_may(void **state)
{
	struct ws_world *w = *state;

	assert_int_equal(judge(w, "null", "", any), FOREIGN);
	assert_int_equal(judge(w, "https://other", "", any), ALLOWED);
	assert_int_equal(judge(w, "", "", NULL), FOREIGN);
}

static void two_origins_are_none(void **state)
{
	expect(*state, "/connect",
	       "Origin: http://chat.example\r\nOrigin: http://chat.example\r\n",
	       "400", "malformed");
}

/* ---- tokens ---- */

static void who_brings_nothing_is_told_so(void **state)
{
	expect(*state, "/connect", "", "401", none);
	expect(*state, "/ws?other=x", "", "401", none);
}

static void token_is_looked_for_in_the_order_of_the_document(void **state)
{
	static const char *const steps[] = {
		"Authorization: Bearer x\r\n",
		"Sec-WebSocket-Protocol: waypost.v1, x\r\n",
	};
	struct ws_world *w = *state;

	/* A ticket is not spent where presence cannot be told. */
	expect(w, "/connect?ticket=t", "", "503", let_in);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		expect(w, "/connect?ticket=t", steps[i], "401", malformed);
	expect(w, "/connect?token=x&ticket=t", "", "503", let_in);
	w->conf.websocket.query_token = true;
	expect(w, "/connect?token=x", "", "401", malformed);
	w->conf.websocket.query_token = false;
	expect(w, "/connect?token=x", "", "401", none);
}

static void what_is_there_and_bad_gets_no_second_try(void **state)
{
	struct ws_world *w = *state;

	expect(w, "/connect?ticket=t", "Authorization: Basic x\r\n", "401",
	       "must be \\\"Bearer <token>\\\"");
	expect(w, "/connect?ticket=t",
	       "Authorization: Bearer x\r\nAuthorization: Bearer x\r\n", "401",
	       "send one Authorization header");
	w->conf.websocket.query_token = true;
	expect(w, "/connect?ticket=%zz&token=x", "", "401",
	       "the query parameter is malformed");
}

/* Good or not: the daemon knows none of them. */
static void key_of_a_back_end_opens_nothing(void **state)
{
	static const char no[] = "a key opens no connection";
	struct ws_world *w = *state;

	expect(w, "/connect?ticket=t", "Authorization: Bearer wpk_x\r\n", "403",
	       no);
	expect(w, "/connect",
	       "Sec-WebSocket-Protocol: waypost.v1, wpk_abcdefghij_x\r\n",
	       "403", no);
	expect(w, "/connect?ticket=wpk_x", "", "503", let_in);
}

static void cookie_is_looked_at_where_one_is_named(void **state)
{
	struct ws_world *w = *state;
	static const char fields[] = "Origin: http://chat.example\r\n"
				     "Cookie: other=y; auth=x\r\n";

	expect(w, "/connect", fields, "401", none);
	w->conf.websocket.cookie_name = cookie_name;
	expect(w, "/connect", fields, "401", malformed);
	expect(w, "/connect?ticket=t", fields, "503", let_in);
}

static void full_instance_takes_nobody(void **state)
{
	struct ws_world *w = *state;

	w->conf.websocket.max_connections = 0;
	expect(w, "/connect?ticket=t", "", "503", "no room");
	expect(w, "/connect", "", "401", none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(programs_without_an_origin_may_connect),
		TEST(listed_origins_are_compared_as_a_whole),
		TEST(the_requests_own_origin_is_trusted),
		TEST(null_is_nobody_even_when_everybody_may),
		TEST(two_origins_are_none),
		TEST(who_brings_nothing_is_told_so),
		TEST(token_is_looked_for_in_the_order_of_the_document),
		TEST(what_is_there_and_bad_gets_no_second_try),
		TEST(key_of_a_back_end_opens_nothing),
		TEST(cookie_is_looked_at_where_one_is_named),
		TEST(full_instance_takes_nobody),
	};

	return cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
