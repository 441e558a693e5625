/*
 * Straight to disk, against everything that can happen between its steps: the
 * router hands over (N2), the landing writes (N3) and takes out of ingress
 * (N4), and in between somebody connects, pulls, acks, dies or owns the
 * partition in our place. Each test says which guard it holds.
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
#include "lib/mailbox/scripts.h"
#include "tests/support/boxes.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/worker/rig.h"
#include "worker/landing.h"
#include "worker/move.h"
#include "worker/route.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })
enum { FLOOD = 600, MANY = 160, BATCH = 16, TURNS_MAX = 20, HOLD_MAX_MS = 40 };
enum { LOADS_MAX = 200, WAIT_MS = 1000, PATIENCE_MS = 60000 };

/* Both threads' parts, one after the other in this one. */
struct rig {
	struct wp_world *w;
	struct wp_worker hot;
	struct wp_worker cold; /* the same, with a connection of its own */
	struct wp_router *router;
	struct wp_landing landing;
	struct wp_movers movers;

	const char *at; /* the step to act before, once */
	void (*act)(struct rig *rig);
	struct wp_msgid id; /* for act */
	struct wp_store *other_store;
	int loads;
	struct wp_owned owned;
	/* A Redis that is not there, to crash against. */
	struct wp_conf nowhere;
	struct wp_redis *dead_redis;
};

static void on_step(void *ctx, const char *step)
{
	struct rig *rig = ctx;
	void (*act)(struct rig * rig) = rig->act;

	if (act == NULL || strcmp(step, rig->at) != 0)
		return;
	rig->act = NULL;
	act(rig);
}

static void tell_epoch(struct rig *rig)
{
	int64_t epoch = 0;

	assert_int_equal(wp_store_epoch(rig->w->spy.real, &epoch, NULL), WP_OK);
	wp_handover_set_epoch(rig->hot.handover, epoch);
}

static void rig_init(struct rig *rig, struct wp_world *w)
{
	static char nowhere[] = "unix:/nonexistent/redis";

	*rig = (struct rig){ .w = w };
	wp_rig_init(&rig->hot, w);
	rig->hot.late_ms = PATIENCE_MS;
	wp_rig_own(&rig->hot, w, WP_WORLD_PARTITION);
	rig->cold = rig->hot;
	rig->cold.redis = wp_test_redis(&w->conf);
	wp_cmd_init(&rig->cold.cmd);
	assert_int_equal(wp_router_new(&rig->router, &rig->hot, NULL), WP_OK);
	assert_int_equal(wp_landing_init(&rig->landing, &rig->cold, NULL),
			 WP_OK);
	assert_int_equal(wp_movers_init(&rig->movers, &rig->cold, NULL), WP_OK);
	rig->landing.on_step = on_step;
	rig->landing.on_step_ctx = rig;
	rig->other_store = wp_world_open_store(w);
	rig->nowhere = w->conf;
	rig->nowhere.redis.address = nowhere;
	assert_int_equal(wp_redis_new(&rig->dead_redis, &rig->nowhere,
				      &wp_scripts, NULL),
			 WP_OK);
	rig->owned.partition = WP_WORLD_PARTITION;
	memcpy(rig->owned.owner, w->owner, sizeof(rig->owned.owner));
	tell_epoch(rig);
}

static void rig_release(struct rig *rig)
{
	wp_store_close(&rig->other_store);
	wp_redis_free(&rig->dead_redis);
	wp_router_free(&rig->router);
	wp_movers_release(&rig->movers);
	wp_landing_release(&rig->landing);
	wp_cmd_release(&rig->cold.cmd);
	wp_redis_free(&rig->cold.redis);
	wp_rig_release(&rig->hot);
}

/* What a bell leads to; N2 for whoever is away. */
static void route(struct rig *rig)
{
	uint64_t at_ms;

	wp_router_ring(rig->router, WP_WORLD_PARTITION);
	assert_int_equal(wp_router_run(rig->router, NULL), WP_OK);
	/* What is under way may have held it, for some milliseconds. */
	at_ms = wp_router_next_ms(rig->router);
	if (at_ms > wp_mono_ms() + HOLD_MAX_MS)
		return;
	while (wp_mono_ms() < at_ms)
		continue;
	assert_int_equal(wp_router_run(rig->router, NULL), WP_OK);
}

static void land(struct rig *rig)
{
	wp_landing_run(&rig->landing);
}

static void land_acting(struct rig *rig, const char *at,
			void (*act)(struct rig *rig))
{
	rig->at = at;
	rig->act = act;
	land(rig);
	assert_null(rig->act); /* it was reached */
}

/* Turns of both threads until nothing is under way any more. */
static void settle(struct rig *rig)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		land(rig);
		route(rig);
		if (wp_world_int(rig->w, "XLEN " WP_P "ingress") == 0)
			return;
	}
	fail_msg("ingress does not become empty");
}

static void expect_ingress(struct rig *rig, int64_t n)
{
	assert_int_equal(wp_world_int(rig->w, "XLEN " WP_P "ingress"), n);
}

/* Nothing was put into hot, and nobody is to be migrated. */
static void expect_straight(struct rig *rig)
{
	wp_world_expect(rig->w, "0",
			"EXISTS " WP_P "hot:" WP_BOB " " WP_P "hot!:" WP_BOB
			" " WP_P "index:" WP_BOB " " WP_P "expiry " WP_P
			"migrate");
}

/* Everything that is kept about what waits says that nothing does. */
static void expect_nothing_waits(struct rig *rig)
{
	expect_ingress(rig, 0);
	wp_world_expect(rig->w, "0", "EXISTS " WP_P "waits " WP_P "tries");
}

/* Nothing is stored anywhere, and nothing comes back. */
static void expect_gone(struct rig *rig)
{
	settle(rig);
	wp_world_expect_pull(rig->w, "");
	wp_world_expect_cold(rig->w, "");
	expect_nothing_waits(rig);
}

static bool is_poked(struct rig *rig)
{
	return wp_world_int(rig->w, "SISMEMBER " WP_P "due:i1 " WP_BOB) == 1;
}

static void connect_bob(struct rig *rig)
{
	wp_world_join(rig->w, "i1");
	(void)wp_world_connect(rig->w, "i1.1");
}

/* ---- as it should go ---- */

static void who_is_away_is_written_to_without_hot(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	(void)wp_world_post(rig.w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	(void)wp_world_post(rig.w, MAIL(.json = "m2"));
	route(&rig);
	expect_ingress(&rig, 3);
	wp_world_expect_cold(rig.w, "");
	land(&rig);
	wp_world_expect_cold(rig.w, "h1 m1 m2");
	expect_straight(&rig);
	expect_nothing_waits(&rig);
	wp_world_expect_told(rig.w, "1 3 6");
	wp_world_expect_pull(rig.w, "h1 m1 m2");
	/* The next one goes by what the store said of that. */
	route(&rig);
	(void)wp_world_post(rig.w, MAIL(.json = "m3"));
	route(&rig);
	land(&rig);
	wp_world_expect_pull(rig.w, "h1 m1 m2 m3");
	expect_straight(&rig);
	assert_int_equal(
		wp_rig_metric(&rig.hot, "waypost_worker_direct_stale_total"),
		0);
	assert_int_equal(
		wp_rig_metric(&rig.hot, "waypost_worker_direct_messages_total"),
		4);
	assert_int_equal(
		wp_rig_metric(&rig.cold,
			      "waypost_worker_route_delay_seconds_count"),
		4);
	rig_release(&rig);
}

static void who_is_online_is_not_and_neither_is_the_ephemeral(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	connect_bob(&rig);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	(void)wp_world_post(
		rig.w, MAIL(.json = "e1", .to = WP_AMY, .is_ephemeral = true));
	route(&rig);
	land(&rig);
	wp_world_expect_cold(rig.w, "");
	wp_world_expect_pull(rig.w, "m1");
	expect_ingress(&rig, 0);
	rig_release(&rig);
}

/* A user who has acked all that was on disk: no hint, but a version. */
static void a_version_that_nobody_knew_is_told_by_the_store(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land(&rig);
	wp_world_expect_pull(rig.w, "m1");
	wp_world_run(rig.w, "HDEL " WP_P "cold " WP_BOB);
	route(&rig);
	(void)wp_world_post(rig.w, MAIL(.json = "m2"));
	route(&rig);
	land(&rig);
	wp_world_expect_cold(rig.w, "m1");
	expect_ingress(&rig, 1);
	route(&rig);
	expect_straight(&rig);
	land(&rig);
	wp_world_expect_cold(rig.w, "m1 m2");
	expect_straight(&rig);
	expect_nothing_waits(&rig);
	assert_int_equal(
		wp_rig_metric(&rig.hot, "waypost_worker_direct_stale_total"),
		1);
	rig_release(&rig);
}

/* ---- somebody comes meanwhile ---- */

static void act_connect(struct rig *rig)
{
	/* He is told that something may wait, and finds nothing yet. */
	wp_world_join(rig->w, "i1");
	assert_int_equal(wp_world_connect(rig->w, "i1.1"), 1);
	wp_world_expect_pull(rig->w, "");
	wp_world_run(rig->w, "DEL " WP_P "due:i1");
}

static void who_comes_before_the_append_is_poked_behind_it(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land_acting(&rig, "N3", act_connect);
	assert_true(is_poked(&rig));
	wp_world_expect_pull(rig.w, "m1");
	expect_nothing_waits(&rig);
	rig_release(&rig);
}

static void act_connect_late(struct rig *rig)
{
	wp_world_join(rig->w, "i1");
	assert_int_equal(wp_world_connect(rig->w, "i1.1"), 1);
	wp_world_expect_pull(rig->w, "m1");
	wp_world_run(rig->w, "DEL " WP_P "due:i1");
}

static void and_so_is_who_comes_before_it_leaves_ingress(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land_acting(&rig, "N4", act_connect_late);
	assert_true(is_poked(&rig));
	wp_world_expect_pull(rig.w, "m1");
	rig_release(&rig);
}

static void act_come_and_go(struct rig *rig)
{
	act_connect(rig);
	wp_world_disconnect(rig->w, "i1.1");
}

static void who_leaves_again_has_it_on_disk(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land_acting(&rig, "N3", act_come_and_go);
	expect_straight(&rig);
	expect_nothing_waits(&rig);
	wp_world_expect_cold(rig.w, "m1");
	wp_world_join(rig.w, "i2");
	assert_int_equal(wp_world_connect(rig.w, "i2.1"), 1);
	rig_release(&rig);
}

/* X39: what is newer does not pass, and what is under way comes with it. */
static void nothing_overtakes_what_is_under_way(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	connect_bob(&rig);
	(void)wp_world_post(rig.w, MAIL(.json = "m2"));
	route(&rig);
	wp_world_expect_pull(rig.w, "m1 m2");
	assert_true(is_poked(&rig));
	land(&rig); /* late: m1 is in both, and one */
	wp_world_expect_cold(rig.w, "m1");
	wp_world_expect_pull(rig.w, "m1 m2");
	expect_ingress(&rig, 0);
	wp_world_expect(rig.w, "2 4", "HGET " WP_P "waits " WP_BOB);
	rig_release(&rig);
}

/* Whoever comes back does not wait for the disk, also when nothing newer comes
 * that would tell. */
static void who_comes_back_gets_what_is_under_way(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	connect_bob(&rig);
	for (int i = 0; i < TURNS_MAX && !is_poked(&rig); i++)
		route(&rig);
	assert_true(is_poked(&rig));
	wp_world_expect_pull(rig.w, "m1");
	wp_world_expect_cold(rig.w, "");
	land(&rig);
	wp_world_expect_pull(rig.w, "m1");
	expect_ingress(&rig, 0);
	rig_release(&rig);
}

/* X42: one came behind another, others came since, and it still is the next. */
static void what_waited_for_a_landing_is_before_what_comes_then(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	(void)wp_world_post(rig.w, MAIL(.json = "m2"));
	(void)wp_world_post(rig.w, MAIL(.json = "a1", .to = WP_AMY));
	route(&rig);
	(void)wp_world_post(rig.w, MAIL(.json = "m3"));
	land(&rig);
	expect_ingress(&rig, 2);
	connect_bob(&rig);
	route(&rig);
	expect_ingress(&rig, 0);
	wp_world_expect_pull(rig.w, "m1 m2 m3");
	wp_world_expect(rig.w, "2", "XLEN " WP_P "hot:" WP_BOB);
	rig_release(&rig);
}

/* Of somebody who is under way nothing newer is handed over. */
static void a_user_is_under_way_once(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	(void)wp_world_post(rig.w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	(void)wp_world_post(rig.w, MAIL(.json = "m2"));
	(void)wp_world_post(rig.w, MAIL(.json = "a1", .to = WP_AMY));
	route(&rig);
	land(&rig);
	wp_world_expect_cold(rig.w, "m1");
	expect_ingress(&rig, 2); /* amy's has landed as well */
	settle(&rig);
	wp_world_expect_cold(rig.w, "h1 m1 m2");
	expect_nothing_waits(&rig);
	rig_release(&rig);
}

/* ---- acks ---- */

static void act_ack(struct rig *rig)
{
	wp_world_ack_one(rig->w, rig->id);
}

/* X30, X31, X38: the sender of a message to oneself knows its id. */
static void an_ack_before_the_append_is_final(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.id = wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land_acting(&rig, "N3", act_ack);
	wp_world_expect_cold(rig.w, "");
	expect_gone(&rig);
	rig_release(&rig);
}

static void act_pull_and_ack(struct rig *rig)
{
	wp_world_expect_pull(rig->w, "m1");
	wp_world_ack_one(rig->w, rig->id);
}

/* C2: the copy in ingress goes with the row. */
static void an_ack_before_it_leaves_ingress_is_final(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.id = wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land_acting(&rig, "N4", act_pull_and_ack);
	expect_gone(&rig);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "cold");
	rig_release(&rig);
}

/* X34: an ack of before must not clear the hint of what comes. */
static void a_hint_of_now_is_not_cleared_by_an_ack_of_before(void **state)
{
	struct rig rig;
	struct wp_reply *reply;

	rig_init(&rig, *state);
	wp_world_run(rig.w, WP_WORLD_HINT(WP_BOB, "old_-_0_0_0"));
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land(&rig);
	reply = wp_world_cmd(rig.w, "EVALSHA %s 1 " WP_P " %s " WP_BOB " old",
			     wp_scripts.list[WP_SCRIPT_HINT_CLEAR].sha1,
			     wp_redis_run_id(rig.w->redis));
	assert_int_equal(wp_reply_int(reply), 0);
	wp_reply_free(&reply);
	wp_world_expect_pull(rig.w, "m1");
	rig_release(&rig);
}

/* ---- deaths ---- */

static void what_a_dead_worker_had_goes_with_the_next(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	wp_router_reset(rig.router); /* all is forgotten */
	land(&rig);
	wp_world_expect_cold(rig.w, "");
	expect_ingress(&rig, 1);
	route(&rig);
	land(&rig);
	wp_world_expect_pull(rig.w, "m1");
	expect_straight(&rig);
	expect_nothing_waits(&rig);
	rig_release(&rig);
}

static void act_lose_redis(struct rig *rig)
{
	rig->landing.redis = rig->dead_redis;
}

static void land_and_die_before_n4(struct rig *rig)
{
	struct wp_redis *alive = rig->landing.redis;

	land_acting(rig, "N4", act_lose_redis);
	rig->landing.redis = alive;
	wp_world_expect_cold(rig->w, "m1");
	expect_ingress(rig, 1);
}

static void a_row_that_is_there_already_is_the_same(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land_and_die_before_n4(&rig);
	settle(&rig);
	wp_world_expect_cold(rig.w, "m1");
	wp_world_expect_pull(rig.w, "m1");
	expect_straight(&rig);
	expect_nothing_waits(&rig);
	wp_world_expect_told(rig.w, "2 1 2");
	rig_release(&rig);
}

static void who_comes_back_to_a_row_and_an_entry_has_one_message(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.id = wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land_and_die_before_n4(&rig);
	connect_bob(&rig);
	route(&rig);
	assert_true(is_poked(&rig));
	wp_world_expect_pull(rig.w, "m1");
	wp_world_ack_one(rig.w, rig.id);
	expect_gone(&rig);
	rig_release(&rig);
}

/* Redis goes on with everything but that: it is not tried for ever. */
static void what_never_leaves_ingress_takes_the_long_way(void **state)
{
	struct wp_redis *alive;
	struct rig rig;

	rig_init(&rig, *state);
	alive = rig.landing.redis;
	rig.landing.redis = rig.dead_redis;
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	settle(&rig);
	wp_world_expect(rig.w, "1", "XLEN " WP_P "hot:" WP_BOB);
	wp_world_expect_pull(rig.w, "m1");
	rig.landing.redis = alive;
	rig_release(&rig);
}

static bool is_nobody(void *ctx, const char *urn, size_t len)
{
	(void)ctx;
	(void)urn;
	(void)len;
	return false;
}

/* Somebody is handed over, and nothing of it is in ingress. */
static void hand_over_another(struct rig *rig)
{
	const struct wp_owned *owned = &rig->owned;
	struct wp_route_result result;
	struct wp_batch *batch = NULL;
	struct wp_batch_source source = {
		.owned = owned,
		.run_id = wp_redis_run_id(rig->w->redis),
		.now_ms = wp_mono_ms(),
		.result = &result,
		.is_left_out = is_nobody,
	};
	struct wp_reply *reply = wp_world_cmd(
		rig->w,
		"EVAL " WP_LUA_PACK
		"return{{'ok',0,0,0,0,0,0,'',0,'','','%d-1','" WP_ALIVE "',"
		"pack('urn:sm:user:f%d',0,'m'),'0'}} 0",
		rig->loads, rig->loads);

	wp_route_parse(reply, 0, &result);
	assert_int_equal(wp_batch_make(&batch, &source, NULL), WP_OK);
	assert_true(wp_handover_put(rig->hot.handover, batch));
	wp_reply_free(&reply);
}

static void act_hand_over_more(struct rig *rig)
{
	struct wp_batch *batch;

	while ((batch = wp_handover_hear(rig->hot.handover)) != NULL)
		free(batch);
	if (++rig->loads == LOADS_MAX)
		return;
	hand_over_another(rig);
	rig->act = act_hand_over_more;
}

/* While there is always more, other work has its turn as well. */
static void landing_ends_also_while_more_comes(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.at = "N3";
	act_hand_over_more(&rig);
	land(&rig);
	assert_in_range(rig.loads, 2, LOADS_MAX - 1);
	/* What waits is not forgotten. */
	assert_true(wp_table_wait_due(rig.hot.table, WAIT_MS, WAIT_MS));
	rig.act = NULL;
	land(&rig);
	assert_false(wp_table_wait_due(rig.hot.table, 0, 1));
	rig_release(&rig);
}

/* ---- others ---- */

/* The lease changes hands; the other one writes first. */
static void act_other_worker(struct rig *rig)
{
	struct wp_store_row row = {
		.entry = rig->id.entry,
		.expires_ms = INT64_C(99999999999999),
		.json = "m1",
		.json_len = 2,
	};

	assert_int_equal(wp_test_append(rig->other_store, &rig->w->box,
					wp_store_version_of(0, 0), &row, 1),
			 WP_OK);
}

static void of_two_workers_one_writes(void **state)
{
	struct rig rig;
	int64_t epoch = 0;

	rig_init(&rig, *state);
	assert_int_equal(wp_store_epoch(rig.w->spy.real, &epoch, NULL), WP_OK);
	assert_int_equal(epoch, 0);
	rig.id = wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land_acting(&rig, "N3", act_other_worker);
	assert_int_equal(
		wp_rig_metric(&rig.hot, "waypost_worker_direct_stale_total"),
		1);
	expect_ingress(&rig, 1);
	rig_release(&rig);
}

static void act_fence(struct rig *rig)
{
	assert_int_equal(wp_store_fence(rig->other_store, "another", NULL),
			 WP_OK);
}

/* F4: whoever takes a copy, and stalls over a reconciliation. */
static void a_batch_of_before_a_fence_is_refused(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	land_acting(&rig, "N3", act_fence);
	wp_world_expect_cold(rig.w, "");
	expect_ingress(&rig, 1);
	/* From now on versions are of this life. */
	settle(&rig);
	wp_world_expect_pull(rig.w, "m1");
	rig_release(&rig);
}

static void act_lose_lease(struct rig *rig)
{
	wp_table_drop(rig->hot.table, WP_WORLD_PARTITION, rig->w->owner);
}

static void what_is_not_ours_any_more_is_not_written(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	act_lose_lease(&rig);
	land(&rig);
	wp_world_expect_cold(rig.w, "");
	expect_ingress(&rig, 1);
	/* Between the append and the end it does not matter. */
	wp_rig_own(&rig.hot, rig.w, WP_WORLD_PARTITION);
	route(&rig);
	land_acting(&rig, "N4", act_lose_lease);
	wp_world_expect_cold(rig.w, "m1");
	expect_nothing_waits(&rig);
	rig_release(&rig);
}

static void a_closed_gate_hands_nothing_over(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	wp_table_set_open(rig.hot.table, WP_WORLD_PARTITION, rig.w->owner,
			  false);
	land(&rig);
	wp_world_expect_cold(rig.w, "");
	wp_table_set_open(rig.hot.table, WP_WORLD_PARTITION, rig.w->owner,
			  true);
	settle(&rig);
	wp_world_expect_cold(rig.w, "m1");
	rig_release(&rig);
}

/* ---- the store ---- */

static void move_all(struct rig *rig)
{
	bool is_late = false;

	wp_table_tell_due(rig->hot.table, WP_WORLD_PARTITION);
	assert_int_equal(wp_movers_round(&rig->movers, &is_late, NULL), WP_OK);
	if (rig->movers.has_written)
		wp_handover_set_good(rig->hot.handover, true);
}

static void a_store_that_refuses_is_left_alone_for_a_while(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	rig.w->spy.refuse = "append";
	land(&rig);
	route(&rig);
	/* The long way, for all. */
	expect_ingress(&rig, 0);
	wp_world_expect(rig.w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	(void)wp_world_post(rig.w, MAIL(.json = "a1", .to = WP_AMY));
	route(&rig);
	expect_ingress(&rig, 0);
	rig.w->spy.refuse = NULL;
	move_all(&rig);
	wp_world_expect_cold(rig.w, "m1");
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "migrate");
	(void)wp_world_post(rig.w, MAIL(.json = "m2"));
	route(&rig);
	land(&rig);
	wp_world_expect_cold(rig.w, "m1 m2");
	expect_straight(&rig);
	expect_nothing_waits(&rig);
	rig_release(&rig);
}

/* Written, and nobody knows: it comes again, and is the same. */
static void an_append_without_an_answer_is_no_loss(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	rig.w->spy.lose = "append";
	land(&rig);
	rig.w->spy.lose = NULL;
	expect_ingress(&rig, 1);
	route(&rig);
	wp_world_expect_pull(rig.w, "m1");
	move_all(&rig);
	wp_world_expect_cold(rig.w, "m1");
	wp_world_expect_pull(rig.w, "m1");
	rig_release(&rig);
}

static void act_conflict(struct rig *rig)
{
	struct wp_store_row row = {
		.entry = rig->id.entry,
		.expires_ms = INT64_C(99999999999999),
		.json = "other",
		.json_len = 5,
	};
	int64_t version = 0;

	assert_int_equal(wp_store_version(rig->other_store, &rig->w->box,
					  &version, NULL),
			 WP_OK);
	assert_int_equal(wp_test_append(rig->other_store, &rig->w->box, version,
					&row, 1),
			 WP_OK);
}

static void another_message_under_an_id_stops_the_partition(void **state)
{
	char owner[WP_OWNER_MAX + 1];
	struct rig rig;

	rig_init(&rig, *state);
	rig.id = wp_world_post(rig.w, MAIL(.json = "m1"));
	act_conflict(&rig);
	wp_world_run(rig.w, WP_WORLD_HINT(WP_BOB, "t_-_1_1_5"));
	route(&rig);
	land(&rig);
	assert_false(wp_table_owner(rig.hot.table, WP_WORLD_PARTITION,
				    WP_TABLE_MIGRATE, wp_mono_ms(), owner));
	wp_world_expect_cold(rig.w, "other");
	route(&rig);
	expect_ingress(&rig, 0);
	wp_world_expect(rig.w, "1", "XLEN " WP_P "hot:" WP_BOB);
	rig_release(&rig);
}

/* Somebody's hot queue is not empty: that way is taken until it is. */
static void a_hot_queue_is_emptied_first(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_handover_set_good(rig.hot.handover, false);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	wp_handover_set_good(rig.hot.handover, true);
	(void)wp_world_post(rig.w, MAIL(.json = "m2"));
	route(&rig);
	land(&rig);
	wp_world_expect_cold(rig.w, "");
	expect_ingress(&rig, 0);
	move_all(&rig);
	wp_world_expect_cold(rig.w, "m1 m2");
	(void)wp_world_post(rig.w, MAIL(.json = "m3"));
	settle(&rig);
	wp_world_expect_cold(rig.w, "m1 m2 m3");
	expect_straight(&rig);
	rig_release(&rig);
}

static void a_flood_takes_the_long_way_once_it_is_seen(void **state)
{
	struct rig rig;
	char name[32];

	rig_init(&rig, *state);
	for (unsigned i = 0; i < FLOOD; i++) {
		(void)snprintf(name, sizeof(name), "urn:sm:user:f%u", i);
		(void)wp_world_post(rig.w, MAIL(.json = "m", .to = name));
	}
	rig.w->conf.worker.batch_entries = BATCH;
	wp_router_ring(rig.router, WP_WORLD_PARTITION);
	assert_int_equal(wp_router_run(rig.router, NULL), WP_OK);
	expect_ingress(&rig, FLOOD);
	route(&rig); /* one call or two, by how long it takes */
	assert_in_range(wp_world_int(rig.w, "XLEN " WP_P "ingress"),
			FLOOD - 2 * BATCH, FLOOD - BATCH);
	rig_release(&rig);
}

/* However many are under way: nobody who is online waits for the disk. */
static void who_is_online_is_reached_behind_many_who_are_not(void **state)
{
	struct rig rig;
	char name[32];

	rig_init(&rig, *state);
	rig.w->conf.worker.batch_entries = BATCH;
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "urn:sm:user:f%u", i);
		(void)wp_world_post(rig.w, MAIL(.json = "m", .to = name));
	}
	for (unsigned i = 0; i < MANY / BATCH; i++)
		route(&rig);
	connect_bob(&rig);
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	for (unsigned i = 0; i < TURNS_MAX; i++)
		route(&rig);
	expect_ingress(&rig, MANY);
	assert_true(is_poked(&rig));
	rig_release(&rig);
}

static void a_notification_comes_when_there_is_something_to_pull(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.w->conf.push.enabled = true;
	(void)wp_world_post(rig.w, MAIL(.json = "m1"));
	route(&rig);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "pushdue");
	land(&rig);
	wp_world_expect(rig.w, "1", "ZCARD " WP_P "pushdue");
	wp_world_expect_pull(rig.w, "m1");
	rig_release(&rig);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(who_is_away_is_written_to_without_hot),
		WORLD_TEST(who_is_online_is_not_and_neither_is_the_ephemeral),
		WORLD_TEST(a_version_that_nobody_knew_is_told_by_the_store),
		WORLD_TEST(who_comes_before_the_append_is_poked_behind_it),
		WORLD_TEST(and_so_is_who_comes_before_it_leaves_ingress),
		WORLD_TEST(who_leaves_again_has_it_on_disk),
		WORLD_TEST(nothing_overtakes_what_is_under_way),
		WORLD_TEST(who_comes_back_gets_what_is_under_way),
		WORLD_TEST(what_waited_for_a_landing_is_before_what_comes_then),
		WORLD_TEST(a_user_is_under_way_once),
		WORLD_TEST(an_ack_before_the_append_is_final),
		WORLD_TEST(an_ack_before_it_leaves_ingress_is_final),
		WORLD_TEST(a_hint_of_now_is_not_cleared_by_an_ack_of_before),
		WORLD_TEST(what_a_dead_worker_had_goes_with_the_next),
		WORLD_TEST(a_row_that_is_there_already_is_the_same),
		WORLD_TEST(
			who_comes_back_to_a_row_and_an_entry_has_one_message),
		WORLD_TEST(what_never_leaves_ingress_takes_the_long_way),
		WORLD_TEST(landing_ends_also_while_more_comes),
		WORLD_TEST(of_two_workers_one_writes),
		WORLD_TEST(a_batch_of_before_a_fence_is_refused),
		WORLD_TEST(what_is_not_ours_any_more_is_not_written),
		WORLD_TEST(a_closed_gate_hands_nothing_over),
		WORLD_TEST(a_store_that_refuses_is_left_alone_for_a_while),
		WORLD_TEST(an_append_without_an_answer_is_no_loss),
		WORLD_TEST(another_message_under_an_id_stops_the_partition),
		WORLD_TEST(a_hot_queue_is_emptied_first),
		WORLD_TEST(a_flood_takes_the_long_way_once_it_is_seen),
		WORLD_TEST(who_is_online_is_reached_behind_many_who_are_not),
		WORLD_TEST(
			a_notification_comes_when_there_is_something_to_pull),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_direct", tests, NULL, NULL);
}
