/*
 * How much may wait for one user: counted where it waits, in ingress, in hot
 * and in cold, and never counted twice for long.
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
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })

static enum wp_send_status send_one(struct wp_world *w,
				    struct wp_world_mail mail)
{
	struct wp_send_result result;

	wp_world_send(w, &mail, 1, &result);
	return result.status;
}

static void expect_full(struct wp_world *w, const char *json)
{
	assert_int_equal(send_one(w, MAIL(.json = json)), WP_SEND_FULL);
}

static void what_waits_in_ingress_counts(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 2;
	(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "m2"));
	expect_full(w, "m3");
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	wp_world_expect(w, "3", "XLEN " WP_P "ingress");
}

static void what_waits_in_hot_counts_in_both_bands(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid m1;

	w->conf.mailbox.max_waiting = 2;
	m1 = wp_world_deliver(w, "m1");
	(void)wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	(void)wp_world_route(w);
	wp_world_expect(w, "0", "EXISTS " WP_P "inq");
	expect_full(w, "m2");
	assert_int_equal(send_one(w, MAIL(.json = "e1", .is_ephemeral = true)),
			 WP_SEND_FULL);
	wp_world_ack_one(w, m1);
	(void)wp_world_post(w, MAIL(.json = "m2"));
	expect_full(w, "m3");
}

static void what_waits_in_cold_counts_until_it_is_acked(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[2];

	w->conf.mailbox.max_waiting = 2;
	ids[0] = wp_world_deliver(w, "m1");
	ids[1] = wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect(w, "1 2 4", "HGET " WP_P "coldsize " WP_BOB);
	expect_full(w, "m3");

	wp_world_ack_one(w, ids[0]);
	wp_world_expect(w, "2 1 2", "HGET " WP_P "coldsize " WP_BOB);
	(void)wp_world_deliver(w, "m3");
	expect_full(w, "m4");
	wp_world_ack_one(w, ids[1]);
	wp_world_expect(w, "0", "EXISTS " WP_P "coldsize " WP_P "cold");
	(void)wp_world_post(w, MAIL(.json = "m4"));
}

static void expiry_in_cold_makes_room(void **state)
{
	struct wp_world *w = *state;
	int64_t deleted = 0;

	w->conf.mailbox.max_waiting = 2;
	(void)wp_world_post(w, MAIL(.json = "m1", .expires_in_ms = 60000));
	(void)wp_world_route(w);
	(void)wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	expect_full(w, "m3");
	assert_int_equal(wp_ack_expired(w->redis, w->store, WP_WORLD_PARTITION,
					&w->bob, wp_wall_ms() + 120000,
					&deleted, NULL),
			 WP_OK);
	wp_world_expect(w, "2 1 2", "HGET " WP_P "coldsize " WP_BOB);
	(void)wp_world_post(w, MAIL(.json = "m3"));
}

static void bytes_count_wherever_they_wait(void **state)
{
	struct wp_world *w = *state;
	char large[3000];

	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	w->conf.mailbox.max_envelope_bytes = 4096;
	w->conf.mailbox.max_waiting_bytes = 10000;
	/* Hot is counted with what Redis needs for it. */
	(void)wp_world_post(w, MAIL(.json = large));
	(void)wp_world_post(w, MAIL(.json = large));
	(void)wp_world_post(w, MAIL(.json = large));
	expect_full(w, large);
	(void)wp_world_post(w, MAIL(.json = "small"));

	(void)wp_world_route(w);
	expect_full(w, large);

	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect(w, "1 4 9002", "HGET " WP_P "coldsize " WP_BOB);
	expect_full(w, large);
	(void)wp_world_post(w, MAIL(.json = "small"));
}

static void a_known_key_is_answered_before_the_quota(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 1;
	(void)wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	assert_int_equal(send_one(w, MAIL(.json = "m1", .key = "k")),
			 WP_SEND_ACCEPTED);
	assert_int_equal(send_one(w, MAIL(.json = "m2", .key = "k")),
			 WP_SEND_CONFLICT);
	assert_int_equal(send_one(w, MAIL(.json = "m2", .key = "l")),
			 WP_SEND_FULL);
}

static void the_quota_comes_before_the_mark_of_ingress(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 1;
	w->conf.mailbox.ingress_high_mark = 1;
	(void)wp_world_post(w, MAIL(.json = "m1"));
	expect_full(w, "m2");
	assert_int_equal(send_one(w, MAIL(.json = "a1", .to = WP_AMY)),
			 WP_SEND_OVERLOADED);
}

/* Small enough to fit, but behind one that did not. */
static void later_elements_for_a_full_mailbox_fail_with_it(void **state)
{
	struct wp_world *w = *state;
	static const char big[] = "a-rather-long-envelope";
	const struct wp_world_mail mails[] = {
		{ .json = "m1" },
		{ .json = big },
		{ .json = "m2" },
		{ .json = "a1", .to = WP_AMY },
	};
	struct wp_send_result r[4];

	w->conf.mailbox.max_waiting_bytes = 20;
	wp_world_send(w, mails, 4, r);
	assert_int_equal(r[0].status, WP_SEND_ACCEPTED);
	assert_int_equal(r[1].status, WP_SEND_FULL);
	assert_int_equal(r[2].status, WP_SEND_FULL);
	assert_int_equal(r[3].status, WP_SEND_ACCEPTED);
}

static void what_route_holds_back_or_buries_is_counted_right(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_tries = 2;
	wp_world_run(w, "SET " WP_P "hot:" WP_BOB " not-a-stream");
	(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "m2"));
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	(void)wp_world_route(w);
	wp_world_expect(w, "[" WP_BOB " 2 4]",
			"EVAL return{'" WP_BOB "',unpack({string.match("
			"redis.call('HGET',KEYS[1],'" WP_BOB
			"'),'(%%d+).(%%d+)')})} 1 " WP_P "inq");
	wp_world_expect(w, "-", "HGET " WP_P "inq " WP_AMY);
	while (wp_world_route(w).left > 0)
		;
	wp_world_expect(w, "0", "EXISTS " WP_P "inq");
	wp_world_expect(w, "2", "XLEN " WP_P "dlq");
}

static void wrong_numbers_of_ingress_last_until_it_is_empty(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 2;
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	wp_world_run(w, "EVAL return\tredis.call('HSET',KEYS[1],KEYS[2],"
			"'9\\0329') 2 " WP_P "inq " WP_BOB);
	expect_full(w, "m1");
	(void)wp_world_route(w);
	(void)wp_world_post(w, MAIL(.json = "m1"));

	/* Also when nobody has routed since. */
	wp_world_run(w, "DEL " WP_P "ingress");
	wp_world_run(w, "EVAL return\tredis.call('HSET',KEYS[1],KEYS[2],"
			"'9\\0329') 2 " WP_P "inq " WP_BOB);
	(void)wp_world_post(w, MAIL(.json = "m2"));
	(void)wp_world_post(w, MAIL(.json = "m3"));
	expect_full(w, "m4");
}

static void note_size(struct wp_world *w, int64_t version, int64_t n)
{
	const struct wp_store_size size = { version, n, n * 10 };
	struct wp_reply *reply;

	wp_cold_size_begin(&w->cmd, WP_WORLD_PARTITION);
	wp_cold_size_add(&w->cmd, &w->bob, &size);
	reply = wp_world_do(w);
	assert_int_equal(wp_guarded_parse(reply), WP_OK);
	wp_reply_free(&reply);
}

static void a_late_writer_cannot_overwrite_a_newer_size(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "HSET " WP_P "cold " WP_BOB " token");
	note_size(w, 5, 3);
	note_size(w, 4, 9);
	wp_world_expect(w, "5 3 30", "HGET " WP_P "coldsize " WP_BOB);
	note_size(w, 10, 0);
	wp_world_expect(w, "10 0 0", "HGET " WP_P "coldsize " WP_BOB);
	note_size(w, 9, 2);
	wp_world_expect(w, "10 0 0", "HGET " WP_P "coldsize " WP_BOB);
	/* Without a hint there is nothing to count. */
	wp_world_run(w, "HDEL " WP_P "cold " WP_BOB);
	note_size(w, 11, 4);
	wp_world_expect(w, "0", "EXISTS " WP_P "coldsize");
}

struct meddler {
	struct wp_world *w;
	struct wp_msgid id;
};

static void ack_before_trim(void *ctx, const char *step)
{
	struct meddler *meddler = ctx;

	if (strcmp(step, "M4") == 0)
		wp_world_ack_one(meddler->w, meddler->id);
}

static void an_ack_between_append_and_trim_leaves_no_size(void **state)
{
	struct wp_world *w = *state;
	struct wp_migrate_ctx ctx = wp_world_migration(w);
	struct meddler meddler = { .w = w, .id = wp_world_deliver(w, "m1") };
	int64_t moved = 0;

	ctx.on_step = ack_before_trim;
	ctx.on_step_ctx = &meddler;
	assert_int_equal(wp_world_move(&ctx, w->owner, &w->bob, &moved), WP_OK);
	wp_world_expect(w, "0", "EXISTS " WP_P "coldsize " WP_P "cold");
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_waits_in_ingress_counts),
		WORLD_TEST(what_waits_in_hot_counts_in_both_bands),
		WORLD_TEST(what_waits_in_cold_counts_until_it_is_acked),
		WORLD_TEST(expiry_in_cold_makes_room),
		WORLD_TEST(bytes_count_wherever_they_wait),
		WORLD_TEST(a_known_key_is_answered_before_the_quota),
		WORLD_TEST(the_quota_comes_before_the_mark_of_ingress),
		WORLD_TEST(later_elements_for_a_full_mailbox_fail_with_it),
		WORLD_TEST(what_route_holds_back_or_buries_is_counted_right),
		WORLD_TEST(wrong_numbers_of_ingress_last_until_it_is_empty),
		WORLD_TEST(a_late_writer_cannot_overwrite_a_newer_size),
		WORLD_TEST(an_ack_between_append_and_trim_leaves_no_size),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
