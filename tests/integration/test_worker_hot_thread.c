/*
 * What the worker's own thread makes of keys that are missing or of another
 * kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
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

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(without_the_list_of_workers_what_is_free_is_taken),
		WORLD_TEST(a_partition_that_cannot_be_had_hides_no_free_one),
		WORLD_TEST(a_lost_gate_is_noticed_although_nothing_comes_in),
		WORLD_TEST(the_poll_finds_what_no_bell_rang_for),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_hot_thread", tests, NULL,
					   NULL);
}
