/*
 * Expiry in both tiers: what goes, what stays, and when nothing may go because
 * the clock cannot be believed.
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
#include "lib/mailbox/partition.h"
#include "tests/support/boxes.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/worker/rig.h"
#include "worker/sweep.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })
#define HOT(key, id, name, expiry) WP_PUT_HOT(WP_P key, id, expiry, "0", name)
#define ALIVE WP_ALIVE

enum { LONG_AGO_MS = 5, HOUR_MS = 3600 * 1000 };

/* ---- sweep.lua ---- */

static int64_t sweep(struct wp_world *w, bool *more_out)
{
	const struct wp_lease lease = wp_world_lease(w->owner);
	struct wp_reply *reply;
	int64_t deleted = 0;

	wp_sweep_build(&w->cmd, &lease, wp_wall_ms());
	reply = wp_world_do(w);
	assert_int_equal(wp_sweep_parse(reply, &deleted, more_out), WP_OK);
	wp_reply_free(&reply);
	return deleted;
}

static int64_t sweep_all(struct wp_world *w)
{
	bool is_more = false;
	int64_t deleted = sweep(w, &is_more);

	assert_false(is_more);
	return deleted;
}

static void what_route_appends_is_noted_by_its_earliest_expiry(void **state)
{
	struct wp_world *w = *state;
	int64_t now_ms = wp_wall_ms();
	int64_t score;

	(void)wp_world_post(w, MAIL(.json = "m1", .expires_in_ms = 600000));
	(void)wp_world_post(w, MAIL(.json = "m2", .expires_in_ms = 500000,
				    .band = WP_BAND_HIGH));
	(void)wp_world_post(w, MAIL(.json = "m3", .expires_in_ms = 700000));
	(void)wp_world_route(w);
	score = wp_world_int(w, "ZSCORE " WP_P "expiry " WP_BOB);
	assert_in_range(score, now_ms + 500000 - 1000, now_ms + 600000 - 1);

	(void)wp_world_post(w, MAIL(.json = "m4", .expires_in_ms = 900000));
	(void)wp_world_route(w);
	assert_int_equal(wp_world_int(w, "ZSCORE " WP_P "expiry " WP_BOB),
			 score);
}

static void a_sweep_deletes_what_is_over_and_finds_the_next_time(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, HOT("hot:" WP_BOB, "1-1", "m1", "7"));
	wp_world_run(w, HOT("hot:" WP_BOB, "1-2", "m2", ALIVE));
	wp_world_run(w, HOT("hot!:" WP_BOB, "1-3", "h1", "8"));
	wp_world_run(w, HOT("hot!:" WP_BOB, "1-4", "h2", "88888888888888"));
	wp_world_run(w, HOT("hot:" WP_AMY, "1-5", "a1", "7"));
	wp_world_run(w, "ZADD " WP_P "expiry 7 " WP_BOB " 6 " WP_AMY);
	wp_world_run(w, "ZADD " WP_P "migrate 7 " WP_BOB " 6 " WP_AMY);

	assert_int_equal(sweep_all(w), 3);

	wp_world_expect_pull(w, "h2 m2");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
	wp_world_expect(w, "1", "XLEN " WP_P "hot!:" WP_BOB);
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_AMY);
	wp_world_expect(w, "[" WP_BOB " 88888888888888]",
			"ZRANGE " WP_P "expiry 0 -1 WITHSCORES");
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	assert_int_equal(sweep_all(w), 0);
}

static void users_who_are_not_due_are_not_looked_at(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, HOT("hot:" WP_BOB, "1-1", "m1", "7"));
	wp_world_run(w, "ZADD " WP_P "expiry " ALIVE " " WP_BOB);
	assert_int_equal(sweep_all(w), 0);
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
}

static void a_note_without_messages_goes(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "ZADD " WP_P "expiry 7 " WP_BOB " 8 " WP_AMY);
	wp_world_run(w, "SET " WP_P "hot:" WP_AMY " no-stream");
	assert_int_equal(sweep_all(w), 0);
	wp_world_expect(w, "0", "EXISTS " WP_P "expiry");
	wp_world_expect(w, "no-stream", "GET " WP_P "hot:" WP_AMY);
}

static void only_the_owner_may_sweep(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease other = wp_world_lease("9:somebody");
	struct wp_reply *reply;
	int64_t deleted;
	bool is_more;

	wp_world_run(w, HOT("hot:" WP_BOB, "1-1", "m1", "7"));
	wp_world_run(w, "ZADD " WP_P "expiry 7 " WP_BOB);
	wp_sweep_build(&w->cmd, &other, wp_wall_ms());
	reply = wp_world_do(w);
	assert_int_equal(wp_sweep_parse(reply, &deleted, &is_more),
			 WP_ERR_STALE);
	wp_reply_free(&reply);
	assert_int_equal(wp_sweep_parse(NULL, &deleted, &is_more),
			 WP_ERR_UNAVAIL);
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
}

/* More than one call looks at, with an arrival behind the walk's back. */
static void a_long_queue_is_swept_in_several_calls(void **state)
{
	struct wp_world *w = *state;
	bool is_more = false;
	int64_t deleted = 0;
	int calls = 1;

	wp_world_run(w,
		     "EVAL " WP_LUA_PACK_HOT
		     "for\ti=1,1500\tdo\tredis.call('XADD',KEYS[1],"
		     "'5-'..i,'x',i%%2==0\tand\t7\tor\t" ALIVE
		     ",'m',pack_hot(KEYS[1],0,'m'))\tredis.call('XADD',KEYS[2],"
		     "'5-'..i,'x',7,'m',pack_hot(KEYS[2],0,'m'))end 2 " WP_P
		     "hot:" WP_BOB " " WP_P "hot!:" WP_BOB);
	wp_world_run(w, "ZADD " WP_P "expiry 7 " WP_BOB);

	deleted += sweep(w, &is_more);
	assert_true(is_more);
	(void)wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH,
				    .expires_in_ms = 60000));
	(void)wp_world_route(w);
	while (is_more && calls++ < 20)
		deleted += sweep(w, &is_more);

	assert_false(is_more);
	assert_int_equal(deleted, 2250);
	wp_world_expect(w, "750", "XLEN " WP_P "hot:" WP_BOB);
	wp_world_expect(w, "1", "XLEN " WP_P "hot!:" WP_BOB);
	wp_world_expect(w, "0", "EXISTS " WP_P "sweep");
	/* Not the far expiry that was found, but before h1's. */
	assert_in_range(wp_world_int(w, "ZSCORE " WP_P "expiry " WP_BOB), 8,
			wp_wall_ms() + 60000);
}

static void whoever_empties_the_queues_takes_the_note_along(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid m1 = wp_world_deliver(w, "m1");
	struct wp_msgid m2 = wp_world_deliver(w, "m2");

	wp_world_ack_one(w, m1);
	assert_true(wp_world_int(w, "ZSCORE " WP_P "expiry " WP_BOB) > 0);
	wp_world_ack_one(w, m2);
	wp_world_expect(w, "-", "ZSCORE " WP_P "expiry " WP_BOB);

	(void)wp_world_deliver(w, "m3");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect(w, "0", "EXISTS " WP_P "expiry " WP_P "hot:" WP_BOB);
}

/* ---- cold ---- */

static int64_t expire_cold(struct wp_world *w, int64_t now_ms)
{
	struct wp_store_expire expire = { .box = &w->box, .now_ms = now_ms };

	assert_int_equal(wp_ack_expired(w->redis, w->store, &expire, NULL),
			 WP_OK);
	return expire.deleted;
}

static void the_hint_goes_with_the_last_expired_row(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_post(w, MAIL(.json = "m1", .expires_in_ms = 60000));
	(void)wp_world_post(w, MAIL(.json = "m2", .expires_in_ms = 900000));
	(void)wp_world_route(w);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_cold(w, "m1 m2");

	assert_int_equal(expire_cold(w, wp_wall_ms() + 120000), 1);
	wp_world_expect_cold(w, "m2");
	wp_world_expect(w, "1", "HEXISTS " WP_P "cold " WP_BOB);
	assert_int_equal(expire_cold(w, wp_wall_ms() + 990000), 1);
	wp_world_expect_cold(w, "");
	wp_world_expect(w, "0", "HEXISTS " WP_P "cold " WP_BOB);
}

/* One mailbox does not keep the others waiting. */
static void a_long_mailbox_is_emptied_in_several_turns(void **state)
{
	enum { ROWS = WP_STORE_ROWS_MAX };
	struct wp_world *w = *state;
	struct wp_store_row *rows = calloc(ROWS, sizeof(*rows));
	uint64_t seq = 1;

	assert_non_null(rows);
	for (int i = 0; i <= WP_EXPIRE_MAX_TURNS; i++) {
		int64_t version = 0;

		for (size_t k = 0; k < ROWS; k++)
			rows[k] = (struct wp_store_row){
				.entry = { .ms = 1, .seq = seq++ },
				.expires_ms = 7,
				.json = "m",
				.json_len = 1,
			};
		assert_int_equal(
			wp_store_version(w->spy.real, &w->box, &version, NULL),
			WP_OK);
		assert_int_equal(wp_test_append(w->spy.real, &w->box, version,
						rows, ROWS),
				 WP_OK);
	}
	free(rows);
	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "token_-_-_0_0"));

	assert_int_equal(expire_cold(w, 8), WP_EXPIRE_MAX_TURNS * ROWS);
	wp_world_expect(w, "1", "HEXISTS " WP_P "cold " WP_BOB);
	assert_int_equal(expire_cold(w, 8), ROWS);
	wp_world_expect(w, "0", "HEXISTS " WP_P "cold " WP_BOB);
}

/* A migration that is prepared between our two steps keeps its hint. */
static void prepare_meanwhile(void *ctx, const char *operation)
{
	struct wp_world *w = ctx;

	if (strcmp(operation, "expire") != 0)
		return;
	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "newer_-_-_0_0"));
}

static void a_hint_that_was_set_meanwhile_stays(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_post(w, MAIL(.json = "m1", .expires_in_ms = 60000));
	(void)wp_world_route(w);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	w->spy.on_call = prepare_meanwhile;
	w->spy.ctx = w;
	assert_int_equal(expire_cold(w, wp_wall_ms() + 120000), 1);
	wp_world_expect(w, "newer - - 0 0", "HGET " WP_P "cold " WP_BOB);
}

static void messages_in_hot_are_none_of_the_cold_sweep_s_business(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_deliver(w, "m1");
	assert_int_equal(expire_cold(w, wp_wall_ms() + 1), 0);
	wp_world_expect_pull(w, "m1");
}

/* ---- the worker ---- */

struct rig {
	struct wp_world *w;
	struct wp_worker worker;
	struct wp_sweeper sweeper;
};

static void rig_init(struct rig *rig, struct wp_world *w)
{
	*rig = (struct rig){ .w = w };
	w->conf.worker.sweep_interval_ms = 1;
	wp_rig_init(&rig->worker, w);
	wp_rig_own(&rig->worker, w, WP_WORLD_PARTITION);
	wp_sweeper_init(&rig->sweeper, &rig->worker);
}

static void rig_release(struct rig *rig)
{
	wp_rig_release(&rig->worker);
}

/* The process ends, and another one takes its place. */
static void restart(struct rig *rig)
{
	struct wp_world *w = rig->w;

	rig_release(rig);
	rig_init(rig, w);
}

static void run(struct rig *rig)
{
	rig->sweeper.next_ms = 0;
	wp_sweeper_hurry(&rig->sweeper);
	assert_int_equal(wp_sweeper_watch(&rig->sweeper, NULL), WP_OK);
	assert_int_equal(wp_sweeper_run(&rig->sweeper, NULL), WP_OK);
}

/*
 * Redis' clock is set by so much against what was seen of it. It cannot be, so
 * what was seen is; tests/e2e/test_clock.py does the other.
 */
static void set_clock(struct wp_world *w, int64_t by_ms)
{
	char was[WP_STORE_NOTE_MAX + 1];
	char text[WP_SWEEP_CLOCK_TEXT];
	struct wp_sweep_clock clock;

	assert_int_equal(wp_store_note(w->store, "clock", was, NULL), WP_OK);
	assert_true(wp_sweep_clock_parse(&clock, was));
	clock.skew_ms -= by_ms;
	if (clock.skew_before_ms < 2 * wp_wall_ms()) /* there was one */
		clock.skew_before_ms -= by_ms;
	wp_sweep_clock_print(&clock, text);
	assert_int_equal(wp_store_note_swap(w->store, "clock", was, text, NULL),
			 WP_OK);
}

static void confirm(struct wp_world *w)
{
	char word[WP_EXPIRE_CONFIRM_MAX + 1];

	(void)snprintf(word, sizeof(word), "%lld x", (long long)wp_wall_ms());
	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "SET");
	wp_cmd_str(&w->cmd, WP_EXPIRE_CONFIRM_KEY);
	wp_cmd_str(&w->cmd, word);
	wp_reply_free(&(struct wp_reply *){ wp_world_do(w) });
}

/* A message in each tier that expires, or expired, then by the clock. */
static void leave(struct wp_world *w, int64_t expires_ms)
{
	const struct wp_store_row row = {
		.entry = { .ms = 1, .seq = 1 },
		.expires_ms = expires_ms,
		.json = "c1",
		.json_len = 2,
	};
	int64_t version = 0;

	wp_world_run(w, HOT("hot:" WP_BOB, "1-9", "m1", "%lld"),
		     (long long)expires_ms);
	wp_world_run(w, "ZADD " WP_P "expiry %lld " WP_BOB,
		     (long long)expires_ms);
	assert_int_equal(wp_store_version(w->spy.real, &w->box, &version, NULL),
			 WP_OK);
	assert_int_equal(wp_test_append(w->spy.real, &w->box, version, &row, 1),
			 WP_OK);
	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "token_-_-_0_0"));
}

static void leave_expired(struct wp_world *w)
{
	leave(w, LONG_AGO_MS);
}

static void expect_left(struct wp_world *w, int64_t hot, int64_t cold)
{
	struct wp_store_size size;

	assert_int_equal(wp_world_int(w, "XLEN " WP_P "hot:" WP_BOB), hot);
	assert_int_equal(wp_store_size(w->spy.real, &w->box, &size, NULL),
			 WP_OK);
	assert_int_equal(size.n, cold);
	assert_int_equal(wp_world_int(w, "HLEN " WP_P "cold"), cold);
}

static void a_worker_sweeps_both_tiers(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	leave_expired(rig.w);
	run(&rig);
	expect_left(rig.w, 0, 0);
	rig_release(&rig);
}

static void a_worker_sweeps_no_more_often_than_it_is_told(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.w->conf.worker.sweep_interval_ms = 3600000;
	run(&rig);
	leave_expired(rig.w);
	assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
	expect_left(rig.w, 1, 1);
	rig_release(&rig);
}

/* An hour before the clock says so, an hour ahead. */
static void a_jump_deletes_nothing_until_somebody_confirms(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	run(&rig);
	set_clock(rig.w, HOUR_MS);
	leave(rig.w, wp_wall_ms() - HOUR_MS / 2);
	for (int i = 0; i < 2; i++) {
		run(&rig);
		run(&rig);
		expect_left(rig.w, 1, 1);
		assert_int_equal(rig.sweeper.told, WP_SWEEP_TOLD_LATE);
		restart(&rig); /* to start is not to trust */
	}

	confirm(rig.w);
	run(&rig);
	expect_left(rig.w, 0, 0);
	assert_int_equal(rig.sweeper.told, WP_SWEEP_TOLD_NONE);

	/* It is used up: another jump needs another word, from anybody. */
	restart(&rig);
	set_clock(rig.w, HOUR_MS);
	leave(rig.w, wp_wall_ms() - HOUR_MS / 2);
	run(&rig);
	expect_left(rig.w, 1, 1);
	rig_release(&rig);
}

static void after_a_jump_expiry_goes_on_by_the_time_that_passes(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	run(&rig);
	set_clock(rig.w, HOUR_MS);
	leave(rig.w, wp_wall_ms() - HOUR_MS - 1);
	run(&rig);
	expect_left(rig.w, 0, 0);

	/* And set right again, as if nothing had been. */
	set_clock(rig.w, -HOUR_MS);
	leave(rig.w, wp_wall_ms() - 1);
	run(&rig);
	expect_left(rig.w, 0, 0);
	assert_int_equal(rig.sweeper.told, WP_SWEEP_TOLD_NONE);
	rig_release(&rig);
}

/* Two workers, one record: what one saw, the other knows. */
static void a_clock_set_back_is_seen_by_one_and_known_to_all(void **state)
{
	struct wp_world *w = *state;
	struct rig a, b;

	rig_init(&a, w);
	rig_init(&b, w);
	run(&a);
	run(&b);
	set_clock(w, -HOUR_MS); /* behind */
	run(&a);
	set_clock(w, HOUR_MS); /* right; but one message was sent meanwhile */
	leave(w, wp_wall_ms() - HOUR_MS / 2);

	run(&b);
	run(&a);

	expect_left(w, 1, 1);
	assert_int_equal(b.sweeper.told, WP_SWEEP_TOLD_LATE);
	rig_release(&a);
	rig_release(&b);
}

static void a_store_of_an_earlier_release_waits_for_a_word(void **state)
{
	static const char *const notes[] = { "", "no record of ours" };
	struct wp_world *w = *state;
	struct rig rig;

	assert_int_equal(
		wp_store_note_swap(w->store, "made", "empty", "", NULL), WP_OK);
	rig_init(&rig, w);
	leave_expired(w);
	for (size_t i = 0; i < 2; i++) {
		char was[WP_STORE_NOTE_MAX + 1];

		assert_int_equal(wp_store_note(w->store, "clock", was, NULL),
				 WP_OK);
		assert_int_equal(wp_store_note_swap(w->store, "clock", was,
						    notes[i], NULL),
				 WP_OK);
		run(&rig);
		run(&rig);
		expect_left(w, 1, 1);
		assert_int_equal(rig.sweeper.told, WP_SWEEP_TOLD_UNKNOWN);
	}
	confirm(w);
	run(&rig);
	expect_left(w, 0, 0);
	rig_release(&rig);
}

/* Somebody writes the record between our reading and our writing. */
static void write_meanwhile(void *ctx, const char *operation)
{
	struct wp_world *w = ctx;

	if (strcmp(operation, "note_swap") != 0)
		return;
	w->spy.on_call = NULL;
	set_clock(w, HOUR_MS);
}

static void two_who_look_at_once_do_not_undo_each_other(void **state)
{
	struct wp_world *w = *state;
	struct rig a, b;

	rig_init(&a, w);
	rig_init(&b, w);
	run(&a);
	leave(w, wp_wall_ms() - HOUR_MS / 2);
	wp_world_run(w, "SET " WP_EXPIRE_CONFIRM_KEY " some-news");
	w->spy.on_call = write_meanwhile;
	w->spy.ctx = w;

	run(&b);

	assert_null(w->spy.on_call);
	expect_left(w, 1, 1);
	assert_int_equal(b.sweeper.told, WP_SWEEP_TOLD_LATE);
	rig_release(&a);
	rig_release(&b);
}

static void without_a_look_nothing_is_deleted(void **state)
{
	struct wp_world *w = *state;
	struct rig rig;

	rig_init(&rig, w);
	run(&rig);
	leave_expired(w);
	w->spy.refuse = "note";
	wp_sweeper_hurry(&rig.sweeper);
	rig.sweeper.next_ms = 0;
	assert_int_equal(wp_sweeper_watch(&rig.sweeper, NULL), WP_ERR_UNAVAIL);
	assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
	expect_left(w, 1, 1);
	w->spy.refuse = NULL;
	w->spy.lose = "note_swap";
	wp_world_run(w, "SET " WP_EXPIRE_CONFIRM_KEY " some-news");
	assert_int_equal(wp_sweeper_watch(&rig.sweeper, NULL), WP_ERR_UNAVAIL);
	assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
	expect_left(w, 1, 1);
	w->spy.lose = NULL;
	run(&rig);
	expect_left(w, 0, 0);
	rig_release(&rig);
}

/* What was found out of the clock a while ago is not acted upon. */
static void a_look_that_is_old_deletes_nothing(void **state)
{
	struct wp_world *w = *state;
	struct rig rig;

	rig_init(&rig, w);
	w->conf.worker.sweep_interval_ms = 3600000;
	leave_expired(w);
	assert_int_equal(wp_sweeper_watch(&rig.sweeper, NULL), WP_OK);
	rig.sweeper.looked_ms -= 60000;
	assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
	expect_left(w, 1, 1);

	/* The sweep is not over, so the next one does not wait. */
	wp_sweeper_hurry(&rig.sweeper);
	assert_int_equal(wp_sweeper_watch(&rig.sweeper, NULL), WP_OK);
	assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
	expect_left(w, 1, 0); /* hot has its turn at the next sweep */
	rig_release(&rig);
}

static void a_store_that_is_away_is_tried_again(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	run(&rig);
	leave_expired(rig.w);
	rig.w->spy.refuse = "expire";
	rig.sweeper.next_ms = 0;
	assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_ERR_UNAVAIL);
	rig.w->spy.refuse = NULL;
	assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
	run(&rig);
	expect_left(rig.w, 0, 0);
	rig_release(&rig);
}

static void hot_waits_for_no_store_that_cannot_be_walked(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	run(&rig);
	rig.w->conf.worker.sweep_interval_ms = 3600000;
	rig.w->spy.refuse = "expired_users";
	for (int i = 0; i < 2; i++) {
		leave_expired(rig.w);
		rig.sweeper.next_ms = 0;
		assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL),
				 WP_ERR_UNAVAIL);
		expect_left(rig.w, 0, 1);
		/* Nor does anything else, until the next sweep. */
		assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
	}
	rig.w->spy.refuse = NULL;
	run(&rig);
	expect_left(rig.w, 0, 0);
	rig_release(&rig);
}

enum { CROWD = 100 };

/* One expired message of each of a crowd, on disk. */
static void leave_expired_crowd(struct wp_world *w, uint32_t partition)
{
	const struct wp_store_row row = {
		.entry = { .ms = 1, .seq = 1 },
		.expires_ms = LONG_AGO_MS,
		.json = "c1",
		.json_len = 2,
	};

	for (int i = 0; i < CROWD; i++) {
		char name[40];
		struct wp_box box;

		(void)snprintf(name, sizeof(name), "urn:sm:user:%u-%d",
			       partition, i);
		box = wp_test_box(partition, name);
		assert_int_equal(wp_test_append(w->spy.real, &box, 0, &row, 1),
				 WP_OK);
	}
}

static bool count_user(void *ctx, const struct wp_box *box)
{
	(void)box;
	(*(int *)ctx)++;
	return true;
}

static int users_left(struct wp_world *w, uint32_t partition)
{
	struct wp_store_place place = { 0 };
	int n = 0;
	const struct wp_store_walk walk = {
		.place = &place,
		.max_looked = 1000,
		.on_box = count_user,
		.ctx = &n,
	};

	assert_int_equal(wp_store_users(w->spy.real, partition, &walk, NULL),
			 WP_OK);
	return n;
}

static void a_crowd_is_swept_in_steps_and_only_ours(void **state)
{
	struct rig rig;
	int left = CROWD, steps = 0;

	rig_init(&rig, *state);
	run(&rig);
	leave_expired_crowd(rig.w, WP_WORLD_PARTITION);
	leave_expired_crowd(rig.w, WP_WORLD_PARTITION - 1);
	rig.sweeper.next_ms = 0;
	do {
		int was = left;

		assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
		left = users_left(rig.w, WP_WORLD_PARTITION);
		assert_in_range(was - left, 0, 32);
		steps++;
	} while (rig.sweeper.is_sweeping);
	assert_int_equal(left, 0);
	assert_in_range(steps, CROWD / 32, CROWD / 32 + 2);
	assert_int_equal(users_left(rig.w, WP_WORLD_PARTITION - 1), CROWD);
	/* And then not before it is time again. */
	assert_true(rig.sweeper.next_ms > 0);
	rig_release(&rig);
}

/* Every third expiry fails, whoever it is about. */
static void fail_some(void *ctx, const char *operation)
{
	struct wp_world *w = ctx;
	static unsigned int n;

	if (strcmp(operation, "expire") == 0)
		w->spy.refuse = ++n % 3 == 0 ? "expire" : NULL;
}

static void who_cannot_be_swept_keeps_nobody_else(void **state)
{
	struct rig rig;
	int left;

	rig_init(&rig, *state);
	run(&rig);
	leave_expired_crowd(rig.w, WP_WORLD_PARTITION);
	rig.w->spy.on_call = fail_some;
	rig.w->spy.ctx = rig.w;
	rig.sweeper.next_ms = 0;
	do {
		assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
	} while (rig.sweeper.is_sweeping);
	left = users_left(rig.w, WP_WORLD_PARTITION);
	assert_in_range(left, CROWD / 3 - 1, CROWD / 3 + 1);
	rig.w->spy.on_call = NULL;
	rig.w->spy.refuse = NULL;
	rig.sweeper.next_ms = 0;
	do {
		assert_int_equal(wp_sweeper_run(&rig.sweeper, NULL), WP_OK);
	} while (rig.sweeper.is_sweeping);
	assert_int_equal(users_left(rig.w, WP_WORLD_PARTITION), 0);
	rig_release(&rig);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_route_appends_is_noted_by_its_earliest_expiry),
		WORLD_TEST(
			a_sweep_deletes_what_is_over_and_finds_the_next_time),
		WORLD_TEST(users_who_are_not_due_are_not_looked_at),
		WORLD_TEST(a_note_without_messages_goes),
		WORLD_TEST(only_the_owner_may_sweep),
		WORLD_TEST(a_long_queue_is_swept_in_several_calls),
		WORLD_TEST(whoever_empties_the_queues_takes_the_note_along),
		WORLD_TEST(a_long_mailbox_is_emptied_in_several_turns),
		WORLD_TEST(the_hint_goes_with_the_last_expired_row),
		WORLD_TEST(a_hint_that_was_set_meanwhile_stays),
		WORLD_TEST(
			messages_in_hot_are_none_of_the_cold_sweep_s_business),
		WORLD_TEST(a_worker_sweeps_both_tiers),
		WORLD_TEST(a_worker_sweeps_no_more_often_than_it_is_told),
		WORLD_TEST(a_jump_deletes_nothing_until_somebody_confirms),
		WORLD_TEST(after_a_jump_expiry_goes_on_by_the_time_that_passes),
		WORLD_TEST(a_clock_set_back_is_seen_by_one_and_known_to_all),
		WORLD_TEST(a_store_of_an_earlier_release_waits_for_a_word),
		WORLD_TEST(two_who_look_at_once_do_not_undo_each_other),
		WORLD_TEST(without_a_look_nothing_is_deleted),
		WORLD_TEST(a_look_that_is_old_deletes_nothing),
		WORLD_TEST(a_store_that_is_away_is_tried_again),
		WORLD_TEST(hot_waits_for_no_store_that_cannot_be_walked),
		WORLD_TEST(a_crowd_is_swept_in_steps_and_only_ours),
		WORLD_TEST(who_cannot_be_swept_keeps_nobody_else),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_sweep", tests, NULL, NULL);
}
