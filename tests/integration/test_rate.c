/*
 * limit.lua, charged by the calls of lib/mailbox/rate. Units of 100 s each: no
 * test takes so long that a fraction of one is given back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/rate.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

enum { UNIT_S = 100, BURST = 100, KEEP_UNITS = 500, MOST_UNITS = 1000 };
static const int64_t s = 1000000000;

static struct wp_limit_rates rates;
static uint8_t key[WP_RATE_KEY_LEN];

static int setup(void **state)
{
	char *items[] = { (char[]){ "send=0.01/100" } };
	struct wp_error err;

	if (wp_limit_rates_read(&rates, items, 1, &err) != WP_OK)
		return -1;
	wp_rate_key(key, "a secret");
	return wp_world_setup(state);
}

static struct wp_reply *charge_as(struct wp_world *w, const char *who,
				  int64_t units, int64_t age_units)
{
	const struct wp_rate_payment payment = {
		.class = WP_LIMIT_SEND,
		.partition = WP_WORLD_PARTITION,
		.who = who,
		.who_len = strlen(who),
		.key = key,
	};
	const struct wp_ledger_verdict verdict = {
		.due = units,
		.due_age_ns = age_units * UNIT_S * s,
	};

	wp_rate_build(&w->cmd, &payment, &rates.of[WP_LIMIT_SEND], &verdict);
	return wp_world_do(w);
}

/* In units, what was begun counts as one. */
static int64_t charge(struct wp_world *w, int64_t units, int64_t age_units)
{
	struct wp_reply *reply = charge_as(w, WP_BOB, units, age_units);
	int64_t ahead_ns = -1;

	assert_int_equal(
		wp_rate_parse(reply, &rates.of[WP_LIMIT_SEND], &ahead_ns),
		WP_OK);
	wp_reply_free(&reply);
	return (ahead_ns + UNIT_S * s - 1) / (UNIT_S * s);
}

/* The record of a bucket that is full so many units from now. */
static void put(struct wp_world *w, int64_t full, int64_t base, int64_t spare)
{
	(void)charge(w, 1, 0);
	wp_world_run(w,
		     "EVAL local\tk=redis.call('KEYS','*rate*')[1]local\t"
		     "t=redis.call('TIME')[1]*1e6\treturn\tredis.call('SET',k,"
		     "string.format('%%.0f\\32%%.0f\\32%%.0f',t+ARGV[1]*1e8,"
		     "t+ARGV[2]*1e8,ARGV[3]*1e8)) 0 %lld %lld %lld",
		     (long long)full, (long long)base, (long long)spare);
}

static void sums_add_up(void **state)
{
	struct wp_world *w = *state;

	assert_int_equal(charge(w, 10, 0), 10);
	assert_int_equal(charge(w, 3, 0), 13);
	assert_int_equal(charge(w, 100, 0), 113);
}

static void a_sum_counts_as_of_when_it_was_spent(void **state)
{
	struct wp_world *w = *state;

	assert_int_equal(charge(w, 10, 6), 4);
	assert_int_equal(charge(w, 10, 3), 14);
}

static void what_was_given_back_long_ago_is_nothing(void **state)
{
	struct wp_world *w = *state;

	assert_int_equal(charge(w, 10, 400), 0);
	assert_int_equal(charge(w, 10, 300), 0);
	assert_int_equal(charge(w, 10, 0), 10);
}

static void
what_was_spent_before_it_was_full_comes_out_of_what_was_spare(void **state)
{
	struct wp_world *w = *state;

	put(w, 20, -5, 7);
	assert_int_equal(charge(w, 4, 10), 20);
	assert_int_equal(charge(w, 4, 30), 21);
	assert_int_equal(charge(w, 4, 30), 25);
	/* There is not more time than there is until then. */
	put(w, 20, -5, 7);
	assert_int_equal(charge(w, 4, 7), 22);
	/* So it does not what was spent since. */
	put(w, 20, -5, 7);
	assert_int_equal(charge(w, 4, 2), 24);
}

static void a_pause_leaves_something_spare(void **state)
{
	struct wp_world *w = *state;

	put(w, -30, -40, 0);
	assert_int_equal(charge(w, 10, 0), 10);
	assert_int_equal(charge(w, 25, 26), 10);
	assert_int_equal(charge(w, 25, 26), 30);
	/* A burst at most. */
	put(w, -300, -400, 90);
	assert_int_equal(charge(w, 10, 0), 10);
	assert_int_equal(charge(w, 110, 200), 20);
}

static void nobody_is_emptier_than_the_most(void **state)
{
	struct wp_world *w = *state;

	put(w, 5000, 4000, 0);
	assert_int_equal(charge(w, 10, 0), MOST_UNITS);
	assert_in_range(charge(w, 10, 0), MOST_UNITS, MOST_UNITS);
}

static void a_record_goes_when_no_sum_can_be_older(void **state)
{
	struct wp_world *w = *state;
	int64_t left_s;

	(void)charge(w, 10, 0);

	left_s = wp_world_int(w, "EVAL return\tredis.call('TTL',redis.call("
				 "'KEYS','*rate*')[1]) 0");
	assert_in_range(left_s, (KEEP_UNITS + 9) * UNIT_S,
			(KEEP_UNITS + 10) * UNIT_S);
}

static void strange_records_are_none(void **state)
{
	static const char *const values[] = {
		"nan",     "x y z", "1 2",     "-1 2 3",
		"1e9 2 3", "",      "1 2 3 4", "99999999999999999999999999 1 1",
	};
	struct wp_world *w = *state;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct wp_reply *reply;
		int64_t ahead;

		(void)charge(w, 1, 0);
		reply = wp_test_cmd(w->redis, "EVAL",
				    "return redis.call('SET',redis.call('KEYS',"
				    "'*rate*')[1],ARGV[1])",
				    "0", values[i], NULL);
		wp_reply_free(&reply);
		ahead = charge(w, 3, 0);
		if (ahead != 3 && ahead != MOST_UNITS)
			fail_msg("%s: %lld", values[i], (long long)ahead);
	}
}

static void an_error_is_no_answer(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply;
	int64_t ahead_ns;

	(void)charge(w, 1, 0);
	wp_world_run(w, "EVAL local\tk=redis.call('KEYS','*rate*')[1]redis."
			"call('DEL',k)return\tredis.call('LPUSH',k,'x') 0");

	reply = charge_as(w, WP_BOB, 1, 0);
	assert_int_equal(
		wp_rate_parse(reply, &rates.of[WP_LIMIT_SEND], &ahead_ns),
		WP_ERR_UNAVAIL);
	assert_int_equal(
		wp_rate_parse(NULL, &rates.of[WP_LIMIT_SEND], &ahead_ns),
		WP_ERR_UNAVAIL);
	wp_reply_free(&reply);
}

static void a_full_redis_charges_nobody(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply;

	wp_world_run(w, "CONFIG SET maxmemory 1");
	reply = charge_as(w, WP_BOB, 1, 0);
	wp_world_run(w, "CONFIG SET maxmemory 0");

	assert_true(wp_reply_is_error(reply, "OOM"));
	wp_reply_free(&reply);
	wp_world_expect(w, "[]", "KEYS *rate*");
}

static void a_key_tells_nobody_s_name(void **state)
{
	struct wp_world *w = *state;
	char *first, *second;
	struct wp_reply *reply;

	(void)charge(w, 1, 0);
	reply = wp_world_cmd(w, "KEYS *rate*");
	first = wp_world_show(reply);
	wp_reply_free(&reply);
	assert_int_equal(strlen(first),
			 strlen("[" WP_P "rate:send:0123456789abcdef]"));
	assert_null(strstr(first, "bob"));

	/* Nor may two secrets give the same. */
	wp_world_run(w, "FLUSHALL");
	wp_rate_key(key, "another secret");
	(void)charge(w, 1, 0);
	reply = wp_world_cmd(w, "KEYS *rate*");
	second = wp_world_show(reply);
	wp_reply_free(&reply);
	assert_string_not_equal(first, second);
	free(first);
	free(second);

	reply = charge_as(w, WP_AMY, 1, 0);
	wp_reply_free(&reply);
	assert_int_equal(wp_world_int(w, "DBSIZE"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sums_add_up, setup,
						wp_world_teardown),
		cmocka_unit_test_setup_teardown(
			a_sum_counts_as_of_when_it_was_spent, setup,
			wp_world_teardown),
		cmocka_unit_test_setup_teardown(
			what_was_given_back_long_ago_is_nothing, setup,
			wp_world_teardown),
		cmocka_unit_test_setup_teardown(
			what_was_spent_before_it_was_full_comes_out_of_what_was_spare,
			setup, wp_world_teardown),
		cmocka_unit_test_setup_teardown(a_pause_leaves_something_spare,
						setup, wp_world_teardown),
		cmocka_unit_test_setup_teardown(nobody_is_emptier_than_the_most,
						setup, wp_world_teardown),
		cmocka_unit_test_setup_teardown(
			a_record_goes_when_no_sum_can_be_older, setup,
			wp_world_teardown),
		cmocka_unit_test_setup_teardown(strange_records_are_none, setup,
						wp_world_teardown),
		cmocka_unit_test_setup_teardown(an_error_is_no_answer, setup,
						wp_world_teardown),
		cmocka_unit_test_setup_teardown(a_full_redis_charges_nobody,
						setup, wp_world_teardown),
		cmocka_unit_test_setup_teardown(a_key_tells_nobody_s_name,
						setup, wp_world_teardown),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
