/*
 * What should never be, made by hand, is found and repaired; what is in order
 * is left as it is.
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
#include "worker/audit.h"

#define EVE "urn:sm:user:eve"
#define IDA "urn:sm:user:ida"
#define HOT(key, id, name) WP_PUT_HOT(WP_P key, id, WP_ALIVE, "0", name)

struct rig {
	struct wp_world *w;
	struct wp_worker worker;
	struct wp_auditor auditor;
};

static void rig_init(struct rig *rig, struct wp_world *w)
{
	*rig = (struct rig){ .w = w };
	wp_rig_init(&rig->worker, w);
	wp_rig_own(&rig->worker, w, WP_WORLD_PARTITION);
	wp_auditor_init(&rig->auditor, &rig->worker);
}

static void rig_release(struct rig *rig)
{
	wp_rig_release(&rig->worker);
}

/* Go on with what a second at this rate allows. */
static void run(struct rig *rig, int64_t rate)
{
	rig->w->conf.worker.audit_keys_per_second = rate;
	rig->auditor.budget = 0;
	rig->auditor.last_ms = 0;
	assert_int_equal(wp_auditor_run(&rig->auditor, NULL), WP_OK);
}

/* Once round the keyspace and all partitions. */
static void audit(struct rig *rig)
{
	wp_table_set_inbox(rig->worker.table, true);
	run(rig, 100000);
}

/* How many repairs of this kind the exposition tells. */
static int64_t repairs(struct rig *rig, const char *kind)
{
	char name[80];

	(void)snprintf(name, sizeof(name),
		       "waypost_worker_repairs_total{kind=\"%s\"}", kind);
	return wp_rig_metric(&rig->worker, name);
}

static int64_t all_repairs(struct rig *rig)
{
	static const char *const kinds[] = { "connection",  "mark",
					     "expiry",      "stream",
					     "incarnation", "hint_missing",
					     "hint_idle",   "push" };
	int64_t n = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		n += repairs(rig, kinds[i]);
	return n;
}

static void what_is_in_order_is_left_alone(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_deliver(rig.w, "m1");
	assert_int_equal(wp_world_migrate(rig.w, NULL), WP_OK);
	(void)wp_world_deliver(rig.w, "m2");
	wp_world_join(rig.w, "inc-1");
	(void)wp_world_connect(rig.w, "inc-1.1");
	(void)wp_world_post(
		rig.w, (struct wp_world_mail){ .json = "a", .to = WP_AMY });
	(void)wp_world_route(rig.w);
	audit(&rig);
	audit(&rig);
	assert_int_equal(all_repairs(&rig), 0);
	wp_world_expect_pull(rig.w, "m1 m2");
	rig_release(&rig);
}

static void waiting_messages_get_their_mark_and_note_back(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, HOT("hot:" WP_BOB, "1-1", "m1"));
	wp_world_run(rig.w, HOT("hot!:" WP_AMY, "1-1", "a1"));
	wp_world_run(rig.w, "HSET " WP_P "live i1 0");
	wp_world_run(rig.w, "HSET " WP_P "online:" WP_AMY " i1.1 5");
	audit(&rig);
	wp_world_expect(rig.w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	wp_world_expect(rig.w, "2", "ZCARD " WP_P "expiry");
	assert_int_equal(repairs(&rig, "mark"), 1);
	assert_int_equal(repairs(&rig, "expiry"), 2);
	audit(&rig);
	assert_int_equal(all_repairs(&rig), 3);
	rig_release(&rig);
}

static void an_empty_queue_is_deleted(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, HOT("hot:" WP_BOB, "1-1", "m1"));
	wp_world_run(rig.w, "XDEL " WP_P "hot:" WP_BOB " 1-1");
	wp_world_run(rig.w, "SET " WP_P "hot!:" WP_BOB " foreign");
	audit(&rig);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "hot:" WP_BOB);
	wp_world_expect(rig.w, "foreign", "GET " WP_P "hot!:" WP_BOB);
	assert_int_equal(all_repairs(&rig), 1);
	rig_release(&rig);
}

static void nobody_stays_online_by_a_daemon_that_is_gone(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, "HSET " WP_P "live i2 0");
	wp_world_run(rig.w, "HSET " WP_P "online:" WP_BOB " i1.1 5 i2.1 6");
	wp_world_run(rig.w, "HSET " WP_P "online:" WP_AMY " i1.2 5");
	wp_world_run(rig.w, HOT("hot:" WP_AMY, "1-1", "a1"));
	audit(&rig);
	wp_world_expect(rig.w, "[i2.1 6]", "HGETALL " WP_P "online:" WP_BOB);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "online:" WP_AMY);
	wp_world_expect(rig.w, "1", "EXISTS " WP_P "seen:" WP_AMY);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "seen:" WP_BOB);
	wp_world_expect(rig.w, "[" WP_AMY "]", "ZRANGE " WP_P "migrate 0 -1");
	assert_int_equal(repairs(&rig, "connection"), 2);
	rig_release(&rig);
}

static void what_a_gone_daemon_left_goes_in_bounded_steps(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, "HSET " WP_P "live i2 0");
	wp_world_run(rig.w,
		     "EVAL for\ti=1,450\tdo\tredis.call('SADD',KEYS[1],"
		     "'i1.'..i..'\\32urn:sm:user:u'..i)redis.call('HSET',"
		     "KEYS[2]..i,'i1.'..i,'5')end 2 " WP_P "at:i1 " WP_P
		     "online:urn:sm:user:u");
	wp_world_run(rig.w, "SADD " WP_P "due:i1 " WP_BOB);
	wp_world_run(rig.w, "SADD " WP_P "due:i2 " WP_BOB);
	audit(&rig);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "at:i1 " WP_P "due:i1");
	wp_world_expect(rig.w, "1", "EXISTS " WP_P "due:i2");
	wp_world_expect(rig.w, "0",
			"EVAL return\t#redis.call('KEYS',KEYS[1]) 1 " WP_P
			"online:*");
	assert_int_equal(repairs(&rig, "connection"), 450);
	assert_int_equal(repairs(&rig, "incarnation"), 1);
	rig_release(&rig);
}

static void rows_without_a_hint_are_found_again(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_deliver(rig.w, "m1");
	assert_int_equal(wp_world_migrate(rig.w, NULL), WP_OK);
	wp_world_run(rig.w, "DEL " WP_P "cold");
	wp_world_expect_pull(rig.w, "");
	audit(&rig);
	wp_world_expect_pull(rig.w, "m1");
	wp_world_expect_told(rig.w, "1 1 2");
	assert_int_equal(repairs(&rig, "hint_missing"), 1);
	rig_release(&rig);
}

/* An ack that has deleted the rows clears the hint; no new one may come. */
static void ack_meanwhile(void *ctx, const char *operation)
{
	struct wp_world *w = ctx;

	if (strcmp(operation, "size") != 0)
		return;
	(void)wp_test_ack(w->spy.real, &w->box, NULL, 0);
}

static void a_mailbox_that_is_being_changed_is_not_judged(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	(void)wp_world_deliver(rig.w, "m1");
	assert_int_equal(wp_world_migrate(rig.w, NULL), WP_OK);
	wp_world_run(rig.w, "DEL " WP_P "cold");
	rig.w->spy.on_call = ack_meanwhile;
	rig.w->spy.ctx = rig.w;
	audit(&rig);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "cold");
	rig.w->spy.on_call = NULL;
	audit(&rig);
	wp_world_expect(rig.w, "1", "EXISTS " WP_P "cold");
	rig_release(&rig);
}

static void a_hint_without_rows_goes_unless_a_migration_has_set_it(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, WP_WORLD_HINT(WP_BOB, "t1_-_-_0_0"));
	wp_world_run(rig.w, WP_WORLD_HINT(WP_AMY, "t2_7_1_1_1"));
	wp_world_run(rig.w, "ZADD " WP_P "migrate 5 " WP_AMY);
	audit(&rig);
	wp_world_expect(rig.w, "[" WP_AMY "]", "HKEYS " WP_P "cold");
	assert_int_equal(repairs(&rig, "hint_idle"), 1);
	rig_release(&rig);
}

static void the_rate_bounds_what_is_looked_at(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_table_set_inbox(rig.worker.table, true);
	wp_world_run(rig.w, HOT("hot:" WP_BOB, "1-1", "m1"));
	run(&rig, 0);
	assert_int_equal(all_repairs(&rig), 0);
	run(&rig, 1000);
	assert_true(all_repairs(&rig) > 0);
	rig_release(&rig);
}

/* A crowd of absent users, on disk or as hints. */
static void leave_hints(struct wp_world *w, int n)
{
	wp_world_run(w,
		     "EVAL for\ti=1,%d\tdo\tredis.call('HSET',KEYS[1],"
		     "'urn:sm:user:h'..i,'t'..i..'\\32-\\32-\\0320\\0320')end "
		     "1 " WP_P "cold",
		     n);
}

/* Steps of so much budget until all hints without rows are gone. */
static int steps_until_clear(struct rig *rig, int64_t budget)
{
	int steps = 0;

	while (wp_world_int(rig->w, "HLEN " WP_P "cold") > 0) {
		int64_t left = wp_world_int(rig->w, "HLEN " WP_P "cold");

		run(rig, budget);
		left -= wp_world_int(rig->w, "HLEN " WP_P "cold");
		/* A page of HSCAN is ten, or a little more. */
		assert_in_range(left, 0, budget + 60);
		assert_true(++steps < 200);
	}
	return steps;
}

static void many_hints_are_looked_at_a_budget_at_a_time(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	leave_hints(rig.w, 1000);
	assert_true(steps_until_clear(&rig, 100) > 5);
	assert_int_equal(repairs(&rig, "hint_idle"), 1000);
	rig_release(&rig);
}

static void a_redis_that_stood_still_costs_half_a_minute(void **state)
{
	struct rig rig;
	int64_t rate;

	rig_init(&rig, *state);
	rate = rig.worker.conf->worker.audit_keys_per_second;
	rig.auditor.budget = -1000000000;
	assert_int_equal(wp_auditor_run(&rig.auditor, NULL), WP_OK);
	assert_int_equal(rig.auditor.budget, -30 * rate);
	rig_release(&rig);
}

static void what_a_gone_daemon_left_costs_budget(void **state)
{
	struct rig rig;
	int64_t left = 2000;
	int steps = 0;

	rig_init(&rig, *state);
	wp_world_run(rig.w,
		     "EVAL for\ti=1,2000\tdo\tredis.call('SADD',"
		     "KEYS[1],'i1.'..i..'\32urn:sm:user:u'..i)end 1 " WP_P
		     "at:i1");
	wp_table_set_inbox(rig.worker.table, true);
	while (left > 0) {
		int64_t was = left;

		run(&rig, 300);
		left = wp_world_int(rig.w, "SCARD " WP_P "at:i1");
		assert_in_range(was - left, 0, 400);
		assert_true(++steps < 200);
	}
	assert_true(steps > 4);
	rig_release(&rig);
}

static void keys_of_another_kind_cost_nobody_else(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	/*
	 * Rows whose hint cannot be set, and a partition whose hints are none.
	 */
	(void)wp_world_deliver(rig.w, "m1");
	assert_int_equal(wp_world_migrate(rig.w, NULL), WP_OK);
	wp_world_run(rig.w, "DEL " WP_P "cold");
	wp_world_run(rig.w, "SET " WP_P "cold foreign");
	wp_table_take(rig.worker.table, 3, rig.w->owner, wp_mono_ms() + 60000);
	wp_world_run(rig.w, "SET wp:{3}:owner %s", rig.w->owner);
	wp_world_run(rig.w, "SET wp:{3}:gate %s",
		     wp_redis_run_id(rig.w->redis));
	wp_world_run(rig.w, "HSET wp:{3}:cold " WP_AMY " t1");
	audit(&rig);
	wp_world_expect(rig.w, "0", "EXISTS wp:{3}:cold");
	wp_world_expect(rig.w, "foreign", "GET " WP_P "cold");
	rig_release(&rig);
}

static void a_queue_of_nobody_gets_no_mark(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, HOT("hot:bob", "1-1", "m1"));
	wp_world_run(rig.w, HOT("hot:", "1-1", "m1"));
	wp_world_run(rig.w, HOT("hot:urn:a:b:c:d", "1-1", "m1"));
	audit(&rig);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "migrate");
	rig_release(&rig);
}

static void whom_nobody_would_tell_gets_an_entry(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	rig.w->conf.push.enabled = true;
	(void)wp_world_deliver(rig.w, "m1");
	assert_int_equal(wp_world_migrate(rig.w, NULL), WP_OK);
	/* He left by a daemon that is gone; nobody has asked for it. */
	wp_world_run(rig.w, HOT("hot:" WP_AMY, "1-1", "a1"));
	wp_world_run(rig.w, "HSET " WP_P "online:" WP_AMY " i1.1 5");
	/* All of his devices know. */
	wp_world_run(rig.w, HOT("hot:" EVE, "1-1", "e1"));
	wp_world_run(rig.w, "SET " WP_P "notified:" EVE " 1-1");
	wp_world_run(rig.w, "HSET " WP_P "pushed:" EVE " id 1-1");
	/* And who has none. */
	wp_world_run(rig.w, HOT("hot:" IDA, "1-1", "i1"));
	wp_world_run(rig.w, "SET " WP_P "notified:" IDA " 9007199254740991-0");
	wp_world_run(rig.w, "DEL " WP_P "pushdue");
	audit(&rig);
	wp_world_expect(rig.w, "2", "ZCARD " WP_P "pushdue");
	wp_world_expect(rig.w, "-", "ZSCORE " WP_P "pushdue " EVE);
	wp_world_expect(rig.w, "1-1", "GET " WP_P "notified:" WP_AMY);
	assert_int_equal(repairs(&rig, "push"), 1); /* bob's */
	audit(&rig);
	assert_int_equal(repairs(&rig, "push"), 1);

	rig.w->conf.push.enabled = false;
	wp_world_run(rig.w, "DEL " WP_P "pushdue");
	audit(&rig);
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "pushdue");
	rig_release(&rig);
}

/* Nobody takes entries; and the stream of before is nobody's. */
static void entries_of_which_nothing_waits_go(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, "XADD " WP_P "push 1-1 u " WP_BOB " id 1-1");
	wp_world_run(rig.w, HOT("hot:" WP_BOB, "1-1", "m1"));
	wp_world_run(rig.w, "HSET " WP_P "pushed:" EVE " shown 1");
	wp_world_run(rig.w,
		     "ZADD " WP_P "pushdue 1 " WP_BOB " 2 " WP_AMY " 3 " EVE);
	wp_world_run(rig.w, "SADD " WP_P "pushhigh " WP_AMY " " WP_BOB);
	wp_world_run(rig.w, "SET " WP_P "gate of-before");
	audit(&rig);
	wp_world_expect(rig.w, "3", "ZCARD " WP_P "pushdue");
	wp_world_expect(rig.w, "0", "EXISTS " WP_P "push");
	wp_world_run(rig.w, "SET " WP_P "gate %s",
		     wp_redis_run_id(rig.w->redis));
	audit(&rig);
	wp_world_expect(rig.w, "[" WP_BOB " " EVE "]",
			"ZRANGE " WP_P "pushdue 0 -1");
	wp_world_expect(rig.w, "[" WP_BOB "]", "SMEMBERS " WP_P "pushhigh");
	assert_int_equal(repairs(&rig, "push"), 0);
	rig_release(&rig);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_is_in_order_is_left_alone),
		WORLD_TEST(waiting_messages_get_their_mark_and_note_back),
		WORLD_TEST(an_empty_queue_is_deleted),
		WORLD_TEST(nobody_stays_online_by_a_daemon_that_is_gone),
		WORLD_TEST(what_a_gone_daemon_left_goes_in_bounded_steps),
		WORLD_TEST(rows_without_a_hint_are_found_again),
		WORLD_TEST(a_mailbox_that_is_being_changed_is_not_judged),
		WORLD_TEST(
			a_hint_without_rows_goes_unless_a_migration_has_set_it),
		WORLD_TEST(many_hints_are_looked_at_a_budget_at_a_time),
		WORLD_TEST(a_redis_that_stood_still_costs_half_a_minute),
		WORLD_TEST(what_a_gone_daemon_left_costs_budget),
		WORLD_TEST(keys_of_another_kind_cost_nobody_else),
		WORLD_TEST(a_queue_of_nobody_gets_no_mark),
		WORLD_TEST(the_rate_bounds_what_is_looked_at),
		WORLD_TEST(whom_nobody_would_tell_gets_an_entry),
		WORLD_TEST(entries_of_which_nothing_waits_go),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_audit", tests, NULL, NULL);
}
