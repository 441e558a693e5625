/*
 * The daemon's registrar with a Redis of its own and without sockets: who is
 * told to Redis, how often, and what follows when Redis refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>

#include "tests/support/live/rig.h"

enum { FLOOD = 100000, MANY = 600 };

static void begin_beating(struct rig *d, const char *name, int64_t ms)
{
	rig_begin(d, name);
	rig_make(d, "talk", ms);
}

static void begin(struct rig *d, const char *name)
{
	begin_beating(d, name, RIG_BEAT_MS);
}

static void chat(struct rig *d, struct rig_peer *peer, int number)
{
	snprintf(peer->chat, sizeof(peer->chat), "chat-%d", number);
	wp_registrar_update(d->registrar, &peer->member);
}

/* A number out of INFO, such as the calls of a command. */
static int64_t info(struct rig *d, const char *section, const char *name)
{
	struct wp_reply *reply = wp_test_cmd(d->other, "INFO", section, NULL);
	const char *at = strstr(wp_reply_str(reply), name);
	int64_t value = at == NULL ? 0 : strtoll(at + strlen(name), NULL, 10);

	wp_reply_free(&reply);
	return value;
}

/* Does what is known of bob's one connection end with text? */
static bool bob_ends_with(struct rig *d, const char *text)
{
	struct wp_reply *keys =
		wp_test_cmd(d->other, "KEYS", "wp:*:online:*bob", NULL);
	const char *key = wp_reply_str(wp_reply_at(keys, 0));
	struct wp_reply *values = wp_test_cmd(d->other, "HVALS",
					      key[0] == '\0' ? "-" : key, NULL);
	const struct wp_reply *value = wp_reply_at(values, 0);
	size_t len = wp_reply_len(value);
	bool result =
		len >= strlen(text) &&
		strcmp(wp_reply_str(value) + len - strlen(text), text) == 0;

	wp_reply_free(&values);
	wp_reply_free(&keys);
	return result;
}

static bool bob_has_the_last_chat(struct rig *d)
{
	char last[32];

	snprintf(last, sizeof(last), "\tchat-%d", FLOOD);
	return bob_ends_with(d, last);
}

static bool one_is_registered(struct rig *d)
{
	return d->registered >= 1;
}

static void a_flood_of_chats_is_one_call_at_a_time_and_the_last_counts(void **s)
{
	struct rig d;
	struct rig_peer bob;

	(void)s;
	begin(&d, "flood");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "urn:sm:user:bob");
	rig_run_until(&d, one_is_registered);
	wp_test_run(d.other, "CONFIG", "RESETSTAT", NULL);

	for (int i = 1; i <= FLOOD; i++)
		chat(&d, &bob, i);
	rig_run_until(&d, bob_has_the_last_chat);

	/* Two, and heartbeats. */
	assert_in_range(info(&d, "commandstats", "cmdstat_evalsha:calls="), 1,
			FLOOD / 100);
	rig_go(&d, &bob);
	rig_end(&d);
}

static bool bob_talks_in_a_chat(struct rig *d)
{
	return bob_ends_with(d, "\ttalk\t\tchat-1");
}

static void what_is_told_of_a_connection_is_its_programs(void **state)
{
	struct rig d;
	struct rig_peer bob;

	(void)state;
	begin(&d, "told");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "urn:sm:user:bob");
	rig_run_until(&d, one_is_registered);
	assert_true(bob_ends_with(&d, "\ttalk\t\t"));

	chat(&d, &bob, 1);
	rig_run_until(&d, bob_talks_in_a_chat);
	rig_go(&d, &bob);
	rig_end(&d);
}

static void come_all(struct rig *d, struct rig_peer *peers, int n)
{
	for (int i = 0; i < n; i++) {
		char name[64];

		snprintf(name, sizeof(name), "urn:sm:user:u%d", i);
		rig_come(d, &peers[i], name);
	}
}

static bool all_are_registered(struct rig *d)
{
	if (d->keeps_chatting)
		for (size_t i = 0; i < wp_hub_slots(d->hub); i++) {
			struct wp_member *member = wp_hub_at(d->hub, i);

			if (member != NULL)
				chat(d, (struct rig_peer *)member,
				     d->registered);
		}
	return d->registered >= MANY;
}

static void busy_clients_hold_up_nobodys_registration_after_a_loss(void **state)
{
	struct rig_peer *peers = calloc(MANY, sizeof(*peers));
	struct rig d;

	(void)state;
	assert_non_null(peers);
	begin(&d, "resync");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	come_all(&d, peers, MANY);
	rig_run_until(&d, all_are_registered);
	d.registered = 0;
	d.keeps_chatting = true;

	wp_aredis_reset(wp_registrar_redis(d.registrar));
	rig_run_until(&d, all_are_registered);

	for (int i = 0; i < MANY; i++) {
		assert_true(peers[i].registered >= 2);
		rig_go(&d, &peers[i]);
	}
	rig_end(&d);
	free(peers);
}

static bool all_who_stayed_are_registered(struct rig *d)
{
	return d->registered >= MANY - d->gone;
}

/*
 * A resync looks at a part of the hub at a time, and at the next one when Redis
 * has answered: it must not wait for answers about those who are gone.
 */
static void a_resync_goes_on_behind_those_who_went_meanwhile(void **state)
{
	struct rig_peer *peers = calloc(MANY, sizeof(*peers));
	struct rig d;

	(void)state;
	assert_non_null(peers);
	begin(&d, "went");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	come_all(&d, peers, MANY);
	rig_run_until(&d, all_are_registered);
	wp_aredis_reset(wp_registrar_redis(d.registrar));
	rig_run_until(&d, rig_is_down);
	rig_run_until(&d, rig_is_live);

	/* Nothing is told yet: that is for the end of the turn. */
	d.registered = 0;
	for (d.gone = 0; d.gone < MANY / 2; d.gone++)
		rig_go(&d, &peers[d.gone]);
	rig_run_until(&d, all_who_stayed_are_registered);

	for (int i = d.gone; i < MANY; i++) {
		assert_int_equal(peers[i].registered, 2);
		rig_go(&d, &peers[i]);
	}
	rig_end(&d);
	free(peers);
}

/* A heartbeat has taken whoever was due. */
static bool nobody_is_due(struct rig *d)
{
	struct wp_reply *keys =
		wp_test_cmd(d->other, "KEYS", "wp:*:due:*", NULL);
	bool result = wp_reply_count(keys) == 0;

	wp_reply_free(&keys);
	return result;
}

static void who_comes_together_is_told_of_together(void **state)
{
	struct rig_peer *peers = calloc(MANY, sizeof(*peers));
	struct rig d;
	int64_t joins;

	(void)state;
	assert_non_null(peers);
	begin(&d, "together");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	wp_test_run(d.other, "CONFIG", "RESETSTAT", NULL);

	come_all(&d, peers, MANY);
	assert_true(wp_registrar_is_busy(d.registrar));
	rig_run_until(&d, all_are_registered);
	assert_false(wp_registrar_is_busy(d.registrar));

	joins = info(&d, "commandstats", "cmdstat_hsetnx:calls=");
	/* Two more, and heartbeats. */
	assert_in_range(info(&d, "commandstats", "cmdstat_evalsha:calls="),
			joins + 1,
			joins + MANY / WP_TELLER_CALL_MAX + 1 + MANY / 10);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(peers[i].registered, 1);
		rig_go(&d, &peers[i]);
	}
	rig_end(&d);
	free(peers);
}

static void who_goes_before_that_is_not_told_of(void **state)
{
	struct rig d;
	struct rig_peer amy;
	struct rig_peer bob;

	(void)state;
	begin(&d, "gone");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "urn:sm:user:bob");
	rig_come(&d, &amy, "urn:sm:user:amy");
	rig_go(&d, &bob);
	rig_run_until(&d, one_is_registered);

	assert_int_equal(bob.registered, 0);
	assert_int_equal(amy.registered, 1);
	assert_true(bob_ends_with(&d, "")); /* nothing is known of him */
	assert_int_equal(info(&d, "commandstats", "cmdstat_hdel:calls="), 0);
	rig_go(&d, &amy);
	rig_end(&d);
}

static bool all_of_bob_are_registered(struct rig *d)
{
	return d->registered >= RIG_LIMIT;
}

static bool one_more_is_registered(struct rig *d)
{
	return d->registered >= RIG_LIMIT + 1;
}

/* Bob has as many connections as he may; what is under way is behind us. */
static void begin_at_the_limit(struct rig *d, const char *name,
			       struct rig_peer *peers)
{
	begin(d, name);
	rig_start(d);
	rig_run_until(d, rig_is_live);
	for (int i = 0; i < RIG_LIMIT; i++)
		rig_come(d, &peers[i], "urn:sm:user:bob");
	rig_run_until(d, all_of_bob_are_registered);
	assert_int_equal(d->kicked, 0);
}

static void end_at_the_limit(struct rig *d, struct rig_peer *peers)
{
	for (int i = 0; i < RIG_LIMIT + 1; i++)
		if (peers[i].member.number != 0)
			rig_go(d, &peers[i]);
	rig_end(d);
}

static bool one_was_kicked(struct rig *d)
{
	return d->kicked >= 1;
}

static void who_came_at_the_limit_before_another_went_evicts(void **state)
{
	struct rig_peer peers[RIG_LIMIT + 1];
	struct rig d;

	(void)state;
	begin_at_the_limit(&d, "evicts", peers);

	rig_come(&d, &peers[RIG_LIMIT], "urn:sm:user:bob");
	rig_go(&d, &peers[1]);
	rig_run_until(&d, one_more_is_registered);
	rig_run_until(&d, one_was_kicked);

	end_at_the_limit(&d, peers);
}

static void who_came_at_the_limit_after_another_went_does_not(void **state)
{
	struct rig_peer peers[RIG_LIMIT + 1];
	struct rig d;

	(void)state;
	begin_at_the_limit(&d, "room", peers);

	rig_go(&d, &peers[1]);
	rig_come(&d, &peers[RIG_LIMIT], "urn:sm:user:bob");
	rig_run_until(&d, one_more_is_registered);
	/* A kick would be in due, if it was not heard yet. */
	assert_true(nobody_is_due(&d));
	assert_int_equal(d.kicked, 0);

	end_at_the_limit(&d, peers);
}

/* Told of in one call, and as old as each other by Redis' clock. */
static void of_those_who_come_together_the_first_is_the_oldest(void **state)
{
	struct rig_peer peers[RIG_LIMIT + 1];
	struct rig d;

	(void)state;
	begin(&d, "first");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	for (int i = 0; i < RIG_LIMIT + 1; i++)
		rig_come(&d, &peers[i], "urn:sm:user:bob");
	rig_run_until(&d, one_was_kicked);
	assert_int_equal(peers[0].kicked, 1);

	end_at_the_limit(&d, peers);
}

static bool one_was_refused(struct rig *d)
{
	return d->refused >= 1;
}

static void
who_waits_when_redis_is_lost_is_told_so_and_registered_later(void **state)
{
	struct rig d;
	struct rig_peer bob;

	(void)state;
	begin(&d, "lost");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "urn:sm:user:bob");
	wp_aredis_reset(wp_registrar_redis(d.registrar));
	rig_run_until(&d, one_was_refused);
	assert_int_equal(bob.registered, 0);

	rig_run_until(&d, one_is_registered);
	assert_int_equal(bob.registered, 1);
	rig_go(&d, &bob);
	rig_end(&d);
}

static bool two_are_registered(struct rig *d)
{
	return d->registered >= 2;
}

static bool a_call_is_under_way(struct rig *d)
{
	return wp_aredis_unanswered(wp_registrar_redis(d->registrar)) > 0;
}

static bool nothing_is_under_way(struct rig *d)
{
	return !a_call_is_under_way(d);
}

static bool all_is_told(struct rig *d)
{
	return rig_is_live(d) && !wp_registrar_is_busy(d->registrar);
}

/* Commands are only late, but nothing would be heard of what they do. */
static void
who_waits_when_the_ear_is_lost_is_told_so_and_registered_later(void **state)
{
	struct rig d;
	struct rig_peer amy;
	struct rig_peer bob;

	(void)state;
	begin(&d, "ear");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_run_until(&d, nothing_is_under_way);
	wp_test_run(d.other, "CLIENT", "PAUSE", "60000", "WRITE", NULL);
	rig_come(&d, &amy, "urn:sm:user:amy");
	rig_run_until(&d, a_call_is_under_way);
	rig_come(&d, &bob, "urn:sm:user:bob");
	wp_test_run(d.other, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
	rig_run_until(&d, one_was_refused);
	assert_true(wp_aredis_is_ready(wp_registrar_redis(d.registrar)));
	assert_int_equal(bob.refused, 1);
	assert_int_equal(amy.refused, 0);

	wp_test_run(d.other, "CLIENT", "UNPAUSE", NULL);
	rig_run_until(&d, all_is_told);
	assert_in_range(amy.registered, 1, 2);
	assert_int_equal(bob.registered, 1);
	rig_go(&d, &amy);
	rig_go(&d, &bob);
	rig_end(&d);
}

static bool one_notification_came(struct rig *d)
{
	return d->notified >= 1;
}

/* A poke with the next heartbeat for bob, with this behind his name. */
static void make_due(struct rig *d, const char *behind)
{
	wp_test_run(d->other, "EVAL",
		    "local at = redis.call('KEYS', 'wp:*:at:*')[1] "
		    "local due = at:gsub(':at:', ':due:') "
		    "return redis.call('SADD', due, 'urn:sm:user:bob' .. "
		    "ARGV[1]:gsub('0', '\\0'))",
		    "0", behind, NULL);
}

static bool one_poke_came(struct rig *d)
{
	return d->poked >= 1;
}

/* Not only when something else happens. */
static void a_poke_waits_for_nothing(void **state)
{
	struct rig d;
	struct rig_peer bob;

	(void)state;
	begin_beating(&d, "alone", INT64_C(1000) * RIG_PATIENCE_S * 10);
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "urn:sm:user:bob");
	rig_run_until(&d, one_is_registered);
	wp_test_run(d.other, "EVAL",
		    "local to = redis.call('PUBSUB', 'CHANNELS', "
		    "'wp:poke:*')[1] "
		    "return redis.call('PUBLISH', to, 'p urn:sm:user:bob')",
		    "0", NULL);
	rig_run_until(&d, one_poke_came);
	rig_go(&d, &bob);
	rig_end(&d);
}

static bool all_are_poked(struct rig *d)
{
	return d->poked >= MANY;
}

/* And nobody else: by a name that is too long for one, or of somebody who is
 * not here. */
static void who_is_named_in_one_message_is_poked_once(void **state)
{
	struct rig_peer *peers = calloc(MANY, sizeof(*peers));
	struct rig d;

	(void)state;
	assert_non_null(peers);
	begin(&d, "names");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	come_all(&d, peers, MANY);
	rig_run_until(&d, all_are_registered);

	wp_test_run(d.other, "EVAL",
		    "local to = redis.call('PUBSUB', 'CHANNELS', "
		    "'wp:poke:*')[1] local names = {} "
		    "for i = 0, ARGV[1] - 1 do names[i + 1] = "
		    "'urn:sm:user:u' .. i end "
		    "table.insert(names, 7, 'urn:sm:user:nobody') "
		    "table.insert(names, 9, ('x'):rep(1000)) "
		    "table.insert(names, 11, '') "
		    "return redis.call('PUBLISH', to, 'p ' .. "
		    "table.concat(names, ','))",
		    "0", "600", NULL);
	rig_run_until(&d, all_are_poked);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(peers[i].poked, 1);
		rig_go(&d, &peers[i]);
	}
	rig_end(&d);
	free(peers);
}

static void a_name_ends_where_it_ends_and_not_at_a_nul(void **state)
{
	struct rig d;
	struct rig_peer bob;
	struct rig_peer amy;

	(void)state;
	begin(&d, "nul");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "urn:sm:user:bob");
	rig_run_until(&d, one_is_registered);

	wp_test_run(d.other, "EVAL",
		    "return redis.call('PUBLISH', 'user_noti:bob\\0x', '{}')",
		    "0", NULL);
	rig_run_until(&d, one_notification_came);
	make_due(&d, "0x");
	rig_run_until(&d, nobody_is_due);
	/* Answers come in order: this one is behind the heartbeat's. */
	rig_come(&d, &amy, "urn:sm:user:amy");
	rig_run_until(&d, two_are_registered);

	assert_int_equal(d.whom_len, sizeof("bob.x") - 1);
	assert_int_equal(d.poked, 0);
	make_due(&d, "");
	rig_run_until(&d, one_poke_came);
	rig_go(&d, &amy);
	rig_go(&d, &bob);
	rig_end(&d);
}

static bool something_was_refused(struct rig *d)
{
	struct wp_reply *reply = wp_test_cmd(d->other, "ACL", "LOG", NULL);
	bool result = wp_reply_count(reply) > 0;

	wp_reply_free(&reply);
	return result;
}

/* Twice: what was refused is tried again. */
static void is_refused_again_and_again(struct rig *d)
{
	for (int i = 0; i < 2; i++) {
		wp_test_run(d->other, "ACL", "LOG", "RESET", NULL);
		rig_run_until(d, something_was_refused);
	}
	assert_false(wp_registrar_is_live(d->registrar));
}

static void
without_its_channels_presence_is_not_live_until_they_are_given(void **state)
{
	static const char *const rights[][3] = {
		{ "resetchannels", "&none", "&nowhere" },
		{ "resetchannels", "&wp:poke:*", "&wp:revoke" },
		{ "resetchannels", "&wp:poke:*", "&user_noti:*" },
		{ "resetchannels", "&wp:revoke", "&user_noti:*" },
		{ "allchannels", "+@all", "-publish" },
		{ "allchannels", "+@all", "-psubscribe" },
	};
	struct rig d;

	(void)state;
	begin(&d, "rights");
	rig_start(&d);
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		wp_test_run(d.other, "ACL", "SETUSER", "default", rights[i][0],
			    rights[i][1], rights[i][2], NULL);
		/* Those who keep what they have are not asked again. */
		wp_test_run(d.other, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
		is_refused_again_and_again(&d);

		wp_test_run(d.other, "ACL", "SETUSER", "default", "allchannels",
			    "+@all", NULL);
		rig_run_until(&d, rig_is_live);
	}
	wp_test_run(d.other, "ACL", "SETUSER", "default", "resetchannels",
		    "&wp:poke:*", "&wp:revoke", "&user_noti:*", NULL);
	wp_test_run(d.other, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
	rig_run_until(&d, rig_is_down);
	rig_run_until(&d, rig_is_live);
	rig_end(&d);
}

static bool nonces_were_refused(struct rig *d)
{
	return something_was_refused(d) && rig_is_down(d);
}

static void losing_the_right_to_publish_is_not_taken_for_a_lost_ear(void **s)
{
	struct rig d;
	int64_t connections;

	(void)s;
	begin(&d, "publish");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	connections = info(&d, "stats", "total_connections_received:");

	wp_test_run(d.other, "ACL", "SETUSER", "default", "-publish", NULL);
	rig_run_until(&d, nonces_were_refused);

	/* One ear all the time. */
	assert_int_equal(info(&d, "stats", "total_connections_received:"),
			 connections);
	wp_test_run(d.other, "ACL", "SETUSER", "default", "+publish", NULL);
	rig_run_until(&d, rig_is_live);
	rig_end(&d);
}

static bool nobody_is_at(struct rig *d)
{
	struct wp_reply *keys =
		wp_test_cmd(d->other, "KEYS", "wp:*:at:*", NULL);
	bool result = wp_reply_count(keys) == 0;

	wp_reply_free(&keys);
	return result;
}

/* The script fails in its middle; what it did stays until it is taken back. */
static void a_connect_that_was_refused_is_taken_back(void **state)
{
	struct rig d;
	struct rig_peer bob;

	(void)state;
	begin(&d, "refused");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	wp_test_run(d.other, "ACL", "SETUSER", "default", "-hset", NULL);
	rig_come(&d, &bob, "urn:sm:user:bob");
	rig_run_until(&d, one_was_refused);
	assert_false(nobody_is_at(&d));

	rig_go(&d, &bob);
	rig_run_until(&d, nobody_is_at);

	rig_end(&d);
}

static void a_refused_disconnect_is_repeated(void **state)
{
	struct rig d;
	struct rig_peer bob;

	(void)state;
	begin(&d, "again");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "urn:sm:user:bob");
	rig_run_until(&d, one_is_registered);
	wp_test_run(d.other, "ACL", "SETUSER", "default", "-hdel", NULL);
	wp_test_run(d.other, "ACL", "LOG", "RESET", NULL);
	rig_go(&d, &bob);
	rig_run_until(&d, something_was_refused);
	assert_false(nobody_is_at(&d));

	wp_test_run(d.other, "ACL", "SETUSER", "default", "+hdel", NULL);
	rig_run_until(&d, nobody_is_at);

	rig_end(&d);
}

/*
 * An update tells Redis, but nobody pokes for it: were it taken for the
 * registration, what has come meanwhile would wait for the next message.
 */
static void
a_chat_does_not_pass_for_the_registration_that_was_refused(void **state)
{
	struct rig d;
	struct rig_peer bob;

	(void)state;
	begin(&d, "overtaken");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "urn:sm:user:bob");
	rig_run_until(&d, one_is_registered);
	wp_test_run(d.other, "ACL", "SETUSER", "default", "-hset", NULL);
	wp_aredis_reset(wp_registrar_redis(d.registrar));
	rig_run_until(&d, one_was_refused);

	wp_test_run(d.other, "ACL", "SETUSER", "default", "+hset", NULL);
	chat(&d, &bob, 1);
	rig_run_until(&d, two_are_registered);
	assert_true(bob_ends_with(&d, "\tchat-1"));

	rig_go(&d, &bob);
	rig_end(&d);
}

static bool went_live_three_times(struct rig *d)
{
	return d->live >= 3;
}

/* A full disk, or too few replicas: it takes no write for a while. */
static void
a_redis_that_refuses_writes_is_asked_once_a_beat_and_not_left(void **state)
{
	struct rig d;
	struct rig_peer bob;
	int64_t connections;

	(void)state;
	begin(&d, "writes");
	rig_start(&d);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "urn:sm:user:bob");
	rig_run_until(&d, one_is_registered);
	connections = info(&d, "stats", "total_connections_received:");

	wp_test_run(d.other, "CONFIG", "SET", "min-replicas-to-write", "1",
		    NULL);
	rig_run_until(&d, went_live_three_times);
	assert_int_equal(info(&d, "stats", "total_connections_received:"),
			 connections);
	assert_int_equal(d.registered, 1);

	wp_test_run(d.other, "CONFIG", "SET", "min-replicas-to-write", "0",
		    NULL);
	rig_run_until(&d, two_are_registered);
	rig_go(&d, &bob);
	rig_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_told_of_a_connection_is_its_programs),
		cmocka_unit_test(
			a_flood_of_chats_is_one_call_at_a_time_and_the_last_counts),
		cmocka_unit_test(
			busy_clients_hold_up_nobodys_registration_after_a_loss),
		cmocka_unit_test(
			a_resync_goes_on_behind_those_who_went_meanwhile),
		cmocka_unit_test(who_comes_together_is_told_of_together),
		cmocka_unit_test(who_goes_before_that_is_not_told_of),
		cmocka_unit_test(
			who_came_at_the_limit_before_another_went_evicts),
		cmocka_unit_test(
			who_came_at_the_limit_after_another_went_does_not),
		cmocka_unit_test(
			of_those_who_come_together_the_first_is_the_oldest),
		cmocka_unit_test(
			who_waits_when_redis_is_lost_is_told_so_and_registered_later),
		cmocka_unit_test(a_poke_waits_for_nothing),
		cmocka_unit_test(who_is_named_in_one_message_is_poked_once),
		cmocka_unit_test(
			who_waits_when_the_ear_is_lost_is_told_so_and_registered_later),
		cmocka_unit_test(a_name_ends_where_it_ends_and_not_at_a_nul),
		cmocka_unit_test(
			without_its_channels_presence_is_not_live_until_they_are_given),
		cmocka_unit_test(
			losing_the_right_to_publish_is_not_taken_for_a_lost_ear),
		cmocka_unit_test(a_connect_that_was_refused_is_taken_back),
		cmocka_unit_test(a_refused_disconnect_is_repeated),
		cmocka_unit_test(
			a_chat_does_not_pass_for_the_registration_that_was_refused),
		cmocka_unit_test(
			a_redis_that_refuses_writes_is_asked_once_a_beat_and_not_left),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
