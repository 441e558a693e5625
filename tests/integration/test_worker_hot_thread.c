/*
 * What the worker's own thread makes of keys that are missing or of another
 * kind.
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
#include "worker/own.h"
#include "worker/route.h"

struct rig {
	struct wp_world *w;
	struct wp_worker worker;
	struct wp_own *own;
	struct wp_router *router;
};

static void rig_init(struct rig *rig, struct wp_world *w)
{
	*rig = (struct rig){ .w = w };
	wp_rig_init(&rig->worker, w);
	assert_int_equal(wp_own_new(&rig->own, &rig->worker, NULL), WP_OK);
	assert_int_equal(wp_router_new(&rig->router, &rig->worker, NULL),
			 WP_OK);
}

static void rig_release(struct rig *rig)
{
	wp_router_free(&rig->router);
	wp_own_free(&rig->own);
	wp_rig_release(&rig->worker);
}

/* Only one partition has an owner: the test itself. */
static void without_the_list_of_workers_what_is_free_is_taken(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, "SET wp:workers foreign");
	assert_int_equal(wp_own_tick(rig.own, NULL), WP_OK);
	assert_int_equal(wp_table_count(rig.worker.table),
			 WP_TEST_PARTITIONS - 1);
	/* And kept, and when the list is there again shared. */
	assert_int_equal(wp_own_tick(rig.own, NULL), WP_OK);
	assert_int_equal(wp_table_count(rig.worker.table),
			 WP_TEST_PARTITIONS - 1);
	wp_world_run(rig.w, "DEL wp:workers");
	wp_world_run(rig.w, "EVAL return\tredis.call('ZADD',KEYS[1],"
			    "redis.call('TIME')[1]*1000,'worker-2') 1 "
			    "wp:workers");
	assert_int_equal(wp_own_tick(rig.own, NULL), WP_OK);
	assert_int_equal(wp_table_count(rig.worker.table),
			 WP_TEST_PARTITIONS / 2);
	rig_release(&rig);
}

/* Of two workers, the other has its share but for one partition. */
static void a_partition_that_cannot_be_had_hides_no_free_one(void **state)
{
	enum { FREE = WP_TEST_PARTITIONS - 2 }; /* the last is the test's */
	char owner[WP_OWNER_MAX + 1];
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, "EVAL return\tredis.call('ZADD',KEYS[1],"
			    "redis.call('TIME')[1]*1000,'worker-2') 1 "
			    "wp:workers");
	wp_world_run(rig.w, "SET wp:{0}:fence foreign");
	for (uint32_t p = WP_TEST_PARTITIONS / 2; p < FREE; p++)
		wp_world_run(rig.w, "SET wp:{%u}:owner 1:worker-2 PX %lld", p,
			     (long long)rig.w->conf.worker.lease_ms);
	/* Once round the circle, whatever a tick looks at. */
	for (uint32_t i = 0; i < WP_TEST_PARTITIONS; i++)
		assert_int_equal(wp_own_tick(rig.own, NULL), WP_OK);
	assert_false(wp_table_owner(rig.worker.table, 0, WP_TABLE_ALL,
				    wp_mono_ms(), owner));
	assert_true(wp_table_owner(rig.worker.table, FREE, WP_TABLE_ALL,
				   wp_mono_ms(), owner));
	rig_release(&rig);
}

/* A poll, and what it leads to. */
static void look(struct rig *rig)
{
	wp_router_hurry(rig->router);
	assert_int_equal(wp_router_run(rig->router, NULL), WP_OK);
}

static void a_lost_gate_is_noticed_although_nothing_comes_in(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_table_take(rig.worker.table, WP_WORLD_PARTITION, rig.w->owner,
		      wp_mono_ms() + 60000);
	look(&rig);
	assert_false(wp_table_has_closed(rig.worker.table));
	wp_world_run(rig.w, "DEL " WP_P "gate");
	look(&rig);
	assert_true(wp_table_has_closed(rig.worker.table));
	rig_release(&rig);
}

static void the_poll_finds_what_no_bell_rang_for(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_table_take(rig.worker.table, WP_WORLD_PARTITION, rig.w->owner,
		      wp_mono_ms() + 60000);
	look(&rig);
	assert_true(wp_router_next_ms(rig.router) > wp_mono_ms());
	(void)wp_world_post(rig.w, (struct wp_world_mail){ .json = "m1" });
	look(&rig);
	assert_true(wp_router_next_ms(rig.router) <= wp_mono_ms());
	assert_int_equal(wp_router_run(rig.router, NULL), WP_OK);
	wp_world_expect_pull(rig.w, "m1");
	rig_release(&rig);
}

/* ---- several partitions by one call ---- */

enum { OTHER = 2, THIRD = 4 };

/* Ours, open, and one message for bob in it. */
static void fill(struct rig *rig, uint32_t partition)
{
	wp_rig_own(&rig->worker, rig->w, partition);
	wp_world_run(rig->w, "SET wp:{%u}:gate %s", partition,
		     wp_redis_run_id(rig->w->redis));
	wp_world_run(rig->w,
		     WP_PUT_INGRESS("wp:{%u}:ingress", "*", WP_BOB, "0",
				    WP_ALIVE, "m"),
		     partition);
	wp_router_ring(rig->router, partition);
}

/* What a call does that comes to no answer. */
static void count_a_try(struct wp_world *w)
{
	wp_world_run(w, "EVAL redis.call('HSET',KEYS[2],redis.call('XRANGE',"
			"KEYS[1],'-','+')[1][1],1) 2 wp:{2}:ingress "
			"wp:{2}:tries");
}

/* One turn, and how many messages of a partition are in hot now. */
static int64_t hot_after_run(struct rig *rig, uint32_t partition)
{
	assert_int_equal(wp_router_run(rig->router, NULL), WP_OK);
	return wp_world_int(rig->w, "XLEN wp:{%u}:hot:" WP_BOB, partition);
}

static void what_waits_goes_by_one_call(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	fill(&rig, OTHER);
	fill(&rig, THIRD);
	fill(&rig, WP_WORLD_PARTITION);
	assert_int_equal(hot_after_run(&rig, OTHER), 1);
	wp_world_expect(rig.w, "1", "XLEN wp:{4}:hot:" WP_BOB);
	wp_world_expect(rig.w, "1", "XLEN " WP_P "hot:" WP_BOB);
	assert_int_equal(
		wp_rig_metric(
			&rig.worker,
			"waypost_worker_route_batch_duration_seconds_count"),
		1);
	assert_int_equal(
		wp_rig_metric(&rig.worker,
			      "waypost_worker_route_delay_seconds_count"),
		3);
	rig_release(&rig);
}

/* Nobody is to be moved where everybody is there. */
static void the_cold_thread_is_told_of_who_is_away(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	fill(&rig, OTHER);
	fill(&rig, THIRD);
	wp_world_run(rig.w, "HSET wp:{4}:online:" WP_BOB " i1.1 5");
	(void)wp_table_take_due(rig.worker.table, OTHER); /* by the lease */
	(void)wp_table_take_due(rig.worker.table, THIRD);
	assert_int_equal(hot_after_run(&rig, THIRD), 1);
	assert_true(wp_table_take_due(rig.worker.table, OTHER));
	assert_false(wp_table_take_due(rig.worker.table, THIRD));
	rig_release(&rig);
}

static void a_partition_that_keeps_entries_goes_alone(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, "SET wp:{2}:hot:" WP_BOB " not-a-stream");
	fill(&rig, OTHER);
	assert_int_equal(wp_router_run(rig.router, NULL), WP_OK);
	wp_world_expect(rig.w, "[1]", "HVALS wp:{2}:tries");

	wp_router_ring(rig.router, OTHER);
	fill(&rig, THIRD);
	assert_int_equal(hot_after_run(&rig, THIRD), 1);
	wp_world_expect(rig.w, "[1]", "HVALS wp:{2}:tries");
	assert_int_equal(wp_router_run(rig.router, NULL), WP_OK);
	wp_world_expect(rig.w, "[2]", "HVALS wp:{2}:tries");
	rig_release(&rig);
}

/* The count of an entry goes with it, whoever has counted. */
static void tries_are_looked_for_unless_none_can_be_there(void **state)
{
	struct wp_world *w = *state;
	struct rig rig;

	rig_init(&rig, w);
	fill(&rig, OTHER);
	assert_int_equal(hot_after_run(&rig, OTHER), 1);

	/* By ourselves, since. */
	wp_world_run(w, "RENAME wp:{2}:hot:" WP_BOB " kept");
	wp_world_run(w, "SET wp:{2}:hot:" WP_BOB " not-a-stream");
	fill(&rig, OTHER);
	assert_int_equal(wp_router_run(rig.router, NULL), WP_OK);
	wp_world_expect(w, "1", "HLEN wp:{2}:tries");
	wp_world_run(w, "RENAME kept wp:{2}:hot:" WP_BOB);
	wp_router_ring(rig.router, OTHER);
	assert_int_equal(hot_after_run(&rig, OTHER), 2);
	wp_world_expect(w, "0", "EXISTS wp:{2}:tries");

	/* By another owner, since our last lease. */
	(void)snprintf(w->owner, sizeof(w->owner), "99:worker-a");
	fill(&rig, OTHER);
	count_a_try(w);
	assert_int_equal(hot_after_run(&rig, OTHER), 3);
	wp_world_expect(w, "0", "EXISTS wp:{2}:tries");

	/* By ourselves, before the connection was lost. */
	fill(&rig, OTHER);
	count_a_try(w);
	wp_router_reset(rig.router);
	assert_int_equal(hot_after_run(&rig, OTHER), 4);
	wp_world_expect(w, "0", "EXISTS wp:{2}:tries");
	rig_release(&rig);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(without_the_list_of_workers_what_is_free_is_taken),
		WORLD_TEST(a_partition_that_cannot_be_had_hides_no_free_one),
		WORLD_TEST(a_lost_gate_is_noticed_although_nothing_comes_in),
		WORLD_TEST(the_poll_finds_what_no_bell_rang_for),
		WORLD_TEST(what_waits_goes_by_one_call),
		WORLD_TEST(the_cold_thread_is_told_of_who_is_away),
		WORLD_TEST(a_partition_that_keeps_entries_goes_alone),
		WORLD_TEST(tries_are_looked_for_unless_none_can_be_there),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_hot_thread", tests, NULL,
					   NULL);
}
