/*
 * The daemon's registrar with websocket.feed_mode per-user, and a Redis of its
 * own: which channels are subscribed, since when, and how they come back.
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

enum { MANY = 600 };

/* How many hear user_noti:<name>. */
static int64_t hearers(struct rig *d, const char *name)
{
	char channel[128];
	struct wp_reply *reply;
	int64_t n;

	snprintf(channel, sizeof(channel), "user_noti:%s", name);
	reply = wp_test_cmd(d->other, "PUBSUB", "NUMSUB", channel, NULL);
	n = wp_reply_int(wp_reply_at(reply, 1));
	wp_reply_free(&reply);
	return n;
}

/* Channels that are heard, each user's and the one of nobody. */
static size_t channels(struct rig *d)
{
	struct wp_reply *reply = wp_test_cmd(d->other, "PUBSUB", "CHANNELS",
					     "user_noti:*", NULL);
	size_t n = wp_reply_count(reply);

	wp_reply_free(&reply);
	return n;
}

/* From here on a client may rely on it. */
static void on_registered(struct rig *d, struct wp_member *member)
{
	size_t len = member->user->len;
	const char *legacy = wp_urn_legacy(member->user->text, &len);

	if (hearers(d, member->user->text) != 1 ||
	    (legacy != NULL && hearers(d, legacy) != 1))
		d->deaf++;
}

static bool one_is_registered(struct rig *d)
{
	return d->registered >= 1;
}

static void begin(struct rig *d, const char *name)
{
	rig_begin(d, name);
	d->on_registered = on_registered;
	d->conf.websocket.feed_mode = WP_FEED_PER_USER;
	rig_make(d, "ws", RIG_BEAT_MS);
	rig_start(d);
	rig_run_until(d, rig_is_live);
}

static void finish(struct rig *d)
{
	assert_int_equal(d->deaf, 0);
	rig_end(d);
}

static int64_t publish(struct rig *d, const char *name)
{
	char channel[128];
	struct wp_reply *reply;
	int64_t n;

	snprintf(channel, sizeof(channel), "user_noti:%s", name);
	reply = wp_test_cmd(d->other, "PUBLISH", channel, "{}", NULL);
	n = wp_reply_int(reply);
	wp_reply_free(&reply);
	return n;
}

static bool two_notifications_came(struct rig *d)
{
	return d->notified >= 2;
}

static bool three_notifications_came(struct rig *d)
{
	return d->notified >= 3;
}

static bool only_nobody_is_heard(struct rig *d)
{
	return channels(d) == 1;
}

static bool two_are_registered(struct rig *d)
{
	return d->registered >= 2;
}

static void who_is_here_is_heard_by_each_of_his_names_and_no_other(void **s)
{
	struct rig d;
	struct rig_peer bob, again, amy;

	(void)s;
	begin(&d, "names");
	rig_come(&d, &bob, "bob");
	rig_run_until(&d, one_is_registered);
	assert_int_equal(publish(&d, "amy"), 0);
	assert_int_equal(publish(&d, "urn:sm:user:bob"), 1);
	assert_int_equal(publish(&d, "bob"), 1);
	rig_run_until(&d, two_notifications_came);
	assert_string_equal(d.whom, "bob");

	/* One who has no other name. */
	rig_come(&d, &amy, "urn:contacts:user:amy");
	rig_run_until(&d, two_are_registered);
	assert_int_equal(hearers(&d, "amy"), 0);
	assert_int_equal(publish(&d, "urn:contacts:user:amy"), 1);
	rig_run_until(&d, three_notifications_came);

	/* The first of two goes. */
	rig_come(&d, &again, "bob");
	rig_go(&d, &bob);
	assert_int_equal(hearers(&d, "bob"), 1);
	rig_go(&d, &again);
	rig_go(&d, &amy);
	rig_run_until(&d, only_nobody_is_heard);
	finish(&d);
}

static bool all_are_registered(struct rig *d)
{
	return d->registered >= MANY;
}

static void come_all(struct rig *d, struct rig_peer *peers)
{
	for (int i = 0; i < MANY; i++) {
		char name[64];

		snprintf(name, sizeof(name), "urn:sm:user:u%d", i);
		rig_come(d, &peers[i], name);
	}
	rig_run_until(d, all_are_registered);
	d->registered = 0;
}

static void behind_a_loss_all_are_heard_again(void **state)
{
	struct rig_peer *peers = calloc(MANY, sizeof(*peers));
	struct rig d;

	(void)state;
	assert_non_null(peers);
	begin(&d, "again");
	come_all(&d, peers);

	wp_test_run(d.other, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
	rig_run_until(&d, rig_is_down);
	rig_go(&d, &peers[0]);
	d.registered = 1; /* nobody waits for that one */
	rig_run_until(&d, all_are_registered);
	assert_int_equal(channels(&d), 2 * (MANY - 1) + 1);

	for (int i = 1; i < MANY; i++)
		rig_go(&d, &peers[i]);
	rig_run_until(&d, only_nobody_is_heard);
	finish(&d);
	free(peers);
}

static int64_t subscriptions(struct rig *d)
{
	static const char name[] = "cmdstat_subscribe:calls=";
	struct wp_reply *reply =
		wp_test_cmd(d->other, "INFO", "commandstats", NULL);
	const char *at = strstr(wp_reply_str(reply), name);
	int64_t n = at == NULL ? 0 : strtoll(at + strlen(name), NULL, 10);

	wp_reply_free(&reply);
	return n;
}

/* The ear is good, and whom it hears. */
static void losing_the_other_connection_asks_for_nobody_again(void **state)
{
	struct rig_peer *peers = calloc(MANY, sizeof(*peers));
	struct rig d;
	int64_t before;

	(void)state;
	assert_non_null(peers);
	begin(&d, "commands");
	come_all(&d, peers);
	before = subscriptions(&d);

	wp_aredis_reset(wp_registrar_redis(d.registrar));
	rig_run_until(&d, all_are_registered);
	/* The channels of incarnations. */
	assert_in_range(subscriptions(&d) - before, 1, 5);

	for (int i = 0; i < MANY; i++)
		rig_go(&d, &peers[i]);
	finish(&d);
	free(peers);
}

static bool one_was_refused(struct rig *d)
{
	return d->refused >= 1;
}

static bool redis_has_refused(struct rig *d)
{
	struct wp_reply *log = wp_test_cmd(d->other, "ACL", "LOG", NULL);
	size_t n = wp_reply_count(log);

	wp_reply_free(&log);
	return n > 0;
}

static void rights_are_those_of_the_pattern_and_asked_for_before(void **state)
{
	struct rig_peer bob;
	struct rig d;

	(void)state;
	begin(&d, "rights");
	wp_test_run(d.other, "ACL", "SETUSER", "default", "resetchannels",
		    "&wp:poke:*", "&wp:revoke", NULL);
	wp_test_run(d.other, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
	rig_run_until(&d, rig_is_down);
	rig_run_until(&d, redis_has_refused);
	assert_true(rig_is_down(&d));
	rig_come(&d, &bob, "bob");
	assert_int_equal(bob.refused, 1);

	wp_test_run(d.other, "ACL", "SETUSER", "default", "&user_noti:*", NULL);
	rig_run_until(&d, one_is_registered);
	rig_go(&d, &bob);
	finish(&d);
}

/* A right that lets the daemon begin, and not hear this user. */
static void who_may_not_be_heard_is_not_let_in(void **state)
{
	struct rig_peer bob;
	struct rig d;

	(void)state;
	begin(&d, "narrow");
	wp_test_run(d.other, "ACL", "SETUSER", "default", "resetchannels",
		    "&wp:*", "&user_noti:", NULL);
	rig_run_until(&d, rig_is_live);
	rig_come(&d, &bob, "bob");
	rig_run_until(&d, one_was_refused);
	assert_int_equal(bob.registered, 0);

	wp_test_run(d.other, "ACL", "SETUSER", "default", "&user_noti:*", NULL);
	rig_run_until(&d, one_is_registered);
	rig_go(&d, &bob);
	finish(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			who_is_here_is_heard_by_each_of_his_names_and_no_other),
		cmocka_unit_test(behind_a_loss_all_are_heard_again),
		cmocka_unit_test(
			losing_the_other_connection_asks_for_nobody_again),
		cmocka_unit_test(
			rights_are_those_of_the_pattern_and_asked_for_before),
		cmocka_unit_test(who_may_not_be_heard_is_not_let_in),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
