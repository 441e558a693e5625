/*
 * Attempts to guess a password are counted on a real Redis, and codes are used
 * up there. What Redis remembers of the time is set back, so nobody waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/login.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define RECORD WP_P "login:" WP_BOB

enum { FREE = 5, WEEK_S = 7 * 86400 };

static struct wp_login_begun begin_as(struct wp_world *w, const char *device)
{
	struct wp_login_begun out;
	struct wp_reply *reply;

	wp_login_begin_build(&w->cmd, &w->box, device);
	reply = wp_world_do(w);
	assert_int_equal(wp_login_begin_parse(reply, &out), WP_OK);
	wp_reply_free(&reply);
	return out;
}

static struct wp_login_begun begin(struct wp_world *w)
{
	return begin_as(w, NULL);
}

static void succeed(struct wp_world *w, const char *device)
{
	struct wp_reply *reply;

	wp_login_ok_build(&w->cmd, &w->box, device);
	reply = wp_world_do(w);
	wp_reply_free(&reply);
}

/* n attempts in a row, the last of them seconds ago. */
static void set_record(struct wp_world *w, const char *key, int n,
		       int64_t seconds)
{
	wp_world_run(w,
		     "EVAL local\tt=redis.call('TIME')return\tredis.call('SET',"
		     "KEYS[1],'%d\\32'..string.format('%%d',(t[1]+%lld)*1000)"
		     "..'\\32x') 1 %s",
		     n, -(long long)seconds, key);
}

static void the_first_few_wait_for_nothing(void **state)
{
	struct wp_world *w = *state;
	struct wp_login_begun got;

	for (int i = 1; i <= FREE; i++) {
		got = begin(w);
		assert_int_equal(got.verdict, WP_LOGIN_GO);
		assert_int_equal(got.n, i);
	}
	got = begin(w);
	assert_int_equal(got.verdict, WP_LOGIN_WAIT);
	assert_int_equal(got.wait_s, 1);
	/* It was not counted. */
	wp_world_expect(w, "5",
			"EVAL return\tredis.call('GET',KEYS[1]):match('^%%d+')"
			" 1 " RECORD);
}

static void the_wait_doubles_up_to_a_quarter_of_an_hour(void **state)
{
	static const struct {
		int n;
		int64_t wait_s;
	} rows[] = { { 5, 1 },    { 6, 2 },    { 10, 32 },
		     { 14, 512 }, { 15, 900 }, { 99, 900 } };
	struct wp_world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wp_login_begun got;

		set_record(w, RECORD, rows[i].n, -1);
		got = begin(w);
		assert_int_equal(got.verdict, WP_LOGIN_WAIT);
		assert_in_range(got.wait_s, 1, rows[i].wait_s);
		assert_in_range(got.wait_s, rows[i].wait_s / 2, rows[i].wait_s);
		set_record(w, RECORD, rows[i].n, rows[i].wait_s + 1);
		got = begin(w);
		assert_int_equal(got.verdict, WP_LOGIN_GO);
		assert_int_equal(got.n, rows[i].n + 1);
	}
}

static void a_hundred_in_a_row_are_enough(void **state)
{
	struct wp_world *w = *state;

	set_record(w, RECORD, 100, WEEK_S);
	assert_int_equal(begin(w).verdict, WP_LOGIN_LOCKED);
	/* The owner's device is counted by itself, and unlocks everybody. */
	assert_int_equal(begin_as(w, "phone").verdict, WP_LOGIN_GO);
	succeed(w, "phone");
	wp_world_expect(w, "0", "EXISTS " RECORD " " RECORD "#phone");
	assert_int_equal(begin(w).n, 1);
}

static void it_is_forgotten_after_a_while(void **state)
{
	struct wp_world *w = *state;

	(void)begin(w);
	assert_in_range(wp_world_int(w, "TTL " RECORD), 800, 900);
	set_record(w, RECORD, FREE - 1, 9);
	(void)begin(w);
	assert_in_range(wp_world_int(w, "TTL " RECORD), WEEK_S - 60, WEEK_S);
}

static void
a_right_password_from_anywhere_forgets_everybodys_record(void **state)
{
	struct wp_world *w = *state;

	(void)begin(w);
	(void)begin_as(w, "phone");
	succeed(w, NULL);
	wp_world_expect(w, "0", "EXISTS " RECORD);
	wp_world_expect(w, "1", "EXISTS " RECORD "#phone");
}

/* A clock that was ahead, and a record that nobody of ours wrote. */
static void what_redis_says_may_be_odd(void **state)
{
	struct wp_world *w = *state;
	struct wp_login_begun got;

	set_record(w, RECORD, 6, -100000);
	got = begin(w);
	assert_int_equal(got.verdict, WP_LOGIN_WAIT);
	assert_int_equal(got.wait_s, 2);
	wp_world_run(w, "SET " RECORD " nonsense");
	assert_int_equal(begin(w).n, 1);
}

static void what_is_not_understood_is_no_answer(void **state)
{
	static const char *const answers[] = { "return{'ok'}",
					       "return{'wait',0}",
					       "return{'what',1}",
					       "return\t1" };
	struct wp_world *w = *state;
	struct wp_login_begun out;

	assert_int_equal(wp_login_begin_parse(NULL, &out), WP_ERR_UNAVAIL);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct wp_reply *reply =
			wp_world_cmd(w, "EVAL %s 0", answers[i]);

		assert_int_equal(wp_login_begin_parse(reply, &out),
				 WP_ERR_UNAVAIL);
		assert_int_equal(out.verdict, WP_LOGIN_LOCKED);
		wp_reply_free(&reply);
	}
}

/* ---- codes ---- */

static struct wp_login_code code_of(const char *text)
{
	struct wp_login_code code;

	wp_login_code_of(&code, text, strlen(text), WP_TEST_PARTITIONS);
	return code;
}

static enum wp_err done(struct wp_world *w)
{
	struct wp_reply *reply = wp_world_do(w);
	enum wp_err rc = wp_script_done(reply);

	wp_reply_free(&reply);
	return rc;
}

static void a_code_for_a_password_is_good_once_for_its_account(void **state)
{
	struct wp_world *w = *state;
	const struct wp_login_code code = code_of("secret code");
	struct wp_reply *reply;

	wp_reset_put_build(&w->cmd, &code, "bob");
	reply = wp_world_do(w);
	assert_true(wp_reply_is(reply, "OK"));
	wp_reply_free(&reply);
	assert_in_range(wp_world_int(w, "TTL wp:{%u}:reset:%s", code.partition,
				     code.hash),
			WP_RESET_TTL_S - 60, WP_RESET_TTL_S);
	wp_reset_take_build(&w->cmd, &code, "amy");
	assert_int_equal(done(w), WP_ERR_STALE);
	wp_reset_take_build(&w->cmd, &code, "bob");
	assert_int_equal(done(w), WP_OK);
	wp_reset_take_build(&w->cmd, &code, "bob");
	assert_int_equal(done(w), WP_ERR_STALE);
}

static void an_invite_is_good_for_so_many(void **state)
{
	struct wp_world *w = *state;
	const struct wp_login_code code = code_of("invite");

	wp_invite_take_build(&w->cmd, &code, "a");
	assert_int_equal(done(w), WP_ERR_STALE);
	/* Half of one: it would never end. */
	wp_world_run(w, "HSET wp:{%u}:invite:%s uses 2", code.partition,
		     code.hash);
	wp_invite_take_build(&w->cmd, &code, "a");
	assert_int_equal(done(w), WP_ERR_STALE);
	wp_invite_put_build(&w->cmd, &code, 2, 500);
	assert_int_equal(done(w), WP_OK);

	for (int i = 0; i < 3; i++) { /* whoever comes again uses it once */
		wp_invite_take_build(&w->cmd, &code, "a");
		assert_int_equal(done(w), WP_OK);
	}
	wp_invite_take_build(&w->cmd, &code, "b");
	assert_int_equal(done(w), WP_OK);
	wp_invite_take_build(&w->cmd, &code, "c");
	assert_int_equal(done(w), WP_ERR_STALE);
	wp_invite_give_build(&w->cmd, &code, "a");
	assert_int_equal(done(w), WP_OK);
	wp_invite_take_build(&w->cmd, &code, "c");
	assert_int_equal(done(w), WP_OK);
	assert_in_range(wp_world_int(w, "TTL wp:{%u}:invite:%s", code.partition,
				     code.hash),
			440, 500);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_first_few_wait_for_nothing),
		WORLD_TEST(the_wait_doubles_up_to_a_quarter_of_an_hour),
		WORLD_TEST(a_hundred_in_a_row_are_enough),
		WORLD_TEST(it_is_forgotten_after_a_while),
		WORLD_TEST(
			a_right_password_from_anywhere_forgets_everybodys_record),
		WORLD_TEST(what_redis_says_may_be_odd),
		WORLD_TEST(what_is_not_understood_is_no_answer),
		WORLD_TEST(a_code_for_a_password_is_good_once_for_its_account),
		WORLD_TEST(an_invite_is_good_for_so_many),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("login", tests, NULL, NULL);
}
