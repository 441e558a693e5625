/* Are all gates open? Asked for in slices, and every one counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/redis/client.h"
#include "tests/support/test_redis.h"

#include "handlers/request/ready.h"

enum { PARTITIONS = 20000, LOOKS_MAX = 40 };

static int set_up(void **state)
{
	static struct wp_conf conf;

	wp_test_conf(&conf, NULL);
	*state = wp_test_redis(&conf);
	wp_test_run(*state, "FLUSHALL", NULL);
	return 0;
}

static int tear_down(void **state)
{
	struct wp_redis *redis = *state;

	wp_test_run(redis, "FLUSHALL", NULL);
	wp_redis_free(&redis);
	return 0;
}

static void open_all(struct wp_redis *redis)
{
	char n[16];

	snprintf(n, sizeof(n), "%d", PARTITIONS);
	wp_test_run(redis, "EVAL",
		    "for p=0,ARGV[2]-1 do "
		    "redis.call('SET','wp:{'..p..'}:gate',ARGV[1]) end "
		    "return 1",
		    "0", wp_redis_run_id(redis), n, NULL);
}

/* One look, as a handler does it, with a client that waits. */
static enum wp_err look_once(struct wp_gate_watch *gates,
			     struct wp_redis *redis, struct wp_error *err)
{
	enum wp_gate_step step = WP_GATES_ASK;
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_gate_watch_begin(gates, wp_redis_run_id(redis), PARTITIONS);
	while (step == WP_GATES_ASK) {
		uint32_t n = 0;

		while (wp_gate_watch_ask(gates, n, &cmd)) {
			assert_int_equal(wp_redis_append(redis, &cmd, NULL),
					 WP_OK);
			n++;
		}
		assert_in_range(n, 1, PARTITIONS);
		while (n-- > 0) {
			struct wp_reply *reply = NULL;

			assert_int_equal(wp_redis_take(redis, &reply, NULL),
					 WP_OK);
			step = wp_gate_watch_told(gates, reply, err);
			wp_reply_free(&reply);
			assert_int_equal(step == WP_GATES_WAIT, n > 0);
		}
	}
	wp_cmd_release(&cmd);
	return err->code;
}

/* How many looks until WP_OK; LOOKS_MAX when they are too few. */
static int look(struct wp_gate_watch *gates, struct wp_redis *redis,
		struct wp_error *err)
{
	int n = 0;

	while (n++ < LOOKS_MAX && look_once(gates, redis, err) != WP_OK)
		continue;
	return n > LOOKS_MAX ? LOOKS_MAX : n;
}

static void ready_is_said_after_all_were_seen_open(void **state)
{
	struct wp_redis *redis = *state;
	struct wp_gate_watch gates = { 0 };
	struct wp_error err = { 0 };

	open_all(redis);

	/* Not in one go, but soon. */
	assert_in_range(look(&gates, redis, &err), 2, 4);
	assert_int_equal(look(&gates, redis, &err), 1);
}

static void every_gate_counts(void **state)
{
	static const char *const closed[] = { "0", "1023", "1024", "12345",
					      "19999" };
	struct wp_redis *redis = *state;

	open_all(redis);
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		struct wp_gate_watch gates = { 0 };
		struct wp_error err = { 0 };
		char key[32];

		snprintf(key, sizeof(key), "wp:{%s}:gate", closed[i]);
		wp_test_run(redis, "SET", key, "another life", NULL);
		assert_int_equal(look(&gates, redis, &err), LOOKS_MAX);
		assert_non_null(strstr(err.msg, "1 of 20000 partitions"));

		wp_test_run(redis, "SET", key, wp_redis_run_id(redis), NULL);
		assert_in_range(look(&gates, redis, &err), 1, 4);
	}
}

static void a_gate_that_closes_later_is_found(void **state)
{
	struct wp_redis *redis = *state;
	struct wp_gate_watch gates = { 0 };
	struct wp_error err = { 0 };
	int n = 0;

	open_all(redis);
	assert_in_range(look(&gates, redis, &err), 2, 4);
	wp_test_run(redis, "DEL", "wp:{12345}:gate", NULL);

	while (n++ < LOOKS_MAX && look_once(&gates, redis, &err) == WP_OK)
		continue;
	assert_in_range(n, 1, PARTITIONS / 1024 + 1);
	assert_int_equal(look(&gates, redis, &err), LOOKS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ready_is_said_after_all_were_seen_open),
		TEST(every_gate_counts),
		TEST(a_gate_that_closes_later_is_found),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("handlers_ready", tests, NULL, NULL);
}
