/* An operator says that a provider works again: who waits for it is looked at
 * soon, and nobody else's time or claim is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/mailbox/push_forward.h"
#include "tests/support/world.h"

#define EVE "urn:sm:user:eve"
#define TOLD WP_P "pushed:"

enum {
	PARTITIONS = 16,
	MANY = 1000,
	EACH_MS = 1000 * PARTITIONS / WP_PUSH_FORWARD_PER_S,
	HOUR_MS = 3600 * 1000,
	/* As long as a command may take here. */
	SLACK_MS = 1000,
};

/* An entry so far ahead. */
static void put(struct wp_world *w, const char *urn, int64_t ahead_ms)
{
	wp_world_run(w,
		     "EVAL local\tt=redis.call('TIME')redis.call('ZADD',"
		     "KEYS[1],string.format('%%d',t[1]*1000+t[2]/1000+ARGV[1]),"
		     "KEYS[2]) 2 " WP_P "pushdue %s %lld",
		     urn, (long long)ahead_ms);
}

/* One of who was claimed before. */
static void put_off(struct wp_world *w, const char *urn, int64_t ahead_ms)
{
	put(w, urn, ahead_ms);
	wp_world_run(w, "HSET " TOLD "%s claim c1", urn);
}

/* How far ahead an entry is. */
static int64_t ahead_ms(struct wp_world *w, const char *urn)
{
	return wp_world_int(
		w,
		"EVAL local\tt=redis.call('TIME')return\tredis.call("
		"'ZSCORE',KEYS[1],KEYS[2])-math.floor(t[1]*1000+t[2]/1000) "
		"2 " WP_P "pushdue %s",
		urn);
}

static void expect_ahead(struct wp_world *w, const char *urn, int64_t ms)
{
	int64_t is = ahead_ms(w, urn);

	assert_true(is <= ms && is > ms - SLACK_MS);
}

/* Bring forward who waits for the app. Returns how many; in *calls how many it
 * took. */
static int64_t forward(struct wp_world *w, const char *app, size_t *calls)
{
	struct wp_push_forward walk = { .partition = WP_WORLD_PARTITION };

	*calls = 0;
	while (!walk.is_over) {
		struct wp_reply *reply;

		wp_push_forward_build(&w->cmd, &walk, app, PARTITIONS, 7);
		reply = wp_world_do(w);
		assert_int_equal(wp_push_forward_told(&walk, reply), WP_OK);
		wp_reply_free(&reply);
		(*calls)++;
	}
	return walk.n;
}

static void expect_forward(struct wp_world *w, const char *app, int64_t n)
{
	size_t calls;

	assert_int_equal(forward(w, app, &calls), n);
	assert_int_equal(calls, 1);
}

static void who_waits_for_a_provider_is_looked_at_soon(void **state)
{
	struct wp_world *w = *state;

	put_off(w, WP_BOB, HOUR_MS);
	put_off(w, WP_AMY, 2 * HOUR_MS + HOUR_MS / 2);
	expect_forward(w, "demo", 2);
	assert_in_range(ahead_ms(w, WP_BOB),
			WP_PUSH_FORWARD_AFTER_MS - SLACK_MS,
			WP_PUSH_FORWARD_AFTER_MS + 2 * EACH_MS);
	assert_in_range(ahead_ms(w, WP_AMY),
			WP_PUSH_FORWARD_AFTER_MS - SLACK_MS,
			WP_PUSH_FORWARD_AFTER_MS + 2 * EACH_MS);
	wp_world_expect(w, "\ndemo\n", "HGET " TOLD WP_BOB " resumed");
}

static void each_app_is_written_down_once(void **state)
{
	struct wp_world *w = *state;
	static const char *const apps[] = { "demo", "dem", "demo", "demo.x" };

	for (size_t i = 0; i < sizeof(apps) / sizeof(apps[0]); i++) {
		put_off(w, WP_BOB, HOUR_MS);
		expect_forward(w, apps[i], 1);
	}
	wp_world_expect(w, "\ndemo\ndem\ndemo.x\n",
			"HGET " TOLD WP_BOB " resumed");
}

static void who_waits_for_something_else_keeps_his_time(void **state)
{
	struct wp_world *w = *state;

	put_off(w, WP_BOB, WP_PUSH_FORWARD_WITHIN_MS + HOUR_MS);
	put_off(w, WP_AMY, WP_PUSH_FORWARD_AFTER_MS / 2);
	put(w, EVE, 60000); /* never claimed: he is online, and fetches */
	expect_forward(w, "demo", 0);
	expect_ahead(w, WP_BOB, WP_PUSH_FORWARD_WITHIN_MS + HOUR_MS);
	expect_ahead(w, WP_AMY, WP_PUSH_FORWARD_AFTER_MS / 2);
	expect_ahead(w, EVE, 60000);
	wp_world_expect(w, "0", "EXISTS " TOLD EVE);
	wp_world_expect(w, "0", "HEXISTS " TOLD WP_BOB " resumed");
}

static void a_claim_stays_and_is_looked_at_again(void **state)
{
	struct wp_world *w = *state;

	put_off(w, WP_BOB, 50000);
	wp_world_run(w, "HSET " TOLD WP_BOB " busy 1");
	expect_forward(w, "demo", 1);
	expect_ahead(w, WP_BOB, 50000);
	wp_world_expect(w, "[1 \ndemo\n]",
			"HMGET " TOLD WP_BOB " woken resumed");
}

static void a_foreign_key_holds_up_nobody(void **state)
{
	struct wp_world *w = *state;

	put(w, WP_AMY, HOUR_MS);
	wp_world_run(w, "SET " TOLD WP_AMY " foreign");
	put_off(w, WP_BOB, HOUR_MS);
	expect_forward(w, "demo", 1);
	expect_ahead(w, WP_AMY, HOUR_MS);
}

static void many_are_spread(void **state)
{
	struct wp_world *w = *state;
	size_t calls;
	int64_t n;

	/* Who is looked at soon anyway is so no later for it. */
	put_off(w, EVE, WP_PUSH_FORWARD_AFTER_MS + SLACK_MS);
	for (int i = 0; i < MANY; i++) {
		char urn[32];

		(void)snprintf(urn, sizeof(urn), "urn:sm:user:u%d", i);
		put_off(w, urn, HOUR_MS);
	}
	n = forward(w, "demo", &calls);
	assert_true(calls > 1);
	assert_true(ahead_ms(w, EVE) <= WP_PUSH_FORWARD_AFTER_MS + SLACK_MS);
	/* ZSCAN may show one twice, if he is not brought so far already. */
	assert_in_range(n, MANY, 2 * MANY + 2);
	assert_int_equal(wp_world_int(w, "EVAL local\tt=redis.call('TIME')"
					 "return\tredis.call('ZCOUNT',KEYS[1],"
					 "t[1]*1000+60000,'inf') 1 " WP_P
					 "pushdue"),
			 0);
	/* In each half of the time about half of them. */
	assert_in_range(wp_world_int(w, "EVAL local\tt=redis.call('TIME')"
					"return\tredis.call('ZCOUNT',KEYS[1],"
					"0,t[1]*1000+19000) 1 " WP_P "pushdue"),
			MANY / 4, MANY / 4 * 3);
}

static void an_answer_of_something_else_is_none(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_forward walk = { .partition = 1 };
	struct wp_reply *reply;
	static const char *const answers[] = {
		"PING",
		"EVAL return\t{'0'} 0",
		"EVAL return\t{'',1} 0",
		"EVAL return\t{'x',1} 0",
		"EVAL return\t{0,1} 0",
		"EVAL return\t{'123456789012345678901',1} 0",
		"EVAL return\t{'0','1'} 0",
		"EVAL return\t{'0',-1} 0",
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		reply = wp_world_cmd(w, "%s", answers[i]);
		assert_int_equal(wp_push_forward_told(&walk, reply),
				 WP_ERR_UNAVAIL);
		assert_false(walk.is_over);
		wp_reply_free(&reply);
	}
	assert_int_equal(wp_push_forward_told(&walk, NULL), WP_ERR_UNAVAIL);
	assert_int_equal(walk.n, 0);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_waits_for_a_provider_is_looked_at_soon),
		TEST(each_app_is_written_down_once),
		TEST(who_waits_for_something_else_keeps_his_time),
		TEST(a_claim_stays_and_is_looked_at_again),
		TEST(a_foreign_key_holds_up_nobody),
		TEST(many_are_spread),
		TEST(an_answer_of_something_else_is_none),
	};
#undef TEST

	return cmocka_run_group_tests_name("push_forward", tests, NULL, NULL);
}
