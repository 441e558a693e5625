/*
 * Presence on a real Redis: connections come, give way, go, and are reaped
 * when their daemon is gone, always one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/boxes.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

enum { WAIT_MS = 20000, LIMIT = 3 };

static struct wp_presence_connected connect_since(struct wp_world *w,
						  const char *incarnation,
						  const char *connection,
						  int64_t since_ms)
{
	const struct wp_presence_teller by = {
		.incarnation = incarnation,
		.protocol = "ws",
		.max_per_user = LIMIT,
	};
	const struct wp_presence_connect what = {
		.partition = w->box.partition,
		.urn = w->box.text,
		.urn_len = w->box.len,
		.connection = connection,
		.device = "phone",
		.chat = "c1",
		.since_ms = since_ms,
	};
	struct wp_presence_connected out;
	struct wp_reply *reply;

	wp_presence_connect_build(&w->cmd, wp_redis_run_id(w->redis), &by,
				  &what, 1);
	reply = wp_world_do(w);
	assert_int_equal(wp_presence_connect_parse(reply, 0, &out), WP_OK);
	wp_reply_free(&reply);
	return out;
}

static struct wp_presence_beat beat(struct wp_world *w, const char *incarnation,
				    struct wp_reply **reply_out)
{
	struct wp_presence_beat out;

	wp_presence_heartbeat_build(&w->cmd, WP_WORLD_PARTITION, incarnation);
	*reply_out = wp_world_do(w);
	assert_int_equal(wp_presence_heartbeat_parse(*reply_out, &out), WP_OK);
	return out;
}

static enum wp_reap_status reap(struct wp_world *w, const char *owner,
				const char *incarnation, const char *counter,
				int64_t *removed_out)
{
	const struct wp_lease lease = wp_world_lease(owner);
	enum wp_reap_status status;
	struct wp_reply *reply;

	wp_reap_build(&w->cmd, &w->conf, &lease, incarnation, counter);
	reply = wp_world_do(w);
	status = wp_reap_parse(reply, removed_out);
	wp_reply_free(&reply);
	return status;
}

static void an_unknown_incarnation_may_not_register(void **state)
{
	struct wp_world *w = *state;

	assert_true(connect_since(w, "i1", "i1.1", 0).is_gone);
	wp_world_expect(w, "0",
			"EXISTS " WP_P "online:" WP_BOB " " WP_P "at:i1");
	wp_world_join(w, "i1");
	assert_false(connect_since(w, "i1", "i1.1", 0).is_gone);
	wp_world_expect(w, "[i1.1 " WP_BOB "]", "SMEMBERS " WP_P "at:i1");
}

static void what_is_known_of_a_connection_is_kept_and_renewed(void **state)
{
	struct wp_world *w = *state;
	struct wp_presence_connected first;

	wp_world_join(w, "i1");
	first = connect_since(w, "i1", "i1.1", 0);
	assert_true(first.since_ms > 1000000000000);
	assert_int_equal(connect_since(w, "i1", "i1.1", 777).since_ms, 777);
	wp_world_expect(w, "777\tws\tphone\tc1",
			"HGET " WP_P "online:" WP_BOB " i1.1");
}

static void pending_is_zero_only_when_nothing_waits(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	wp_world_join(w, "i1");
	assert_int_equal(wp_world_connect(w, "i1.1"), 0);
	wp_world_disconnect(w, "i1.1");

	id = wp_world_deliver(w, "m1");
	(void)wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_connect(w, "i1.1"), 2);
	wp_world_disconnect(w, "i1.1");

	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	assert_int_equal(wp_world_connect(w, "i1.1"), 1);
	wp_world_ack_one(w, id);
	wp_world_run(w, "SET " WP_P "gate another-life");
	wp_world_run(w, "DEL " WP_P "cold");
	assert_int_equal(wp_world_connect(w, "i1.1"), 1);
}

static int64_t pending(struct wp_world *w)
{
	int64_t n = wp_world_connect(w, "i1.1");

	wp_world_disconnect(w, "i1.1");
	return n;
}

static void deliver_until(struct wp_world *w, int64_t expires_in_ms)
{
	(void)wp_world_post(w, (struct wp_world_mail){
				       .json = "m",
				       .expires_in_ms = expires_in_ms,
			       });
	(void)wp_world_route(w);
}

static void what_has_expired_does_not_wait(void **state)
{
	enum { AGO_MS = -5000, LATER_MS = 60000, MANY = 40 };
	struct wp_world *w = *state;

	wp_world_join(w, "i1");
	for (int i = 0; i < MANY; i++)
		deliver_until(w, AGO_MS);
	assert_int_equal(pending(w), 0);
	deliver_until(w, LATER_MS);
	deliver_until(w, AGO_MS);
	assert_int_equal(pending(w), 1);
	/* A foreign hand: then it is no less than it may be. */
	wp_world_run(w, "SET " WP_P "index:" WP_BOB " not-an-index");
	assert_in_range(pending(w), 1, MANY + 2);
}

static void nor_what_has_expired_on_disk(void **state)
{
	enum { AGO_MS = -5000, LATER_MS = 60000 };
	struct wp_world *w = *state;

	wp_world_join(w, "i1");
	deliver_until(w, AGO_MS);
	deliver_until(w, AGO_MS);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_told(w, "1 2 2");
	assert_int_equal(pending(w), 0);
	deliver_until(w, LATER_MS);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	deliver_until(w, AGO_MS);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	assert_int_equal(pending(w), 1);
}

/* Redis was told again who has rows, not how long these will live. */
static void what_lives_on_disk_after_a_loss_of_memory_waits(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease lease = wp_world_lease(w->owner);
	struct wp_reply *reply;

	wp_world_join(w, "i1");
	deliver_until(w, 60000);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "token_1000_1_1_1"));
	assert_int_equal(pending(w), 0);
	wp_hint_set_begin(&w->cmd, &lease);
	wp_cmd_str(&w->cmd, WP_BOB);
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
	assert_int_equal(pending(w), 1);
	deliver_until(w, -5000);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	assert_int_equal(pending(w), 1);
}

static void at_the_limit_the_oldest_connection_gives_way(void **state)
{
	struct wp_world *w = *state;
	struct wp_redis *ear = wp_test_redis(&w->conf);
	struct wp_reply *reply =
		wp_test_cmd(ear, "SUBSCRIBE", "wp:poke:i1", NULL);
	struct wp_presence_beat got;
	struct wp_poke member;

	wp_reply_free(&reply);
	wp_world_join(w, "i1");
	wp_world_join(w, "i2");
	(void)connect_since(w, "i2", "i2.1", 2000);
	(void)connect_since(w, "i1", "i1.1", 1000);
	(void)connect_since(w, "i2", "i2.2", 3000);
	/* A renewal is no new connection. */
	(void)connect_since(w, "i2", "i2.2", 3000);
	wp_world_expect(w, "3", "HLEN " WP_P "online:" WP_BOB);
	(void)connect_since(w, "i2", "i2.3", 4000);

	wp_world_expect(w, "0", "HEXISTS " WP_P "online:" WP_BOB " i1.1");
	wp_world_expect(w, "3", "HLEN " WP_P "online:" WP_BOB);
	wp_world_expect(w, "0", "EXISTS " WP_P "at:i1");
	assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL), WP_OK);
	assert_string_equal(wp_reply_str(wp_reply_at(reply, 2)), "k i1.1");
	wp_reply_free(&reply);
	got = beat(w, "i1", &reply);
	assert_int_equal(got.n, 1);
	member = wp_presence_beat_member(reply, 0);
	assert_string_equal(member.text, "i1.1");
	assert_int_equal(member.what, WP_POKE_KICK);
	wp_reply_free(&reply);
	wp_redis_free(&ear);
}

static int64_t disconnect(struct wp_world *w, const char *connection,
			  int64_t grace_ms)
{
	struct wp_reply *reply;
	int64_t left = -1;

	wp_presence_disconnect_build(&w->cmd, &w->conf, &w->box, connection,
				     grace_ms);
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	left = wp_reply_int(wp_reply_at(reply, 1));
	wp_reply_free(&reply);
	return left;
}

static void a_late_disconnect_takes_nobody_else_offline(void **state)
{
	struct wp_world *w = *state;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_connect(w, "i1.2");
	assert_int_equal(disconnect(w, "i1.1", 0), 1);
	assert_int_equal(disconnect(w, "i1.1", 0), 1);
	wp_world_expect(w, "[i1.2]", "HKEYS " WP_P "online:" WP_BOB);
	wp_world_expect(w, "[i1.2 " WP_BOB "]", "SMEMBERS " WP_P "at:i1");
}

static void who_leaves_mail_behind_rings_the_bell(void **state)
{
	struct wp_world *w = *state;
	struct wp_redis *ear = wp_test_redis(&w->conf);
	struct wp_reply *reply =
		wp_test_cmd(ear, "SUBSCRIBE", WP_BELL_PREFIX "worker-a", NULL);

	wp_reply_free(&reply);
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	assert_int_equal(disconnect(w, "i1.1", 900000), 0);
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_connect(w, "i1.2");
	wp_world_run(w, WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-1", "9", "0", "m1"));
	assert_int_equal(disconnect(w, "i1.1", 900000), 1);
	/* Only the last connection, and only when something waits. */
	assert_int_equal(wp_redis_wait(ear, 0, &reply, NULL), WP_ERR_NOTFOUND);
	assert_int_equal(disconnect(w, "i1.2", 900000), 0);
	assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL), WP_OK);
	assert_true(wp_reply_is(wp_reply_at(reply, 2), "due 7"));
	wp_reply_free(&reply);
	wp_world_run(w, "DEL " WP_P "owner");
	assert_int_equal(disconnect(w, "i1.2", 900000), 0);
	wp_redis_free(&ear);
}

static void who_was_never_there_was_not_seen_leaving(void **state)
{
	struct wp_world *w = *state;

	wp_world_join(w, "i1");
	assert_int_equal(disconnect(w, "i1.1", 0), 0);
	wp_world_expect(w, "0", "EXISTS " WP_P "seen:" WP_BOB);
	(void)wp_world_connect(w, "i1.1");
	assert_int_equal(disconnect(w, "i1.1", 0), 0);
	wp_world_expect(w, "1", "EXISTS " WP_P "seen:" WP_BOB);
}

/* Bob, and amy of the partition behind his, in one call. */
static struct wp_reply *connect_both(struct wp_world *w)
{
	const struct wp_box amy = wp_test_box(WP_WORLD_PARTITION + 1, WP_AMY);
	const struct wp_presence_teller by = { .incarnation = "i1",
					       .protocol = "ws",
					       .max_per_user = LIMIT };
	const struct wp_presence_connect list[] = {
		{ .partition = w->box.partition,
		  .urn = w->box.text,
		  .urn_len = w->box.len,
		  .connection = "i1.1",
		  .device = "",
		  .chat = "" },
		{ .partition = amy.partition,
		  .urn = amy.text,
		  .urn_len = amy.len,
		  .connection = "i1.2",
		  .device = "",
		  .chat = "" },
	};

	wp_presence_connect_build(&w->cmd, wp_redis_run_id(w->redis), &by, list,
				  sizeof(list) / sizeof(list[0]));
	return wp_world_do(w);
}

/* Keys of a foreign type, everywhere that a connect looks. */
static void a_connect_that_fails_registers_nobody(void **state)
{
	static const char *const keys[] = { "hot:" WP_BOB, "hot!:" WP_BOB,
					    "cold",        "online:" WP_BOB,
					    "at:i1",       "gate" };
	struct wp_world *w = *state;

	wp_world_join(w, "i1");
	wp_world_run(w, "HSET wp:{8}:live i1 0");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct wp_presence_connected out;
		struct wp_reply *reply;

		wp_world_run(w, "DEL " WP_P "%s", keys[i]);
		wp_world_run(w, "ZADD " WP_P "%s 1 x", keys[i]);

		reply = connect_both(w);

		assert_int_equal(wp_presence_connect_parse(reply, 0, &out),
				 WP_ERR_UNAVAIL);
		assert_non_null(strstr(out.problem, "WRONGTYPE"));
		/* Nor does it decide over others. */
		assert_int_equal(wp_presence_connect_parse(reply, 1, &out),
				 WP_OK);
		assert_false(out.is_gone);
		wp_world_expect(w, "1", "EXISTS wp:{8}:online:" WP_AMY);
		wp_world_run(w, "DEL wp:{8}:online:" WP_AMY " wp:{8}:at:i1");
		wp_reply_free(&reply);
		wp_world_run(w, "DEL " WP_P "%s", keys[i]);
		wp_world_expect(w, "0",
				"EXISTS " WP_P "online:" WP_BOB " " WP_P
				"at:i1");
	}
}

static int64_t due_in_ms(struct wp_world *w)
{
	struct wp_reply *time = wp_world_cmd(w, "TIME");
	int64_t now_ms = wp_reply_int(wp_reply_at(time, 0)) * 1000;

	wp_reply_free(&time);
	return wp_world_int(w, "ZSCORE " WP_P "migrate " WP_BOB) - now_ms;
}

static void the_last_to_leave_marks_what_waits_with_its_grace(void **state)
{
	struct wp_world *w = *state;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_connect(w, "i1.2");
	(void)wp_world_deliver(w, "m1");
	(void)disconnect(w, "i1.1", 50000);
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate");
	assert_int_equal(disconnect(w, "i1.2", 50000), 0);
	assert_in_range(due_in_ms(w), 40000, 52000);

	/* A mark is only ever moved forward, never put off. */
	(void)disconnect(w, "i1.2", 900000);
	assert_in_range(due_in_ms(w), 40000, 52000);
	(void)disconnect(w, "i1.2", 0);
	assert_true(due_in_ms(w) < 10000);
}

static void who_leaves_an_empty_mailbox_is_not_marked(void **state)
{
	struct wp_world *w = *state;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	assert_int_equal(disconnect(w, "i1.1", 0), 0);
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate");
}

static void a_heartbeat_hands_over_everybody_once(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply = NULL;
	struct wp_presence_beat got;
	struct wp_poke member;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_deliver(w, "m1");
	got = beat(w, "i1", &reply);
	assert_false(got.is_gone || got.more);
	assert_int_equal(got.n, 1);
	member = wp_presence_beat_member(reply, 0);
	assert_string_equal(member.text, WP_BOB);
	assert_int_equal(member.what, WP_POKE_USER);
	wp_reply_free(&reply);
	got = beat(w, "i1", &reply);
	assert_int_equal(got.n, 0);
	wp_reply_free(&reply);
	wp_world_expect(w, "2", "HGET " WP_P "live i1");

	got = beat(w, "i9", &reply);
	assert_true(got.is_gone);
	wp_reply_free(&reply);
	wp_world_expect(w, "0", "HEXISTS " WP_P "live i9");
}

static void a_long_due_list_comes_in_parts(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply = NULL;
	struct wp_presence_beat got;

	wp_world_join(w, "i1");
	wp_world_run(w, "EVAL for\ti=1,700\tdo\tredis.call('SADD',KEYS[1],i)"
			"end 1 " WP_P "due:i1");
	got = beat(w, "i1", &reply);
	assert_int_equal(got.n, WP_HEARTBEAT_MEMBERS);
	assert_true(got.more);
	wp_reply_free(&reply);
	got = beat(w, "i1", &reply);
	assert_int_equal(got.n, 200);
	assert_false(got.more);
	wp_reply_free(&reply);
}

static enum wp_err leave(struct wp_world *w, const char *incarnation)
{
	struct wp_reply *reply;
	enum wp_err rc;

	wp_presence_leave_build(&w->cmd, WP_WORLD_PARTITION, incarnation);
	reply = wp_world_do(w);
	rc = wp_script_done(reply);
	wp_reply_free(&reply);
	return rc;
}

static void an_incarnation_leaves_when_it_holds_nothing(void **state)
{
	struct wp_world *w = *state;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	assert_int_equal(leave(w, "i1"), WP_ERR_STALE);
	wp_world_expect(w, "1", "HEXISTS " WP_P "live i1");
	(void)disconnect(w, "i1.1", 0);
	assert_int_equal(leave(w, "i1"), WP_OK);
	wp_world_expect(w, "0", "HEXISTS " WP_P "live i1");
}

static void the_dead_are_taken_offline_and_their_mail_is_marked(void **state)
{
	struct wp_world *w = *state;
	int64_t removed = 0;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_connect(w, "i1.2");
	(void)wp_world_deliver(w, "m1");
	assert_int_equal(reap(w, w->owner, "i1", "0", &removed), WP_REAP_DONE);
	assert_int_equal(removed, 2);
	wp_world_expect(w, "0",
			"EXISTS " WP_P "online:" WP_BOB " " WP_P "at:i1 " WP_P
			"due:i1 " WP_P "live");
	assert_true(due_in_ms(w) < 10000);
	wp_world_expect_pull(w, "m1");
	assert_true(connect_since(w, "i1", "i1.1", 0).is_gone);
}

static void the_living_and_other_peoples_dead_are_not_reaped(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply = NULL;
	int64_t removed = 0;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)beat(w, "i1", &reply);
	wp_reply_free(&reply);
	assert_int_equal(reap(w, w->owner, "i1", "0", &removed), WP_REAP_ALIVE);
	assert_int_equal(reap(w, "9:other", "i1", "1", &removed), WP_REAP_LOST);
	assert_int_equal(reap(w, w->owner, "i9", "0", &removed), WP_REAP_ALIVE);
	wp_world_expect(w, "[i1.1]", "HKEYS " WP_P "online:" WP_BOB);
}

static void who_reconnected_elsewhere_stays_online(void **state)
{
	struct wp_world *w = *state;
	int64_t removed = 0;

	wp_world_join(w, "i1");
	wp_world_join(w, "i2");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_connect(w, "i2.1");
	(void)wp_world_deliver(w, "m1");
	assert_int_equal(reap(w, w->owner, "i1", "0", &removed), WP_REAP_DONE);
	wp_world_expect(w, "[i2.1]", "HKEYS " WP_P "online:" WP_BOB);
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate");
}

/* Something foreign in at: must not keep the others online for ever. */
static void what_is_no_connection_does_not_stop_a_reap(void **state)
{
	struct wp_world *w = *state;
	int64_t removed = 0;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	wp_world_run(w, "SADD " WP_P "at:i1 foreign");

	assert_int_equal(reap(w, w->owner, "i1", "0", &removed), WP_REAP_DONE);
	wp_world_expect(w, "0",
			"EXISTS " WP_P "online:" WP_BOB " " WP_P "at:i1");
}

static void a_big_incarnation_is_reaped_in_chunks(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply = NULL;
	int64_t removed = 0;

	wp_world_join(w, "i1");
	wp_world_run(w, "EVAL for\ti=1,250\tdo\tlocal\tu='urn:sm:user:u'..i\t"
			"redis.call('SADD',KEYS[1]..'at:i1','i1.'..i..'\\32'.."
			"u)redis.call('HSET',KEYS[1]..'online:'..u,'i1.'..i,"
			"'1')end 1 " WP_P);
	assert_int_equal(reap(w, w->owner, "i1", "0", &removed), WP_REAP_MORE);
	assert_int_equal(removed, 200);
	wp_world_expect(w, "1", "HEXISTS " WP_P "live i1");

	/*
	 * Half reaped is as good as dead, or its first 200 would stay offline.
	 */
	assert_true(beat(w, "i1", &reply).is_gone);
	wp_reply_free(&reply);
	assert_true(connect_since(w, "i1", "i1.999", 0).is_gone);
	assert_int_equal(reap(w, w->owner, "i1", "0", &removed), WP_REAP_DONE);
	assert_int_equal(removed, 50);
	wp_world_expect(w, "[]", "KEYS " WP_P "online:*");
}

static void presence_tells_connections_and_when_last_seen(void **state)
{
	struct wp_world *w = *state;
	struct wp_presence_state told[2] = { 0 };
	struct wp_box amy = wp_test_box(WP_WORLD_PARTITION, WP_AMY);
	const struct wp_box *boxes[] = { &w->box, &amy };
	struct wp_reply *reply;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_connect(w, "i1.2");
	wp_presence_query_build(&w->cmd, boxes, 2);
	reply = wp_world_do(w);
	assert_int_equal(wp_presence_query_parse(reply, 2, told), WP_OK);
	assert_int_equal(told[0].connections, 2);
	assert_int_equal(told[0].seen_s, 0);
	assert_int_equal(told[1].connections, 0);
	assert_int_equal(wp_presence_query_parse(reply, 3, told),
			 WP_ERR_UNAVAIL);
	wp_reply_free(&reply);

	(void)disconnect(w, "i1.1", 0);
	(void)disconnect(w, "i1.2", 0);
	wp_presence_query_build(&w->cmd, boxes, 1);
	reply = wp_world_do(w);
	assert_int_equal(wp_presence_query_parse(reply, 1, told), WP_OK);
	assert_int_equal(told[0].connections, 0);
	assert_true(told[0].seen_s > 1000000000);
	wp_reply_free(&reply);
}

static void the_list_of_the_living_has_their_counters(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply = NULL;
	char *text;

	wp_world_join(w, "i1");
	(void)beat(w, "i1", &reply);
	wp_reply_free(&reply);
	/* Joining again must not set the counter back. */
	wp_world_join(w, "i1");
	wp_cmd_key(&w->cmd, "HGETALL", WP_WORLD_PARTITION, "live");
	reply = wp_world_do(w);
	text = wp_world_show(reply);
	assert_string_equal(text, "[i1 1]");
	free(text);
	wp_reply_free(&reply);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_unknown_incarnation_may_not_register),
		WORLD_TEST(what_is_known_of_a_connection_is_kept_and_renewed),
		WORLD_TEST(pending_is_zero_only_when_nothing_waits),
		WORLD_TEST(what_has_expired_does_not_wait),
		WORLD_TEST(nor_what_has_expired_on_disk),
		WORLD_TEST(what_lives_on_disk_after_a_loss_of_memory_waits),
		WORLD_TEST(at_the_limit_the_oldest_connection_gives_way),
		WORLD_TEST(a_late_disconnect_takes_nobody_else_offline),
		WORLD_TEST(who_leaves_mail_behind_rings_the_bell),
		WORLD_TEST(who_was_never_there_was_not_seen_leaving),
		WORLD_TEST(a_connect_that_fails_registers_nobody),
		WORLD_TEST(the_last_to_leave_marks_what_waits_with_its_grace),
		WORLD_TEST(who_leaves_an_empty_mailbox_is_not_marked),
		WORLD_TEST(a_heartbeat_hands_over_everybody_once),
		WORLD_TEST(a_long_due_list_comes_in_parts),
		WORLD_TEST(an_incarnation_leaves_when_it_holds_nothing),
		WORLD_TEST(the_dead_are_taken_offline_and_their_mail_is_marked),
		WORLD_TEST(the_living_and_other_peoples_dead_are_not_reaped),
		WORLD_TEST(who_reconnected_elsewhere_stays_online),
		WORLD_TEST(what_is_no_connection_does_not_stop_a_reap),
		WORLD_TEST(a_big_incarnation_is_reaped_in_chunks),
		WORLD_TEST(presence_tells_connections_and_when_last_seen),
		WORLD_TEST(the_list_of_the_living_has_their_counters),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("presence", tests, NULL, NULL);
}
