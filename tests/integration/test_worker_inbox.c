/*
 * The inbox: what cannot be taken now keeps its order and nobody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/inbox.h"
#include "tests/support/boxes.h"
#include "tests/support/test_redis.h"
#include "tests/support/worker/rig.h"
#include "worker/inbox.h"

enum { STEPS_MAX = 400, MANY = 150 };

struct rig {
	struct wp_world *w;
	struct wp_worker worker;
	struct wp_inbox *inbox;
	/* Two users who live in different partitions. */
	char bob[32], amy[32];
	uint32_t bob_p, amy_p;
};

static uint32_t find_user(char name[32], uint32_t other)
{
	for (int i = 0;; i++) {
		struct wp_urn urn;
		struct wp_box box;

		(void)snprintf(name, 32, "urn:sm:user:i%d", i);
		assert_int_equal(wp_urn_parse(&urn, name, strlen(name), NULL),
				 WP_OK);
		wp_box_of(&box, &urn, WP_TEST_PARTITIONS);
		if (box.partition != other)
			return box.partition;
	}
}

static void set_gate(struct rig *rig, uint32_t p, bool is_open)
{
	wp_world_run(rig->w, "SET wp:{%u}:gate %s", p,
		     is_open ? wp_redis_run_id(rig->w->redis) : "closed");
}

static void rig_init(struct rig *rig, struct wp_world *w)
{
	*rig = (struct rig){ .w = w };
	w->conf.mailbox.max_rejected = 1000;
	w->conf.mailbox.max_rejected_bytes = 64 * 1024 * 1024;
	wp_rig_init(&rig->worker, w);
	assert_int_equal(wp_inbox_new(&rig->inbox, &rig->worker, NULL), WP_OK);
	rig->bob_p = find_user(rig->bob, WP_TEST_PARTITIONS);
	rig->amy_p = find_user(rig->amy, rig->bob_p);
	set_gate(rig, rig->bob_p, true);
	set_gate(rig, rig->amy_p, true);
}

static void rig_release(struct rig *rig)
{
	wp_inbox_free(&rig->inbox);
	wp_rig_release(&rig->worker);
}

/* n envelopes, numbered from first on. */
static void put(struct rig *rig, const char *urn, int first, int n)
{
	wp_world_run(rig->w,
		     "EVAL for\ti=%d,%d\tdo\tredis.call('XADD',KEYS[1],'*',"
		     "'envelope','{\"recipientId\":\"'..ARGV[1]..'\","
		     "\"encryptedData\":\"'..string.format('%%04d',i)..'\"}')"
		     "end 1 " WP_INBOX_KEY " %s",
		     first, first + n - 1, urn);
}

static void step(struct rig *rig, const char *lease)
{
	struct wp_error err = { 0 };

	if (wp_inbox_step(rig->inbox, lease, &err) != WP_OK)
		fail_msg("step: %s", err.msg);
}

/* A pass over all that is there: until the head is next again. */
static void pass(struct rig *rig)
{
	int steps = 0;

	do {
		step(rig, "1:w");
		assert_true(++steps < STEPS_MAX);
	} while (!wp_inbox_is_at_head(rig->inbox));
}

static int64_t accepted(struct rig *rig, uint32_t p)
{
	return wp_world_int(rig->w, "XLEN wp:{%u}:ingress", p);
}

static int64_t left(struct rig *rig)
{
	return wp_world_int(rig->w, "XLEN " WP_INBOX_KEY);
}

/* Are bob's envelopes in ingress numbered from 1 to n? */
static void expect_order(struct rig *rig, int n)
{
	wp_world_expect(
		rig->w, "1",
		"EVAL local\tl=redis.call('XRANGE',KEYS[1],'-','+')\t"
		"if\t#l~=tonumber(ARGV[1])then\treturn\t-#l\tend\t"
		"for\ti,e\tin\tipairs(l)do\tlocal\tt=table.concat(e[2],'_')"
		"if\tnot\tt:find(string.format('\"%%04d\"',i),1,true)then\t"
		"return\tt\tend\tend\treturn\t1 1 wp:{%u}:ingress %d",
		rig->bob_p, n);
}

static void a_partition_that_takes_nothing_keeps_nobody_else(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	set_gate(&rig, rig.bob_p, false);
	put(&rig, rig.bob, 1, MANY);
	put(&rig, rig.amy, 1, 5);
	pass(&rig);
	assert_int_equal(accepted(&rig, rig.amy_p), 5);
	assert_int_equal(accepted(&rig, rig.bob_p), 0);
	assert_int_equal(left(&rig), MANY);

	set_gate(&rig, rig.bob_p, true);
	pass(&rig);
	assert_int_equal(left(&rig), 0);
	expect_order(&rig, MANY);
	rig_release(&rig);
}

static void nobody_overtakes_himself(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	set_gate(&rig, rig.bob_p, false);
	put(&rig, rig.bob, 1, 1);
	put(&rig, rig.amy, 1, MANY);
	put(&rig, rig.bob, 2, 1);
	step(&rig, "1:w");
	set_gate(&rig, rig.bob_p, true); /* in the middle of a pass */
	pass(&rig);
	assert_int_equal(accepted(&rig, rig.amy_p), MANY);
	assert_int_equal(accepted(&rig, rig.bob_p), 0);
	pass(&rig);
	expect_order(&rig, 2);
	assert_int_equal(left(&rig), 0);
	rig_release(&rig);
}

static void another_lease_begins_at_the_head(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	put(&rig, rig.amy, 1, MANY);
	put(&rig, rig.bob, 2, 1);
	step(&rig, "1:w");
	/* Meanwhile somebody else read it, and left the first for later. */
	wp_world_run(rig.w, "DEL " WP_INBOX_KEY);
	wp_world_run(rig.w,
		     "XADD " WP_INBOX_KEY " 1-1 envelope "
		     "{\"recipientId\":\"%s\",\"encryptedData\":\"0001\"}",
		     rig.bob);
	put(&rig, rig.bob, 2, 1);
	step(&rig, "2:w");
	expect_order(&rig, 2);
	rig_release(&rig);
}

static void a_slice_is_bounded_by_bytes(void **state)
{
	struct rig rig;
	int64_t was;

	rig_init(&rig, *state);
	/* Each is refused, but has to be read for that. */
	wp_world_run(rig.w,
		     "EVAL for\ti=1,40\tdo\tredis.call('XADD',KEYS[1],'*',"
		     "'envelope',string.rep('x',ARGV[1]))end 1 " WP_INBOX_KEY
		     " %d",
		     (int)rig.w->conf.mailbox.max_envelope_bytes);
	do {
		was = left(&rig);
		step(&rig, "1:w");
		assert_in_range(
			was - left(&rig), 1,
			1 + 1024 * 1024 /
					rig.w->conf.mailbox.max_envelope_bytes);
	} while (left(&rig) > 0);
	rig_release(&rig);
}

static void what_is_too_big_is_not_even_read(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w,
		     "EVAL for\ti=1,40\tdo\tredis.call('XADD',KEYS[1],'*',"
		     "'note',string.rep('x',2000000),'envelope',"
		     "string.rep('x',%d))end 1 " WP_INBOX_KEY,
		     (int)rig.w->conf.mailbox.max_envelope_bytes + 1);
	put(&rig, rig.bob, 1, 1);
	step(&rig, "1:w");
	/* All in one bite. */
	assert_int_equal(left(&rig), 0);
	assert_int_equal(wp_world_int(rig.w, "XLEN " WP_INBOX_KEY ":dlq"), 40);
	expect_order(&rig, 1);
	rig_release(&rig);
}

static void a_key_of_another_kind_is_no_outage(void **state)
{
	struct rig rig;

	rig_init(&rig, *state);
	wp_world_run(rig.w, "RPUSH " WP_INBOX_KEY " {}");
	step(&rig, "1:w");
	step(&rig, "1:w");
	wp_world_run(rig.w, "DEL " WP_INBOX_KEY);
	put(&rig, rig.bob, 1, 1);
	step(&rig, "1:w");
	expect_order(&rig, 1);
	rig_release(&rig);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_partition_that_takes_nothing_keeps_nobody_else),
		WORLD_TEST(nobody_overtakes_himself),
		WORLD_TEST(another_lease_begins_at_the_head),
		WORLD_TEST(a_slice_is_bounded_by_bytes),
		WORLD_TEST(what_is_too_big_is_not_even_read),
		WORLD_TEST(a_key_of_another_kind_is_no_outage),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("worker_inbox", tests, NULL, NULL);
}
