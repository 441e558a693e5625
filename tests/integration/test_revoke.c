/*
 * What one program revokes another one hears: in this life of Redis and the
 * next, once and twice, and without the stream's growing for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/mailbox/revoke.h"
#include "lib/mailbox/scripts.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define STREAM "wp:revoked"
#define RUN "run"

enum { KEEP_S = 600, MANY = 2500 };

struct ear {
	struct wp_revoked *table;
	struct wp_revoke_reader reader;
};

static void open_ear(struct ear *ear)
{
	*ear = (struct ear){ 0 };
	assert_int_equal(wp_revoked_new(&ear->table, NULL), WP_OK);
	ear->reader.table = ear->table;
}

static struct wp_revoked_key user_key(const char *name)
{
	struct wp_revoked_key key;
	struct wp_urn urn;

	assert_int_equal(wp_urn_parse(&urn, name, strlen(name), NULL), WP_OK);
	wp_revoked_key_user(&key, &urn);
	return key;
}

static void revoke(struct wp_world *w, const struct wp_revoked_key *keys,
		   size_t n)
{
	struct wp_reply *reply;

	wp_revoke_build(&w->cmd, keys, n, KEEP_S);
	reply = wp_world_do(w);
	assert_int_equal(wp_revoke_parse(reply), WP_OK);
	assert_int_equal(wp_reply_int(reply), n);
	wp_reply_free(&reply);
}

static void revoke_user(struct wp_world *w, const char *name)
{
	const struct wp_revoked_key key = user_key(name);

	revoke(w, &key, 1);
}

static int64_t redis_now_s(struct wp_world *w)
{
	return wp_world_int(w, "EVAL return\ttonumber(redis.call('TIME')[1]) "
			       "0");
}

/* Read on; how it ended. */
static enum wp_revoke_step hear(struct wp_world *w, struct ear *ear,
				const char *run_id)
{
	enum wp_revoke_step step = WP_REVOKE_AGAIN;

	wp_revoke_read_begin(&ear->reader, run_id, wp_mono_ms());
	while (step == WP_REVOKE_AGAIN) {
		struct wp_reply *reply;

		wp_revoke_read_build(&ear->reader, &w->cmd);
		reply = wp_world_do(w);
		step = wp_revoke_read_told(&ear->reader, reply, redis_now_s(w));
		wp_reply_free(&reply);
	}
	assert_false(ear->reader.is_reading);
	return step;
}

static bool is_out(struct wp_world *w, const struct ear *ear, const char *name)
{
	struct wp_identity who = { .issued_s = redis_now_s(w) - 30 };

	assert_int_equal(wp_urn_parse(&who.user, name, strlen(name), NULL),
			 WP_OK);
	return wp_revoked_has(ear->table, &who, redis_now_s(w));
}

static void what_is_revoked_is_heard_once(void **state)
{
	struct wp_world *w = *state;
	struct ear ear;

	open_ear(&ear);
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	revoke_user(w, "bob");
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	assert_true(is_out(w, &ear, "bob"));
	assert_false(is_out(w, &ear, "amy"));
	wp_revoked_free(&ear.table);

	/* It does not go back for it. */
	assert_int_equal(wp_revoked_new(&ear.table, NULL), WP_OK);
	ear.reader.table = ear.table;
	revoke_user(w, "amy");
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	assert_true(is_out(w, &ear, "amy"));
	assert_false(is_out(w, &ear, "bob"));
	wp_revoked_free(&ear.table);
}

static void what_was_issued_until_then_is_out(void **state)
{
	struct wp_world *w = *state;
	const struct wp_revoked_key key = user_key("bob");
	const struct wp_revoke_until when = { .until_s = redis_now_s(w) - 600,
					      .keep_s = KEEP_S };
	struct wp_identity who = { .issued_s = when.until_s };
	struct wp_reply *reply;
	struct ear ear;

	open_ear(&ear);
	assert_int_equal(wp_urn_parse(&who.user, "bob", 3, NULL), WP_OK);
	wp_revoke_until_build(&w->cmd, &key, 1, &when);
	reply = wp_world_do(w);
	assert_int_equal(wp_revoke_parse(reply), WP_OK);
	wp_reply_free(&reply);
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	assert_true(wp_revoked_has(ear.table, &who, redis_now_s(w)));
	who.issued_s++;
	assert_false(wp_revoked_has(ear.table, &who, redis_now_s(w)));
	wp_revoked_free(&ear.table);
}

static void a_new_life_of_redis_is_heard_from_the_beginning(void **state)
{
	struct wp_world *w = *state;
	struct ear ear;

	open_ear(&ear);
	revoke_user(w, "bob");
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	/* That one has others, and knows less of what was before. */
	wp_world_run(w, "DEL " STREAM);
	wp_world_run(w, "XADD " STREAM " 1-1 h "
			"69000000000000000000000000000001 b 5 x 99999999999");
	assert_int_equal(hear(w, &ear, "another"), WP_REVOKE_DONE);
	assert_int_equal(wp_revoked_count(ear.table), 2);
	assert_true(is_out(w, &ear, "bob"));
	wp_revoked_free(&ear.table);
}

static void more_than_an_answer_holds_is_heard_at_once(void **state)
{
	struct wp_world *w = *state;
	struct wp_revoked_key keys[WP_REVOKE_MAX];
	struct ear ear;

	open_ear(&ear);
	for (size_t i = 0; i < MANY; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "user%zu", i);
		keys[i % WP_REVOKE_MAX] = user_key(name);
		if ((i + 1) % WP_REVOKE_MAX == 0)
			revoke(w, keys, WP_REVOKE_MAX);
	}
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	assert_int_equal(wp_revoked_count(ear.table), MANY);
	wp_revoked_free(&ear.table);
}

static void what_nobody_wrote_like_that_is_passed_over(void **state)
{
	static const char *const odd[] = {
		"XADD " STREAM " * a b",
		"XADD " STREAM " * h 75 b 1 x 99999999999",
		"XADD " STREAM " * h 7500000000000000000000000000000g b 1 x "
		"99999999999",
		"XADD " STREAM " * h 3f000000000000000000000000000000 b 1 x "
		"99999999999",
		"XADD " STREAM " * h 75000000000000000000000000000000 b -1 x "
		"99999999999",
		"XADD " STREAM " * h 75000000000000000000000000000000 x 1 b "
		"99999999999",
		"XADD " STREAM " * h 75000000000000000000000000000000 b 1 x "
		"99999999999999999",
	};
	struct wp_world *w = *state;
	struct ear ear;

	open_ear(&ear);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		wp_world_run(w, "%s", odd[i]);
	revoke_user(w, "bob");
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	assert_int_equal(wp_revoked_count(ear.table), 1);
	assert_true(is_out(w, &ear, "bob"));
	wp_revoked_free(&ear.table);
}

static void what_is_no_stream_is_no_answer(void **state)
{
	struct wp_world *w = *state;
	struct ear ear;

	open_ear(&ear);
	wp_world_run(w, "SET " STREAM " x");
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_FAILED);
	assert_false(wp_revoke_is_fresh(&ear.reader, wp_mono_ms(), 1000));
	wp_world_run(w, "DEL " STREAM);
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	wp_revoked_free(&ear.table);
}

static void it_is_fresh_as_of_when_it_was_asked(void **state)
{
	struct wp_revoke_reader *reader;
	struct ear ear;

	(void)state;
	open_ear(&ear);
	reader = &ear.reader;
	assert_false(wp_revoke_is_fresh(reader, 0, 1000));
	wp_revoke_read_begin(reader, RUN, 5000);
	assert_false(wp_revoke_is_fresh(reader, 5000, 1000));
	assert_int_equal(wp_revoke_read_told(reader, NULL, 1),
			 WP_REVOKE_FAILED);
	assert_false(wp_revoke_is_fresh(reader, 5000, 1000));
	wp_revoked_free(&ear.table);
}

static void it_ages_from_there_on(void **state)
{
	struct wp_world *w = *state;
	struct wp_revoke_reader *reader;
	uint64_t begun_ms;
	struct ear ear;

	open_ear(&ear);
	reader = &ear.reader;
	begun_ms = wp_mono_ms();
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	assert_true(wp_revoke_is_fresh(reader, begun_ms + 1000, 1000));
	assert_true(wp_revoke_is_fresh(reader, begun_ms - 1, 0));
	assert_false(wp_revoke_is_fresh(reader, wp_mono_ms() + 1001, 1000));
	/* A read that fails makes it neither fresher nor older. */
	wp_revoke_read_begin(reader, RUN, wp_mono_ms() + 5000);
	(void)wp_revoke_read_told(reader, NULL, 1);
	assert_true(wp_revoke_is_fresh(reader, begun_ms + 1000, 1000));
	assert_false(wp_revoke_is_fresh(reader, wp_mono_ms() + 1001, 1000));
	wp_revoked_free(&ear.table);
}

/* ---- how long the stream is ---- */

static void put(struct wp_world *w, int n, const char *forget_s)
{
	wp_world_run(w,
		     "XADD " STREAM " %d-1 h "
		     "690000000000000000000000000000%02x b 5 x %s",
		     n, (unsigned int)n, forget_s);
}

static void what_is_forgotten_goes_from_the_stream(void **state)
{
	struct wp_world *w = *state;

	for (int i = 1; i <= 40; i++)
		put(w, i, "7");
	revoke_user(w, "bob");
	assert_int_equal(wp_world_int(w, "XLEN " STREAM), 9);
	revoke_user(w, "amy");
	assert_int_equal(wp_world_int(w, "XLEN " STREAM), 2);
}

static void what_lasts_longer_keeps_nothing_behind_it(void **state)
{
	struct wp_world *w = *state;
	struct ear ear;

	put(w, 1, "99999999999");
	put(w, 2, "7");
	put(w, 3, "99999999998");
	put(w, 4, "7");
	revoke_user(w, "bob");
	wp_world_expect(w,
			"[69000000000000000000000000000001 5 99999999999 "
			"69000000000000000000000000000003 5 99999999998]",
			"EVAL local\tt={}for\t_,x\tin\tipairs(redis.call("
			"'XRANGE',KEYS[1],'-','+'))do\tif\tx[2][4]=='5'then\t"
			"t[#t+1]=x[2][2]t[#t+1]=x[2][4]t[#t+1]=x[2][6]end\tend"
			"\treturn\tt 1 " STREAM);
	assert_int_equal(wp_world_int(w, "XLEN " STREAM), 3);
	revoke_user(w, "amy");
	assert_int_equal(wp_world_int(w, "XLEN " STREAM), 4);
	open_ear(&ear);
	assert_int_equal(hear(w, &ear, RUN), WP_REVOKE_DONE);
	assert_int_equal(wp_revoked_count(ear.table), 4);
	wp_revoked_free(&ear.table);
}

/* Revoke something, with the clock of who calls so far ahead of Redis'. */
static void revoke_by_clock(struct wp_world *w, int64_t ahead_s)
{
	int64_t caller_s = redis_now_s(w) + ahead_s;
	struct wp_reply *reply;

	wp_cmd_script_key(&w->cmd, WP_SCRIPT_REVOKE, STREAM);
	wp_cmd_int(&w->cmd, KEEP_S);
	wp_cmd_str(&w->cmd, "1000");
	wp_cmd_int(&w->cmd, caller_s);
	wp_cmd_str(&w->cmd, "69000000000000000000000000000001");
	reply = wp_world_do(w);
	assert_int_equal(wp_revoke_parse(reply), WP_OK);
	wp_reply_free(&reply);
}

/* Of the last entry, how long after Redis' time it is to be forgotten. */
static int64_t kept_s(struct wp_world *w)
{
	return wp_world_int(w, "EVAL return\ttonumber(redis.call('XREVRANGE',"
			       "KEYS[1],'+','-')[1][2][6]) 1 " STREAM) -
	       redis_now_s(w);
}

static void it_is_kept_from_the_later_of_two_clocks_on(void **state)
{
	enum { AHEAD_S = 3600, SLOW_S = 120 };
	struct wp_world *w = *state;

	revoke_by_clock(w, AHEAD_S);
	assert_in_range(kept_s(w), AHEAD_S + KEEP_S - SLOW_S, AHEAD_S + KEEP_S);
	revoke_by_clock(w, -AHEAD_S);
	assert_in_range(kept_s(w), KEEP_S - SLOW_S, KEEP_S);
}

static void it_is_dropped_by_the_earlier_of_two_clocks(void **state)
{
	struct wp_world *w = *state;
	char forget_s[32];

	(void)snprintf(forget_s, sizeof(forget_s), "%lld",
		       (long long)redis_now_s(w) - 1000);
	put(w, 1, forget_s);
	revoke_by_clock(w, -3600);
	assert_int_equal(wp_world_int(w, "XLEN " STREAM), 2);
	wp_world_run(w, "DEL " STREAM);
	put(w, 1, forget_s);
	revoke_by_clock(w, 3600);
	assert_int_equal(wp_world_int(w, "XLEN " STREAM), 1);
}

static void it_says_that_there_is_something_to_read(void **state)
{
	struct wp_world *w = *state;
	struct wp_redis *ear = wp_test_redis(&w->conf);
	struct wp_reply *reply = NULL;

	wp_test_run(ear, "SUBSCRIBE", WP_REVOKE_CHANNEL, NULL);
	revoke_user(w, "bob");
	assert_int_equal(wp_redis_wait(ear, 10000, &reply, NULL), WP_OK);
	assert_true(wp_reply_is(wp_reply_at(reply, 1), WP_REVOKE_CHANNEL));
	wp_reply_free(&reply);
	wp_redis_free(&ear);
}

static void a_full_redis_revokes_all_the_same(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "CONFIG SET maxmemory 1");
	revoke_user(w, "bob");
	wp_world_run(w, "CONFIG SET maxmemory 0");
	assert_int_equal(wp_world_int(w, "XLEN " STREAM), 1);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_is_revoked_is_heard_once),
		WORLD_TEST(what_was_issued_until_then_is_out),
		WORLD_TEST(a_new_life_of_redis_is_heard_from_the_beginning),
		WORLD_TEST(more_than_an_answer_holds_is_heard_at_once),
		WORLD_TEST(what_nobody_wrote_like_that_is_passed_over),
		WORLD_TEST(what_is_no_stream_is_no_answer),
		cmocka_unit_test(it_is_fresh_as_of_when_it_was_asked),
		WORLD_TEST(it_ages_from_there_on),
		WORLD_TEST(what_is_forgotten_goes_from_the_stream),
		WORLD_TEST(what_lasts_longer_keeps_nothing_behind_it),
		WORLD_TEST(it_is_kept_from_the_later_of_two_clocks_on),
		WORLD_TEST(it_is_dropped_by_the_earlier_of_two_clocks),
		WORLD_TEST(it_says_that_there_is_something_to_read),
		WORLD_TEST(a_full_redis_revokes_all_the_same),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("revoke", tests, NULL, NULL);
}
