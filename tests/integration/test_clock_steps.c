/*
 * A clock that is set, forwards or back, may delay things. It must not lose
 * what waits, nor leave anything to wait until the old time comes again.
 *
 * Redis' clock cannot be set here, so what it wrote down is: a time in the
 * future is one of before the clock went back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/mailbox/partition.h"
#include "tests/support/boxes.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

enum {
	LEASE_MS = 60000,
	GRACE_MS = 60000,
	HOUR_MS = 3600 * 1000,
	BUCKET_HOURS = 6,
};

static void expect_answer(struct wp_world *w, const char *want)
{
	struct wp_reply *reply = wp_world_do(w);
	char *text = wp_world_show(reply);

	assert_string_equal(text, want);
	free(text);
	wp_reply_free(&reply);
}

static void a_lease_that_would_outlast_its_holder_is_cut(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "SET " WP_P "owner 9:dead PX %d", HOUR_MS);
	wp_lease_acquire_build(&w->cmd, WP_P, "worker-b", LEASE_MS);
	expect_answer(w, "[held 9:dead]");
	assert_in_range(wp_world_int(w, "PTTL " WP_P "owner"), 1, LEASE_MS);

	wp_world_run(w, "SET " WP_P "owner 9:dead");
	wp_lease_acquire_build(&w->cmd, WP_P, "worker-b", LEASE_MS);
	expect_answer(w, "[held 9:dead]");
	assert_in_range(wp_world_int(w, "PTTL " WP_P "owner"), 1, LEASE_MS);
}

static void a_lease_in_its_time_is_left_alone(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "SET " WP_P "owner 9:alive PX %d", LEASE_MS / 2);
	wp_lease_acquire_build(&w->cmd, WP_P, "worker-b", LEASE_MS);
	expect_answer(w, "[held 9:alive]");
	assert_in_range(wp_world_int(w, "PTTL " WP_P "owner"), 1, LEASE_MS / 2);
}

static void a_worker_that_was_seen_in_the_future_has_no_share(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "ZADD " WP_WORKERS_KEY " %lld dead",
		     (long long)wp_wall_ms() + HOUR_MS);
	wp_workers_build(&w->cmd, "alive", LEASE_MS, false);
	expect_answer(w, "[alive]");
}

static void a_mark_that_no_grace_explains_is_due(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease lease = wp_world_lease(w->owner);
	long long now_ms = (long long)wp_wall_ms();

	wp_world_run(w, "ZADD " WP_P "migrate %lld ahead %lld graced 1 due",
		     now_ms + 2 * GRACE_MS, now_ms + GRACE_MS / 2);
	wp_migrate_due_build(&w->cmd, &lease, 10, GRACE_MS);
	expect_answer(w, "[ok -1 due ahead]");
	wp_migrate_due_build(&w->cmd, &lease, 1, GRACE_MS);
	expect_answer(w, "[ok -1 due]");
}

static void a_key_of_before_the_clock_went_back_is_known(void **state)
{
	static const char head[] = WP_P "idem:";
	const struct wp_world_mail mail = { .json = "m1", .key = "k" };
	struct wp_world *w = *state;
	struct wp_msgid first = wp_world_post(w, mail);
	struct wp_reply *reply = wp_world_cmd(w, "KEYS " WP_P "idem:*");
	const char *key = wp_reply_str(wp_reply_at(reply, 0));
	struct wp_msgid again;

	wp_world_run(w, "RENAME %s %s%ld", key, head,
		     strtol(key + strlen(head), NULL, 10) + BUCKET_HOURS);
	wp_reply_free(&reply);

	again = wp_world_post(w, mail);
	assert_int_equal(wp_entry_id_cmp(&first.entry, &again.entry), 0);
	assert_int_equal(wp_world_int(w, "XLEN " WP_P "ingress"), 1);
}

/* All rows of bob's, whatever the clock says. */
static bool count_row(void *ctx, const struct wp_store_row *row)
{
	(void)row;
	++*(int *)ctx;
	return true;
}

static int cold_rows(struct wp_world *w)
{
	int n = 0;
	const struct wp_store_read read = {
		.box = &w->box,
		.on_row = count_row,
		.ctx = &n,
	};

	assert_int_equal(wp_store_read(w->spy.real, &read, NULL), WP_OK);
	return n;
}

static void what_seems_to_have_expired_is_routed_and_moved(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "*", WP_BOB, "0", "1000",
				       "m1"));
	assert_int_equal(wp_world_route(w).routed, 1);
	wp_world_expect_pull(w, "");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);

	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_pull(w, "");
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_BOB);
	assert_int_equal(cold_rows(w), 1);
}

static void a_sweep_deletes_by_the_time_that_was_believed(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease lease = wp_world_lease(w->owner);

	wp_world_run(w,
		     WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-1", "1000", "0", "m1"));
	wp_world_run(w,
		     WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-2", "2000", "0", "m2"));
	wp_world_run(w, "ZADD " WP_P "expiry 1000 " WP_BOB);

	wp_sweep_build(&w->cmd, &lease, 999);
	expect_answer(w, "[ok 0 0]");
	wp_sweep_build(&w->cmd, &lease, 1500);
	expect_answer(w, "[ok 1 0]");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
}

/* It was set back after somebody had looked at it. */
static void a_sweep_never_deletes_ahead_of_the_clock(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease lease = wp_world_lease(w->owner);
	long long now_ms = (long long)wp_wall_ms();

	wp_world_run(w,
		     WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-1", "%lld", "0", "m1"),
		     now_ms + HOUR_MS);
	wp_world_run(w, "ZADD " WP_P "expiry %lld " WP_BOB, now_ms + HOUR_MS);

	wp_sweep_build(&w->cmd, &lease, now_ms + 2 * HOUR_MS);
	expect_answer(w, "[ok 0 0]");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_lease_that_would_outlast_its_holder_is_cut),
		WORLD_TEST(a_lease_in_its_time_is_left_alone),
		WORLD_TEST(a_worker_that_was_seen_in_the_future_has_no_share),
		WORLD_TEST(a_mark_that_no_grace_explains_is_due),
		WORLD_TEST(a_key_of_before_the_clock_went_back_is_known),
		WORLD_TEST(what_seems_to_have_expired_is_routed_and_moved),
		WORLD_TEST(a_sweep_deletes_by_the_time_that_was_believed),
		WORLD_TEST(a_sweep_never_deletes_ahead_of_the_clock),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("clock_steps", tests, NULL, NULL);
}
