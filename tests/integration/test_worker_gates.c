/*
 * Opening closed partitions: one that cannot be opened keeps no other closed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/base/clock.h"
#include "tests/support/boxes.h"
#include "tests/support/test_redis.h"
#include "tests/support/worker/rig.h"
#include "worker/gates.h"

struct rig {
	struct wp_world *w;
	struct wp_worker worker;
	struct wp_gates gates;
	struct wp_sizes sizes;
	int calls_until_well;
};

/* All partitions are ours and closed, as after a start of Redis. */
static void rig_init(struct rig *rig, struct wp_world *w)
{
	*rig = (struct rig){ .w = w };
	wp_rig_init(&rig->worker, w);
	wp_world_run(w, "DEL " WP_P "gate");
	for (uint32_t p = 0; p < WP_TEST_PARTITIONS; p++) {
		wp_rig_own(&rig->worker, w, p);
		wp_table_set_open(rig->worker.table, p, w->owner, false);
	}
	assert_int_equal(wp_sizes_init(&rig->sizes, &rig->worker, NULL), WP_OK);
	wp_gates_init(&rig->gates, &rig->worker, &rig->sizes);
}

static void rig_release(struct rig *rig)
{
	wp_sizes_release(&rig->sizes);
	wp_rig_release(&rig->worker);
}

static size_t count(struct rig *rig, enum wp_table_filter filter)
{
	return wp_table_list(rig->worker.table, filter, wp_mono_ms(),
			     rig->worker.list);
}

static enum wp_err go_round(struct rig *rig)
{
	bool has_opened = false;

	return wp_gates_round(&rig->gates, &has_opened, NULL);
}

static void run_sql(struct wp_world *w, const char *sql)
{
	sqlite3 *raw = NULL;

	assert_int_equal(sqlite3_open(w->conf.store.sqlite_path, &raw),
			 SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
}

static void a_row_that_the_rules_refuse_keeps_nothing_closed(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, "SET " WP_P "gate %s",
		     wp_redis_run_id(rig.w->redis));
	(void)wp_world_deliver(rig.w, "m1");
	assert_int_equal(wp_world_migrate(rig.w, NULL), WP_OK);
	wp_world_run(rig.w, "DEL " WP_P "gate " WP_P "cold");
	run_sql(rig.w, "INSERT INTO box (urn, partition, ver, n)"
		       " VALUES ('no urn', 7, 1, 1);"
		       "INSERT INTO msg VALUES ('no urn', 0, 1, 1, 7, 'x')");
	assert_int_equal(go_round(&rig), WP_OK);
	assert_int_equal(count(&rig, WP_TABLE_OPEN), WP_TEST_PARTITIONS);
	wp_world_expect(rig.w, "[" WP_BOB "]", "HKEYS " WP_P "cold");
	assert_true(wp_store_refused(rig.w->store) > 0);
	rig_release(&rig);
}

static void a_key_of_another_kind_is_the_business_of_its_partition(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	/* More of them than failures that are taken for the store's. */
	for (uint32_t p = 0; p < 4; p++)
		wp_world_run(rig.w, "SET wp:{%u}:ingress x", p);
	assert_int_equal(go_round(&rig), WP_OK);
	assert_int_equal(count(&rig, WP_TABLE_OPEN), WP_TEST_PARTITIONS - 4);
	assert_int_equal(count(&rig, WP_TABLE_AILING), 4);
	/* They stop nothing else, and are not forgotten. */
	assert_false(wp_table_has_closed(rig.worker.table));
	wp_world_run(rig.w, "DEL wp:{2}:ingress");
	rig.gates.ailing_ms = 0;
	assert_int_equal(go_round(&rig), WP_OK);
	assert_int_equal(count(&rig, WP_TABLE_AILING), 3);
	rig_release(&rig);
}

/* The store fails for the partitions that it is asked about first. */
static void fail_at_first(void *ctx, const char *operation)
{
	struct rig *rig = ctx;

	if (strcmp(operation, "users") == 0)
		rig->w->spy.refuse =
			rig->calls_until_well-- > 0 ? "users" : NULL;
}

static void a_store_that_is_away_ends_the_round_and_no_more(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.calls_until_well = 3;
	rig.w->spy.on_call = fail_at_first;
	rig.w->spy.ctx = &rig;
	assert_int_equal(go_round(&rig), WP_ERR_UNAVAIL);
	assert_int_equal(count(&rig, WP_TABLE_OPEN), 0);
	/* Whoever failed comes behind those who were not asked about. */
	rig.gates.ailing_ms = UINT64_MAX;
	assert_int_equal(go_round(&rig), WP_OK);
	assert_int_equal(count(&rig, WP_TABLE_OPEN), WP_TEST_PARTITIONS - 3);
	rig.gates.ailing_ms = 0;
	assert_int_equal(go_round(&rig), WP_OK);
	assert_int_equal(count(&rig, WP_TABLE_OPEN), WP_TEST_PARTITIONS);
	rig_release(&rig);
}

static void ailing_partitions_never_end_a_round(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.w->spy.refuse = "users";
	for (int i = 0; i < 3; i++)
		(void)go_round(&rig);
	assert_int_equal(count(&rig, WP_TABLE_AILING), WP_TEST_PARTITIONS);
	rig.gates.ailing_ms = 0;
	assert_int_equal(go_round(&rig), WP_OK);
	rig_release(&rig);
}

/*
 * A, then B, then A again, which has kept its memory: what was stored for B is
 * not hidden by A's open gates, and no copy that was taken from B is appended.
 */
static void a_redis_that_comes_back_is_reconciled(void **state)
{
	const char *const other = "0123456789abcdef0123456789abcdef01234567";
	const struct wp_store_row row = {
		.entry = { .ms = 1, .seq = 7 },
		.expires_ms = 99999999999999,
		.json = "of-b",
		.json_len = 4,
	};
	struct rig rig;
	int64_t version = 0;

	rig_init(&rig, *state);
	assert_int_equal(go_round(&rig), WP_OK);
	assert_int_equal(count(&rig, WP_TABLE_OPEN), WP_TEST_PARTITIONS);
	/* B is reconciled, and bob's mail moved there. */
	assert_int_equal(wp_store_fence(rig.w->store, other, NULL), WP_OK);
	assert_int_equal(
		wp_store_version(rig.w->store, &rig.w->box, &version, NULL),
		WP_OK);
	assert_int_equal(
		wp_test_append(rig.w->store, &rig.w->box, version, &row, 1),
		WP_OK);
	assert_int_equal(
		wp_store_version(rig.w->store, &rig.w->box, &version, NULL),
		WP_OK);
	/* On one connection nothing can have changed; on a new one it can. */
	assert_int_equal(go_round(&rig), WP_OK);
	wp_world_expect_pull(rig.w, "");
	wp_redis_disconnect(rig.w->redis);
	assert_int_equal(go_round(&rig), WP_OK);
	assert_int_equal(count(&rig, WP_TABLE_OPEN), WP_TEST_PARTITIONS);
	wp_world_expect_pull(rig.w, "of-b");
	assert_int_equal(
		wp_test_append(rig.w->store, &rig.w->box, version, &row, 1),
		WP_ERR_STALE);
	/* And that was that. */
	wp_redis_disconnect(rig.w->redis);
	wp_world_run(rig.w, "SET wp:{1}:gate mine");
	assert_int_equal(go_round(&rig), WP_OK);
	wp_world_expect(rig.w, "mine", "GET wp:{1}:gate");
	rig_release(&rig);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_row_that_the_rules_refuse_keeps_nothing_closed),
		WORLD_TEST(
			a_key_of_another_kind_is_the_business_of_its_partition),
		WORLD_TEST(a_store_that_is_away_ends_the_round_and_no_more),
		WORLD_TEST(ailing_partitions_never_end_a_round),
		WORLD_TEST(a_redis_that_comes_back_is_reconciled),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_gates", tests, NULL, NULL);
}
