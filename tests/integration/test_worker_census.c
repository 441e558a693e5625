/* What waits is told, and for how long; of partitions that are ours only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/mailbox/census.h"
#include "tests/support/test_redis.h"
#include "tests/support/worker/rig.h"
#include "worker/census.h"

enum { OTHER = 2, FOREIGN = 3 };

struct rig {
	struct wp_world *w;
	struct wp_worker worker;
	struct wp_census_taker taker;
};

static void rig_init(struct rig *rig, struct wp_world *w)
{
	*rig = (struct rig){ .w = w };
	wp_rig_init(&rig->worker, w);
	wp_census_taker_init(&rig->taker, &rig->worker);
	wp_rig_own(&rig->worker, w, WP_WORLD_PARTITION);
	wp_rig_own(&rig->worker, w, OTHER);
}

static void take(struct rig *rig)
{
	rig->taker.next_ms = 0;
	assert_int_equal(wp_census_taker_run(&rig->taker, NULL), WP_OK);
	assert_true(rig->taker.next_ms > wp_mono_ms());
}

static int64_t told(const struct rig *rig, const char *name)
{
	return wp_rig_metric(&rig->worker, name);
}

static void expect(const struct rig *rig, int64_t ingress, int64_t marks,
		   int64_t dead)
{
	assert_int_equal(told(rig, "waypost_worker_ingress_entries"), ingress);
	assert_int_equal(told(rig, "waypost_worker_migrate_marks"), marks);
	assert_int_equal(told(rig, "waypost_worker_dead_letters"), dead);
}

/* ms: by Redis' clock, relative to now */
static void mark(struct rig *rig, uint32_t partition, const char *urn, int ms)
{
	wp_world_run(rig->w,
		     "EVAL redis.call('ZADD',KEYS[1],redis.call('TIME')[1]*"
		     "1000+ARGV[1],ARGV[2]) 1 wp:{%u}:migrate %d %s",
		     partition, ms, urn);
}

static void nothing_waits(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	take(&rig);

	expect(&rig, 0, 0, 0);
	assert_int_equal(told(&rig, "waypost_worker_ingress_oldest_seconds"),
			 0);
	assert_int_equal(told(&rig, "waypost_worker_migrate_oldest_seconds"),
			 0);
	wp_rig_release(&rig.worker);
}

static void what_waits_is_told_with_its_age(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w,
		     "EVAL redis.call('XADD',KEYS[1],(redis.call('TIME')[1]-70)"
		     "..'000-0','x','1') 1 " WP_P "ingress");
	wp_world_run(rig.w, "XADD " WP_P "ingress * x 2");
	wp_world_run(rig.w, "XADD wp:{2}:ingress * x 3");
	mark(&rig, WP_WORLD_PARTITION, WP_BOB, 60000); /* not yet */
	take(&rig);
	expect(&rig, 3, 1, 0);
	assert_in_range(told(&rig, "waypost_worker_ingress_oldest_seconds"), 70,
			600);
	assert_int_equal(told(&rig, "waypost_worker_migrate_oldest_seconds"),
			 0);

	mark(&rig, OTHER, WP_AMY, -130000);
	wp_world_run(rig.w, "XADD wp:{2}:dlq * reason x");
	take(&rig);

	expect(&rig, 3, 2, 1);
	assert_in_range(told(&rig, "waypost_worker_migrate_oldest_seconds"),
			130, 600);
	wp_rig_release(&rig.worker);
}

static void what_is_none_of_ours_is_not_told(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, "XADD wp:{%u}:ingress * x 1", FOREIGN);
	wp_world_run(rig.w, "SET " WP_P "ingress foreign");
	wp_world_run(rig.w, "SET " WP_P "migrate foreign");
	wp_world_run(rig.w, "SET " WP_P "dlq foreign");
	wp_world_run(rig.w, "XADD wp:{2}:dlq * reason x");
	take(&rig);

	expect(&rig, 0, 0, 1);
	wp_rig_release(&rig.worker);
}

static void it_is_not_asked_for_all_the_time(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	take(&rig);
	wp_world_run(rig.w, "XADD " WP_P "ingress * x 1");
	assert_int_equal(wp_census_taker_run(&rig.taker, NULL), WP_OK);

	expect(&rig, 0, 0, 0);
	wp_rig_release(&rig.worker);
}

static void another_answer_is_none(void **state)
{
	struct wp_world *w = *state;
	struct wp_census sum = { .dead = 5 };
	struct wp_reply *reply = wp_world_cmd(w, "GET nothing");

	assert_int_equal(wp_census_add(&sum, reply), WP_ERR_UNAVAIL);
	assert_int_equal(sum.dead, 5);
	wp_reply_free(&reply);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(nothing_waits),
		WORLD_TEST(what_waits_is_told_with_its_age),
		WORLD_TEST(what_is_none_of_ours_is_not_told),
		WORLD_TEST(it_is_not_asked_for_all_the_time),
		WORLD_TEST(another_answer_is_none),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_census", tests, NULL, NULL);
}
