/*
 * Migration against everything that can happen between its steps: the
 * counterexamples of the protocol's model, replayed one by one. Each test says
 * which guard it holds; without the guard it loses or repeats a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/chunk.h"
#include "lib/mailbox/scripts.h"
#include "tests/support/boxes.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })

/* An ack in its steps, for what happens between them. */
struct slow_ack {
	struct wp_ack_walk walk;
};

/* One migration, and what happens before one of its steps. */
struct plan {
	struct wp_world *w;
	struct wp_migrate_ctx ctx;
	const char *at; /* the step to act before, "M1" … */
	int times;      /* how often to act; -1 always */
	void (*act)(struct plan *plan);
	struct wp_msgid id;  /* for act */
	struct slow_ack ack; /* by act */
	char steps[128];     /* that were announced, "M1 M2 …", without M2b */
	int64_t moved;
	/* A second worker: its own connection and its own store. */
	struct wp_redis *other_redis;
	struct wp_store *other_store;
	/* A Redis that is not there, to crash against. */
	struct wp_conf nowhere;
	struct wp_redis *dead_redis;
};

static void plan_on_step(void *ctx, const char *step)
{
	struct plan *plan = ctx;
	size_t used = strlen(plan->steps);

	if (strcmp(step, "M2b") != 0)
		(void)snprintf(plan->steps + used, sizeof(plan->steps) - used,
			       "%s%s", used > 0 ? " " : "", step);
	if (plan->act == NULL || plan->times == 0 ||
	    strcmp(step, plan->at) != 0)
		return;
	plan->times -= plan->times > 0;
	plan->act(plan);
}

static void plan_init(struct plan *plan, struct wp_world *w)
{
	static char nowhere[] = "unix:/nonexistent/redis";

	*plan = (struct plan){ .w = w, .times = 1 };
	plan->ctx = wp_world_migration(w);
	plan->ctx.on_step = plan_on_step;
	plan->ctx.on_step_ctx = plan;
	plan->other_redis = wp_test_redis(&w->conf);
	plan->other_store = wp_world_open_store(w);
	plan->nowhere = w->conf;
	plan->nowhere.redis.address = nowhere;
	assert_int_equal(wp_redis_new(&plan->dead_redis, &plan->nowhere,
				      &wp_scripts, NULL),
			 WP_OK);
}

static void plan_release(struct plan *plan)
{
	wp_store_close(&plan->other_store);
	wp_redis_free(&plan->other_redis);
	wp_redis_free(&plan->dead_redis);
}

static enum wp_err migrate(struct plan *plan)
{
	return wp_world_move(&plan->ctx, plan->w->owner, &plan->w->box,
			     &plan->moved);
}

static enum wp_err migrate_acting(struct plan *plan, const char *at,
				  void (*act)(struct plan *plan))
{
	plan->at = at;
	plan->act = act;
	return migrate(plan);
}

/* The whole migration of another worker with a lease of its own. */
static void other_worker_migrates(struct plan *plan)
{
	struct wp_world *w = plan->w;
	const struct wp_migrate_ctx ctx = {
		.redis = plan->other_redis,
		.store = plan->other_store,
		.lease_ms = w->conf.worker.lease_ms,
	};
	int64_t moved = 0;

	wp_world_run(w, "SET " WP_P "owner 2:worker-b PX 60000");
	assert_int_equal(wp_world_move(&ctx, "2:worker-b", &w->box, &moved),
			 WP_OK);
}

static void act_ack(struct plan *plan)
{
	wp_world_ack_one(plan->w, plan->id);
}

static void crash(struct plan *plan)
{
	plan->ctx.redis = plan->dead_redis;
}

static void act_crash(struct plan *plan)
{
	crash(plan);
}

/* Nothing is stored anywhere, and nothing will come back. */
static void expect_gone(struct wp_world *w)
{
	wp_world_expect_pull(w, "");
	wp_world_expect_cold(w, "");
	wp_world_expect(w, "0",
			"EXISTS " WP_P "hot:" WP_BOB " " WP_P "hot!:" WP_BOB);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_cold(w, "");
	wp_world_expect(w, "-", "ZSCORE " WP_P "migrate " WP_BOB);
}

static void everything_waiting_moves_and_the_mark_goes(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	(void)wp_world_deliver(w, "m1");
	(void)wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	(void)wp_world_route(w);
	assert_int_equal(migrate(&plan), WP_OK);

	assert_string_equal(plan.steps, "M1 M2 M3 M4");
	assert_int_equal(plan.moved, 2);
	wp_world_expect_cold(w, "h1 m1");
	wp_world_expect(w, "0",
			"EXISTS " WP_P "hot:" WP_BOB " " WP_P "hot!:" WP_BOB
			" " WP_P "migrate");
	wp_world_expect_pull(w, "h1 m1");
	assert_int_equal(migrate(&plan), WP_OK);
	assert_int_equal(plan.moved, 0);
	plan_release(&plan);
}

static void act_ack_and_crash(struct plan *plan)
{
	act_ack(plan);
	crash(plan);
}

/* 1: appended, acked, and the worker dies before its trim. */
static void an_ack_between_append_and_a_crash_is_final(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	plan.id = wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M4", act_ack_and_crash),
			 WP_ERR_UNAVAIL);
	expect_gone(w);
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
	plan_release(&plan);
}

static void act_half_an_ack_and_crash(struct plan *plan)
{
	struct wp_world *w = plan->w;

	w->spy.refuse = "ack";
	assert_int_equal(wp_world_ack(w, &plan->id, 1), WP_ERR_UNAVAIL);
	w->spy.refuse = NULL;
	crash(plan);
}

/* Hot has lost it, the store has not, and no trim comes any more. */
static void what_an_ack_could_not_delete_is_pending(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	plan.id = wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M4", act_half_an_ack_and_crash),
			 WP_ERR_UNAVAIL);
	wp_world_expect_pull(w, "m1");
	wp_world_join(w, "i1");
	assert_int_equal(wp_world_connect(w, "i1.1"), 1);
	wp_world_disconnect(w, "i1.1");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	assert_int_equal(wp_world_connect(w, "i1.1"), 1);
	plan_release(&plan);
}

/* Copied and not trimmed, it waits twice and is one. */
static void what_is_in_both_is_pending_once(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	plan.id = wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M4", act_crash),
			 WP_ERR_UNAVAIL);
	wp_world_join(w, "i1");
	assert_int_equal(wp_world_connect(w, "i1.1"), 1);
	plan_release(&plan);
}

static void act_stall(struct plan *plan)
{
	/*
	 * The lease runs out; m1 is acked; B finds nothing and drops the mark.
	 */
	wp_world_run(plan->w, "DEL " WP_P "owner");
	act_ack(plan);
	other_worker_migrates(plan);
}

/* 2: the worker stalls before its append, the lease changes hands. */
static void a_stalled_worker_cannot_bring_back_what_was_acked(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	plan.id = wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M3", act_stall), WP_ERR_STALE);
	assert_string_equal(plan.steps, "M1 M2 M3 M1 M2");
	wp_world_run(w, "SET " WP_P "owner %s", w->owner);
	expect_gone(w);
	plan_release(&plan);
}

static void act_stall_overlapping(struct plan *plan)
{
	other_worker_migrates(plan);
	wp_world_expect_cold(plan->w, "m1");
	act_ack(plan);
	wp_world_expect_cold(plan->w, "");
}

/* 6, version gone back: B moves m1, it is acked, cold is empty again. */
static void
a_version_never_goes_back_to_what_a_stalled_worker_read(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	plan.id = wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M3", act_stall_overlapping),
			 WP_ERR_STALE);
	wp_world_run(w, "SET " WP_P "owner %s", w->owner);
	expect_gone(w);
	plan_release(&plan);
}

/* 6: acked completely between the copy and the append, no row deleted. */
static void an_ack_after_the_copy_makes_the_append_stale(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	plan.id = wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M3", act_ack), WP_OK);
	assert_string_equal(plan.steps, "M1 M2 M3 M1 M2");
	assert_int_equal(plan.moved, 0);
	expect_gone(w);
	plan_release(&plan);
}

static void slow_ack_hot_and_cold(struct wp_world *w, struct slow_ack *ack,
				  struct wp_msgid id)
{
	struct wp_ack_ids ids = { .ids = &id, .n = 1 };
	struct wp_reply *reply;

	wp_ack_begin(&ack->walk, &w->box, &ids);
	wp_ack_ask(&ack->walk, wp_redis_run_id(w->redis), &w->cmd);
	reply = wp_world_do(w);
	wp_ack_told(&ack->walk, reply, false);
	wp_reply_free(&reply);
	assert_int_equal(ack->walk.step, WP_ACK_COLD);
	assert_true(ack->walk.may_clear);
	assert_int_equal(wp_store_ack(w->store, &ack->walk.cold, NULL), WP_OK);
	assert_true(ack->walk.cold.rest.is_empty);
	wp_ack_stored(&ack->walk, WP_OK);
}

static int64_t slow_ack_clear(struct wp_world *w, const struct slow_ack *ack)
{
	struct wp_reply *reply;
	int64_t cleared;

	wp_ack_ask(&ack->walk, wp_redis_run_id(w->redis), &w->cmd);
	reply = wp_world_do(w);
	cleared = wp_reply_int(reply);
	wp_reply_free(&reply);
	return cleared;
}

static void plan_on_version(void *ctx, const char *operation)
{
	struct plan *plan = ctx;

	if (strcmp(operation, "version") != 0)
		return;
	plan->w->spy.on_call = NULL;
	act_ack(plan);
}

/* 6: acked completely as the version is read, so before the copy is taken. */
static void the_version_is_read_before_the_copy_is_taken(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	plan.id = wp_world_deliver(w, "m1");
	w->spy.on_call = plan_on_version;
	w->spy.ctx = &plan;
	assert_int_equal(migrate(&plan), WP_OK);
	assert_int_equal(plan.moved, 0);
	expect_gone(w);
	plan_release(&plan);
}

/* 5: a migration between an ack's cold step and its clearing of the hint. */
static void a_hint_renewed_meanwhile_is_not_cleared(void **state)
{
	struct wp_world *w = *state;
	struct slow_ack ack;
	struct wp_msgid id = wp_world_deliver(w, "m1");

	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	slow_ack_hot_and_cold(w, &ack, id);
	(void)wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);

	assert_int_equal(slow_ack_clear(w, &ack), 0);
	wp_world_expect_pull(w, "m2");
}

/* 5, two ackers: the hint was cleared and set anew since the first read it. */
static void a_token_is_never_used_again(void **state)
{
	struct wp_world *w = *state;
	struct slow_ack slow;
	struct slow_ack fast;
	struct wp_msgid id = wp_world_deliver(w, "m1");

	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	slow_ack_hot_and_cold(w, &slow, id);
	slow_ack_hot_and_cold(w, &fast, id);
	assert_int_equal(slow_ack_clear(w, &fast), 1);
	(void)wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);

	assert_int_equal(slow_ack_clear(w, &slow), 0);
	wp_world_expect_pull(w, "m2");
}

static void act_slow_ack(struct plan *plan)
{
	slow_ack_hot_and_cold(plan->w, &plan->ack, plan->id);
}

/*
 * 8: a stale hint, and an ack under it that runs around the version read. The
 * message that is moved must stay reachable when that ack clears at last.
 */
static void an_ack_under_an_old_hint_never_hides_the_copy(void **state)
{
	static const char *const steps[] = { "M1", "M2", "M2b", "M3" };
	struct wp_world *w = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct plan plan;
		struct wp_msgid id;

		plan_init(&plan, w);
		plan.id = (struct wp_msgid){
			.entry = { .ms = 1, .seq = 1 },
			.partition = WP_WORLD_PARTITION,
		};
		wp_world_run(w, WP_WORLD_HINT(WP_BOB, "old_-_-_0_0"));
		id = wp_world_deliver(w, "m1");
		assert_int_equal(migrate_acting(&plan, steps[i], act_slow_ack),
				 WP_OK);
		assert_int_equal(plan.moved, 1);
		(void)slow_ack_clear(w, &plan.ack);
		wp_world_expect_cold(w, "m1");
		wp_world_expect_pull(w, "m1");
		wp_world_ack_one(w, id);
		expect_gone(w);
		plan_release(&plan);
	}
}

static void spy_on_read(void *ctx, const char *operation)
{
	struct wp_world *w = ctx;

	if (strcmp(operation, "read") != 0)
		return;
	w->spy.on_call = NULL;
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	(void)wp_world_deliver(w, "m2");
}

/* 10: m1 moves and m2 arrives between the two reads of one pull. */
static void a_pull_during_a_move_misses_and_repeats_nothing(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_deliver(w, "m0");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	(void)wp_world_deliver(w, "m1");
	w->spy.on_call = spy_on_read;
	w->spy.ctx = w;

	wp_world_expect_pull(w, "m0 m1");
	wp_world_expect_pull(w, "m0 m1 m2");
}

static void act_deliver(struct plan *plan)
{
	(void)wp_world_deliver(plan->w, "m2");
}

/* 12 and 13: a message arrives between the copy and the trim. */
static void what_arrives_during_a_move_is_moved_as_well(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	(void)wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M4", act_deliver), WP_OK);
	assert_string_equal(plan.steps, "M1 M2 M3 M4 M1 M2 M3 M4");
	wp_world_expect_cold(w, "m1 m2");
	plan_release(&plan);
}

static void act_deliver_and_lose_the_store(struct plan *plan)
{
	(void)wp_world_deliver(plan->w, "m2");
	plan->w->spy.refuse = "version"; /* of the next chunk */
}

static void a_trim_that_leaves_something_leaves_the_mark(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	(void)wp_world_deliver(w, "m1");
	assert_int_equal(
		migrate_acting(&plan, "M4", act_deliver_and_lose_the_store),
		WP_ERR_UNAVAIL);
	assert_int_equal(plan.moved, 1);
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
	wp_world_expect_pull(w, "m1 m2");
	plan_release(&plan);
}

static void act_connect(struct plan *plan)
{
	wp_world_join(plan->w, "i1");
	assert_int_equal(wp_world_connect(plan->w, "i1.1"), 1);
}

static void act_disconnect(struct plan *plan)
{
	wp_world_disconnect(plan->w, "i1.1");
}

/* 12: presence is looked at in the instant that drops the mark. */
static void who_comes_back_in_time_keeps_the_hot_queue(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	(void)wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M2", act_connect), WP_OK);
	assert_int_equal(plan.moved, 0);
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate " WP_P "cold");
	wp_world_expect_pull(w, "m1");

	wp_world_disconnect(w, "i1.1");
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	plan_release(&plan);
}

static void who_leaves_at_the_last_moment_is_moved(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	wp_world_join(w, "i1");
	assert_int_equal(wp_world_connect(w, "i1.1"), 0);
	(void)wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M2", act_disconnect), WP_OK);
	assert_int_equal(plan.moved, 1);
	wp_world_expect_cold(w, "m1");
	plan_release(&plan);
}

static void
who_connects_during_a_move_is_told_that_something_waits(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	(void)wp_world_deliver(w, "m1");
	assert_int_equal(migrate(&plan), WP_OK);
	wp_world_join(w, "i1");
	assert_int_equal(wp_world_connect(w, "i1.1"), 1);
	plan_release(&plan);
}

static void a_crash_before_any_step_leaves_a_mark_and_one_copy(void **state)
{
	static const char *const steps[] = { "M1", "M2", "M2b", "M3", "M4" };
	struct wp_world *w = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct wp_msgid id = wp_world_deliver(w, "m1");
		struct plan plan;

		plan_init(&plan, w);
		assert_int_equal(migrate_acting(&plan, steps[i], act_crash),
				 WP_ERR_UNAVAIL);
		wp_world_expect(w, "[" WP_BOB "]",
				"ZRANGE " WP_P "migrate 0 -1");
		wp_world_expect_pull(w, "m1");
		assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
		wp_world_expect_pull(w, "m1");
		wp_world_ack_one(w, id);
		expect_gone(w);
		plan_release(&plan);
	}
}

static void an_append_of_unknown_outcome_is_never_trimmed(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	(void)wp_world_deliver(w, "m1");
	w->spy.lose = "append";
	assert_int_equal(migrate(&plan), WP_ERR_UNAVAIL);
	assert_string_equal(plan.steps, "M1 M2 M3");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
	wp_world_expect_pull(w, "m1");

	w->spy.lose = NULL;
	assert_int_equal(migrate(&plan), WP_OK);
	wp_world_expect_cold(w, "m1");
	plan_release(&plan);
}

static void act_bump(struct plan *plan)
{
	(void)wp_test_ack(plan->other_store, &plan->w->box, NULL, 0);
}

static void a_moved_version_is_tried_again_but_not_for_ever(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	(void)wp_world_deliver(w, "m1");
	plan.times = 3;
	assert_int_equal(migrate_acting(&plan, "M3", act_bump), WP_OK);
	assert_int_equal(plan.moved, 1);

	(void)wp_world_deliver(w, "m2");
	plan.times = -1;
	assert_int_equal(migrate(&plan), WP_ERR_PROTO);
	assert_int_equal(plan.moved, 0);
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	wp_world_expect_pull(w, "m1 m2");
	plan_release(&plan);
}

static void without_the_lease_nothing_is_moved(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_deliver(w, "m1");
	wp_world_run(w, "SET " WP_P "owner 2:worker-b");
	assert_int_equal(wp_world_migrate(w, NULL), WP_ERR_STALE);
	wp_world_expect_cold(w, "");
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
}

/* What Redis says to one turn is nobody else's. */
static void a_turn_that_ends_unheard_answers_no_other(void **state)
{
	struct wp_world *w = *state;
	const struct wp_migrate_ctx ctx = wp_world_migration(w);
	struct wp_migrate_user bob = { .box = w->box, .owner = w->owner };
	struct wp_migrate_user amy = {
		.box = wp_test_box(WP_WORLD_PARTITION, "amy"),
		.owner = w->owner,
	};
	struct wp_migration *turn = NULL;

	(void)wp_world_deliver(w, "m1");
	wp_world_run(
		w, WP_PUT_HOT(WP_P "hot:" WP_AMY, "1-1", WP_ALIVE, "0", "a1"));
	wp_world_run(w, "ZADD " WP_P "migrate 1 " WP_AMY);
	assert_int_equal(wp_migration_begin(&turn, &ctx, &bob, 1, NULL), WP_OK);
	wp_migration_end(&turn);
	assert_int_equal(wp_migrate_turn(&ctx, &amy, 1, NULL), WP_OK);
	assert_true(amy.is_done);
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_AMY);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_cold(w, "m1");
}

static void another_message_under_the_same_id_stops_everything(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id = wp_world_deliver(w, "m1");
	const struct wp_store_row other = {
		.entry = id.entry,
		.expires_ms = 99999999999999,
		.json = "other",
		.json_len = 5,
	};

	assert_int_equal(wp_test_append(w->spy.real, &w->box, 0, &other, 1),
			 WP_OK);
	assert_int_equal(wp_world_migrate(w, NULL), WP_ERR_CONFLICT);
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
	wp_world_expect_cold(w, "other");
}

/* flags "2" when it is ephemeral, else "0" */
static void put_hot(struct wp_world *w, const char *lane, int seq,
		    const char *flags, const char *json)
{
	wp_world_run(
		w,
		WP_PUT_HOT(WP_P "%s:" WP_BOB, "1000-%d", WP_ALIVE, "%s", "%s"),
		lane, seq, flags, json);
}

static void the_ephemeral_are_not_written(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	put_hot(w, "hot", 1, "2", "e1");
	put_hot(w, "hot!", 2, "2", "e2");
	wp_world_run(w, "ZADD " WP_P "migrate 1 " WP_BOB);
	assert_int_equal(migrate(&plan), WP_OK);
	assert_string_equal(plan.steps, "M1 M2 M4");
	assert_int_equal(plan.moved, 0);
	expect_gone(w);

	put_hot(w, "hot", 3, "2", "e3");
	put_hot(w, "hot", 4, "0", "m1");
	assert_int_equal(migrate(&plan), WP_OK);
	assert_int_equal(plan.moved, 1);
	wp_world_expect_cold(w, "m1");
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_BOB);
	plan_release(&plan);
}

/* What waits has another end than prepare.lua saw. */
static void what_is_acked_before_it_is_read_is_not_copied(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	plan.id = wp_world_deliver(w, "m1");
	assert_int_equal(migrate_acting(&plan, "M2b", act_ack), WP_OK);
	assert_string_equal(plan.steps, "M1 M2 M1 M2");
	assert_int_equal(plan.moved, 0);
	expect_gone(w);
	plan_release(&plan);
}

static void act_post_for_longer(struct plan *plan)
{
	(void)wp_world_post(plan->w,
			    MAIL(.json = "m2", .expires_in_ms = 900000));
	(void)wp_world_route(plan->w);
}

/* The hint knows when the last row expires before there can be such a row. */
static void
what_comes_before_the_read_and_lives_longer_waits_for_its_hint(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;
	struct wp_migrate_user one = { .box = w->box, .owner = w->owner };

	plan_init(&plan, w);
	(void)wp_world_post(w, MAIL(.json = "m1", .expires_in_ms = 60000));
	(void)wp_world_route(w);
	plan.at = "M2b";
	plan.act = act_post_for_longer;
	assert_int_equal(wp_migrate_turn(&plan.ctx, &one, 1, NULL), WP_OK);
	assert_int_equal(one.moved, 1);
	assert_false(one.is_done);
	wp_world_expect_cold(w, "m1");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
	assert_int_equal(migrate(&plan), WP_OK);
	wp_world_expect_cold(w, "m1 m2");
	plan_release(&plan);
}

static void act_connect_and_whisper(struct plan *plan)
{
	act_connect(plan);
	put_hot(plan->w, "hot", 2, "2", "e2");
}

static void what_is_ephemeral_and_came_to_who_is_here_stays(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;
	struct wp_migrate_user one = { .box = w->box, .owner = w->owner };

	plan_init(&plan, w);
	put_hot(w, "hot", 1, "0", "m1");
	wp_world_run(w, "ZADD " WP_P "migrate 1 " WP_BOB);
	plan.at = "M2b";
	plan.act = act_connect_and_whisper;
	assert_int_equal(wp_migrate_turn(&plan.ctx, &one, 1, NULL), WP_OK);
	assert_int_equal(one.moved, 1);
	wp_world_expect_pull(w, "m1 e2");

	act_disconnect(&plan);
	assert_int_equal(migrate(&plan), WP_OK);
	wp_world_expect_pull(w, "m1");
	plan_release(&plan);
}

static void read_band(struct wp_world *w, struct wp_chunk *chunk,
		      enum wp_band band)
{
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_chunk_read_build(&cmd, &w->box, chunk, band);
	assert_int_equal(wp_redis_do(w->redis, &cmd, &reply, NULL), WP_OK);
	wp_chunk_was_read(chunk, band, reply);
	wp_cmd_release(&cmd);
}

/* Also what is not stored, or is left for the next time, is held. */
static void all_that_is_read_counts_as_held(void **state)
{
	struct wp_world *w = *state;
	struct wp_chunk chunk = {
		.count = { 10, 10 },
		.last_ms = 1000,
	};
	int64_t held = 100;

	wp_world_run(w, WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-1", "999", "0", "m"));
	put_hot(w, "hot", 1, "2", "e2");
	put_hot(w, "hot", 2, "0", "m34");
	put_hot(w, "hot", 3, "2", "e567");
	put_hot(w, "hot!", 4, "2", "e8910");
	read_band(w, &chunk, WP_BAND_HIGH);
	read_band(w, &chunk, WP_BAND_STANDARD);
	assert_int_equal(wp_chunk_finish(&chunk, &held, NULL), WP_OK);
	assert_int_equal(chunk.n, 1);
	assert_int_equal(chunk.n_ephemeral, 2);
	assert_int_equal(held, 100 + 1 + 2 + 3 + 4 + 5);
	wp_chunk_release(&chunk);
}

/* In ingress and hot: "<n>_<bytes>" */
#define WAITS(sizes)                                               \
	"EVAL return\tredis.call('HSET',KEYS[1],KEYS[2],(KEYS[3]:" \
	"gsub('_','\\32'))) 3 " WP_P "waits " WP_BOB " " sizes

static void a_foreign_number_of_bytes_is_none(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	put_hot(w, "hot", 1, "0", "m1");
	wp_world_run(w, WAITS("1_9223372036854775807"));
	assert_int_equal(migrate(&plan), WP_OK);
	assert_int_equal(plan.moved, 1);
	plan_release(&plan);
}

static void many_rows_of_both_bands_move_in_chunks(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	wp_world_run(w, "EVAL " WP_LUA_PACK_HOT
			"for\ti=1,1100\tdo\tfor\t_,k\tin\tipairs(KEYS)\tdo"
			"\tredis.call('XADD',k,'1000-'..i,'x'," WP_ALIVE
			",'m',pack_hot(k,0,'m'..i))end\tend 2 " WP_P
			"hot:" WP_BOB " " WP_P "hot!:" WP_BOB);
	wp_world_run(w, WAITS("2200_9000"));
	assert_int_equal(migrate(&plan), WP_OK);
	assert_int_equal(plan.moved, 2200);
	assert_string_equal(plan.steps, "M1 M2 M3 M4 M1 M2 M3 M4 M1 M2 M3 M4");
	wp_world_expect(w, "0",
			"EXISTS " WP_P "hot:" WP_BOB " " WP_P "hot!:" WP_BOB);
	wp_world_expect_page(w, "m1 m2 m3+", 3, NULL);
	plan_release(&plan);
}

static void big_rows_move_in_chunks_of_bytes(void **state)
{
	struct wp_world *w = *state;
	struct plan plan;

	plan_init(&plan, w);
	wp_world_run(w, "EVAL " WP_LUA_PACK_HOT
			"for\ti=1,6\tdo\tredis.call('XADD',KEYS[1],'1000-'"
			"..i,'x'," WP_ALIVE
			",'m',pack_hot(KEYS[1],0,string.rep('x',"
			"1500000)))end 1 " WP_P "hot:" WP_BOB);
	wp_world_run(w, WAITS("6_9000000"));
	assert_int_equal(migrate(&plan), WP_OK);
	assert_int_equal(plan.moved, 6);
	assert_string_equal(plan.steps, "M1 M2 M3 M4 M1 M2 M3 M4 M1 M2 M3 M4");
	plan_release(&plan);
}

/* So long as may be, they are read one user after the other. */
static void whoever_is_not_read_with_the_others_is_read_after_them(void **state)
{
	struct wp_world *w = *state;
	struct wp_migrate_ctx ctx = wp_world_migration(w);
	struct wp_migrate_user users[] = {
		{ .box = w->box, .owner = w->owner },
		{ .box = wp_test_box(WP_WORLD_PARTITION, "eve"),
		  .owner = w->owner }, /* nothing waits for her */
		{ .box = wp_test_box(WP_WORLD_PARTITION, "amy"),
		  .owner = w->owner },
	};

	ctx.max_envelope = INT64_C(1) << 30;
	put_hot(w, "hot", 1, "0", "m1");
	wp_world_run(
		w, WP_PUT_HOT(WP_P "hot:" WP_AMY, "1-1", WP_ALIVE, "0", "a1"));
	assert_int_equal(wp_migrate_turn(&ctx, users, 3, NULL), WP_OK);
	assert_int_equal(users[0].moved, 1);
	assert_int_equal(users[1].moved, 0);
	assert_int_equal(users[2].moved, 1);
	for (size_t i = 0; i < 3; i++)
		assert_true(users[i].is_done);
}

/* 9: reading that cold is empty is no reason to clear the hint. */
static void only_an_ack_clears_the_hint(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id = wp_world_deliver(w, "m1");

	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	(void)wp_test_ack(w->spy.real, &w->box, &id, 1);
	wp_world_expect_pull(w, "");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect(w, "1", "HEXISTS " WP_P "cold " WP_BOB);

	wp_world_ack_one(w, id);
	wp_world_expect(w, "0", "HEXISTS " WP_P "cold " WP_BOB);
}

static void an_ack_that_leaves_rows_leaves_the_hint(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[2];

	ids[0] = wp_world_deliver(w, "m1");
	ids[1] = wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_ack_one(w, ids[0]);
	wp_world_expect_pull(w, "m2");
	wp_world_expect(w, "1", "HEXISTS " WP_P "cold " WP_BOB);
	wp_world_ack_one(w, ids[1]);
	wp_world_expect(w, "0", "HEXISTS " WP_P "cold " WP_BOB);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(everything_waiting_moves_and_the_mark_goes),
		WORLD_TEST(an_ack_between_append_and_a_crash_is_final),
		WORLD_TEST(a_stalled_worker_cannot_bring_back_what_was_acked),
		WORLD_TEST(
			a_version_never_goes_back_to_what_a_stalled_worker_read),
		WORLD_TEST(an_ack_after_the_copy_makes_the_append_stale),
		WORLD_TEST(the_version_is_read_before_the_copy_is_taken),
		WORLD_TEST(a_hint_renewed_meanwhile_is_not_cleared),
		WORLD_TEST(a_token_is_never_used_again),
		WORLD_TEST(an_ack_under_an_old_hint_never_hides_the_copy),
		WORLD_TEST(a_pull_during_a_move_misses_and_repeats_nothing),
		WORLD_TEST(what_arrives_during_a_move_is_moved_as_well),
		WORLD_TEST(what_an_ack_could_not_delete_is_pending),
		WORLD_TEST(what_is_in_both_is_pending_once),
		WORLD_TEST(a_trim_that_leaves_something_leaves_the_mark),
		WORLD_TEST(who_comes_back_in_time_keeps_the_hot_queue),
		WORLD_TEST(who_leaves_at_the_last_moment_is_moved),
		WORLD_TEST(
			who_connects_during_a_move_is_told_that_something_waits),
		WORLD_TEST(a_crash_before_any_step_leaves_a_mark_and_one_copy),
		WORLD_TEST(an_append_of_unknown_outcome_is_never_trimmed),
		WORLD_TEST(a_moved_version_is_tried_again_but_not_for_ever),
		WORLD_TEST(without_the_lease_nothing_is_moved),
		WORLD_TEST(a_turn_that_ends_unheard_answers_no_other),
		WORLD_TEST(another_message_under_the_same_id_stops_everything),
		WORLD_TEST(the_ephemeral_are_not_written),
		WORLD_TEST(what_is_acked_before_it_is_read_is_not_copied),
		WORLD_TEST(
			what_comes_before_the_read_and_lives_longer_waits_for_its_hint),
		WORLD_TEST(what_is_ephemeral_and_came_to_who_is_here_stays),
		WORLD_TEST(all_that_is_read_counts_as_held),
		WORLD_TEST(a_foreign_number_of_bytes_is_none),
		WORLD_TEST(many_rows_of_both_bands_move_in_chunks),
		WORLD_TEST(big_rows_move_in_chunks_of_bytes),
		WORLD_TEST(
			whoever_is_not_read_with_the_others_is_read_after_them),
		WORLD_TEST(only_an_ack_clears_the_hint),
		WORLD_TEST(an_ack_that_leaves_rows_leaves_the_hint),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
