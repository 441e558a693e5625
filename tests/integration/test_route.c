/*
 * Routing on a real Redis: who gets a message, who is poked or marked, and
 * what one bad entry costs the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })

enum { WAIT_MS = 20000 };

static void an_absent_recipient_is_marked_for_migration(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_deliver(w, "m1");
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	wp_world_expect_pull(w, "m1");
}

static void a_present_recipient_is_poked_on_every_incarnation(void **state)
{
	struct wp_world *w = *state;
	struct wp_redis *ear = wp_test_redis(&w->conf);
	struct wp_reply *reply =
		wp_test_cmd(ear, "SUBSCRIBE", "wp:poke:i1", NULL);

	wp_reply_free(&reply);
	wp_world_join(w, "i1");
	wp_world_join(w, "i2");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_connect(w, "i1.2");
	(void)wp_world_connect(w, "i2.1");
	(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "m2"));
	assert_int_equal(wp_world_route(w).routed, 2);

	wp_world_expect(w, "[" WP_BOB "]", "SMEMBERS " WP_P "due:i1");
	wp_world_expect(w, "[" WP_BOB "]", "SMEMBERS " WP_P "due:i2");
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate");
	assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL), WP_OK);
	assert_string_equal(wp_reply_str(wp_reply_at(reply, 2)), "p " WP_BOB);
	wp_reply_free(&reply);
	assert_int_equal(wp_redis_wait(ear, 0, &reply, NULL), WP_ERR_NOTFOUND);
	wp_redis_free(&ear);
}

static void an_ephemeral_message_reaches_only_who_is_there(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result result;

	(void)wp_world_post(w, MAIL(.json = "e1", .is_ephemeral = true));
	result = wp_world_route(w);
	assert_int_equal(result.dropped, 1);
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate");

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_post(w, MAIL(.json = "e2", .is_ephemeral = true));
	assert_int_equal(wp_world_route(w).routed, 1);
	wp_world_expect_pull(w, "e2");
}

static void what_expired_in_ingress_is_left_to_the_sweeper(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result result;

	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "*", WP_BOB, "0", "1000",
				       "m1"));
	result = wp_world_route(w);
	assert_int_equal(result.routed, 1);
	assert_int_equal(result.left, 0);
	wp_world_expect_pull(w, "");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
}

static void a_bad_entry_is_buried_after_its_tries_and_told_why(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result result;
	struct wp_reply *reply;
	struct wp_msgid id;
	const struct wp_reply *f;
	char text[WP_ENTRY_ID_MAX];

	wp_world_run(w, "SET " WP_P "hot:" WP_BOB " not-a-stream");
	id = wp_world_post(w, MAIL(.json = "m1"));
	for (int i = 1; i < w->conf.mailbox.max_tries; i++) {
		result = wp_world_route(w);
		assert_int_equal(result.held, 1);
		assert_int_equal(result.left, 1);
	}
	result = wp_world_route(w);
	assert_int_equal(result.dead, 1);
	assert_int_equal(result.left, 0);

	reply = wp_world_cmd(w, "XRANGE " WP_P "dlq - +");
	f = wp_reply_at(wp_reply_at(reply, 0), 1);
	wp_entry_id_format(&id.entry, text);
	assert_string_equal(wp_reply_str(wp_reply_at(f, 1)), text);
	assert_non_null(strstr(wp_reply_str(wp_reply_at(f, 3)), "WRONGTYPE"));
	assert_int_equal(wp_reply_int(wp_reply_at(f, 5)),
			 w->conf.mailbox.max_tries);
	assert_string_equal(wp_reply_str(wp_reply_at(f, 9)), WP_BOB);
	assert_string_equal(wp_reply_str(wp_reply_at(f, 17)), "m1");
	wp_reply_free(&reply);
	wp_world_expect(w, "0", "EXISTS " WP_P "tries");
}

static void a_failed_entry_holds_back_its_own_lane_only(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result result;

	wp_world_run(w, "SET " WP_P "hot:" WP_BOB " not-a-stream");
	(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "m2"));
	(void)wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	result = wp_world_route(w);
	assert_int_equal(result.routed, 2);
	assert_int_equal(result.held, 2);

	/* The lane is mended: its entries come in their order, none twice. */
	wp_world_run(w, "DEL " WP_P "hot:" WP_BOB);
	result = wp_world_route(w);
	assert_int_equal(result.routed, 2);
	wp_world_expect_pull(w, "h1 m1 m2");
	wp_world_expect(w, "0", "EXISTS " WP_P "tries");
}

static void nobody_overtakes_a_failed_entry_of_the_same_lane(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result result;

	/* Only this entry is bad: the ones behind it could be routed. */
	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "*", WP_BOB, "0", "soon",
				       "m1"));
	(void)wp_world_post(w, MAIL(.json = "m2"));
	(void)wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	result = wp_world_route(w);
	assert_int_equal(result.held, 2);
	wp_world_expect_pull(w, "h1");
	assert_int_equal(wp_world_route(w).held, 2);

	result = wp_world_route(w);
	assert_int_equal(result.dead, 1);
	assert_int_equal(result.routed, 1);
	wp_world_expect_pull(w, "h1 m2");
}

static void held_entries_do_not_use_up_the_batch_of_others(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result result;

	w->conf.worker.batch_entries = 2;
	wp_world_run(w, "SET " WP_P "hot:" WP_BOB " not-a-stream");
	for (int i = 0; i < 40; i++)
		(void)wp_world_post(w, MAIL(.json = "m"));
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));

	result = wp_world_route(w);
	assert_int_equal(result.routed, 1);
	assert_int_equal(result.held, 40);
}

static void an_entry_without_its_fields_is_buried_too(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_tries = 1;
	wp_world_run(w, "XADD " WP_P "ingress * what ever");
	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "*", WP_BOB, "0", "soon",
				       "m1"));
	(void)wp_world_post(w, MAIL(.json = "m2"));
	assert_int_equal(wp_world_route(w).dead, 2);
	wp_world_expect_pull(w, "m2");
	/* It is kept as it was, for whoever wants to know what it is. */
	wp_world_expect(w, "m ever",
			"EVAL local\tf=redis.call('XRANGE',KEYS[1],'-','+')[1]"
			"[2]\treturn\tf[#f-1]..'\\32'..f[#f] 1 " WP_P "dlq");
}

static struct wp_route_result route_carefully(struct wp_world *w)
{
	struct wp_route_ask ask = wp_world_ask(w);
	struct wp_route_result result;
	struct wp_reply *reply;

	ask.is_careful = true;
	reply = wp_world_route_as(w, &ask);
	wp_route_parse(reply, 0, &result);
	assert_int_not_equal(result.status, WP_ROUTE_REFUSED);
	wp_reply_free(&reply);
	return result;
}

/*
 * A queue that is none: its first entry has the tries, and takes the others of
 * the lane along. Else they would keep back, for hours, whoever is behind more
 * of them than one call may look at.
 */
static void a_foreign_queue_is_found_out_once(void **state)
{
	enum { MANY = 50 };
	struct wp_world *w = *state;

	w->conf.mailbox.max_tries = 3;
	wp_world_run(w, "SET " WP_P "hot:" WP_BOB " not-a-stream");
	for (int i = 0; i < MANY; i++)
		(void)wp_world_post(w, MAIL(.json = "m"));
	(void)wp_world_post(w, MAIL(.json = "h", .band = WP_BAND_HIGH));
	assert_int_equal(wp_world_route(w).dead, 0);
	assert_int_equal(wp_world_route(w).dead, 0);
	assert_int_equal(wp_world_route(w).dead, MANY);
	wp_world_expect(w, "0", "XLEN " WP_P "ingress");
	wp_world_expect(w, "0", "EXISTS " WP_P "tries");
	wp_world_expect(w, "50", "XLEN " WP_P "dlq");
	wp_world_expect(w, "1", "XLEN " WP_P "hot!:" WP_BOB);
	/* None of them is counted as waiting. */
	wp_world_expect(w, "1", "ZCARD " WP_P "index:" WP_BOB);
}

static void a_foreign_size_costs_nobody_anything(void **state)
{
	const struct wp_world_mail mails[] = { { .json = "m2" },
					       { .json = "a1", .to = WP_AMY } };
	struct wp_world *w = *state;
	struct wp_send_result results[2];
	struct wp_msgid id;

	wp_world_run(w, "SET " WP_P "waits not-a-hash");
	id = wp_world_deliver(w, "m1");
	wp_world_run(w, "SET " WP_P "waits not-a-hash");
	wp_world_send(w, mails, 2, results);
	assert_int_equal(results[0].status, WP_SEND_ACCEPTED);
	assert_int_equal(results[1].status, WP_SEND_ACCEPTED);
	wp_world_run(w, "SET " WP_P "waits not-a-hash");
	assert_int_equal(wp_world_route(w).routed, 2);
	wp_world_ack_one(w, id);
	wp_world_ack_one(w, results[0].id);
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_BOB);

	/* What has expired is looked for in there as well. */
	(void)wp_world_post(w, MAIL(.json = "m3", .expires_in_ms = -5000));
	wp_world_run(w, "SET " WP_P "waits not-a-hash");
	assert_int_equal(wp_world_route(w).routed, 1);
	wp_world_run(w, "DEL " WP_P "index:" WP_BOB);
	wp_world_run(w, "EVALSHA %s 1 " WP_P " user " WP_BOB " 10 100 run -",
		     wp_scripts.list[WP_SCRIPT_AUDIT].sha1);
	wp_world_expect(w, "1", "ZCARD " WP_P "index:" WP_BOB);
}

static void an_entry_that_kills_the_script_is_found_and_buried(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "SET " WP_P "online:" WP_BOB " not-a-hash");
	(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));

	for (int i = 0; i < w->conf.mailbox.max_tries; i++)
		assert_int_equal(route_carefully(w).status, WP_ROUTE_FAULT);
	assert_int_equal(route_carefully(w).dead, 1);
	assert_int_equal(route_carefully(w).routed, 1);
	wp_world_expect(w, "1", "XLEN " WP_P "dlq");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_AMY);
	wp_world_expect(w, "0", "EXISTS " WP_P "tries");
}

static void a_sleeping_worker_is_rung_while_entries_wait_for_a_try(void **state)
{
	struct wp_world *w = *state;
	struct wp_redis *ear = wp_test_redis(&w->conf);
	struct wp_reply *reply =
		wp_test_cmd(ear, "SUBSCRIBE", WP_BELL_PREFIX "worker-a", NULL);

	wp_reply_free(&reply);
	wp_world_run(w, "SET " WP_P "hot:" WP_BOB " not-a-stream");
	(void)wp_world_post(w, MAIL(.json = "m1"));
	assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL), WP_OK);
	wp_reply_free(&reply);
	assert_int_equal(wp_world_route(w).held, 1);

	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL), WP_OK);
	wp_reply_free(&reply);
	wp_redis_free(&ear);
}

/* ---- several partitions ---- */

enum { FIRST = WP_WORLD_PARTITION, PARTITIONS = 4 };

/* More partitions of the same owner behind the world's, open. */
static void open_partitions(struct wp_world *w)
{
	for (uint32_t p = FIRST + 1; p < FIRST + PARTITIONS; p++) {
		wp_world_run(w, "SET wp:{%u}:owner %s", p, w->owner);
		wp_world_run(w, "SET wp:{%u}:gate %s", p,
			     wp_redis_run_id(w->redis));
	}
}

/* bits "2" when it is ephemeral, else "0" */
static void accept_in(struct wp_world *w, uint32_t partition, const char *to,
		      const char *bits)
{
	wp_world_run(w,
		     WP_PUT_INGRESS("wp:{%u}:ingress", "*", "%s", "%s",
				    WP_ALIVE, "m"),
		     partition, to, bits);
}

/* One call for the first n; results are good until *reply_out is freed. */
static void route_several(struct wp_world *w, size_t n,
			  struct wp_route_result results[PARTITIONS],
			  struct wp_reply **reply_out)
{
	const struct wp_route_call call = { &w->conf, wp_redis_run_id(w->redis),
					    "token" };
	struct wp_route_ask asks[PARTITIONS];

	assert_in_range(n, 1, PARTITIONS);
	for (size_t i = 0; i < n; i++) {
		asks[i] = wp_world_ask(w);
		asks[i].lease.partition = FIRST + (uint32_t)i;
	}
	wp_route_build(&w->cmd, &call, asks, n);
	*reply_out = wp_world_do(w);
	assert_int_equal(wp_reply_count(*reply_out), n);
	for (size_t i = 0; i < n; i++)
		wp_route_parse(*reply_out, i, &results[i]);
}

static void a_daemon_is_poked_once_for_all_partitions(void **state)
{
	struct wp_world *w = *state;
	struct wp_redis *ear = wp_test_redis(&w->conf);
	struct wp_reply *reply =
		wp_test_cmd(ear, "SUBSCRIBE", "wp:poke:i1", NULL);
	struct wp_route_result results[PARTITIONS];
	const char *poke;

	wp_reply_free(&reply);
	open_partitions(w);
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	wp_world_run(w, "HSET wp:{8}:online:" WP_AMY " i1.2 5");
	accept_in(w, FIRST, WP_BOB, "0");
	accept_in(w, FIRST + 1, WP_AMY, "0");

	route_several(w, 2, results, &reply);
	assert_int_equal(results[0].routed, 1);
	assert_int_equal(results[1].routed, 1);
	assert_int_equal(results[0].marked + results[1].marked, 0);
	wp_reply_free(&reply);
	wp_world_expect(w, "[" WP_BOB "]", "SMEMBERS wp:{7}:due:i1");
	wp_world_expect(w, "[" WP_AMY "]", "SMEMBERS wp:{8}:due:i1");
	assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL), WP_OK);
	poke = wp_reply_str(wp_reply_at(reply, 2));
	assert_string_equal(poke, "p " WP_BOB "," WP_AMY);
	wp_reply_free(&reply);
	assert_int_equal(wp_redis_wait(ear, 0, &reply, NULL), WP_ERR_NOTFOUND);
	wp_redis_free(&ear);
}

static void what_is_wrong_with_one_partition_stays_there(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result results[PARTITIONS];
	struct wp_reply *reply;

	open_partitions(w);
	wp_world_run(w, "SET wp:{7}:online:" WP_BOB " not-a-hash");
	wp_world_run(w, "SET wp:{8}:owner 9:other");
	wp_world_run(w, "SET wp:{9}:gate another-life");
	for (uint32_t p = FIRST; p < FIRST + PARTITIONS; p++)
		accept_in(w, p, WP_BOB, "0");

	route_several(w, PARTITIONS, results, &reply);
	assert_int_equal(results[0].status, WP_ROUTE_FAULT);
	/* The word that it begins with tells what Redis refuses for reasons
	 * of its own: it must come first here too. */
	assert_ptr_equal(strstr(results[0].error, "WRONGTYPE "),
			 results[0].error);
	assert_int_equal(results[1].status, WP_ROUTE_LOST);
	assert_int_equal(results[2].status, WP_ROUTE_GATE);
	assert_int_equal(results[3].status, WP_ROUTE_OK);
	assert_int_equal(results[3].routed, 1);
	assert_int_equal(results[3].marked, 1);
	wp_reply_free(&reply);
	wp_world_expect(w, "1", "XLEN wp:{7}:ingress");
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE wp:{10}:migrate 0 -1");
}

/* What had left the one that died is nobody's in the next one. */
static void a_partition_that_dies_leaves_nothing_to_the_next(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result results[PARTITIONS];
	struct wp_reply *reply;

	open_partitions(w);
	wp_world_run(w, "SET wp:{7}:online:" WP_BOB " not-a-hash");
	wp_world_run(w, "EVAL return\tredis.call('HSET',KEYS[1],ARGV[1],"
			"'5\\032"
			"50') 1 wp:{8}:waits " WP_AMY);
	accept_in(w, FIRST, WP_AMY, "2");
	accept_in(w, FIRST, WP_BOB, "0");
	accept_in(w, FIRST + 1, WP_BOB, "2");

	route_several(w, 2, results, &reply);
	assert_int_equal(results[0].status, WP_ROUTE_FAULT);
	assert_int_equal(results[1].dropped, 1);
	wp_reply_free(&reply);
	wp_world_expect(w, "1", "XLEN wp:{7}:ingress");
	wp_world_expect(w, "5 50", "HGET wp:{8}:waits " WP_AMY);
}

static void partitions_share_what_a_call_may_do(void **state)
{
	enum { BATCH = 30, MANY = 40 };
	struct wp_world *w = *state;
	struct wp_route_result results[PARTITIONS];
	struct wp_reply *reply;

	open_partitions(w);
	w->conf.worker.batch_entries = BATCH;
	for (int i = 0; i < MANY; i++) {
		accept_in(w, FIRST, WP_BOB, "0");
		accept_in(w, FIRST + 1, WP_BOB, "0");
		if (i < 2)
			accept_in(w, FIRST + 2, WP_BOB, "0");
		accept_in(w, FIRST + 3, WP_BOB, "0");
	}
	route_several(w, PARTITIONS, results, &reply);
	/* A quarter, a third, half of the rest, and all that is left. */
	assert_int_equal(results[0].routed, 7);
	assert_int_equal(results[0].left, MANY - 7);
	assert_int_equal(results[1].routed, 7);
	assert_int_equal(results[2].routed, 2);
	assert_int_equal(results[2].left, 0);
	assert_int_equal(results[3].routed, BATCH - 7 - 7 - 2);
	wp_reply_free(&reply);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_absent_recipient_is_marked_for_migration),
		WORLD_TEST(a_present_recipient_is_poked_on_every_incarnation),
		WORLD_TEST(an_ephemeral_message_reaches_only_who_is_there),
		WORLD_TEST(what_expired_in_ingress_is_left_to_the_sweeper),
		WORLD_TEST(a_bad_entry_is_buried_after_its_tries_and_told_why),
		WORLD_TEST(a_failed_entry_holds_back_its_own_lane_only),
		WORLD_TEST(nobody_overtakes_a_failed_entry_of_the_same_lane),
		WORLD_TEST(held_entries_do_not_use_up_the_batch_of_others),
		WORLD_TEST(an_entry_without_its_fields_is_buried_too),
		WORLD_TEST(a_foreign_queue_is_found_out_once),
		WORLD_TEST(a_foreign_size_costs_nobody_anything),
		WORLD_TEST(an_entry_that_kills_the_script_is_found_and_buried),
		WORLD_TEST(
			a_sleeping_worker_is_rung_while_entries_wait_for_a_try),
		WORLD_TEST(a_daemon_is_poked_once_for_all_partitions),
		WORLD_TEST(what_is_wrong_with_one_partition_stays_there),
		WORLD_TEST(a_partition_that_dies_leaves_nothing_to_the_next),
		WORLD_TEST(partitions_share_what_a_call_may_do),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
