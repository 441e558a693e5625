/*
 * Who is answered 429, in which order, and what it costs whom. Redis is not
 * there: what is let in is answered 503, and limits hold all the same. A unit
 * comes back in 100 s, so no test is slow enough to see one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/request/limit.h"
#include "handlers/request/metrics.h"
#include "handlers/serve.h"

#include "tests/unit/handlers/fake.h"

#define ENVELOPE "{\"recipientId\":\"urn:x:y:bob\",\"encryptedData\":\"aGk=\"}"
#define BATCH "{\"envelopes\":[1,2,3,4]}"

enum { BURST = 3, UNIT_S = 100 };

static char send_rate[] = "send=0.01/3", pull_rate[] = "pull=0.01/3";
static char failed_rate[] = "failed=0.01/3", login_rate[] = "login=0.01/3";
static char refresh_rate[] = "refresh=0.01/3", begin_rate[] = "begin=0.01/3";
static char *rates[] = { send_rate,  pull_rate,    failed_rate,
			 login_rate, refresh_rate, begin_rate };

static int set_up(void **state)
{
	struct fake_world *world = calloc(1, sizeof(*world));

	*state = world;
	if (world == NULL || !fake_world_begin(world) ||
	    wp_handlers_metrics_new(&world->shared.metrics, NULL) != WP_OK)
		return -1;
	world->conf.limits.rates.items = rates;
	world->conf.limits.rates.n = sizeof(rates) / sizeof(rates[0]);
	return fake_ctx_init(&world->ctx, &world->shared) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fake_world *world = *state;

	fake_world_release(world);
	wp_metrics_free(&world->shared.metrics);
	free(world);
	return 0;
}

/* A request. Without a body: GET. */
static void prepare(struct fake *fake, const char *path, const char *body,
		    const char *from)
{
	char text[64];

	fake_request(fake, body == NULL ? "GET" : "POST", path);
	(void)snprintf(text, sizeof(text), "REMOTE_ADDR=%s", from);
	fake_param(fake, text);
	if (body != NULL) {
		fake_param(fake, "CONTENT_TYPE=application/json");
		fake_body(fake, body, strlen(body));
	}
}

/* Of alice; returns the status, and releases the answer. */
static unsigned int ask_as_alice(struct fake_world *world, const char *path,
				 const char *body, const char *from)
{
	struct fake fake;
	unsigned int status;

	prepare(&fake, path, body, from);
	fake_login(&fake);
	fake_serve(&world->ctx, &fake.io);
	status = fake_status(&fake);
	fake_release(&fake);
	return status;
}

static unsigned int ask_as_nobody(struct fake_world *world, const char *path,
				  const char *from)
{
	struct fake fake;
	unsigned int status;

	prepare(&fake, path, NULL, from);
	fake_serve(&world->ctx, &fake.io);
	status = fake_status(&fake);
	fake_release(&fake);
	return status;
}

static unsigned int send_one(struct fake_world *world)
{
	return ask_as_alice(world, "/api/send", ENVELOPE, "127.0.0.1");
}

static void a_burst_is_let_in_and_then_it_is_429(void **state)
{
	struct fake_world *world = *state;
	struct fake fake;
	int s = 0;

	for (int i = 0; i < BURST; i++)
		assert_int_equal(send_one(world), 503);
	prepare(&fake, "/api/send", ENVELOPE, "127.0.0.1");
	fake_login(&fake);
	fake_serve(&world->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 429);
	assert_true(fake_has_code(&fake, "rate_limited"));
	(void)sscanf(strstr(fake.out.data, "Retry-After: "), "Retry-After: %d",
		     &s);
	assert_in_range(s, UNIT_S, UNIT_S + 2);
	assert_true(fake_has(&fake, "RateLimit-Policy: \"send\";q=3;w=300"));
	assert_true(fake_has(&fake, "RateLimit: \"send\";r=0;t=300"));
	assert_int_equal(wp_metric_get(world->shared.metrics,
				       WP_H_LIMITED + WP_LIMIT_SEND),
			 1);
	fake_release(&fake);
}

static void what_is_left_is_told_with_any_answer(void **state)
{
	struct fake_world *world = *state;
	struct fake fake;

	prepare(&fake, "/api/send", ENVELOPE, "127.0.0.1");
	fake_login(&fake);
	fake_serve(&world->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 503);
	assert_true(fake_has(&fake, "RateLimit: \"send\";r=2;t=100"));
	fake_release(&fake);
}

static void the_limit_comes_behind_the_token_and_before_the_rest(void **state)
{
	struct fake_world *world = *state;

	for (int i = 0; i < BURST; i++)
		assert_int_equal(
			ask_as_alice(world, "/api/send", "{", "127.0.0.1"),
			400);

	assert_int_equal(ask_as_alice(world, "/api/send", "{", "127.0.0.1"),
			 429);
	assert_int_equal(ask_as_nobody(world, "/api/messages", "127.0.0.1"),
			 401);
	assert_int_equal(
		ask_as_alice(world, "/api/messages", NULL, "127.0.0.1"), 503);
}

static void a_batch_costs_what_is_in_it(void **state)
{
	struct fake_world *world = *state;

	(void)ask_as_alice(world, "/api/send/batch", BATCH, "127.0.0.1");

	assert_int_equal(send_one(world), 429);
}

static void a_batch_is_let_in_while_something_is_left(void **state)
{
	struct fake_world *world = *state;

	assert_int_equal(send_one(world), 503);
	assert_int_equal(send_one(world), 503);
	assert_int_equal(
		ask_as_alice(world, "/api/send/batch", BATCH, "127.0.0.1"),
		202);
	assert_int_equal(
		ask_as_alice(world, "/api/send/batch", BATCH, "127.0.0.1"),
		429);
}

static void what_cannot_be_read_costs_one(void **state)
{
	struct fake_world *world = *state;

	(void)ask_as_alice(world, "/api/send/batch", "{", "127.0.0.1");

	assert_int_equal(send_one(world), 503);
	assert_int_equal(send_one(world), 503);
	assert_int_equal(send_one(world), 429);
}

static void where_no_limit_is_set_nothing_is_told(void **state)
{
	struct fake_world *world = *state;
	struct fake fake;
	struct wp_limit_rates none = { 0 };

	wp_limiter_use(world->ctx.limiter, &none);
	prepare(&fake, "/api/send", ENVELOPE, "127.0.0.1");
	fake_login(&fake);
	fake_serve(&world->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 503);
	assert_false(fake_has_name(&fake, "RateLimit"));
	assert_false(fake_has_name(&fake, "RateLimit-Policy"));
	fake_release(&fake);
}

/* ---- addresses ---- */

static void fail_from(struct fake_world *world, const char *from)
{
	for (int i = 0; i < BURST; i++)
		assert_int_equal(ask_as_nobody(world, "/api/messages", from),
				 401);
}

static void who_fails_often_is_answered_429_before_all_else(void **state)
{
	struct fake_world *world = *state;

	fail_from(world, "192.0.2.1");

	assert_int_equal(ask_as_nobody(world, "/nothing", "192.0.2.1"), 429);
	assert_int_equal(
		ask_as_alice(world, "/api/send", ENVELOPE, "192.0.2.1"), 429);
	assert_int_equal(wp_metric_get(world->shared.metrics,
				       WP_H_LIMITED + WP_LIMIT_FAILED),
			 2);
	/* Nobody else is, nor is a probe. */
	assert_int_equal(ask_as_nobody(world, "/nothing", "192.0.2.2"), 404);
	assert_int_equal(ask_as_nobody(world, "/healthz", "192.0.2.1"), 200);
}

static void each_kind_of_failure_counts(void **state)
{
	struct fake_world *world = *state;
	struct fake fake;

	assert_int_equal(ask_as_nobody(world, "/nothing", "192.0.2.1"), 404);
	assert_int_equal(ask_as_nobody(world, "/api/send", "192.0.2.1"), 405);
	assert_int_equal(ask_as_alice(world, "/api/send", "{", "192.0.2.1"),
			 400);
	assert_int_equal(ask_as_nobody(world, "/api/messages", "192.0.2.1"),
			 429);

	fake_request(&fake, "POST", "/api/send");
	fake_param(&fake, "REMOTE_ADDR=192.0.2.2");
	fake_login(&fake);
	fake_serve(&world->ctx, &fake.io);
	assert_int_equal(fake_status(&fake), 415);
	fake_release(&fake);
	assert_int_equal(ask_as_nobody(world, "/nothing", "192.0.2.2"), 404);
	assert_int_equal(ask_as_nobody(world, "/nothing", "192.0.2.2"), 404);
	assert_int_equal(ask_as_nobody(world, "/nothing", "192.0.2.2"), 429);
}

static void what_is_not_the_caller_s_fault_counts_for_nothing(void **state)
{
	struct fake_world *world = *state;

	for (int i = 0; i < BURST; i++)
		assert_int_equal(
			ask_as_alice(world, "/api/messages", NULL, "192.0.2.1"),
			503);
	/* Nor does what was refused. */
	for (int i = 0; i < BURST; i++)
		assert_int_equal(
			ask_as_alice(world, "/api/messages", NULL, "192.0.2.1"),
			429);
	assert_int_equal(ask_as_nobody(world, "/nothing", "192.0.2.1"), 404);
}

static void one_host_of_ipv6_has_a_net_of_addresses(void **state)
{
	struct fake_world *world = *state;

	assert_int_equal(ask_as_nobody(world, "/nothing", "2001:db8::1"), 404);
	assert_int_equal(ask_as_nobody(world, "/nothing", "2001:db8::2:3"),
			 404);
	assert_int_equal(
		ask_as_nobody(world, "/nothing", "2001:db8::ffff:0:0:1"), 404);
	assert_int_equal(ask_as_nobody(world, "/nothing", "2001:db8::4"), 429);
	assert_int_equal(ask_as_nobody(world, "/nothing", "2001:db8:0:1::1"),
			 404);
}

static void loopback_and_what_is_no_address_are_not_limited(void **state)
{
	static const char *const free[] = { "127.0.0.1",  "127.9.9.9",
					    "::1",        "::ffff:127.0.0.1",
					    "unix:",      "",
					    "192.0.2.300" };
	struct fake_world *world = *state;

	for (size_t i = 0; i < sizeof(free) / sizeof(free[0]); i++) {
		fail_from(world, free[i]);
		assert_int_equal(ask_as_nobody(world, "/nothing", free[i]),
				 404);
	}
}

/* A call that comes from there, and how an attempt of it would end. */
static bool attempt(struct fake_world *world, const char *from, bool is_wrong)
{
	struct wp_call *call = wp_call_new(&world->ctx);
	struct fake fake;
	bool is_let_in;

	assert_non_null(call);
	prepare(&fake, "/api/auth/login", "{}", from);
	wp_req_init(&call->req, &fake.io, NULL);
	is_let_in = wp_limit_address(call, WP_LIMIT_LOGIN);
	if (!is_let_in)
		assert_int_equal(call->resp.status, 429);
	wp_limit_charge(call, WP_LIMIT_REGISTER); /* of another class */
	if (is_let_in && is_wrong)
		wp_limit_charge(call, WP_LIMIT_LOGIN);
	wp_call_free(&call);
	fake_release(&fake);
	return is_let_in;
}

static void
an_address_pays_for_what_was_wrong_and_for_nothing_else(void **state)
{
	struct fake_world *world = *state;

	for (int i = 0; i < 10 * BURST; i++)
		assert_true(attempt(world, "192.0.2.1", false));
	for (int i = 0; i < BURST; i++)
		assert_true(attempt(world, "192.0.2.1", true));
	assert_false(attempt(world, "192.0.2.1", false));
	assert_true(attempt(world, "192.0.2.2", true));
	for (int i = 0; i < 10 * BURST; i++)
		assert_true(attempt(world, "127.0.0.1", true));
	assert_int_equal(wp_metric_get(world->shared.metrics,
				       WP_H_LIMITED + WP_LIMIT_LOGIN),
			 1);
}

static bool refresh(struct fake_world *world, const char *session)
{
	struct wp_call *call = wp_call_new(&world->ctx);
	bool is_let_in;

	assert_non_null(call);
	is_let_in = wp_limit_session(call, WP_LIMIT_REFRESH, 1, session);
	assert_string_equal(call->resp.rate.name, "refresh");
	wp_call_free(&call);
	return is_let_in;
}

static void a_session_has_a_limit_of_its_own(void **state)
{
	for (int i = 0; i < BURST; i++)
		assert_true(refresh(*state, "0011"));
	assert_false(refresh(*state, "0011"));
	assert_true(refresh(*state, "0012"));
}

static bool begin(struct fake_world *world, const char *user)
{
	struct wp_call *call = wp_call_new(&world->ctx);
	struct wp_urn urn;
	struct wp_box box;
	bool is_let_in;

	assert_non_null(call);
	assert_int_equal(wp_urn_parse(&urn, user, strlen(user), NULL), WP_OK);
	wp_box_of(&box, &urn, (uint32_t)world->conf.mailbox.partitions);
	is_let_in = wp_limit_user(call, WP_LIMIT_BEGIN, &box);
	if (!is_let_in)
		assert_int_equal(call->resp.status, 429);
	wp_call_free(&call);
	return is_let_in;
}

static void a_user_without_a_token_has_a_limit_of_his_own(void **state)
{
	for (int i = 0; i < BURST; i++)
		assert_true(begin(*state, "urn:x:y:bob"));
	assert_false(begin(*state, "urn:x:y:bob"));
	assert_true(begin(*state, "urn:x:y:amy"));
}

/* Lines go to standard error; where to is the log's affair. */
static void a_proxy_that_nobody_told_of_is_noticed_in_production(void **state)
{
	struct fake_world *world = *state;

	for (int i = 0; i < 1100; i++)
		(void)ask_as_alice(world, "/api/ticket", "{}", "10.0.0.1");
	assert_false(world->ctx.alike.is_told);

	world->conf.run_mode = WP_RUN_PRODUCTION;
	for (int i = 0; i < 1100; i++)
		(void)ask_as_alice(world, "/api/ticket", "{}", "10.0.0.1");
	assert_true(world->ctx.alike.is_told);
	assert_int_equal(world->ctx.alike.n, 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_burst_is_let_in_and_then_it_is_429),
		TEST(what_is_left_is_told_with_any_answer),
		TEST(the_limit_comes_behind_the_token_and_before_the_rest),
		TEST(a_batch_costs_what_is_in_it),
		TEST(a_batch_is_let_in_while_something_is_left),
		TEST(what_cannot_be_read_costs_one),
		TEST(where_no_limit_is_set_nothing_is_told),
		TEST(who_fails_often_is_answered_429_before_all_else),
		TEST(each_kind_of_failure_counts),
		TEST(what_is_not_the_caller_s_fault_counts_for_nothing),
		TEST(one_host_of_ipv6_has_a_net_of_addresses),
		TEST(loopback_and_what_is_no_address_are_not_limited),
		TEST(an_address_pays_for_what_was_wrong_and_for_nothing_else),
		TEST(a_session_has_a_limit_of_its_own),
		TEST(a_user_without_a_token_has_a_limit_of_his_own),
		TEST(a_proxy_that_nobody_told_of_is_noticed_in_production),
	};

	wp_log_setup("test", WP_LOG_ERROR);
	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
