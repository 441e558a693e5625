/*
 * Rounds over due users: whoever is sent to without end, cannot be moved, or
 * comes in crowds costs the others a turn, and not their place.
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
#include "tests/support/boxes.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/worker/rig.h"
#include "worker/move.h"

#define OTHER_P "wp:{3}:"
enum { OTHER = 3, CROWD = 150, ROUNDS_MAX = 20, REFILLS_MAX = 200 };
enum { CROWD_AT_ONCE = 128, GUARD_MS = 20000 };

struct rig {
	struct wp_world *w;
	struct wp_worker worker;
	struct wp_movers movers;
	int refills;
};

static void rig_init(struct rig *rig, struct wp_world *w)
{
	*rig = (struct rig){ .w = w };
	wp_rig_init(&rig->worker, w);
	/* What a hook does is not between a question and its answer. */
	rig->worker.redis = wp_test_redis(&w->conf);
	wp_rig_own(&rig->worker, w, WP_WORLD_PARTITION);
	wp_rig_own(&rig->worker, w, OTHER);
	assert_int_equal(wp_movers_init(&rig->movers, &rig->worker, NULL),
			 WP_OK);
}

static void rig_release(struct rig *rig)
{
	wp_movers_release(&rig->movers);
	wp_redis_free(&rig->worker.redis);
	wp_rig_release(&rig->worker);
}

static bool move_once(struct rig *rig)
{
	bool is_late = false;
	struct wp_error err = { 0 };

	wp_table_tell_due(rig->worker.table, WP_WORLD_PARTITION);
	wp_table_tell_due(rig->worker.table, OTHER);
	if (wp_movers_round(&rig->movers, &is_late, &err) != WP_OK)
		fail_msg("round: %s", err.msg);
	return is_late;
}

/* One message that waits for a user, due since then. */
static void leave(struct wp_world *w, const char *prefix, const char *urn,
		  int due_ms)
{
	wp_world_run(w, WP_PUT_HOT("%shot:%s", "*", WP_ALIVE, "0", "m"), prefix,
		     urn);
	wp_world_run(w, "ZADD %smigrate %d %s", prefix, due_ms, urn);
}

static void leave_crowd(struct wp_world *w, const char *lane, const char *what)
{
	wp_world_run(w,
		     "EVAL " WP_LUA_PACK
		     "for\ti=1,%d\tdo\tlocal\tu='urn:sm:user:c'..i\t"
		     "redis.call('XADD',KEYS[1]..'hot:'..u,'1-1','x'," WP_ALIVE
		     ",'m',pack(u,0,'m'))\t"
		     "redis.call('ZADD',KEYS[1]..'migrate',i,u)\t%send 1 %s",
		     CROWD, what, lane);
}

static bool waits(struct wp_world *w, const char *prefix, const char *urn)
{
	return wp_world_int(w, "EXISTS %shot:%s", prefix, urn) == 1;
}

/* How many rounds until the user has moved. */
static int rounds_until_moved(struct rig *rig, const char *prefix,
			      const char *urn)
{
	int n = 0;

	while (waits(rig->w, prefix, urn) && n < ROUNDS_MAX) {
		(void)move_once(rig);
		n++;
	}
	assert_false(waits(rig->w, prefix, urn));
	return n;
}

/* Somebody sends to bob again as soon as anything of his was stored. */
static void refill(void *ctx, const char *operation)
{
	struct rig *rig = ctx;

	if (strcmp(operation, "append") != 0)
		return;
	assert_true(++rig->refills < REFILLS_MAX);
	wp_world_run(rig->w,
		     WP_PUT_HOT(WP_P "hot:" WP_BOB, "*", WP_ALIVE, "0", "m"));
}

static void who_is_sent_to_without_end_delays_nobody(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	leave(rig.w, WP_P, WP_BOB, 1);
	leave(rig.w, WP_P, WP_AMY, 2);
	leave(rig.w, OTHER_P, WP_AMY, 3);
	rig.w->spy.on_call = refill;
	rig.w->spy.ctx = &rig;

	assert_true(move_once(&rig)); /* bob has more */
	assert_false(waits(rig.w, WP_P, WP_AMY));
	assert_false(waits(rig.w, OTHER_P, WP_AMY));
	assert_true(waits(rig.w, WP_P, WP_BOB));

	rig.w->spy.on_call = NULL;
	assert_int_equal(rounds_until_moved(&rig, WP_P, WP_BOB), 1);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "migrate");
	rig_release(&rig);
}

/* The crowd is filled again and again; its turns come after amy's. */
static void refill_crowd(void *ctx, const char *operation)
{
	struct rig *rig = ctx;

	if (strcmp(operation, "append") == 0)
		wp_world_run(
			rig->w,
			"EVAL " WP_LUA_PACK
			"for\ti=1,%d\tdo\tlocal\tu='urn:sm:user:c'..i\t"
			"redis.call('XADD',KEYS[1]..'hot:'..u,'*','x'," WP_ALIVE
			",'m',pack(u,0,'m'))end 1 " WP_P,
			CROWD);
}

static void a_crowd_that_is_sent_to_without_end_delays_nobody(void **state)
{
	struct rig rig;
	int n;

	rig_init(&rig, *state);
	leave_crowd(rig.w, WP_P, "");
	leave(rig.w, WP_P, WP_AMY, CROWD + 1);
	rig.w->spy.on_call = refill_crowd;
	rig.w->spy.ctx = &rig;
	n = rounds_until_moved(&rig, WP_P, WP_AMY);
	/* Each of the crowd has had one turn at most. */
	assert_in_range(n, 1, 1 + CROWD / 32);
	rig_release(&rig);
}

static void many_users_wait_for_the_disk_together(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	leave_crowd(rig.w, WP_P, "");
	while (move_once(&rig))
		continue;
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "migrate");
	assert_int_equal(wp_world_int(rig.w, "HLEN " WP_P "cold"), CROWD);
	/* Versions aside, one append is one commit. */
	assert_in_range(rig.w->spy.calls - CROWD, 1, 1 + CROWD / 16);
	rig_release(&rig);
}

static void a_key_of_another_kind_is_the_business_of_its_user(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	leave_crowd(rig.w, WP_P, "redis.call('SET',KEYS[1]..'hot!:'..u,'x')\t");
	leave(rig.w, WP_P, WP_AMY, CROWD + 1);
	leave(rig.w, OTHER_P, WP_AMY, CROWD + 1);
	(void)rounds_until_moved(&rig, OTHER_P, WP_AMY);
	(void)rounds_until_moved(&rig, WP_P, WP_AMY);
	/* Nothing of theirs is lost, and once it can be, it is moved. */
	assert_int_equal(wp_world_int(rig.w, "ZCARD " WP_P "migrate"), CROWD);
	wp_world_run(rig.w, "DEL " WP_P "hot!:urn:sm:user:c1");
	wp_world_run(rig.w, "ZADD " WP_P "migrate 1 urn:sm:user:c1");
	assert_int_equal(rounds_until_moved(&rig, WP_P, "urn:sm:user:c1"), 1);
	rig_release(&rig);
}

static void a_mark_of_nobody_makes_room(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w,
		     "EVAL for\ti=1,%d\tdo\tredis.call('ZADD',KEYS[1].."
		     "'migrate',i,'nobody'..i)end 1 " WP_P,
		     CROWD);
	leave(rig.w, WP_P, WP_AMY, CROWD + 1);
	(void)rounds_until_moved(&rig, WP_P, WP_AMY);
	/* They are no reason to ask again at once and for ever. */
	for (int i = 0; i < ROUNDS_MAX && move_once(&rig); i++)
		assert_true(i < ROUNDS_MAX - 1);
	rig_release(&rig);
}

static void without_any_grace_they_make_room_as_well(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.w->conf.websocket.grace_ms = 0;
	leave_crowd(rig.w, WP_P, "redis.call('SET',KEYS[1]..'hot!:'..u,'x')\t");
	leave(rig.w, WP_P, WP_AMY, CROWD + 1);
	(void)rounds_until_moved(&rig, WP_P, WP_AMY);
	assert_false(move_once(&rig));
	rig_release(&rig);
}

static void a_conflict_stops_its_partition_and_no_other(void **state)
{
	const struct wp_store_row other = {
		.entry = { .ms = 1, .seq = 1 },
		.expires_ms = 99999999999999,
		.json = "other",
		.json_len = 5,
	};
	struct rig rig;
	char owner[WP_OWNER_MAX + 1];

	rig_init(&rig, *state);
	assert_int_equal(
		wp_test_append(rig.w->spy.real, &rig.w->box, 0, &other, 1),
		WP_OK);
	wp_world_run(rig.w,
		     WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-1", WP_ALIVE, "0", "m"));
	wp_world_run(rig.w, "ZADD " WP_P "migrate 1 " WP_BOB);
	leave(rig.w, OTHER_P, WP_AMY, 2);
	(void)move_once(&rig);
	assert_true(waits(rig.w, WP_P, WP_BOB));
	wp_world_expect_cold(rig.w, "other");
	assert_false(waits(rig.w, OTHER_P, WP_AMY));
	assert_false(wp_table_owner(rig.worker.table, WP_WORLD_PARTITION,
				    WP_TABLE_MIGRATE, wp_mono_ms(), owner));
	assert_true(wp_table_owner(rig.worker.table, OTHER, WP_TABLE_MIGRATE,
				   wp_mono_ms(), owner));
	rig_release(&rig);
}

/* The store does what it is asked, but not while bob is part of it. */
static void fail_for_bob(void *ctx, const char *operation)
{
	struct rig *rig = ctx;
	/* All together, then one by one. */
	const struct wp_move_batch *batch =
		rig->movers.next->n > 0 ? rig->movers.next : rig->movers.last;
	bool has_bob = false;

	for (size_t i = 0; i < batch->n; i++)
		has_bob |= strcmp(batch->users[i].box.text, WP_BOB) == 0 &&
			   batch->users[i].err.code == WP_OK &&
			   !batch->users[i].is_done;
	if (strcmp(operation, "append") == 0)
		rig->w->spy.refuse = has_bob ? "append" : NULL;
}

static void what_the_store_cannot_do_for_one_it_does_for_others(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	leave(rig.w, WP_P, WP_BOB, 1);
	leave(rig.w, WP_P, WP_AMY, 2);
	rig.w->spy.on_call = fail_for_bob;
	rig.w->spy.ctx = &rig;
	(void)rounds_until_moved(&rig, WP_P, WP_AMY);
	assert_true(waits(rig.w, WP_P, WP_BOB));
	rig_release(&rig);
}

static void a_store_that_is_away_ends_the_round(void **state)
{
	struct rig rig;
	bool is_late = false;

	rig_init(&rig, *state);
	leave_crowd(rig.w, WP_P, "");
	rig.w->spy.lose = "append";
	assert_int_equal(wp_movers_round(&rig.movers, &is_late, NULL),
			 WP_ERR_UNAVAIL);
	assert_int_equal(wp_world_int(rig.w, "ZCARD " WP_P "migrate"), CROWD);
	rig.w->spy.lose = NULL;
	wp_world_run(rig.w, "ZADD " WP_P "migrate 1 urn:sm:user:c1 1 "
			    "urn:sm:user:c2 1 urn:sm:user:c3");
	while (move_once(&rig))
		continue;
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "migrate");
	rig_release(&rig);
}

/* By the clock of the worker, when the round looks again at the latest. */
static void a_round_knows_when_somebody_comes_due(void **state)
{
	enum { SOON_MS = 500, LOOK_MS = 1000 };
	struct rig rig;
	uint64_t before_ms;

	rig_init(&rig, *state);
	before_ms = wp_mono_ms();
	assert_false(move_once(&rig));
	assert_true(rig.movers.next_look_ms >= before_ms + LOOK_MS);
	wp_world_run(rig.w,
		     "EVAL local\tt=redis.call('TIME')\tredis.call('ZADD',"
		     "KEYS[1],t[1]*1000+math.floor(t[2]/"
		     "1000)+%d,'urn:sm:user:bob') 1 " WP_P "migrate",
		     SOON_MS);
	assert_false(move_once(&rig));
	assert_true(rig.movers.next_look_ms <= wp_mono_ms() + SOON_MS);
	rig_release(&rig);
}

static void who_nobody_told_of_is_not_asked_for(void **state)
{
	uint64_t *look_ms;
	struct rig rig;
	bool is_late = false;

	rig_init(&rig, *state);
	(void)move_once(&rig);
	leave(rig.w, WP_P, WP_BOB, 1);
	look_ms = &rig.movers.look_ms[WP_WORLD_PARTITION];
	*look_ms = UINT64_MAX;
	assert_int_equal(wp_movers_round(&rig.movers, &is_late, NULL), WP_OK);
	assert_true(waits(rig.w, WP_P, WP_BOB));
	*look_ms = 0;
	assert_int_equal(wp_movers_round(&rig.movers, &is_late, NULL), WP_OK);
	assert_false(waits(rig.w, WP_P, WP_BOB));
	leave(rig.w, WP_P, WP_BOB, 1);
	*look_ms = UINT64_MAX;
	(void)move_once(&rig);
	assert_false(waits(rig.w, WP_P, WP_BOB));
	rig_release(&rig);
}

/* A question without an answer is asked again, and not in a circle. */
static void expect_a_look_later(struct rig *rig)
{
	enum { LOOK_MS = 1000 };
	uint64_t before_ms = wp_mono_ms();

	wp_table_tell_due(rig->worker.table, OTHER);
	assert_false(move_once(rig));
	assert_true(rig->movers.look_ms[OTHER] >= before_ms + LOOK_MS);
}

static void a_partition_that_gives_no_answer_is_asked_later(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)move_once(&rig);
	wp_world_run(rig.w, "SET " OTHER_P "migrate foreign");
	expect_a_look_later(&rig);
	wp_world_run(rig.w, "DEL " OTHER_P "migrate");
	wp_world_run(rig.w, "SET " OTHER_P "owner 9:somebody-else");
	expect_a_look_later(&rig);
	rig_release(&rig);
}

/* With the second write the first has been trimmed, or will be during it. */
static void wait_for_trims(void *ctx, const char *operation)
{
	struct rig *rig = ctx;
	uint64_t end_ms = wp_mono_ms() + GUARD_MS;

	if (strcmp(operation, "append") != 0 || ++rig->refills != 2)
		return;
	while (wp_world_int(rig->w, "ZCARD " WP_P "migrate") >
	       CROWD - WP_MIGRATE_MAX_USERS)
		assert_true(wp_mono_ms() < end_ms);
}

static void while_one_batch_is_written_the_last_is_trimmed(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	leave_crowd(rig.w, WP_P, "");
	rig.w->spy.on_call = wait_for_trims;
	rig.w->spy.ctx = &rig;
	(void)move_once(&rig);
	assert_int_equal(wp_world_int(rig.w, "ZCARD " WP_P "migrate"),
			 CROWD - CROWD_AT_ONCE);
	assert_int_equal(rig.refills, CROWD_AT_ONCE / WP_MIGRATE_MAX_USERS);
	rig_release(&rig);
}

/* While one batch is written, the connection goes on which the other waits. */
static void cut_redis(void *ctx, const char *operation)
{
	struct rig *rig = ctx;

	if (strcmp(operation, "append") == 0 && ++rig->refills == 2)
		wp_redis_disconnect(rig->worker.redis);
}

static void what_was_under_way_when_redis_is_lost_is_found_again(void **state)
{
	struct rig rig;
	bool is_late = false;

	rig_init(&rig, *state);
	leave_crowd(rig.w, WP_P, "");
	leave_crowd(rig.w, OTHER_P, "");
	rig.w->spy.on_call = cut_redis;
	rig.w->spy.ctx = &rig;
	assert_int_equal(wp_movers_round(&rig.movers, &is_late, NULL),
			 WP_ERR_UNAVAIL);
	rig.w->spy.on_call = NULL;
	assert_true(wp_world_int(rig.w, "ZCARD " WP_P "migrate") > 0);
	while (move_once(&rig))
		continue;
	wp_world_expect(rig.w, "0",
			"EXISTS " WP_P "migrate " OTHER_P "migrate");
	assert_int_equal(wp_world_int(rig.w, "HLEN " WP_P "cold") +
				 wp_world_int(rig.w, "HLEN " OTHER_P "cold"),
			 2 * CROWD);
	assert_false(wp_table_is_busy(rig.worker.table, OTHER));
	rig_release(&rig);
}

/* Two batches are of one partition, and the third is written while the second
 * is being trimmed. */
static void look_at_the_third(void *ctx, const char *operation)
{
	struct rig *rig = ctx;

	if (strcmp(operation, "append") == 0 && ++rig->refills == 3)
		assert_true(wp_table_is_busy(rig->worker.table, OTHER));
}

static void a_partition_is_busy_until_its_last_batch_is_done(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	leave_crowd(rig.w, WP_P, "");
	leave_crowd(rig.w, OTHER_P, "");
	rig.w->spy.on_call = look_at_the_third;
	rig.w->spy.ctx = &rig;
	(void)move_once(&rig);
	assert_true(rig.refills >= 3);
	assert_false(wp_table_is_busy(rig.worker.table, OTHER));
	rig_release(&rig);
}

static void stop_at_append(void *ctx, const char *operation)
{
	struct rig *rig = ctx;

	if (strcmp(operation, "append") == 0)
		wp_table_stop(rig->worker.table);
}

static void a_stop_is_heard_between_batches(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	leave_crowd(rig.w, WP_P, "");
	leave_crowd(rig.w, OTHER_P, "");
	rig.w->spy.on_call = stop_at_append;
	rig.w->spy.ctx = &rig;
	(void)move_once(&rig);
	/* Whoever was copied by then is not written any more. */
	assert_in_range(wp_world_int(rig.w, "ZCARD " WP_P "migrate") +
				wp_world_int(rig.w, "ZCARD " OTHER_P "migrate"),
			2 * CROWD - WP_MIGRATE_MAX_USERS, 2 * CROWD - 1);
	rig_release(&rig);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(who_is_sent_to_without_end_delays_nobody),
		WORLD_TEST(a_crowd_that_is_sent_to_without_end_delays_nobody),
		WORLD_TEST(many_users_wait_for_the_disk_together),
		WORLD_TEST(a_key_of_another_kind_is_the_business_of_its_user),
		WORLD_TEST(a_mark_of_nobody_makes_room),
		WORLD_TEST(without_any_grace_they_make_room_as_well),
		WORLD_TEST(a_conflict_stops_its_partition_and_no_other),
		WORLD_TEST(what_the_store_cannot_do_for_one_it_does_for_others),
		WORLD_TEST(a_store_that_is_away_ends_the_round),
		WORLD_TEST(a_round_knows_when_somebody_comes_due),
		WORLD_TEST(who_nobody_told_of_is_not_asked_for),
		WORLD_TEST(a_partition_that_gives_no_answer_is_asked_later),
		WORLD_TEST(while_one_batch_is_written_the_last_is_trimmed),
		WORLD_TEST(
			what_was_under_way_when_redis_is_lost_is_found_again),
		WORLD_TEST(a_partition_is_busy_until_its_last_batch_is_done),
		WORLD_TEST(a_stop_is_heard_between_batches),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_move", tests, NULL, NULL);
}
