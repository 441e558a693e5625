/* An order of an operator is done once by who was there when it was given; and
 * how providers are is said as long as somebody is there to say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/mailbox/push_lanes.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/async.h"
#include "notifier/bulletin.h"
#include "tests/support/test_redis.h"

static const char notifier[] = "0123456789abcdef0123456789abcdef";

struct bench {
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_redis *plain;
	struct wp_aredis *redis;
	struct wp_bulletin *bulletin;
	bool is_ready;
	bool is_short; /* of memory */
	char resumed[3 * WP_BULLETIN_APPS_MAX];
	unsigned int n_described;
};

/* What is judged is not judged here. */
static struct wp_aredis *connection;
enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx);
enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	(void)judged;
	return connection == NULL ? WP_ERR_UNAVAIL
				  : wp_aredis_do(connection, cmd, fn, ctx);
}

static void on_ready(void *ctx)
{
	struct bench *b = ctx;

	b->is_ready = true;
}

static void on_resume(void *ctx, const char *app)
{
	struct bench *b = ctx;

	assert_true(strlen(b->resumed) + strlen(app) + 2 < sizeof(b->resumed));
	strcat(b->resumed, app);
	strcat(b->resumed, " ");
}

static void describe(void *ctx, struct wp_buf *out)
{
	struct bench *b = ctx;

	b->n_described++;
	wp_buf_add_str(out, "{\"apps\":[]}");
	out->failed |= b->is_short;
}

static void wait_ready(struct bench *b)
{
	while (!b->is_ready)
		ev_run(b->loop, EVRUN_ONCE);
	connection = b->redis;
}

static int begin(void **state)
{
	static struct bench b;
	struct wp_aredis_setup redis = {
		.scripts = &wp_scripts,
		.name = "bulletin",
		.hooks = { .on_ready = on_ready, .ctx = &b },
	};
	struct wp_bulletin_setup setup = {
		.notifier = notifier,
		.on_resume = on_resume,
		.describe = describe,
		.ctx = &b,
	};

	b = (struct bench){ .loop = ev_loop_new(EVFLAG_AUTO) };
	wp_test_conf(&b.conf, NULL);
	b.plain = wp_test_redis(&b.conf);
	wp_test_run(b.plain, "FLUSHALL", NULL);
	redis.loop = b.loop;
	redis.conf = &b.conf;
	assert_int_equal(wp_aredis_new(&b.redis, &redis, NULL), WP_OK);
	wait_ready(&b);
	setup.loop = b.loop;
	assert_int_equal(wp_bulletin_new(&b.bulletin, &setup, NULL), WP_OK);
	*state = &b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	wp_aredis_free(&b->redis);
	wp_bulletin_free(&b->bulletin);
	wp_redis_free(&b->plain);
	ev_loop_destroy(b->loop);
	return 0;
}

static void beat(struct bench *b)
{
	wp_bulletin_beat(b->bulletin);
	while (connection != NULL && wp_aredis_unanswered(b->redis) > 0)
		ev_run(b->loop, EVRUN_ONCE);
}

static void order(struct bench *b, const char *app, const char *text)
{
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_push_resume_build(&cmd, app, text);
	assert_int_equal(wp_redis_do(b->plain, &cmd, &reply, NULL), WP_OK);
	assert_int_equal(wp_reply_type(wp_reply_at(reply, 1)), WP_REPLY_INT);
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
}

static void expect(const struct bench *b, const char *resumed)
{
	assert_string_equal(b->resumed, resumed);
}

static void an_order_is_done_once(void **state)
{
	struct bench *b = *state;

	order(b, "old", "0000000000000001");
	beat(b); /* what was there before we were is none of ours */
	expect(b, "");
	order(b, "a", "0000000000000002");
	beat(b);
	expect(b, "a ");
	beat(b);
	expect(b, "a ");
	order(b, "b", "0000000000000003");
	beat(b);
	expect(b, "a b ");
	order(b, "a", "0000000000000004");
	beat(b);
	expect(b, "a b a ");
	wp_test_run(b->plain, "DEL", WP_PUSH_RESUME_KEY, NULL);
	beat(b);
	order(b, "old", "0000000000000005");
	beat(b);
	expect(b, "a b a old ");
}

static void an_order_waits_for_a_connection(void **state)
{
	struct bench *b = *state;

	beat(b);
	b->is_ready = false;
	wp_aredis_reset(b->redis);
	connection = NULL;
	order(b, "a", "0000000000000001");
	beat(b);
	expect(b, "");
	wait_ready(b);
	beat(b);
	expect(b, "a ");
}

static void what_is_no_order_is_left_out(void **state)
{
	struct bench *b = *state;
	char app[300];

	beat(b);
	memset(app, 'a', sizeof(app));
	app[sizeof(app) - 1] = '\0';
	order(b, app, "0000000000000001");
	order(b, "short", "1");
	beat(b);
	expect(b, "");
	wp_test_run(b->plain, "DEL", WP_PUSH_RESUME_KEY, NULL);
	wp_test_run(b->plain, "SET", WP_PUSH_RESUME_KEY, "no hash", NULL);
	beat(b);
	wp_test_run(b->plain, "DEL", WP_PUSH_RESUME_KEY, NULL);
	order(b, "a", "0000000000000002");
	beat(b);
	expect(b, "a ");
}

/* More than are remembered: the others are not done. */
static void there_is_room_for_so_many(void **state)
{
	struct bench *b = *state;

	beat(b);
	for (int i = 0; i < WP_BULLETIN_APPS_MAX + 10; i++) {
		char app[2] = { (char)('!' + i), '\0' };

		order(b, app, "0000000000000001");
	}
	beat(b);
	assert_int_equal(strlen(b->resumed), 2 * WP_BULLETIN_APPS_MAX);
	beat(b);
	assert_int_equal(strlen(b->resumed), 2 * WP_BULLETIN_APPS_MAX);
}

static struct wp_reply *said(struct bench *b)
{
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_push_lanes_ask(&cmd, notifier);
	assert_int_equal(wp_redis_do(b->plain, &cmd, &reply, NULL), WP_OK);
	wp_cmd_release(&cmd);
	return reply;
}

static void how_providers_are_is_said_now_and_then(void **state)
{
	struct bench *b = *state;
	struct wp_reply *reply;

	beat(b);
	assert_int_equal(b->n_described, 1);
	reply = said(b);
	assert_true(wp_reply_is(reply, "{\"apps\":[]}"));
	wp_reply_free(&reply);
	reply = wp_test_cmd(b->plain, "TTL",
			    "wp:push:lanes:0123456789abcdef0123456789abcdef",
			    NULL);
	assert_in_range(wp_reply_int(reply), 1, WP_PUSH_LANES_S);
	wp_reply_free(&reply);
	for (int i = 0; i < WP_BULLETIN_SAID_BEATS; i++)
		beat(b);
	assert_int_equal(b->n_described, 2);
}

static void what_could_not_be_said_is_with_the_next_beat(void **state)
{
	struct bench *b = *state;
	struct wp_reply *reply;

	b->is_short = true;
	beat(b);
	b->is_short = false;
	connection = NULL;
	beat(b);
	assert_int_equal(b->n_described, 2);
	reply = said(b);
	assert_int_equal(wp_reply_type(reply), WP_REPLY_NIL);
	wp_reply_free(&reply);
	connection = b->redis;
	beat(b);
	reply = said(b);
	assert_int_equal(wp_reply_type(reply), WP_REPLY_STR);
	wp_reply_free(&reply);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(an_order_is_done_once),
		TEST(an_order_waits_for_a_connection),
		TEST(what_is_no_order_is_left_out),
		TEST(there_is_room_for_so_many),
		TEST(how_providers_are_is_said_now_and_then),
		TEST(what_could_not_be_said_is_with_the_next_beat),
	};
#undef TEST

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("bulletin", tests, NULL, NULL);
}
