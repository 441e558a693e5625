/*
 * Sessions on a real Redis: every row of what a refresh token may be answered,
 * what the store is asked for, and what an end leaves. What Redis remembers of
 * the time is set back, so nobody waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/session.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define SID "00112233445566778899aabbccddeeff"
#define KEY WP_P "session:" SID
#define LIST WP_P "sessions:" WP_BOB

enum { IDLE_S = 1000, DAY = 20000, MAX = 3, GRACE_S = 60, LIVES_S = 600 };

static const struct wp_session_spans spans = { IDLE_S, LIVES_S };

static const struct wp_session_ref session = { WP_WORLD_PARTITION, SID };

static struct wp_session_refreshed
refresh_as(struct wp_world *w, const char *run_id, int64_t generation)
{
	struct wp_session_refreshed out;
	struct wp_reply *reply;

	wp_session_refresh_build(&w->cmd, run_id, &session, generation, &spans);
	reply = wp_world_do(w);
	assert_int_equal(wp_session_refresh_parse(reply, &out), WP_OK);
	wp_reply_free(&reply);
	return out;
}

static enum wp_err settle_as(struct wp_world *w, const char *run_id,
			     const char *claim, int64_t generation)
{
	const struct wp_session_facts facts = {
		.user = &w->bob,
		.device = "phone",
		.day = DAY,
		.ends_s = 9999999999,
		.spans = spans,
		.max_sessions = MAX,
	};
	const struct wp_session_claim by = { run_id, claim, generation };
	struct wp_reply *reply;
	enum wp_err rc;

	wp_session_settle_build(&w->cmd, &session, &by, &facts);
	reply = wp_world_do(w);
	rc = wp_script_done(reply);
	wp_reply_free(&reply);
	return rc;
}

static void expect(struct wp_world *w, int64_t presented,
		   enum wp_session_verdict verdict, int64_t generation)
{
	struct wp_session_refreshed got = refresh_as(w, "run", presented);

	assert_int_equal(got.verdict, verdict);
	assert_int_equal(got.generation, generation);
	if (verdict == WP_SESSION_ASK || verdict == WP_SESSION_REUSED)
		return;
	assert_string_equal(got.user.text, WP_BOB);
	assert_string_equal(got.device, "phone");
	assert_int_equal(got.day, DAY);
}

/* A session of this generation that was settled, as if time had passed. */
static void begin(struct wp_world *w, int64_t generation)
{
	struct wp_session_refreshed asked = refresh_as(w, "run", generation);

	assert_int_equal(asked.verdict, WP_SESSION_ASK);
	assert_int_equal(settle_as(w, "run", asked.claim, generation), WP_OK);
}

static void pass(struct wp_world *w, int64_t seconds)
{
	wp_world_run(w, "HINCRBY " KEY " r -%lld", (long long)seconds * 1000);
}

static void see(struct wp_world *w, int64_t generation)
{
	struct wp_reply *reply;

	wp_session_seen_build(&w->cmd, &session, generation);
	reply = wp_world_do(w);
	wp_reply_free(&reply);
}

/* Returns for how long a token may live then. */
static int64_t end(struct wp_world *w, const struct wp_urn *user)
{
	struct wp_reply *reply;
	int64_t lives_s;

	wp_session_end_begin(&w->cmd, WP_WORLD_PARTITION, user);
	wp_cmd_str(&w->cmd, SID);
	reply = wp_world_do(w);
	assert_int_equal(wp_session_end_parse(reply, &lives_s), WP_OK);
	wp_reply_free(&reply);
	return lives_s;
}

/* ---- what a token is answered ---- */

static void a_token_rotates_once_it_may_not_be_on_its_way(void **state)
{
	struct wp_world *w = *state;

	begin(w, 0);
	expect(w, 0, WP_SESSION_KEPT, 0);
	pass(w, 2 * GRACE_S - 5);
	expect(w, 0, WP_SESSION_KEPT, 0);
	pass(w, 10);
	expect(w, 0, WP_SESSION_ROTATED, 1);
	expect(w, 1, WP_SESSION_KEPT, 1);
	pass(w, 2 * GRACE_S + 5);
	expect(w, 1, WP_SESSION_ROTATED, 2);
}

static void whoever_did_not_hear_gets_the_same_child_however_late(void **state)
{
	struct wp_world *w = *state;

	begin(w, 0);
	pass(w, 3 * GRACE_S);
	expect(w, 0, WP_SESSION_ROTATED, 1);
	pass(w, 30 * 86400);
	expect(w, 0, WP_SESSION_AGAIN, 1);
	/* The grace begins now, for another tab that comes with the parent. */
	see(w, 1);
	pass(w, GRACE_S - 5);
	expect(w, 0, WP_SESSION_AGAIN, 1);
	pass(w, 10);
	expect(w, 0, WP_SESSION_REUSED, 0);
}

static void a_parent_is_reused_once_the_child_was_used(void **state)
{
	struct wp_world *w = *state;

	begin(w, 4);
	pass(w, 3 * GRACE_S);
	expect(w, 4, WP_SESSION_ROTATED, 5);
	see(w, 4); /* an access token of before says nothing */
	pass(w, 2 * GRACE_S);
	expect(w, 4, WP_SESSION_AGAIN, 5);
	see(w, 5);
	pass(w, 2 * GRACE_S);
	expect(w, 4, WP_SESSION_REUSED, 0);
	/* Nothing was changed by that: who holds the child may go on. */
	pass(w, GRACE_S);
	expect(w, 5, WP_SESSION_ROTATED, 6);
}

static void presenting_the_child_is_using_it(void **state)
{
	struct wp_world *w = *state;

	begin(w, 4);
	pass(w, 3 * GRACE_S);
	expect(w, 4, WP_SESSION_ROTATED, 5);
	expect(w, 5, WP_SESSION_KEPT, 5);
	pass(w, GRACE_S + 5);
	expect(w, 4, WP_SESSION_REUSED, 0);
}

static void a_grandparent_is_always_reused(void **state)
{
	struct wp_world *w = *state;

	begin(w, 4);
	pass(w, 3 * GRACE_S);
	expect(w, 4, WP_SESSION_ROTATED, 5);
	pass(w, 3 * GRACE_S);
	expect(w, 5, WP_SESSION_ROTATED, 6);
	expect(w, 4, WP_SESSION_REUSED, 0);
	expect(w, 0, WP_SESSION_REUSED, 0);
}

static void a_clock_that_was_set_back_holds_nobody_up(void **state)
{
	struct wp_world *w = *state;

	begin(w, 4);
	pass(w, 3 * GRACE_S);
	expect(w, 4, WP_SESSION_ROTATED, 5);
	see(w, 5);
	wp_world_run(w, "HINCRBY " KEY " r 99999999999");
	expect(w, 4, WP_SESSION_AGAIN, 5);
	pass(w, GRACE_S + 5);
	expect(w, 4, WP_SESSION_REUSED, 0);
}

/* ---- Redis does not know ---- */

static void what_redis_lost_is_asked_for_and_settled(void **state)
{
	struct wp_world *w = *state;
	struct wp_session_refreshed first;
	struct wp_session_refreshed second;

	first = refresh_as(w, "run", 7);
	second = refresh_as(w, "run", 7);
	assert_int_equal(first.verdict, WP_SESSION_ASK);
	assert_string_equal(first.claim, second.claim);
	assert_in_range(wp_world_int(w, "TTL " KEY), 1, 60);
	assert_int_equal(settle_as(w, "run", first.claim, 7), WP_OK);
	/* The second one comes too late, and begins anew. */
	assert_int_equal(settle_as(w, "run", second.claim, 7), WP_ERR_STALE);
	expect(w, 7, WP_SESSION_KEPT, 7);
	assert_in_range(wp_world_int(w, "TTL " KEY), IDLE_S - 60, IDLE_S);
	wp_world_expect(w, "[" SID "]", "ZRANGE " LIST " 0 -1");
}

/* Somebody restored it with a token that is older than the truth. */
static void a_token_from_ahead_is_believed_and_counts_as_used(void **state)
{
	struct wp_world *w = *state;

	begin(w, 3);
	expect(w, 5, WP_SESSION_KEPT, 5);
	expect(w, 3, WP_SESSION_REUSED, 0);
	expect(w, 4, WP_SESSION_AGAIN, 5);
	pass(w, GRACE_S + 5);
	expect(w, 4, WP_SESSION_REUSED, 0);
}

static void in_another_life_of_redis_the_store_is_asked_once(void **state)
{
	struct wp_world *w = *state;
	struct wp_session_refreshed asked;

	begin(w, 3);
	see(w, 3);
	asked = refresh_as(w, "another-run", 3);
	assert_int_equal(asked.verdict, WP_SESSION_ASK);
	/* It lives as long as before, whatever becomes of that. */
	assert_in_range(wp_world_int(w, "TTL " KEY), IDLE_S - 60, IDLE_S);
	assert_int_equal(settle_as(w, "another-run", asked.claim, 2), WP_OK);
	wp_world_expect(w, "[3 1 another-run -]", "HMGET " KEY " g k v c");
	assert_int_equal(refresh_as(w, "another-run", 3).verdict,
			 WP_SESSION_KEPT);
}

static void a_claim_is_of_one_life_of_redis(void **state)
{
	struct wp_world *w = *state;
	struct wp_session_refreshed asked = refresh_as(w, "run", 3);
	struct wp_session_refreshed anew;

	assert_int_equal(settle_as(w, "another-run", asked.claim, 3),
			 WP_ERR_STALE);
	anew = refresh_as(w, "another-run", 3);
	assert_string_not_equal(anew.claim, asked.claim);
	assert_int_equal(settle_as(w, "another-run", asked.claim, 3),
			 WP_ERR_STALE);
	assert_int_equal(settle_as(w, "another-run", anew.claim, 3), WP_OK);
}

/* The row was found, then the session was ended, then it is settled. */
static void what_has_ended_is_not_settled_by_whoever_is_late(void **state)
{
	struct wp_world *w = *state;
	struct wp_session_refreshed asked = refresh_as(w, "run", 3);

	end(w, &w->bob);
	assert_int_equal(settle_as(w, "run", asked.claim, 3), WP_ERR_STALE);
	(void)refresh_as(w, "run", 3);
	assert_int_equal(settle_as(w, "run", asked.claim, 3), WP_ERR_STALE);
}

/* ---- the end, and the list ---- */

/* Ids of those that Redis knows: want, as wp_world_show() has them. */
static void close_all(struct wp_world *w, const struct wp_box *user,
		      const char *want)
{
	struct wp_reply *reply;
	char *shown;

	wp_session_close_build(&w->cmd, user, 10);
	reply = wp_world_do(w);
	shown = wp_world_show(reply);
	assert_string_equal(shown, want);
	free(shown);
	wp_reply_free(&reply);
}

static void who_found_a_row_before_a_closing_settles_nothing(void **state)
{
	struct wp_world *w = *state;
	struct wp_session_refreshed asked = refresh_as(w, "run", 3), anew;

	/* Whose rows are gone, and whose they were, somebody knew who was cut
	 * off. */
	close_all(w, &w->box, "[]");
	assert_int_equal(settle_as(w, "run", asked.claim, 3), WP_ERR_STALE);
	/* Who looks for it once more may find one. */
	anew = refresh_as(w, "run", 3);
	assert_int_equal(anew.verdict, WP_SESSION_ASK);
	assert_string_not_equal(anew.claim, asked.claim);
	assert_int_equal(settle_as(w, "run", asked.claim, 3), WP_ERR_STALE);
	assert_int_equal(settle_as(w, "run", anew.claim, 3), WP_OK);
	close_all(w, &w->box, "[" SID "]");
	expect(w, 3, WP_SESSION_KEPT, 3); /* its end is yet to come */
}

static void a_closing_is_of_one_user(void **state)
{
	struct wp_world *w = *state;
	struct wp_session_refreshed asked = refresh_as(w, "run", 3);
	struct wp_box amy = w->box;

	memcpy(amy.text, WP_AMY, sizeof(WP_AMY));
	amy.len = sizeof(WP_AMY) - 1;
	close_all(w, &amy, "[]");
	assert_int_equal(settle_as(w, "run", asked.claim, 3), WP_OK);
}

static void an_end_leaves_nothing(void **state)
{
	struct wp_world *w = *state;

	begin(w, 3);
	end(w, &w->bob);
	wp_world_expect(w, "0", "EXISTS " KEY " " LIST);
	begin(w, 3);
	end(w, NULL);
	wp_world_expect(w, "0", "EXISTS " KEY " " LIST);
	end(w, NULL); /* again is as good */
	see(w, 3);
	wp_world_expect(w, "0", "EXISTS " KEY);
}

static void nobody_ends_what_is_of_somebody_else(void **state)
{
	struct wp_world *w = *state;
	struct wp_urn amy;

	assert_int_equal(wp_urn_parse(&amy, WP_AMY, strlen(WP_AMY), NULL),
			 WP_OK);
	begin(w, 3);
	end(w, &amy);
	expect(w, 3, WP_SESSION_KEPT, 3);
}

static void there_are_no_more_than_the_limit_and_none_that_expired(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply;

	wp_world_run(w, "ZADD " LIST " 5 old 9999999990 a 9999999991 b "
			"9999999992 c");
	wp_world_run(w, "HSET " WP_P "session:a u " WP_BOB);
	begin(w, 0);
	/* The new one ends soonest, but it is the one that is wanted. */
	wp_world_expect(w, "[" SID " a b c]", "ZRANGE " LIST " 0 -1");
	wp_world_run(w, "ZADD " LIST " 9999999993 d");
	wp_world_run(w, "HSET " KEY " v of-before");
	begin(w, 0);
	wp_world_expect(w, "[" SID " b c d]", "ZRANGE " LIST " 0 -1");
	wp_world_expect(w, "0", "EXISTS " WP_P "session:a");

	wp_session_list_build(&w->cmd, &w->box, 2);
	reply = wp_world_do(w);
	assert_int_equal(wp_reply_count(reply), 2);
	assert_string_equal(wp_reply_str(wp_reply_at(reply, 0)), "d");
	wp_reply_free(&reply);
}

static void the_day_that_the_store_has_is_kept(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply;

	begin(w, 3);
	wp_session_day_build(&w->cmd, &session, DAY + 5);
	reply = wp_world_do(w);
	wp_reply_free(&reply);
	assert_int_equal(refresh_as(w, "run", 3).day, DAY + 5);
}

static void it_ends_on_its_day_though_it_is_in_use(void **state)
{
	struct wp_world *w = *state;
	int64_t now_s = wp_world_int(w, "EVAL return\tredis.call('TIME')[1] 0");

	begin(w, 3);
	wp_world_run(w, "HSET " KEY " x %lld", (long long)now_s + 100);
	expect(w, 3, WP_SESSION_KEPT, 3);
	assert_in_range(wp_world_int(w, "TTL " KEY), 1, 100);
}

/* ---- answers that are none ---- */

static void what_is_not_understood_is_no_answer(void **state)
{
	static const char *const answers[] = {
		"return{'rotated',1,'no-urn','d',5}",
		"return{'rotated',-1,'" WP_BOB "','d',5}",
		"return{'kept',1}",
		"return{'ask'..'ing'}",
		"return{'ask',('c'):rep(99)}",
		"return{'kept',1,'" WP_BOB "',('d'):rep(65),5}",
		"return{}",
		"return\t5",
	};
	struct wp_world *w = *state;
	struct wp_session_refreshed out;

	assert_int_equal(wp_session_refresh_parse(NULL, &out), WP_ERR_UNAVAIL);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct wp_reply *reply =
			wp_world_cmd(w, "EVAL %s 0", answers[i]);

		if (wp_session_refresh_parse(reply, &out) != WP_ERR_UNAVAIL)
			fail_msg("%s", answers[i]);
		wp_reply_free(&reply);
	}
}

static void two_sessions_have_two_names(void **state)
{
	struct wp_world *w = *state;
	struct wp_session_ref a;
	struct wp_session_ref b;

	wp_session_ref_make(&a, &w->box);
	wp_session_ref_make(&b, &w->box);
	assert_int_equal(a.partition, w->box.partition);
	assert_int_equal(strlen(a.id), WP_SESSION_DIGITS);
	assert_string_not_equal(a.id, b.id);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

/* Returns how many partitions knew it, asked from `first` on. */
static size_t end_anywhere(struct wp_world *w, uint32_t first, uint32_t n,
			   int64_t *lives_s)
{
	const struct wp_session_ref from = { first, SID };
	struct wp_reply *reply;
	size_t n_known;

	wp_session_end_anywhere_build(&w->cmd, &from, n);
	reply = wp_world_do(w);
	assert_int_equal(
		wp_session_end_anywhere_parse(reply, &n_known, lives_s), WP_OK);
	wp_reply_free(&reply);
	return n_known;
}

static void one_ends_whose_user_nobody_knows(void **state)
{
	struct wp_world *w = *state;
	int64_t lives_s;

	begin(w, 0);
	assert_int_equal(end_anywhere(w, 0, WP_WORLD_PARTITION, &lives_s), 0);
	assert_int_equal(end_anywhere(w, WP_WORLD_PARTITION + 1,
				      WP_SESSION_END_AT_ONCE, &lives_s),
			 0);
	expect(w, 0, WP_SESSION_KEPT, 0);
	assert_int_equal(end_anywhere(w, 0, WP_WORLD_PARTITION + 2, &lives_s),
			 1);
	assert_int_equal(lives_s, LIVES_S);
	expect(w, 0, WP_SESSION_ASK, 0);
	assert_int_equal(wp_world_int(w, "EXISTS " LIST), 0);
}

/* One of them that says nothing keeps it from being done. */
static void an_end_anywhere_wants_every_answer(void **state)
{
	struct wp_world *w = *state;
	const struct wp_session_ref from = { WP_WORLD_PARTITION - 1, SID };
	struct wp_reply *reply;
	int64_t lives_s;
	size_t n_known;

	wp_world_run(w, "SET " KEY " x");
	wp_session_end_anywhere_build(&w->cmd, &from, 3);
	reply = wp_world_do(w);
	assert_int_equal(
		wp_session_end_anywhere_parse(reply, &n_known, &lives_s),
		WP_ERR_UNAVAIL);
	wp_reply_free(&reply);
	assert_int_equal(
		wp_session_end_anywhere_parse(NULL, &n_known, &lives_s),
		WP_ERR_UNAVAIL);
}

/* What the settings say by now is another matter. */
static void an_end_tells_how_long_tokens_of_before_may_live(void **state)
{
	static const struct wp_session_spans longer = { IDLE_S, 86400 };
	struct wp_world *w = *state;
	struct wp_reply *reply;

	begin(w, 0);
	assert_int_equal(end(w, &w->bob), LIVES_S);

	begin(w, 0);
	wp_session_refresh_build(&w->cmd, "run", &session, 0, &longer);
	reply = wp_world_do(w);
	wp_reply_free(&reply);
	assert_int_equal(end(w, &w->bob), 86400);

	/* Lowered again: one of a day is alive. */
	begin(w, 0);
	expect(w, 0, WP_SESSION_KEPT, 0);
	assert_int_equal(end(w, &w->bob), 86400);
	/* The last of a day ends before what is given now. */
	wp_world_run(w, "EXPIRE " WP_P "lives 60");
	begin(w, 0);
	assert_int_equal(end(w, &w->bob), LIVES_S);
	assert_in_range(wp_world_int(w, "TTL " WP_P "lives"), LIVES_S - 60,
			LIVES_S);
	/* Gone with the last of them. */
	wp_world_run(w, "EXPIRE " WP_P "lives 0");
	assert_int_equal(end(w, &w->bob), 0);
	begin(w, 0);
	assert_int_equal(end(w, &w->bob), LIVES_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_token_rotates_once_it_may_not_be_on_its_way),
		WORLD_TEST(
			whoever_did_not_hear_gets_the_same_child_however_late),
		WORLD_TEST(a_parent_is_reused_once_the_child_was_used),
		WORLD_TEST(presenting_the_child_is_using_it),
		WORLD_TEST(a_grandparent_is_always_reused),
		WORLD_TEST(a_clock_that_was_set_back_holds_nobody_up),
		WORLD_TEST(what_redis_lost_is_asked_for_and_settled),
		WORLD_TEST(a_token_from_ahead_is_believed_and_counts_as_used),
		WORLD_TEST(in_another_life_of_redis_the_store_is_asked_once),
		WORLD_TEST(a_claim_is_of_one_life_of_redis),
		WORLD_TEST(who_found_a_row_before_a_closing_settles_nothing),
		WORLD_TEST(a_closing_is_of_one_user),
		WORLD_TEST(what_has_ended_is_not_settled_by_whoever_is_late),
		WORLD_TEST(an_end_leaves_nothing),
		WORLD_TEST(nobody_ends_what_is_of_somebody_else),
		WORLD_TEST(one_ends_whose_user_nobody_knows),
		WORLD_TEST(an_end_anywhere_wants_every_answer),
		WORLD_TEST(
			there_are_no_more_than_the_limit_and_none_that_expired),
		WORLD_TEST(the_day_that_the_store_has_is_kept),
		WORLD_TEST(an_end_tells_how_long_tokens_of_before_may_live),
		WORLD_TEST(it_ends_on_its_day_though_it_is_in_use),
		WORLD_TEST(what_is_not_understood_is_no_answer),
		WORLD_TEST(two_sessions_have_two_names),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
