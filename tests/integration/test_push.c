/*
 * Who is told that something waits: an entry for whoever is absent and has
 * mail, or is there and fetches nothing; claims of these entries, and what
 * becomes of them. What happens in all orders is for test_push_claims.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/presence.h"
#include "lib/mailbox/push.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })
#define ENTRY WP_P "pushdue " WP_BOB
#define TOLD WP_P "pushed:" WP_BOB

enum { GRACE_MS = 1000, INACTIVE_MS = 60000, CLAIM_MS = 50000 };

static void post(struct wp_world *w, struct wp_world_mail mail)
{
	(void)wp_world_post(w, mail);
	(void)wp_world_route(w);
}

static void leave(struct wp_world *w, const char *connection, int64_t grace_ms)
{
	struct wp_reply *reply;

	wp_presence_disconnect_build(&w->cmd, &w->conf, &w->box, connection,
				     grace_ms);
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
}

/* Push is on; one connection of bob's is there. */
static void come(struct wp_world *w)
{
	w->conf.push.enabled = true;
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
}

/* How far the score of bob's entry is ahead of now, or was of `since_ms`. */
static int64_t ahead_ms(struct wp_world *w)
{
	return wp_world_int(
		w, "EVAL local\tt=redis.call('TIME')return\tredis.call("
		   "'ZSCORE',KEYS[1],KEYS[2])-math.floor(t[1]*1000+t[2]/1000) "
		   "2 " ENTRY);
}

/* Not more than that; and how long the test takes is no matter. */
static void expect_ahead(struct wp_world *w, int64_t ms)
{
	int64_t is = ahead_ms(w);

	assert_true(is <= ms && is > ms - GRACE_MS);
}

static void expect_entries(struct wp_world *w, int64_t n)
{
	assert_int_equal(wp_world_int(w, "ZCARD " WP_P "pushdue"), n);
}

static void expect_asked(struct wp_world *w, struct wp_msgid id)
{
	char entry[WP_ENTRY_ID_MAX];

	wp_entry_id_format(&id.entry, entry);
	wp_world_expect(w, entry, "GET " WP_P "notified:" WP_BOB);
}

/* A day passes for the schedule. */
static void pass(struct wp_world *w)
{
	wp_world_run(w, "EVAL for\t_,u\tin\tipairs(redis.call('ZRANGE',KEYS[1],"
			"0,-1))do\tredis.call('ZINCRBY',KEYS[1],-86400000,u)"
			"end 1 " WP_P "pushdue");
}

/* ---- who has an entry ---- */

static void nobody_has_an_entry_unless_it_is_wanted(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = false;
	post(w, MAIL(.json = "m1"));
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	post(w, MAIL(.json = "m2"));
	leave(w, "i1.1", 0);
	wp_world_expect(w, "0",
			"EXISTS " WP_P "pushdue " WP_P "notified:" WP_BOB);
}

static void a_call_asks_once_about_the_last_message(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	for (int i = 0; i < 20; i++)
		(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	id = wp_world_post(w, MAIL(.json = "m2"));
	(void)wp_world_post(w, MAIL(.json = "e1", .is_ephemeral = true));
	(void)wp_world_route(w);
	expect_entries(w, 2);
	expect_asked(w, id);
	expect_ahead(w, GRACE_MS);
	/* What comes meanwhile is told with it, and puts nothing off. */
	wp_world_run(w, "ZADD " WP_P "pushdue 7 " WP_BOB);
	id = wp_world_deliver(w, "m3");
	expect_asked(w, id);
	wp_world_expect(w, "7", "ZSCORE " ENTRY);
}

static void the_high_band_waits_for_nothing_but_a_claim(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	(void)wp_world_deliver(w, "m1");
	wp_world_run(w, "ZADD " WP_P "pushdue 99999999999999 " WP_BOB);
	post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	expect_ahead(w, 0);
	wp_world_expect(w, "[" WP_BOB "]", "SMEMBERS " WP_P "pushhigh");

	wp_world_run(w, "HSET " TOLD " busy 1");
	wp_world_run(w, "ZADD " WP_P "pushdue 99999999999999 " WP_BOB);
	post(w, MAIL(.json = "h2", .band = WP_BAND_HIGH));
	wp_world_expect(w, "99999999999999", "ZSCORE " ENTRY);
}

static void who_is_online_is_looked_at_in_a_minute(void **state)
{
	struct wp_world *w = *state;

	come(w);
	post(w, MAIL(.json = "e1", .is_ephemeral = true));
	post(w, MAIL(.json = "m0", .expires_in_ms = -5000));
	expect_entries(w, 0);
	(void)wp_world_deliver(w, "m1");
	expect_ahead(w, INACTIVE_MS);
	wp_world_run(w, "ZADD " WP_P "pushdue 7 " WP_BOB);
	post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	wp_world_expect(w, "7", "ZSCORE " ENTRY);
	wp_world_expect(w, "0",
			"EXISTS " WP_P "notified:" WP_BOB " " WP_P "pushhigh");
}

static void the_last_one_who_leaves_is_told_behind_the_grace(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	come(w);
	(void)wp_world_connect(w, "i1.2");
	id = wp_world_deliver(w, "m1");
	post(w, MAIL(.json = "e1", .is_ephemeral = true));
	leave(w, "i1.1", 5000);
	expect_ahead(w, INACTIVE_MS);
	leave(w, "i1.2", 5000);
	expect_ahead(w, 5000 + GRACE_MS);
	expect_asked(w, id);
	wp_world_expect(w, "0", "EXISTS " WP_P "pushhigh");

	/* Back and away again: nothing new to tell. */
	wp_world_run(w, "DEL " WP_P "pushdue");
	(void)wp_world_connect(w, "i1.3");
	leave(w, "i1.3", 0);
	expect_entries(w, 0);
}

static void the_high_band_is_high_for_who_leaves_as_well(void **state)
{
	struct wp_world *w = *state;

	come(w);
	post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	(void)wp_world_deliver(w, "m1");
	leave(w, "i1.1", 5000);
	expect_ahead(w, 5000 + GRACE_MS); /* a reload tells nothing */
	wp_world_expect(w, "[" WP_BOB "]", "SMEMBERS " WP_P "pushhigh");

	/* It was asked for before, and what is new is of the other band. */
	wp_world_run(w, "DEL " WP_P "pushhigh");
	(void)wp_world_connect(w, "i1.2");
	(void)wp_world_deliver(w, "m2");
	leave(w, "i1.2", 0);
	wp_world_expect(w, "0", "EXISTS " WP_P "pushhigh");
}

static void what_is_put_off_comes_sooner_for_who_leaves(void **state)
{
	struct wp_world *w = *state;

	come(w);
	wp_world_run(w, "ZADD " WP_P "pushdue 99999999999999 " WP_BOB);
	leave(w, "i1.1", 0);
	expect_ahead(w, GRACE_MS);
	(void)wp_world_connect(w, "i1.2");
	wp_world_run(w, "ZADD " WP_P "pushdue 99999999999999 " WP_BOB);
	wp_world_run(w, "HSET " TOLD " busy 1");
	leave(w, "i1.2", 0);
	wp_world_expect(w, "99999999999999", "ZSCORE " ENTRY);
}

static void leaving_with_nothing_to_be_told_of_asks_for_nothing(void **state)
{
	struct wp_world *w = *state;

	come(w);
	post(w, MAIL(.json = "e1", .is_ephemeral = true));
	post(w, MAIL(.json = "m1", .expires_in_ms = -5000));
	leave(w, "i1.1", 0);
	expect_entries(w, 0);
}

static void the_reaped_are_told_as_well(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease lease = wp_world_lease(w->owner);
	enum wp_reap_status status;
	struct wp_reply *reply;
	struct wp_msgid id;
	int64_t removed;

	come(w);
	id = wp_world_deliver(w, "m1");
	wp_reap_build(&w->cmd, &w->conf, &lease, "i1", "0");
	reply = wp_world_do(w);
	status = wp_reap_parse(reply, &removed);
	wp_reply_free(&reply);
	assert_int_equal(status, WP_REAP_DONE);
	expect_ahead(w, GRACE_MS);
	expect_asked(w, id);
}

/* ---- claims ---- */

struct taken {
	struct wp_reply *reply; /* the caller frees it */
	struct wp_push_taken head;
	struct wp_push_box first; /* when there is one */
	char claim[16];
};

static struct taken take(struct wp_world *w)
{
	static int number;
	struct taken taken;
	struct wp_push_take what = {
		.partition = WP_WORLD_PARTITION,
		.run_id = wp_redis_run_id(w->redis),
		.claim = taken.claim,
		.claim_ms = CLAIM_MS,
		.max = WP_PUSH_TAKE_MAX,
	};

	(void)snprintf(taken.claim, sizeof(taken.claim), "n.%d", ++number);
	wp_push_take_build(&w->cmd, &w->conf, &what);
	taken.reply = wp_world_do(w);
	if (wp_push_take_parse(taken.reply, &taken.head) != WP_OK)
		fail_msg("no answer: %s", wp_reply_str(taken.reply));
	if (taken.head.n > 0)
		assert_int_equal(wp_push_taken_box(taken.reply, 0,
						   WP_WORLD_PARTITION,
						   &taken.first),
				 WP_OK);
	return taken;
}

static void expect_nobody_due(struct wp_world *w)
{
	struct taken taken = take(w);

	assert_int_equal(taken.head.n, 0);
	wp_reply_free(&taken.reply);
}

/* One box, bob's, and what for; the answer stays for the caller. */
static struct taken expect_taken(struct wp_world *w, enum wp_push_what what)
{
	struct taken taken = take(w);

	assert_int_equal(taken.head.n, 1);
	assert_string_equal(taken.first.box.text, WP_BOB);
	assert_int_equal(taken.first.what, what);
	return taken;
}

/* The same, for its effect. */
static void expect_due(struct wp_world *w, enum wp_push_what what)
{
	struct taken taken = expect_taken(w, what);

	wp_reply_free(&taken.reply);
}

static enum wp_err finish(struct wp_world *w, const struct wp_push_done *done)
{
	struct wp_reply *reply;
	enum wp_err rc;

	wp_push_done_build(&w->cmd, done);
	reply = wp_world_do(w);
	rc = wp_script_done(reply);
	wp_reply_free(&reply);
	return rc;
}

static const struct wp_push_field shown[] = { { "shown", "1" },
					      { "d:t1", "told" } };
static const struct wp_push_field hidden[] = { { "shown", "" } };

static struct wp_push_done done_of(const struct taken *taken)
{
	return (struct wp_push_done){
		.box = &taken->first.box,
		.claim = taken->claim,
		.want = taken->first.want,
		.next = WP_PUSH_TOLD,
		.once = "",
		.fields = shown,
		.n = 2,
	};
}

/* Taken and told. */
static void tell(struct wp_world *w)
{
	struct taken taken = expect_taken(w, WP_PUSH_TELL);
	struct wp_push_done done = done_of(&taken);

	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
}

static void who_is_due_is_claimed_until_the_claim_lapses(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;
	struct taken taken;

	come(w);
	leave(w, "i1.1", 0);
	post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	id = wp_world_deliver(w, "m1");
	taken = expect_taken(w, WP_PUSH_TELL);
	assert_int_equal(wp_entry_id_cmp(&taken.first.want, &id.entry), 0);
	assert_int_equal(taken.first.waiting, 2);
	assert_true(taken.first.is_high);
	assert_int_equal(taken.first.connections, 0);
	assert_int_not_equal(taken.first.seen_s, 0);
	assert_string_equal(wp_push_field(&taken.first, "claim"), taken.claim);
	assert_null(wp_push_field(&taken.first, "id"));
	assert_int_equal(taken.head.lapsed, 0);
	wp_reply_free(&taken.reply);
	expect_ahead(w, CLAIM_MS);
	expect_nobody_due(w);
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	assert_int_equal(taken.head.lapsed, 1);
	wp_reply_free(&taken.reply);
}

static void what_all_devices_know_is_not_told_again(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	id = wp_world_deliver(w, "m1");
	pass(w);
	tell(w);
	expect_entries(w, 0);
	wp_world_expect(w, "[1 told]", "HMGET " TOLD " shown d:t1");
	wp_world_run(w, "ZADD " WP_P "pushdue 1 " WP_BOB);
	expect_nobody_due(w);
	expect_entries(w, 0);
	expect_asked(w, id);
	assert_in_range(wp_world_int(w, "TTL " TOLD), 2591000, 2592000);
}

static void a_box_is_looked_at_again_when_it_says(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;

	w->conf.push.enabled = true;
	(void)wp_world_deliver(w, "m1");
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	done = done_of(&taken);
	done.next = WP_PUSH_LATER;
	done.next_ms = taken.head.now_ms + 9000;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	expect_ahead(w, 9000);
	pass(w);
	tell(w);
}

static void nothing_is_told_of_what_does_not_wait(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	id = wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	(void)wp_world_route(w);
	wp_world_ack_one(w, id);
	expect_entries(w, 1);
	expect_nobody_due(w);
	wp_world_expect(w, "0", "EXISTS " WP_P "pushdue " WP_P "pushhigh");

	/* Nor of what has expired. */
	post(w, MAIL(.json = "m1", .expires_in_ms = -5000));
	wp_world_run(w, "ZADD " WP_P "pushdue 1 " WP_BOB);
	wp_world_run(w, "SET " WP_P "notified:" WP_BOB " 99999999999999-1");
	expect_nobody_due(w);
	expect_entries(w, 0);
}

/* What is on disk counts by what the store has told of it. */
static void what_waits_on_disk_is_told(void **state)
{
	static const struct {
		const char *record;
		int64_t waiting;
	} cases[] = {
		{ "t1_99999999999999_7_5_9", 5 }, { "t1_-_7_5_9", 5 },
		{ "t1_99999999999999_-_0_0", 1 }, { "foreign", 1 },
		{ "t1_7000_7_5_9", 0 },           { "t1_-_7_0_0", 0 },
	};
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct taken taken;

		wp_world_run(w, WP_WORLD_HINT(WP_BOB, "%s"), cases[i].record);
		wp_world_run(w, "SET " WP_P "notified:" WP_BOB " 5-%d",
			     (int)i + 1);
		wp_world_run(w, "ZADD " WP_P "pushdue 1 " WP_BOB);
		taken = take(w);
		assert_int_equal(taken.head.n, cases[i].waiting > 0);
		if (taken.head.n > 0)
			assert_int_equal(taken.first.waiting, cases[i].waiting);
		wp_reply_free(&taken.reply);
		wp_world_run(w, "DEL " TOLD " " WP_P "pushdue");
	}
}

static void who_is_online_is_told_of_what_he_does_not_fetch(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;
	struct taken taken;

	come(w);
	id = wp_world_deliver(w, "m1");
	pass(w);
	expect_nobody_due(w);
	expect_ahead(w, INACTIVE_MS);
	pass(w);
	w->conf.push.inactive_ms = 0;
	taken = expect_taken(w, WP_PUSH_TELL);
	assert_int_equal(wp_entry_id_cmp(&taken.first.want, &id.entry), 0);
	assert_int_equal(taken.first.connections, 1);
	wp_reply_free(&taken.reply);
}

static void devices_that_are_there_are_named(void **state)
{
	struct wp_world *w = *state;
	struct taken taken;
	char *text;

	come(w);
	w->conf.push.inactive_ms = 0;
	(void)wp_world_deliver(w, "m1");
	wp_world_run(w, "EVAL for\ti,d\tin\tipairs({'phone','','phone','pad'})"
			"do\tredis.call('HSET',KEYS[1],'i1.'..i+1,"
			"'5\\9ws\\9'..d..'\\9')end 1 " WP_P "online:" WP_BOB);
	wp_world_run(w, "HSET " WP_P "online:" WP_BOB " i1.9 foreign");
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	assert_int_equal(taken.first.connections, 6);
	text = wp_world_show(taken.first.devices);
	assert_string_equal(text, "[phone pad]");
	free(text);
	wp_reply_free(&taken.reply);
}

static void an_entry_from_a_clock_that_was_ahead_is_due(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	(void)wp_world_deliver(w, "m1");
	wp_world_run(w, "EVAL local\tt=redis.call('TIME')redis.call('ZADD',"
			"KEYS[1],t[1]*1000+90000000,KEYS[2]) 2 " ENTRY);
	expect_nobody_due(w); /* 25 hours: looked at again once a day */
	wp_world_run(w, "ZINCRBY " WP_P "pushdue 7200000 " WP_BOB);
	expect_due(w, WP_PUSH_TELL);
}

/* Of partitions 8, 7 and 9: bob's is the second. */
static void expect_due_in(struct wp_world *w, const char *expected)
{
	const uint32_t partitions[] = { WP_WORLD_PARTITION + 1,
					WP_WORLD_PARTITION,
					WP_WORLD_PARTITION + 2 };
	struct wp_reply *reply;
	bool is_due[3];

	wp_push_look_build(&w->cmd, partitions, 3);
	reply = wp_world_do(w);
	assert_int_equal(wp_push_look_parse(reply, 3, is_due), WP_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(is_due[i], expected[i] == '1');
	assert_int_equal(wp_push_look_parse(reply, 2, is_due), WP_ERR_UNAVAIL);
	wp_reply_free(&reply);
}

static void a_look_tells_where_somebody_is_due(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	expect_due_in(w, "000");
	(void)wp_world_deliver(w, "m1");
	wp_world_run(w, "ZADD " WP_P "pushdue 99999999 " WP_BOB);
	expect_due_in(w, "010");
	wp_world_run(w, "EVAL "
			"local\tt=redis.call('TIME')redis.call('ZADD',KEYS[1],"
			"t[1]*1000+3600000,KEYS[2]) 2 " ENTRY);
	expect_due_in(w, "000");
	wp_world_run(w, "ZADD " WP_P "pushdue 99999999999999 " WP_BOB);
	expect_due_in(w, "010"); /* from a clock that was ahead */
}

static void nothing_is_known_before_the_gate_is_open(void **state)
{
	struct wp_world *w = *state;
	const struct wp_push_take what = {
		.partition = WP_WORLD_PARTITION,
		.run_id = "of-another-life",
		.claim = "c",
		.claim_ms = CLAIM_MS,
		.max = 1,
	};
	struct wp_push_checked checked;
	struct wp_push_taken head;
	struct wp_reply *reply;
	struct taken taken;

	w->conf.push.enabled = true;
	wp_world_run(w, "SET " WP_P "notified:" WP_BOB " 5-1");
	wp_world_run(w, "ZADD " WP_P "pushdue 1 " WP_BOB);
	wp_push_take_build(&w->cmd, &w->conf, &what);
	reply = wp_world_do(w);
	assert_int_equal(wp_push_take_parse(reply, &head), WP_ERR_STALE);
	wp_reply_free(&reply);
	expect_entries(w, 1);

	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "t1_-_-_0_0"));
	taken = expect_taken(w, WP_PUSH_TELL);
	wp_push_check_build(&w->cmd, "of-another-life", &w->box, taken.claim);
	reply = wp_world_do(w);
	assert_int_equal(wp_push_check_parse(reply, &checked), WP_OK);
	assert_false(checked.is_ours);
	wp_reply_free(&reply);
	wp_reply_free(&taken.reply);
}

static void at_most_so_many_are_claimed_at_once(void **state)
{
	struct wp_world *w = *state;
	const char *const run_id = wp_redis_run_id(w->redis);
	const struct wp_push_take what = {
		.partition = WP_WORLD_PARTITION,
		.run_id = run_id,
		.claim = "c",
		.claim_ms = CLAIM_MS,
		.max = 3,
	};
	struct wp_push_taken head;
	struct wp_reply *reply;

	w->conf.push.enabled = true;
	for (int i = 0; i < 5; i++) {
		wp_world_run(w, "ZADD " WP_P "pushdue %d " WP_BOB "%d", i, i);
		wp_world_run(w, "SET " WP_P "notified:" WP_BOB "%d 5-1", i);
		wp_world_run(w, WP_WORLD_HINT(WP_BOB "%d", "t_-_7_1_1"), i);
	}
	for (size_t left = 5; left > 0; left -= head.n) {
		wp_push_take_build(&w->cmd, &w->conf, &what);
		reply = wp_world_do(w);
		assert_int_equal(wp_push_take_parse(reply, &head), WP_OK);
		assert_int_equal(head.n, left == 5 ? 3 : 2);
		wp_reply_free(&reply);
	}
}

/* ---- before a late request ---- */

static struct wp_push_checked check(struct wp_world *w, const char *claim)
{
	struct wp_push_checked checked;
	struct wp_reply *reply;

	wp_push_check_build(&w->cmd, wp_redis_run_id(w->redis), &w->box, claim);
	reply = wp_world_do(w);
	assert_int_equal(wp_push_check_parse(reply, &checked), WP_OK);
	wp_reply_free(&reply);
	return checked;
}

static void a_late_request_knows_what_waits_by_now(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_checked checked;
	struct wp_push_done done;
	struct taken taken;
	struct wp_msgid m1, m2;

	w->conf.push.enabled = true;
	m1 = wp_world_deliver(w, "m1");
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	m2 = wp_world_deliver(w, "m2");
	checked = check(w, taken.claim);
	assert_true(checked.is_ours);
	assert_int_equal(checked.waiting, 2);
	assert_int_equal(wp_entry_id_cmp(&checked.want, &m2.entry), 0);
	wp_world_ack_one(w, m1);
	wp_world_ack_one(w, m2);
	checked = check(w, taken.claim);
	assert_true(checked.is_ours);
	assert_int_equal(checked.waiting, 0);
	assert_false(check(w, "another").is_ours);
	done = done_of(&taken);
	assert_int_equal(finish(w, &done), WP_OK);
	assert_false(check(w, taken.claim).is_ours);
	wp_reply_free(&taken.reply);
}

/* ---- what became of it ---- */

static void a_late_answer_changes_nothing(void **state)
{
	struct wp_world *w = *state;
	struct taken first, second;
	struct wp_push_done done;

	w->conf.push.enabled = true;
	(void)wp_world_deliver(w, "m1");
	pass(w);
	first = expect_taken(w, WP_PUSH_TELL);
	pass(w);
	second = expect_taken(w, WP_PUSH_TELL);
	done = done_of(&first);
	assert_int_equal(finish(w, &done), WP_ERR_STALE);
	expect_ahead(w, CLAIM_MS);
	wp_world_expect(w, "[- - 1]", "HMGET " TOLD " id d:t1 busy");
	/* What the first has told nobody knows. */
	wp_world_expect(w, "1", "HGET " TOLD " shown");
	done = done_of(&second);
	assert_int_equal(finish(w, &done), WP_OK);
	assert_int_equal(finish(w, &done), WP_OK); /* again: the same */
	expect_entries(w, 0);
	wp_reply_free(&first.reply);
	wp_reply_free(&second.reply);
}

static void what_comes_meanwhile_is_looked_at_at_once(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	(void)wp_world_deliver(w, "m1");
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	id = wp_world_deliver(w, "m2");
	expect_ahead(w, CLAIM_MS);
	done = done_of(&taken);
	done.next = WP_PUSH_DROP;
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	taken = expect_taken(w, WP_PUSH_TELL);
	assert_int_equal(wp_entry_id_cmp(&taken.first.want, &id.entry), 0);
	wp_reply_free(&taken.reply);
}

static void an_emptied_mailbox_is_cleared(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;
	struct wp_msgid id;

	/* The ack knows that he was told. */
	w->conf.push.enabled = true;
	id = wp_world_deliver(w, "m1");
	pass(w);
	tell(w);
	wp_world_run(w, "ZADD " WP_P "pushdue 99999999999999 " WP_BOB);
	wp_world_ack_one(w, id);
	expect_ahead(w, 2000);
	wp_world_expect(w, "1", "HEXISTS " TOLD " touched");
	pass(w);
	taken = expect_taken(w, WP_PUSH_CLEAR);
	assert_int_equal(taken.first.waiting, 0);
	done = done_of(&taken);
	done.fields = hidden;
	done.n = 1;
	assert_int_equal(finish(w, &done), WP_OK);
	expect_entries(w, 0);
	wp_world_expect(w, "0", "HEXISTS " TOLD " shown");
	wp_reply_free(&taken.reply);

	/* It comes before that is known: then the answer does. */
	id = wp_world_deliver(w, "m2");
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	wp_world_ack_one(w, id);
	expect_ahead(w, CLAIM_MS);
	done = done_of(&taken);
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	taken = expect_taken(w, WP_PUSH_CLEAR);
	done = done_of(&taken);
	done.next = WP_PUSH_DROP;
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_world_expect(w, "0", "EXISTS " TOLD " " WP_P "pushdue");
	wp_reply_free(&taken.reply);
}

static void what_is_left_is_no_reason_to_clear(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	id = wp_world_deliver(w, "m1");
	(void)wp_world_deliver(w, "m2");
	pass(w);
	tell(w);
	wp_world_ack_one(w, id);
	expect_entries(w, 0);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	expect_entries(w, 0);
}

/* Acked on disk: the ack's last step clears the hint. */
static void a_mailbox_on_disk_is_cleared_as_well(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	id = wp_world_deliver(w, "m1");
	pass(w);
	tell(w);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_ack_one(w, id);
	expect_ahead(w, 2000);
	pass(w);
	expect_due(w, WP_PUSH_CLEAR);
}

/* And one that the sweep has emptied. */
static void an_expired_mailbox_is_cleared_as_well(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease lease = wp_world_lease(w->owner);
	struct wp_reply *reply;
	int64_t deleted;
	bool is_more;

	w->conf.push.enabled = true;
	wp_world_run(w, "HSET " TOLD " shown 1");
	post(w, MAIL(.json = "m1", .expires_in_ms = -5000));
	expect_entries(w, 0);
	wp_sweep_build(&w->cmd, &lease, INT64_C(99999999999999));
	reply = wp_world_do(w);
	assert_int_equal(wp_sweep_parse(reply, &deleted, &is_more), WP_OK);
	wp_reply_free(&reply);
	assert_int_equal(deleted, 1);
	expect_ahead(w, 2000);
	wp_world_expect(w, "0", "HEXISTS " TOLD " touched");
}

/* Only who is there acks: a worker who asks for a hint is no sign of life. */
static void a_question_about_the_hint_is_no_sign_of_life(void **state)
{
	const struct wp_ack_ids none = { .n = 0 };
	struct wp_world *w = *state;
	struct wp_ack_walk walk;
	struct wp_reply *reply;

	wp_world_run(w, "HSET " TOLD " shown 1");
	wp_ack_begin(&walk, &w->box, &none);
	wp_ack_ask(&walk, wp_redis_run_id(w->redis), &w->cmd);
	reply = wp_world_do(w);
	wp_ack_told(&walk, reply, false);
	wp_reply_free(&reply);
	assert_int_equal(walk.step, WP_ACK_DONE);
	wp_world_expect(w, "0", "HEXISTS " TOLD " touched");
}

static void an_ack_of_who_was_never_told_writes_nothing(void **state)
{
	struct wp_world *w = *state;

	wp_world_ack_one(w, wp_world_deliver(w, "m1"));
	wp_world_expect(w, "0", "EXISTS " TOLD " " WP_P "pushdue");
}

/* ---- what is asked for ---- */

static void wake(struct wp_world *w, const char *once)
{
	struct wp_reply *reply;

	wp_push_wake_build(&w->cmd, &w->box, once);
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
}

static void who_is_woken_is_looked_at_now_if_he_has_an_entry(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;

	w->conf.push.enabled = true;
	wake(w, "");
	expect_entries(w, 0);
	(void)wp_world_deliver(w, "m1");
	wake(w, "");
	expect_ahead(w, 0);

	/* Who has it may not have read what has changed. */
	taken = expect_taken(w, WP_PUSH_TELL);
	wake(w, "");
	expect_ahead(w, CLAIM_MS);
	done = done_of(&taken);
	done.next = WP_PUSH_LATER;
	done.next_ms = taken.head.now_ms + 80000000;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	taken = expect_taken(w, WP_PUSH_TELL);
	done.claim = taken.claim;
	assert_int_equal(finish(w, &done), WP_OK);
	expect_ahead(w, 80000000);
	wp_reply_free(&taken.reply);
}

static void what_is_asked_for_once_is_done_whatever_waits(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;

	w->conf.push.enabled = true;
	wake(w, "t1:test");
	assert_in_range(wp_world_int(w, "TTL " TOLD), 2591000, 2592000);
	taken = expect_taken(w, WP_PUSH_ONCE);
	assert_string_equal(wp_push_field(&taken.first, "once"), "t1:test");
	wake(w, "t1:code"); /* something else meanwhile */
	done = done_of(&taken);
	done.once = "t1:test";
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	taken = expect_taken(w, WP_PUSH_ONCE);
	done.claim = taken.claim;
	done.once = "t1:code";
	assert_int_equal(finish(w, &done), WP_OK);
	expect_entries(w, 0);
	wp_world_expect(w, "[- -]", "HMGET " TOLD " once id");
	wp_reply_free(&taken.reply);
}

/* Neither is looked at before its time, and neither is forgotten. */
static void what_cannot_be_done_now_waits(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	wake(w, "t1:test");
	taken = expect_taken(w, WP_PUSH_ONCE);
	done = done_of(&taken);
	done.once = "t1:test";
	done.once_waits = true;
	done.next = WP_PUSH_LATER;
	done.next_ms = taken.head.now_ms + 80000000;
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	expect_ahead(w, 80000000);
	wp_world_expect(w, "t1:test", "HGET " TOLD " once");
	/* Another one does not wait for it. */
	wake(w, "t1:code");
	taken = expect_taken(w, WP_PUSH_ONCE);
	done.claim = taken.claim;
	assert_int_equal(finish(w, &done), WP_OK);
	expect_ahead(w, 0);
	wp_reply_free(&taken.reply);
	taken = expect_taken(w, WP_PUSH_ONCE);
	done = done_of(&taken);
	done.once = "t1:code";
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);

	id = wp_world_deliver(w, "m1");
	pass(w);
	tell(w);
	wp_world_ack_one(w, id);
	pass(w);
	taken = expect_taken(w, WP_PUSH_CLEAR);
	done = done_of(&taken);
	done.clear_waits = true;
	done.next = WP_PUSH_LATER;
	done.next_ms = taken.head.now_ms + 80000000;
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	expect_ahead(w, 80000000);
	pass(w);
	expect_due(w, WP_PUSH_CLEAR);
}

/* It is about what is known already: what is put off is not forgotten. */
static void asking_for_something_once_tells_nothing_too_early(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;

	come(w);
	(void)wp_world_deliver(w, "m1");
	wake(w, "t1:test");
	taken = expect_taken(w, WP_PUSH_ONCE);
	assert_int_equal(taken.first.want.ms, 0);
	assert_int_equal(taken.first.waiting, 1);
	done = done_of(&taken);
	done.once = "t1:test";
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	expect_nobody_due(w);
	expect_ahead(w, INACTIVE_MS);
}

/* ---- who has no device ---- */

static void register_one(struct wp_world *w, bool is_new)
{
	struct wp_reply *reply;

	wp_push_registered_build(&w->cmd, &w->conf, &w->box, is_new);
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
}

static void register_device(struct wp_world *w)
{
	register_one(w, false);
}

/* A message comes, and he is found to have no device. */
static void find_nobody(struct wp_world *w, const char *json)
{
	struct wp_push_done done;
	struct taken taken;

	(void)wp_world_deliver(w, json);
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	done = done_of(&taken);
	done.next = WP_PUSH_DROP;
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	wp_world_expect(w, "0",
			"EXISTS " TOLD " " WP_P "pushdue " WP_P "pushhigh");
	assert_in_range(wp_world_int(w, "TTL " WP_P "notified:" WP_BOB), 3500,
			3600);
}

static void who_has_no_device_is_asked_for_once_an_hour(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	find_nobody(w, "m1");
	(void)wp_world_deliver(w, "m2");
	post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	come(w);
	(void)wp_world_deliver(w, "m3");
	pass(w);
	expect_nobody_due(w); /* that he is there and fetches nothing, either */
	expect_entries(w, 0);
	leave(w, "i1.1", 0);
	wake(w, "");
	expect_entries(w, 0);
	/* The hour is over. */
	wp_world_run(w, "DEL " WP_P "notified:" WP_BOB);
	(void)wp_world_deliver(w, "m4");
	expect_ahead(w, GRACE_MS);
}

static void who_registers_a_device_is_told_of_what_waits(void **state)
{
	struct wp_world *w = *state;
	struct taken taken;

	w->conf.push.enabled = true;
	find_nobody(w, "m1");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	register_device(w);
	expect_ahead(w, GRACE_MS);
	assert_in_range(wp_world_int(w, "TTL " WP_P "notified:" WP_BOB),
			2591000, 2592000);
	/* What comes in this very millisecond is news. */
	assert_int_equal(wp_world_int(w, "EVAL return\tredis.call('ZSCORE',"
					 "KEYS[1],KEYS[2])-redis.call('GET',"
					 "KEYS[3]):match('%%d+') 3 " ENTRY
					 " " WP_P "notified:" WP_BOB),
			 GRACE_MS + 1);
	/* A client that starts puts nothing off, and brings nothing forward. */
	wp_world_run(w, "ZADD " WP_P "pushdue 7 " WP_BOB);
	register_device(w);
	wp_world_expect(w, "7", "ZSCORE " ENTRY);
	wp_world_run(w, "ZADD " WP_P "pushdue 99999999999999 " WP_BOB);
	register_device(w);
	wp_world_expect(w, "99999999999999", "ZSCORE " ENTRY);
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	assert_int_equal(taken.first.waiting, 1);
	wp_reply_free(&taken.reply);
}

/* The mark is gone by the time that he registers. */
static void so_is_who_was_never_told_of_it(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	register_device(w);
	expect_entries(w, 0);
	find_nobody(w, "m1");
	wp_world_run(w, "DEL " WP_P "notified:" WP_BOB);
	register_device(w);
	expect_ahead(w, GRACE_MS);
}

/* What is not routed yet is news when it is. */
static void what_comes_behind_a_registration_is_told_as_well(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	find_nobody(w, "m1");
	id = wp_world_post(w, MAIL(.json = "m2"));
	register_device(w);
	(void)wp_world_route(w);
	expect_asked(w, id);
}

static void a_new_device_is_told_of_what_others_know(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;

	w->conf.push.enabled = true;
	(void)wp_world_deliver(w, "m1");
	pass(w);
	tell(w);
	register_one(w, false);
	expect_entries(w, 0);
	register_one(w, true);
	expect_ahead(w, GRACE_MS);
	pass(w);
	/* And who comes while that is asked for. */
	taken = expect_taken(w, WP_PUSH_TELL);
	register_one(w, true);
	expect_ahead(w, CLAIM_MS);
	done = done_of(&taken);
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	expect_ahead(w, 0);
	tell(w);
	/* Where nothing waits there is nothing to tell. */
	wp_world_run(w, "DEL " WP_P "hot:" WP_BOB);
	register_one(w, true);
	expect_entries(w, 0);
}

static void a_registration_wakes_whoever_has_a_claim(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;

	w->conf.push.enabled = true;
	(void)wp_world_deliver(w, "m1");
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	register_device(w);
	expect_ahead(w, CLAIM_MS);
	done = done_of(&taken);
	done.next = WP_PUSH_DROP;
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_OK);
	wp_reply_free(&taken.reply);
	expect_due(w, WP_PUSH_TELL);
}

/* It may have been woken since, without a claim that could have heard of it. */
static void an_answer_to_a_claim_that_was_let_go_is_late(void **state)
{
	struct wp_world *w = *state;
	struct wp_push_done done;
	struct taken taken;

	w->conf.push.enabled = true;
	(void)wp_world_deliver(w, "m1");
	pass(w);
	taken = expect_taken(w, WP_PUSH_TELL);
	come(w);
	pass(w);
	expect_nobody_due(w);
	register_device(w);
	done = done_of(&taken);
	done.next = WP_PUSH_DROP;
	done.n = 0;
	assert_int_equal(finish(w, &done), WP_ERR_STALE);
	wp_reply_free(&taken.reply);
	expect_entries(w, 1);
}

/* Nobody tells anybody, and that may change. */
static void a_registration_takes_the_mark_away_in_any_case(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	find_nobody(w, "m1");
	w->conf.push.enabled = false;
	register_device(w);
	wp_world_expect(w, "0",
			"EXISTS " WP_P "pushdue " WP_P "notified:" WP_BOB);
}

/* ---- what somebody else has written in our place ---- */

static void post_to_both(struct wp_world *w)
{
	w->conf.push.enabled = true;
	post(w, MAIL(.json = "b1", .band = WP_BAND_HIGH));
	post(w, MAIL(.json = "a1", .to = WP_AMY));
	wp_world_run(w, "ZADD " WP_P "pushdue 1 " WP_BOB " 2 " WP_AMY);
}

/* Bob is due before her; he is taken or not. */
static void expect_amy_taken(struct wp_world *w, size_t n)
{
	struct wp_push_box box;
	struct taken taken = take(w);

	assert_int_equal(taken.head.n, n);
	assert_int_equal(
		wp_push_taken_box(taken.reply, n - 1, WP_WORLD_PARTITION, &box),
		WP_OK);
	assert_string_equal(box.box.text, WP_AMY);
	wp_reply_free(&taken.reply);
	expect_nobody_due(w);
	expect_entries(w, 2);
}

static void a_foreign_key_holds_nobody_up(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "SET " TOLD " mine");
	post_to_both(w);
	expect_amy_taken(w, 1);
	wp_world_expect_pull(w, "b1");
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	leave(w, "i1.1", 0);
	wp_world_run(w, "DEL " TOLD);
	pass(w);
	wp_world_run(w, "ZREM " WP_P "pushdue " WP_AMY);
	expect_due(w, WP_PUSH_TELL);
}

static void nor_do_foreign_connections(void **state)
{
	struct wp_world *w = *state;

	post_to_both(w);
	wp_world_run(w, "SET " WP_P "online:" WP_BOB " mine");
	expect_amy_taken(w, 1);
}

static void a_foreign_value_is_replaced(void **state)
{
	struct wp_world *w = *state;
	struct taken taken;
	struct wp_msgid id;

	wp_world_run(w, "HSET " TOLD " id mine");
	wp_world_run(w, "SET " WP_P "notified:" WP_BOB " mine");
	post_to_both(w);
	expect_amy_taken(w, 2);
	wp_world_run(w, "SET " WP_P "notified:" WP_BOB " mine");
	wp_world_run(w, "DEL " WP_P "hot!:" WP_BOB);
	wp_world_run(w, "HSET " TOLD " shown 1");
	pass(w);
	taken = take(w);
	assert_int_equal(taken.head.n, 2);
	wp_reply_free(&taken.reply);
	id = wp_world_post(w, MAIL(.json = "b2"));
	(void)wp_world_route(w);
	expect_asked(w, id);
}

static void an_ack_does_without_a_foreign_key(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "SET " TOLD " mine");
	wp_world_ack_one(w, wp_world_deliver(w, "b1"));
	wp_world_expect_pull(w, "");
}

static void notifiers_know_of_each_other(void **state)
{
	struct wp_world *w = *state;

	for (int i = 0; i < 3; i++) {
		struct wp_reply *reply;
		char *text;

		wp_push_announce_build(&w->cmd, i == 1 ? "n1" : "n2", 5000,
				       i == 2);
		reply = wp_world_do(w);
		text = wp_world_show(reply);
		assert_string_equal(text, i == 0   ? "[n2]"
					  : i == 1 ? "[n1 n2]"
						   : "[n1]");
		free(text);
		wp_reply_free(&reply);
	}
	wp_world_expect(w, "[n1]", "ZRANGE " WP_NOTIFIERS_KEY " 0 -1");
}

/* ---- answers that are none ---- */

static void an_answer_of_another_shape_is_none(void **state)
{
	static const char *const heads[] = {
		"{}",
		"{'ok'}",
		"{'ok','x',0}",
		"{'ok','-5',0}",
		"{'ok',5,0}",
		"5",
		"{err='ERR\\32no'}",
		"{'ok','5'}",
		"{'ok','5',-1}",
		"{'ok','5','0'}",
	};
	static const char *const looks[] = { "{}", "7", "'0'", "'012'",
					     "'000'" };
	static const char *const checks[] = {
		"{}",        "{1,2}",         "{2,0,'1-1'}",   "{1,-1,'1-1'}",
		"{1,1,'x'}", "{1,1,'1-1',2}", "{'1',1,'1-1'}",
	};
	struct wp_world *w = *state;
	struct wp_push_checked checked;
	struct wp_push_taken head;
	struct wp_reply *reply;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		reply = wp_world_cmd(w, "EVAL return\t%s 0", heads[i]);
		assert_int_equal(wp_push_take_parse(reply, &head),
				 WP_ERR_UNAVAIL);
		wp_reply_free(&reply);
	}
	assert_int_equal(wp_push_take_parse(NULL, &head), WP_ERR_UNAVAIL);
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		bool is_due[2];

		reply = wp_world_cmd(w, "EVAL return\t%s 0", looks[i]);
		assert_int_equal(wp_push_look_parse(reply, 2, is_due),
				 WP_ERR_UNAVAIL);
		wp_reply_free(&reply);
	}
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		reply = wp_world_cmd(w, "EVAL return%s 0", checks[i]);
		assert_int_equal(wp_push_check_parse(reply, &checked),
				 WP_ERR_UNAVAIL);
		assert_false(checked.is_ours);
		wp_reply_free(&reply);
	}
}

static void a_box_of_another_shape_is_none(void **state)
{
	static const char *const boxes[] = {
		"'" WP_BOB "','tell','5-1',1,1,0,'',{},{}", /* right */
		"'nobody','tell','5-1',1,1,0,'',{},{}",
		"'" WP_BOB "','told','5-1',1,1,0,'',{},{}",
		"'" WP_BOB "','tell','5',1,1,0,'',{},{}",
		"'" WP_BOB "','tell','5-1099511627776',1,1,0,'',{},{}",
		"'" WP_BOB "','tell','5-1','1',1,0,'',{},{}",
		"'" WP_BOB "','tell','5-1',1,2,0,'',{},{}",
		"'" WP_BOB "','tell','5-1',1,1,-1,'',{},{}",
		"'" WP_BOB "','tell','5-1',1,1,0,'x',{},{}",
		"'" WP_BOB "','tell','5-1',1,1,0,'',{7},{}",
		"'" WP_BOB "','tell','5-1',1,1,0,'',{},{'id'}",
		"'" WP_BOB "','tell','5-1',1,1,0,'',{},'id'",
		"'" WP_BOB "','tell','5-1',1,1,0,'',{}",
	};
	struct wp_world *w = *state;

	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
		struct wp_reply *reply = wp_world_cmd(
			w, "EVAL return{'ok','5',0,{%s}} 0", boxes[i]);
		struct wp_push_taken head;
		struct wp_push_box box;

		assert_int_equal(wp_push_take_parse(reply, &head), WP_OK);
		assert_int_equal(head.n, 1);
		assert_int_equal(
			wp_push_taken_box(reply, 0, WP_WORLD_PARTITION, &box),
			i == 0 ? WP_OK : WP_ERR_PROTO);
		wp_reply_free(&reply);
	}
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(nobody_has_an_entry_unless_it_is_wanted),
		WORLD_TEST(a_call_asks_once_about_the_last_message),
		WORLD_TEST(the_high_band_waits_for_nothing_but_a_claim),
		WORLD_TEST(who_is_online_is_looked_at_in_a_minute),
		WORLD_TEST(the_last_one_who_leaves_is_told_behind_the_grace),
		WORLD_TEST(the_high_band_is_high_for_who_leaves_as_well),
		WORLD_TEST(what_is_put_off_comes_sooner_for_who_leaves),
		WORLD_TEST(leaving_with_nothing_to_be_told_of_asks_for_nothing),
		WORLD_TEST(the_reaped_are_told_as_well),
		WORLD_TEST(who_is_due_is_claimed_until_the_claim_lapses),
		WORLD_TEST(what_all_devices_know_is_not_told_again),
		WORLD_TEST(a_box_is_looked_at_again_when_it_says),
		WORLD_TEST(nothing_is_told_of_what_does_not_wait),
		WORLD_TEST(what_waits_on_disk_is_told),
		WORLD_TEST(who_is_online_is_told_of_what_he_does_not_fetch),
		WORLD_TEST(devices_that_are_there_are_named),
		WORLD_TEST(an_entry_from_a_clock_that_was_ahead_is_due),
		WORLD_TEST(a_look_tells_where_somebody_is_due),
		WORLD_TEST(nothing_is_known_before_the_gate_is_open),
		WORLD_TEST(at_most_so_many_are_claimed_at_once),
		WORLD_TEST(a_late_request_knows_what_waits_by_now),
		WORLD_TEST(a_late_answer_changes_nothing),
		WORLD_TEST(what_comes_meanwhile_is_looked_at_at_once),
		WORLD_TEST(an_emptied_mailbox_is_cleared),
		WORLD_TEST(what_is_left_is_no_reason_to_clear),
		WORLD_TEST(a_mailbox_on_disk_is_cleared_as_well),
		WORLD_TEST(an_expired_mailbox_is_cleared_as_well),
		WORLD_TEST(a_question_about_the_hint_is_no_sign_of_life),
		WORLD_TEST(an_ack_of_who_was_never_told_writes_nothing),
		WORLD_TEST(who_is_woken_is_looked_at_now_if_he_has_an_entry),
		WORLD_TEST(what_is_asked_for_once_is_done_whatever_waits),
		WORLD_TEST(what_cannot_be_done_now_waits),
		WORLD_TEST(asking_for_something_once_tells_nothing_too_early),
		WORLD_TEST(who_has_no_device_is_asked_for_once_an_hour),
		WORLD_TEST(who_registers_a_device_is_told_of_what_waits),
		WORLD_TEST(so_is_who_was_never_told_of_it),
		WORLD_TEST(what_comes_behind_a_registration_is_told_as_well),
		WORLD_TEST(a_new_device_is_told_of_what_others_know),
		WORLD_TEST(a_registration_wakes_whoever_has_a_claim),
		WORLD_TEST(an_answer_to_a_claim_that_was_let_go_is_late),
		WORLD_TEST(a_registration_takes_the_mark_away_in_any_case),
		WORLD_TEST(a_foreign_key_holds_nobody_up),
		WORLD_TEST(nor_do_foreign_connections),
		WORLD_TEST(a_foreign_value_is_replaced),
		WORLD_TEST(an_ack_does_without_a_foreign_key),
		WORLD_TEST(notifiers_know_of_each_other),
		WORLD_TEST(an_answer_of_another_shape_is_none),
		WORLD_TEST(a_box_of_another_shape_is_none),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("push", tests, NULL, NULL);
}
