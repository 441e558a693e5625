/*
 * When messages go straight to disk and when the long way: what the hot thread
 * asks of route.lua, by what it has been answered, what is under way, and the
 * time. Answers are made up here, and so is the cold thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/worker/rig.h"
#include "worker/direct.h"

enum {
	P = WP_WORLD_PARTITION,
	Q = 3,
	LATE_MS = 300,
	HOLD_MS = 20,
	WHOLE_MS = 40,
	PAUSE_MS = 5000,
	TOLD = 128,
	LEFT = 512,
	ROWS = 600,
};
/* A row in Lua: id, user, version. */
#define ROW(id, user, version) \
	",'" id "','" WP_ALIVE "',pack('" user "',0,'m'),'" version "'"

struct rig {
	struct wp_world *w;
	struct wp_worker worker;
	struct wp_direct *direct;
	struct wp_owned owned;
	uint64_t now_ms;
	/* Of the last wp_direct_hear(). */
	int news;
	bool is_empty;
	uint32_t about;
};

static void rig_init(struct rig *rig, struct wp_world *w)
{
	*rig = (struct rig){ .w = w, .now_ms = wp_mono_ms() };
	wp_rig_init(&rig->worker, w);
	wp_rig_own(&rig->worker, w, P);
	wp_rig_own(&rig->worker, w, Q);
	assert_int_equal(wp_direct_new(&rig->direct, &rig->worker, NULL),
			 WP_OK);
	rig->owned.partition = P;
	memcpy(rig->owned.owner, w->owner, sizeof(rig->owned.owner));
	wp_handover_set_epoch(rig->worker.handover, 4);
}

static void rig_release(struct rig *rig)
{
	wp_direct_free(&rig->direct);
	wp_rig_release(&rig->worker);
}

static struct wp_route_ask ask_of(struct rig *rig, bool is_careful)
{
	struct wp_route_ask ask = { .is_careful = is_careful };

	wp_direct_ask(rig->direct, &rig->owned, &ask, rig->now_ms);
	return ask;
}

static bool may_go(struct rig *rig)
{
	struct wp_route_ask ask = ask_of(rig, false);

	wp_direct_tell_none(rig->direct, rig->owned.partition);
	return ask.is_direct;
}

/* A call that is answered with this; counts: "routed,…,left,marked"; walked:
 * "passed,'id'". */
static bool call_to(struct rig *rig, const char *counts, const char *walked,
		    const char *rows)
{
	struct wp_route_result result;
	struct wp_reply *reply;
	bool stays;

	(void)ask_of(rig, false);
	reply = wp_world_cmd(
		rig->w, "EVAL " WP_LUA_PACK "return{{'ok',%s,'',%s,''%s}} 0",
		counts, walked, rows);
	wp_route_parse(reply, 0, &result);
	assert_int_equal(result.status, WP_ROUTE_OK);
	stays = wp_direct_tell(rig->direct, &rig->owned, &result, rig->now_ms);
	wp_reply_free(&reply);
	return stays;
}

/* …and that does not tell where its walk has ended. */
static bool call(struct rig *rig, const char *counts, const char *rows)
{
	return call_to(rig, counts, "0,''", rows);
}

#define NOTHING "0,0,0,0,0,0"

static struct wp_batch *take(struct rig *rig)
{
	struct wp_batch *batch = NULL;

	(void)wp_handover_take(rig->worker.handover, &batch, 1);
	return batch;
}

static void give_back(struct rig *rig, struct wp_batch *batch,
		      enum wp_batch_outcome outcome)
{
	batch->outcome = outcome;
	wp_handover_give_back(rig->worker.handover, batch);
}

static void on_news(void *ctx, uint32_t partition, bool is_empty)
{
	struct rig *rig = ctx;

	rig->news++;
	rig->about = partition;
	rig->is_empty = is_empty;
}

/* Returns how many partitions there was news of. */
static int hear(struct rig *rig)
{
	rig->news = 0;
	wp_direct_hear(rig->direct, rig->now_ms, on_news, rig);
	return rig->news;
}

static void a_batch_has_everybody_once_and_in_order(void **state)
{
	struct wp_batch *batch;
	struct rig rig;

	rig_init(&rig, *state);
	assert_true(call(&rig, NOTHING,
			 ROW("1-1", WP_BOB, "3") ROW("2-1", WP_AMY, "0")
				 ROW("3-1", WP_BOB, "3")));
	batch = take(&rig);
	assert_non_null(batch);
	assert_int_equal(batch->partition, P);
	assert_int_equal(batch->epoch, 4);
	assert_string_equal(batch->owner, rig.w->owner);
	assert_string_equal(batch->run_id, wp_redis_run_id(rig.w->redis));
	assert_int_equal(batch->n_users, 2);
	assert_int_equal(batch->n_rows, 3);
	assert_string_equal(batch->users[0].box.text, WP_BOB);
	assert_int_equal(batch->users[0].number, 3);
	assert_int_equal(batch->users[0].n, 2);
	assert_int_equal(batch->users[0].rows[1].entry.ms, 3);
	assert_memory_equal(batch->users[0].rows[1].json, "m", 1);
	assert_string_equal(batch->users[1].box.text, WP_AMY);
	assert_int_equal(batch->users[1].rows[0].entry.ms, 2);
	assert_true(wp_batch_has(batch, WP_AMY, strlen(WP_AMY)));
	assert_false(wp_batch_has(batch, WP_AMY, strlen(WP_AMY) - 1));
	give_back(&rig, batch, WP_BATCH_LANDED);
	rig_release(&rig);
}

/* What is said twice of somebody is not taken twice. */
static void who_is_under_way_is_left_out(void **state)
{
	struct wp_batch *one, *two;
	struct rig rig;

	rig_init(&rig, *state);
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "3"));
	(void)call(&rig, NOTHING,
		   ROW("2-1", WP_BOB, "3") ROW("3-1", WP_AMY, "0"));
	one = take(&rig);
	two = take(&rig);
	assert_int_equal(two->n_users, 1);
	assert_string_equal(two->users[0].box.text, WP_AMY);
	/* Nothing of it is left: there is no third one. */
	(void)call(&rig, NOTHING, ROW("2-1", WP_BOB, "3"));
	assert_null(take(&rig));
	give_back(&rig, two, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_false(rig.is_empty); /* something was left out */
	give_back(&rig, one, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	rig_release(&rig);
}

static void what_is_odd_goes_the_long_way(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	assert_true(call(&rig, NOTHING, ROW("1-1", "no\\032urn", "3")));
	assert_null(take(&rig));
	assert_false(may_go(&rig));
	rig.now_ms += PAUSE_MS;
	assert_true(may_go(&rig));
	assert_true(call(&rig, NOTHING, ROW("1", WP_BOB, "3")));
	assert_null(take(&rig));
	assert_false(may_go(&rig));
	rig_release(&rig);
}

static void a_batch_has_a_bound_and_the_oldest(void **state)
{
	struct wp_batch *batch;
	struct wp_route_result result;
	struct wp_reply *reply;
	struct rig rig;

	rig_init(&rig, *state);
	(void)ask_of(&rig, false);
	reply = wp_world_cmd(
		rig.w,
		"EVAL " WP_LUA_PACK
		"local\tt={'ok',0,0,0,0,0,0,'',0,'',''}\tfor\ti=1,%d\tdo\t"
		"for\tk,x\tin\tipairs({i..'-1','9',pack('urn:sm:user:u'..i,0,"
		"'m'),'0'})do\tt[#t+1]=x\tend\tend\treturn{t} 0",
		ROWS);
	wp_route_parse(reply, 0, &result);
	assert_true(
		wp_direct_tell(rig.direct, &rig.owned, &result, rig.now_ms));
	wp_reply_free(&reply);
	batch = take(&rig);
	assert_int_equal(batch->n_rows, WP_BATCH_ROWS_MAX);
	assert_int_equal(batch->n_users, WP_BATCH_ROWS_MAX);
	give_back(&rig, batch, WP_BATCH_LANDED);
	rig_release(&rig);
}

static void what_comes_meanwhile_goes_together(void **state)
{
	struct wp_batch *batch;
	struct rig rig;

	rig_init(&rig, *state);
	assert_false(call(&rig, NOTHING, ""));
	assert_int_equal(wp_direct_hold_ms(rig.direct, P), 0);
	assert_true(call(&rig, NOTHING, ROW("1-1", WP_BOB, "0")));
	assert_int_equal(wp_direct_hold_ms(rig.direct, P),
			 rig.now_ms + HOLD_MS);
	assert_int_equal(wp_direct_hold_ms(rig.direct, Q), 0);
	/* Nothing new, but a bell would not ring. */
	assert_true(call(&rig, NOTHING, ""));
	rig.now_ms++;
	assert_true(call(&rig, NOTHING, ""));
	assert_int_equal(wp_direct_hold_ms(rig.direct, P),
			 rig.now_ms + HOLD_MS);
	/* Where somebody is online, not for so long. */
	assert_true(call(&rig, "2,0,0,0,0,1", ""));
	assert_in_range(wp_direct_hold_ms(rig.direct, P), rig.now_ms + 1,
			rig.now_ms + HOLD_MS - 1);
	batch = take(&rig);
	batch->left = 0;
	give_back(&rig, batch, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_true(rig.is_empty);
	assert_int_equal(rig.about, P);
	assert_int_equal(wp_direct_hold_ms(rig.direct, P), 0);
	rig.now_ms += 1000;
	assert_true(call(&rig, NOTHING, ROW("2-1", WP_BOB, "0")));
	assert_int_equal(wp_direct_hold_ms(rig.direct, P),
			 rig.now_ms + HOLD_MS);
	rig_release(&rig);
}

static void what_is_left_is_routed_again(void **state)
{
	static const enum wp_batch_outcome again[] = { WP_BATCH_FAILED,
						       WP_BATCH_FAULTY,
						       WP_BATCH_DROPPED };
	struct wp_batch *batch;
	struct rig rig;

	rig_init(&rig, *state);
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "0"));
	batch = take(&rig);
	batch->left = 1;
	give_back(&rig, batch, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_false(rig.is_empty);
	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
		(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "0"));
		give_back(&rig, take(&rig), again[i]);
		assert_int_equal(hear(&rig), 1);
		assert_false(rig.is_empty);
		/* Redis does not take it out: not again at once. */
		assert_int_equal(may_go(&rig), again[i] != WP_BATCH_FAULTY);
		rig.now_ms += PAUSE_MS;
	}
	rig_release(&rig);
}

/*
 * What Redis says while it lands is older than what a call has seen since, and
 * no bell rings for what came behind something that is under way.
 */
static void what_a_call_has_seen_since_is_routed_again(void **state)
{
	static const struct {
		const char *counts, *rows;
	} seen[] = {
		{ NOTHING, ROW("2-1", WP_BOB, "0") }, /* left out */
		{ "1,0,0,0,1,0", "" },
		{ NULL, NULL }, /* no answer */
	};
	struct wp_batch *batch;
	struct rig rig;

	rig_init(&rig, *state);
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "0"));
		batch = take(&rig);
		batch->left = 0; /* by now, but it is not heard yet */
		if (seen[i].counts != NULL)
			assert_true(call(&rig, seen[i].counts, seen[i].rows));
		else
			assert_true(may_go(&rig));
		give_back(&rig, batch, WP_BATCH_LANDED);
		assert_int_equal(hear(&rig), 1);
		assert_false(rig.is_empty);
		/* It is said once. */
		(void)call(&rig, NOTHING, ROW("2-1", WP_BOB, "0"));
		batch = take(&rig);
		assert_non_null(batch);
		give_back(&rig, batch, WP_BATCH_LANDED);
		assert_int_equal(hear(&rig), 1);
		assert_true(rig.is_empty);
	}
	rig_release(&rig);
}

/* Nobody who comes back waits for a disk that hangs. */
static void what_is_late_takes_the_long_way(void **state)
{
	struct wp_batch *batch;
	struct rig rig;

	rig_init(&rig, *state);
	assert_true(wp_direct_next_ms(rig.direct) == UINT64_MAX);
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "0"));
	batch = take(&rig);
	assert_true(wp_direct_next_ms(rig.direct) == rig.now_ms + LATE_MS);
	rig.now_ms += LATE_MS - 1;
	assert_int_equal(hear(&rig), 0);
	assert_true(may_go(&rig));
	rig.now_ms++;
	assert_int_equal(hear(&rig), 1);
	assert_false(rig.is_empty);
	assert_int_equal(rig.about, P);
	assert_int_equal(wp_direct_hold_ms(rig.direct, P), 0);
	assert_false(may_go(&rig));
	assert_string_equal(ask_of(&rig, false).from, "");
	assert_true(wp_direct_next_ms(rig.direct) == UINT64_MAX);
	/* Another partition is another matter. */
	rig.owned.partition = Q;
	assert_true(may_go(&rig));
	rig.owned.partition = P;
	/* It is said once. */
	assert_int_equal(hear(&rig), 0);
	assert_int_equal(
		wp_rig_metric(&rig.worker, "waypost_worker_direct_late_total"),
		1);
	/* Until it has landed; and it may have come back meanwhile. */
	give_back(&rig, batch, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_false(rig.is_empty);
	assert_true(may_go(&rig));
	rig_release(&rig);
}

/* The oldest is late first, and nothing newer is waited for then. */
static void all_of_a_partition_is_late_together(void **state)
{
	struct wp_batch *one, *other;
	struct rig rig;

	rig_init(&rig, *state);
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "0"));
	rig.now_ms += LATE_MS - 1;
	(void)call(&rig, NOTHING, ROW("2-1", WP_AMY, "0"));
	one = take(&rig);
	other = take(&rig);
	rig.now_ms++;
	assert_int_equal(hear(&rig), 1);
	assert_false(may_go(&rig));
	give_back(&rig, one, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_false(may_go(&rig));
	give_back(&rig, other, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_true(may_go(&rig));
	assert_true(wp_direct_next_ms(rig.direct) == UINT64_MAX);
	rig_release(&rig);
}

static void one_that_lands_leaves_the_others_their_time(void **state)
{
	struct wp_batch *one, *other;
	struct rig rig;
	uint64_t late_ms;

	rig_init(&rig, *state);
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "0"));
	rig.now_ms += LATE_MS - 1;
	(void)call(&rig, NOTHING, ROW("2-1", WP_AMY, "0"));
	late_ms = rig.now_ms + LATE_MS;
	one = take(&rig);
	other = take(&rig);
	give_back(&rig, one, WP_BATCH_LANDED);
	(void)hear(&rig);
	rig.now_ms++;
	assert_int_equal(hear(&rig), 0); /* it looks, and nothing is late */
	assert_true(may_go(&rig));
	assert_true(wp_direct_next_ms(rig.direct) == late_ms);
	give_back(&rig, other, WP_BATCH_LANDED);
	(void)hear(&rig);
	rig_release(&rig);
}

/* What the store has said of a stale mailbox is said to the next call. */
static void names_are_told_once(void **state)
{
	struct wp_route_ask ask;
	struct wp_batch *batch;
	struct rig rig;

	rig_init(&rig, *state);
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "0"));
	batch = take(&rig);
	batch->users[0].is_stale = true;
	batch->users[0].number_now = 9;
	give_back(&rig, batch, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_false(rig.is_empty);
	ask = ask_of(&rig, false);
	assert_int_equal(ask.n_names, 1);
	assert_int_equal(ask.names[0].version, 9);
	assert_memory_equal(ask.names[0].urn, WP_BOB, ask.names[0].len);
	/* Stale again: somebody else knows better. */
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "9"));
	assert_int_equal(ask_of(&rig, false).n_names, 1);
	assert_int_equal(ask_of(&rig, false).names[0].version,
			 WP_ROUTE_VERSION_WAY);
	batch = take(&rig);
	batch->users[0].is_stale = true;
	batch->users[0].number_now = 10;
	give_back(&rig, batch, WP_BATCH_LANDED);
	(void)hear(&rig);
	ask = ask_of(&rig, false);
	assert_int_equal(ask.names[0].version, WP_ROUTE_VERSION_HOT);
	rig_release(&rig);
}

/* ---- where the next walk begins ---- */

static void expect_from(struct rig *rig, const char *from)
{
	struct wp_route_ask ask = ask_of(rig, false);

	assert_string_equal(ask.from, from);
	for (size_t i = 0; i < ask.n_names && *from != '\0'; i++)
		assert_int_equal(ask.names[i].version, WP_ROUTE_VERSION_WAY);
}

/* The names are borrowed; this is what a call without news does with them. */
static void look(struct rig *rig, const char *walked)
{
	assert_true(call_to(rig, NOTHING, walked, ""));
}

static void a_walk_begins_behind_what_is_under_way(void **state)
{
	struct wp_route_ask ask;
	struct wp_batch *one, *two;
	struct rig rig;

	rig_init(&rig, *state);
	(void)call_to(&rig, NOTHING, "0,'1-1'", ROW("1-1", WP_BOB, "0"));
	ask = ask_of(&rig, false);
	assert_string_equal(ask.from, "1-1");
	assert_int_equal(ask.n_names, 1);
	assert_int_equal(ask.names[0].version, WP_ROUTE_VERSION_WAY);
	assert_memory_equal(ask.names[0].urn, WP_BOB, ask.names[0].len);
	look(&rig, "0,'1-1'");
	(void)call_to(&rig, NOTHING, "0,'2-1'", ROW("2-1", WP_AMY, "0"));
	expect_from(&rig, "2-1");
	assert_int_equal(ask_of(&rig, false).n_names, 2);
	one = take(&rig);
	two = take(&rig);
	give_back(&rig, one, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 0);
	expect_from(&rig, "2-1");
	assert_int_equal(ask_of(&rig, false).n_names, 1);
	/* Where nothing is, nothing is to be left out. */
	give_back(&rig, two, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_true(rig.is_empty);
	expect_from(&rig, "");
	assert_int_equal(ask_of(&rig, false).n_names, 0);
	(void)call_to(&rig, NOTHING, "0,'3-1'", "");
	expect_from(&rig, "");
	rig_release(&rig);
}

/* X42: what came behind something is looked for when that has landed. */
static void what_has_passed_is_looked_for_when_something_lands(void **state)
{
	struct wp_batch *batch;
	struct rig rig;

	rig_init(&rig, *state);
	(void)call_to(&rig, NOTHING, "0,'1-1'", ROW("1-1", WP_BOB, "0"));
	look(&rig, "1,'2-1'");
	look(&rig, "0,'3-1'"); /* it is before that walk by now */
	expect_from(&rig, "3-1");
	(void)call_to(&rig, NOTHING, "0,'4-1'", ROW("4-1", WP_AMY, "0"));
	batch = take(&rig);
	batch->left = 0; /* said before it came */
	give_back(&rig, batch, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_false(rig.is_empty);
	expect_from(&rig, "");
	/* It is said once; amy is under way still. */
	look(&rig, "0,'4-1'");
	expect_from(&rig, "4-1");
	batch = take(&rig);
	give_back(&rig, batch, WP_BATCH_LANDED);
	assert_int_equal(hear(&rig), 1);
	assert_true(rig.is_empty);
	rig_release(&rig);
}

/* X43, and whatever else leaves something where a walk has been. */
static void whatever_is_odd_begins_with_the_oldest(void **state)
{
	static const enum wp_batch_outcome odd[] = {
		WP_BATCH_FAILED, WP_BATCH_DROPPED, WP_BATCH_LANDED /* stale */
	};
	struct wp_batch *batch, *other;
	struct rig rig;

	rig_init(&rig, *state);
	(void)call_to(&rig, NOTHING, "0,'1-1'", ROW("1-1", WP_BOB, "0"));
	other = take(&rig);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		(void)call_to(&rig, NOTHING, "0,'2-1'",
			      ROW("2-1", WP_AMY, "0"));
		expect_from(&rig, "2-1");
		batch = take(&rig);
		batch->users[0].is_stale = odd[i] == WP_BATCH_LANDED;
		batch->users[0].number_now = 3;
		give_back(&rig, batch, odd[i]);
		assert_int_equal(hear(&rig), 1);
		expect_from(&rig, "");
		look(&rig, "0,'1-1'");
		expect_from(&rig, "1-1");
	}
	/* Nobody knows what a call has done, */
	wp_direct_tell_none(rig.direct, P);
	expect_from(&rig, "");
	look(&rig, "0,'1-1'");
	expect_from(&rig, "1-1");
	/* or it has left something for another try, */
	look(&rig, "0,''");
	expect_from(&rig, "");
	look(&rig, "0,'1-1'");
	/* or answered more than is handed over. */
	(void)call_to(&rig, NOTHING, "0,'2-1'", ROW("2-1", WP_BOB, "0"));
	expect_from(&rig, "");
	look(&rig, "0,'1-1'");
	/* What goes the long way knows nothing of it. */
	wp_handover_set_good(rig.worker.handover, false);
	look(&rig, "0,'1-1'");
	wp_handover_set_good(rig.worker.handover, true);
	expect_from(&rig, "");
	look(&rig, "0,'1-1'");
	assert_string_equal(ask_of(&rig, true).from, "");
	expect_from(&rig, "");
	look(&rig, "0,'1-1'");
	wp_direct_forget(rig.direct, P);
	expect_from(&rig, "");
	wp_handover_give_back(rig.worker.handover, other);
	rig_release(&rig);
}

/* Somebody may have come back. */
static void what_takes_long_is_looked_at_again(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)call_to(&rig, NOTHING, "0,'1-1'", ROW("1-1", WP_BOB, "0"));
	rig.now_ms += WHOLE_MS - 1;
	(void)call_to(&rig, NOTHING, "0,'2-1'", ROW("2-1", WP_AMY, "0"));
	expect_from(&rig, "2-1");
	rig.now_ms++;
	expect_from(&rig, "");
	look(&rig, "0,'2-1'");
	expect_from(&rig, "2-1");
	rig.now_ms += WHOLE_MS;
	expect_from(&rig, "");
	rig_release(&rig);
}

/* A call that is answered with so many rows, each of another user. */
static void call_of_many(struct rig *rig, const char *name, int n)
{
	struct wp_route_result result;
	struct wp_reply *reply;

	(void)ask_of(rig, false);
	reply = wp_world_cmd(
		rig->w,
		"EVAL " WP_LUA_PACK "local\tt={'ok',0,0,0,0,0,0,'',0,'9-9',''}"
		"\tfor\ti=1,%d\tdo\tfor"
		"\tk,x\tin\tipairs({i..'-1','9',pack('urn:sm:user:%s'..i,0,"
		"'m'),'0'})do\tt[#t+1]=x\tend\tend\treturn{t} 0",
		n, name);
	wp_route_parse(reply, 0, &result);
	assert_true(
		wp_direct_tell(rig->direct, &rig->owned, &result, rig->now_ms));
	wp_reply_free(&reply);
}

/* Else a call would be full of their rows, and never see what is behind. */
static void however_many_are_under_way_all_are_named(void **state)
{
	struct wp_batch *batch;
	struct rig rig;

	rig_init(&rig, *state);
	call_of_many(&rig, "u", TOLD + 1);
	call_of_many(&rig, "v", LEFT - TOLD - 1);
	assert_int_equal(ask_of(&rig, false).n_names, LEFT);
	assert_string_equal(ask_of(&rig, false).from, "9-9");
	/* What is stale has room of its own. */
	batch = take(&rig);
	for (size_t i = 0; i < batch->n_users; i++)
		batch->users[i].is_stale = true;
	give_back(&rig, batch, WP_BATCH_LANDED);
	(void)hear(&rig);
	assert_int_equal(ask_of(&rig, false).n_names, LEFT - 1);
	assert_int_equal(ask_of(&rig, false).names[TOLD].version,
			 WP_ROUTE_VERSION_WAY);
	/* With more than that nothing goes straight to disk. */
	call_of_many(&rig, "w", TOLD + 2);
	assert_false(ask_of(&rig, false).is_direct);
	assert_int_equal(ask_of(&rig, false).n_names, 0);
	assert_string_equal(ask_of(&rig, false).from, "");
	rig_release(&rig);
}

/* What is before a walk that has not come to its end is in what it has left. */
static void what_is_under_way_is_counted_once(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	call_of_many(&rig, "u", LEFT / 2);
	assert_true(call_to(&rig, "0,0,0,0,512,0", "0,'9-9'", ""));
	assert_true(may_go(&rig));
	(void)call_to(&rig, NOTHING, "0,'9-9'", "");
	assert_true(call_to(&rig, "0,0,0,0,513,0", "0,'9-9'", ""));
	assert_false(may_go(&rig));
	/* What has begun with the oldest has counted none of it. */
	assert_true(call_to(&rig, "0,0,0,0,257,0", "0,'9-9'", ""));
	assert_false(may_go(&rig));
	/* By now it has landed or was acked. */
	(void)call_to(&rig, NOTHING, "0,'9-9'", "");
	assert_true(call_to(&rig, "0,0,0,0,1,0", "0,'9-9'", ""));
	assert_true(may_go(&rig));
	rig_release(&rig);
}

static void what_the_store_says_of_no_use_goes_to_hot(void **state)
{
	struct wp_route_ask ask;
	struct wp_batch *batch;
	struct rig rig;

	rig_init(&rig, *state);
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "8"));
	batch = take(&rig);
	batch->users[0].is_stale = true;
	batch->users[0].number_now = -1;
	give_back(&rig, batch, WP_BATCH_LANDED);
	(void)hear(&rig);
	ask = ask_of(&rig, false);
	assert_int_equal(ask.n_names, 1);
	assert_int_equal(ask.names[0].version, WP_ROUTE_VERSION_HOT);
	rig_release(&rig);
}

static void what_keeps_a_partition_from_it(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	assert_true(may_go(&rig));
	assert_false(ask_of(&rig, true).is_direct);
	wp_handover_set_good(rig.worker.handover, false);
	assert_false(may_go(&rig));
	wp_handover_set_good(rig.worker.handover, true);
	(void)call(&rig, "0,0,0,0,513,0", "");
	assert_false(may_go(&rig));
	(void)call(&rig, "0,0,0,0,512,0", "");
	assert_true(may_go(&rig));
	/* What is under way counts as well. */
	(void)call(&rig, "0,0,0,0,512,0", ROW("1-1", WP_BOB, "0"));
	assert_false(may_go(&rig));
	wp_direct_forget(rig.direct, P);
	assert_true(may_go(&rig));
	wp_table_stop_migration(rig.worker.table, P, rig.w->owner);
	assert_false(may_go(&rig));
	rig.owned.partition = Q;
	assert_true(may_go(&rig));
	rig.owned.owner[0] = '?';
	assert_false(may_go(&rig));
	rig_release(&rig);
}

static void without_room_it_takes_the_long_way(void **state)
{
	struct wp_batch *full = calloc(1, sizeof(*full));
	struct rig rig;

	rig_init(&rig, *state);
	assert_non_null(full);
	full->n_rows = WP_HANDOVER_ROWS_MAX;
	assert_true(wp_handover_put(rig.worker.handover, full));
	assert_true(call(&rig, NOTHING, ROW("1-1", WP_BOB, "0")));
	assert_false(may_go(&rig));
	assert_int_equal(wp_direct_hold_ms(rig.direct, P), 0);
	wp_handover_forget(rig.worker.handover, full);
	rig.now_ms += PAUSE_MS;
	assert_true(may_go(&rig));
	rig_release(&rig);
}

/* The lease is not given back while something of it is under way. */
static void what_is_under_way_keeps_the_lease_busy(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "0"));
	assert_true(wp_table_is_busy(rig.worker.table, P));
	give_back(&rig, take(&rig), WP_BATCH_LANDED);
	(void)hear(&rig);
	assert_false(wp_table_is_busy(rig.worker.table, P));
	(void)call(&rig, NOTHING, ROW("1-1", WP_BOB, "0"));
	wp_direct_forget_all(rig.direct);
	assert_false(wp_table_is_busy(rig.worker.table, P));
	assert_null(take(&rig));
	assert_true(wp_direct_next_ms(rig.direct) == UINT64_MAX);
	rig_release(&rig);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_batch_has_everybody_once_and_in_order),
		WORLD_TEST(who_is_under_way_is_left_out),
		WORLD_TEST(what_is_odd_goes_the_long_way),
		WORLD_TEST(a_batch_has_a_bound_and_the_oldest),
		WORLD_TEST(what_comes_meanwhile_goes_together),
		WORLD_TEST(what_is_left_is_routed_again),
		WORLD_TEST(what_a_call_has_seen_since_is_routed_again),
		WORLD_TEST(a_walk_begins_behind_what_is_under_way),
		WORLD_TEST(what_has_passed_is_looked_for_when_something_lands),
		WORLD_TEST(whatever_is_odd_begins_with_the_oldest),
		WORLD_TEST(what_takes_long_is_looked_at_again),
		WORLD_TEST(however_many_are_under_way_all_are_named),
		WORLD_TEST(what_is_under_way_is_counted_once),
		WORLD_TEST(what_is_late_takes_the_long_way),
		WORLD_TEST(all_of_a_partition_is_late_together),
		WORLD_TEST(one_that_lands_leaves_the_others_their_time),
		WORLD_TEST(names_are_told_once),
		WORLD_TEST(what_the_store_says_of_no_use_goes_to_hot),
		WORLD_TEST(what_keeps_a_partition_from_it),
		WORLD_TEST(without_room_it_takes_the_long_way),
		WORLD_TEST(what_is_under_way_keeps_the_lease_busy),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_direct_when", tests, NULL,
					   NULL);
}
