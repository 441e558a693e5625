/*
 * What users have on disk is told behind the gate, to its end, by whoever owns
 * the partition then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/boxes.h"
#include "tests/support/test_redis.h"
#include "tests/support/worker/rig.h"
#include "worker/gates.h"

enum { MANY = 1100, PAGE = 500 };

struct rig {
	struct wp_world *w;
	struct wp_worker worker;
	struct wp_gates gates;
	struct wp_sizes sizes;
};

/* The partition of the world is ours, and closed. */
static void rig_init(struct rig *rig, struct wp_world *w)
{
	*rig = (struct rig){ .w = w };
	wp_rig_init(&rig->worker, w);
	wp_rig_own(&rig->worker, w, WP_WORLD_PARTITION);
	assert_int_equal(wp_sizes_init(&rig->sizes, &rig->worker, NULL), WP_OK);
	wp_gates_init(&rig->gates, &rig->worker, &rig->sizes);
}

static void rig_release(struct rig *rig)
{
	wp_sizes_release(&rig->sizes);
	wp_rig_release(&rig->worker);
}

static void append_one(struct rig *rig, const char *user)
{
	const struct wp_store_row row = {
		.entry = { .ms = 1, .seq = 1 },
		.expires_ms = 99999999999999,
		.json = "abc",
		.json_len = 3,
	};
	struct wp_box box = wp_test_box(WP_WORLD_PARTITION, user);
	int64_t version;

	assert_int_equal(wp_store_version(rig->w->store, &box, &version, NULL),
			 WP_OK);
	assert_int_equal(wp_test_append(rig->w->store, &box, version, &row, 1),
			 WP_OK);
}

static void append_many(struct rig *rig, int n)
{
	char user[32];

	for (int i = 0; i < n; i++) {
		snprintf(user, sizeof(user), "urn:sm:user:u%04d", i);
		append_one(rig, user);
	}
}

/* Redis has lost all that it knew of them; the gate is opened for its life. */
static void reconcile(struct rig *rig)
{
	bool has_opened = false;

	wp_world_run(rig->w, "DEL " WP_P "gate " WP_P "cold");
	wp_table_set_open(rig->worker.table, WP_WORLD_PARTITION, rig->w->owner,
			  false);
	assert_int_equal(wp_gates_round(&rig->gates, &has_opened, NULL), WP_OK);
	assert_true(has_opened);
	wp_world_expect(rig->w, wp_redis_run_id(rig->w->redis),
			"GET " WP_P "gate");
}

/* Users of whom the quota knows what they have on disk. */
static int64_t n_known(struct rig *rig)
{
	return wp_world_int(
		rig->w,
		"EVAL local\tn=0\tfor\t_,v\tin\tipairs(redis.call('HVALS',"
		"KEYS[1]))do\tif\tv:match('\\32%%d+\\32%%d+\\32%%d+$')"
		"then\tn=n+1\tend\tend\treturn\tn 1 " WP_P "cold");
}

static int64_t is_unsized(struct rig *rig)
{
	return wp_world_int(rig->w, "EXISTS " WP_P "unsized");
}

/* Is there more to do? */
static bool go_round(struct rig *rig)
{
	bool is_late = false;

	assert_int_equal(wp_sizes_round(&rig->sizes, &is_late, NULL), WP_OK);
	return is_late;
}

static void sizes_are_told_behind_the_gate_page_by_page(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	append_many(&rig, MANY);
	reconcile(&rig);
	assert_int_equal(wp_world_int(rig.w, "HLEN " WP_P "cold"), MANY);
	assert_int_equal(n_known(&rig), 0);

	for (int told = 0; told + PAGE < MANY; told += PAGE) {
		assert_int_equal(n_known(&rig), told);
		assert_int_equal(is_unsized(&rig), 1);
		assert_true(go_round(&rig));
	}
	assert_false(go_round(&rig));
	assert_int_equal(n_known(&rig), MANY);
	assert_int_equal(is_unsized(&rig), 0);
	assert_false(go_round(&rig));
	rig_release(&rig);
}

/* A worker that has ended in the middle has left a word about it. */
static void the_next_owner_tells_the_rest(void **state)
{
	struct rig rig;
	bool has_opened = false;

	rig_init(&rig, *state);
	append_many(&rig, PAGE + 1);
	reconcile(&rig);
	assert_true(go_round(&rig));
	rig_release(&rig);

	rig_init(&rig, *state);
	wp_table_set_open(rig.worker.table, WP_WORLD_PARTITION, rig.w->owner,
			  false);
	assert_int_equal(wp_gates_round(&rig.gates, &has_opened, NULL), WP_OK);
	assert_true(go_round(&rig));
	assert_false(go_round(&rig));
	assert_int_equal(n_known(&rig), PAGE + 1);
	assert_int_equal(is_unsized(&rig), 0);
	rig_release(&rig);
}

/* And who finds none has nothing to do. */
static void an_open_gate_with_sizes_is_left_alone(void **state)
{
	struct rig rig;
	bool has_opened = false;

	rig_init(&rig, *state);
	append_one(&rig, WP_BOB);
	reconcile(&rig);
	assert_false(go_round(&rig));
	wp_table_set_open(rig.worker.table, WP_WORLD_PARTITION, rig.w->owner,
			  false);
	assert_int_equal(wp_gates_round(&rig.gates, &has_opened, NULL), WP_OK);
	assert_int_equal(rig.sizes.n_wanted, 0);
	rig_release(&rig);
}

static void a_partition_that_is_lost_is_its_next_owners(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	append_one(&rig, WP_BOB);
	reconcile(&rig);
	wp_world_run(rig.w, "SET " WP_P "owner 9:other");
	assert_false(go_round(&rig));
	assert_int_equal(is_unsized(&rig), 1);
	assert_int_equal(rig.sizes.n_wanted, 0);
	rig_release(&rig);
}

static void a_gate_that_closes_meanwhile_begins_anew(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	append_many(&rig, PAGE + 1);
	reconcile(&rig);
	assert_true(go_round(&rig));
	reconcile(&rig);
	assert_int_equal(n_known(&rig), 0);
	assert_true(go_round(&rig));
	assert_false(go_round(&rig));
	assert_int_equal(n_known(&rig), PAGE + 1);
	rig_release(&rig);
}

static void a_store_that_is_away_costs_the_page_a_round(void **state)
{
	struct rig rig;
	bool is_late = false;

	rig_init(&rig, *state);
	append_one(&rig, WP_BOB);
	reconcile(&rig);
	rig.w->spy.refuse = "size";
	assert_int_equal(wp_sizes_round(&rig.sizes, &is_late, NULL),
			 WP_ERR_UNAVAIL);
	rig.w->spy.refuse = NULL;
	assert_int_equal(n_known(&rig), 0);
	assert_false(go_round(&rig));
	assert_int_equal(n_known(&rig), 1);
	rig_release(&rig);
}

/* It has lost its replicas, say: all is refused, and not for good. */
static void a_redis_that_takes_nothing_is_asked_again(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	append_one(&rig, WP_BOB);
	reconcile(&rig);
	wp_world_run(rig.w, "CONFIG SET min-replicas-to-write 1");
	assert_false(go_round(&rig));
	wp_world_run(rig.w, "CONFIG SET min-replicas-to-write 0");
	assert_int_equal(n_known(&rig), 0);
	assert_int_equal(rig.sizes.n_wanted, 1);
	assert_false(go_round(&rig));
	assert_int_equal(n_known(&rig), 1);
	assert_int_equal(is_unsized(&rig), 0);
	rig_release(&rig);
}

static void a_key_of_another_kind_is_given_up(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	append_one(&rig, WP_BOB);
	reconcile(&rig);
	wp_world_run(rig.w, "DEL " WP_P "cold");
	wp_world_run(rig.w, "SET " WP_P "cold x");
	assert_false(go_round(&rig));
	assert_int_equal(rig.sizes.n_wanted, 0);
	wp_world_run(rig.w, "DEL " WP_P "cold");
	rig_release(&rig);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(sizes_are_told_behind_the_gate_page_by_page),
		WORLD_TEST(the_next_owner_tells_the_rest),
		WORLD_TEST(an_open_gate_with_sizes_is_left_alone),
		WORLD_TEST(a_partition_that_is_lost_is_its_next_owners),
		WORLD_TEST(a_gate_that_closes_meanwhile_begins_anew),
		WORLD_TEST(a_store_that_is_away_costs_the_page_a_round),
		WORLD_TEST(a_redis_that_takes_nothing_is_asked_again),
		WORLD_TEST(a_key_of_another_kind_is_given_up),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_sizes", tests, NULL, NULL);
}
