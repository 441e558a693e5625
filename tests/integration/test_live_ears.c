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

#include "lib/live/registrar.h"
#include "tests/support/test_redis.h"

enum {
	PATIENCE_S = 20,
	BEAT_MS = 500,
	MANY = 600,
	LIMIT = 16, /* connections of a user */
};

struct peer {
	struct wp_member member; /* first */
	int registered;
	int refused;
};

struct daemon {
	struct wp_test_server server;
	struct wp_redis *other; /* a second look at the server */
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_hub *hub;
	struct wp_registrar *registrar;
	int registered;
	int refused;
	int deaf; /* who was registered and had a channel that nobody hears */
	int notified;
	char whom[64]; /* the last one */
};

/* How many hear user_noti:<name>. */
static int64_t hearers(struct daemon *d, const char *name)
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
static size_t channels(struct daemon *d)
{
	struct wp_reply *reply = wp_test_cmd(d->other, "PUBSUB", "CHANNELS",
					     "user_noti:*", NULL);
	size_t n = wp_reply_count(reply);

	wp_reply_free(&reply);
	return n;
}

static void on_poke(void *ctx, struct wp_member *member)
{
	(void)ctx;
	(void)member;
}

/* From here on a client may rely on it. */
static void on_registered(void *ctx, struct wp_member *member, int64_t pending)
{
	struct daemon *d = ctx;
	size_t len = member->user->len;
	const char *legacy = wp_urn_legacy(member->user->text, &len);

	(void)pending;
	d->registered++;
	((struct peer *)member)->registered++;
	if (hearers(d, member->user->text) != 1 ||
	    (legacy != NULL && hearers(d, legacy) != 1))
		d->deaf++;
}

static void on_refused(void *ctx, struct wp_member *member)
{
	((struct daemon *)ctx)->refused++;
	((struct peer *)member)->refused++;
}

static void on_notification(void *ctx, const char *who, size_t who_len,
			    const char *data, size_t len)
{
	struct daemon *d = ctx;

	(void)data;
	(void)len;
	d->notified++;
	snprintf(d->whom, sizeof(d->whom), "%.*s", (int)who_len, who);
}

static void on_kick(void *ctx, struct wp_member *member)
{
	(void)ctx;
	(void)member;
}

static void on_nothing(void *ctx)
{
	(void)ctx;
}

static void on_impatience(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	*(bool *)w->data = true;
	ev_break(loop, EVBREAK_ONE);
}

typedef bool (*claim_fn)(struct daemon *d);

/* Run the loop until the claim holds. */
static void run_until(struct daemon *d, claim_fn claim)
{
	bool is_late = false;
	struct ev_timer timer;

	ev_timer_init(&timer, on_impatience, PATIENCE_S, 0.);
	timer.data = &is_late;
	ev_timer_start(d->loop, &timer);
	while (!claim(d) && !is_late)
		ev_run(d->loop, EVRUN_ONCE);
	ev_timer_stop(d->loop, &timer);
	assert_false(is_late);
}

static bool is_live(struct daemon *d)
{
	return wp_registrar_is_live(d->registrar);
}

static bool is_down(struct daemon *d)
{
	return !is_live(d);
}

static bool one_is_registered(struct daemon *d)
{
	return d->registered >= 1;
}

static void begin(struct daemon *d, const char *name)
{
	struct wp_registrar_setup setup = {
		.protocol = "ws",
		.heartbeat_ms = BEAT_MS,
		.rules = { .conf = &d->conf,
			   .max_per_user = LIMIT,
			   .grace_ms = 5000 },
		.hooks = { .on_registered = on_registered,
			   .on_refused = on_refused,
			   .on_kick = on_kick,
			   .on_live = on_nothing,
			   .on_stopped = on_nothing,
			   .ctx = d,
			   .notification = { on_notification, d } },
	};

	memset(d, 0, sizeof(*d));
	wp_test_server_start(&d->server, name, NULL);
	wp_test_conf(&d->conf, d->server.path);
	d->conf.websocket.feed_mode = WP_FEED_PER_USER;
	d->other = wp_test_redis(&d->conf);
	d->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(d->loop);
	d->hub = wp_hub_new(d->loop, (uint32_t)d->conf.mailbox.partitions,
			    &setup.counts, on_poke, d);
	assert_non_null(d->hub);
	setup.loop = d->loop;
	setup.conf = &d->conf;
	setup.hub = d->hub;
	assert_int_equal(wp_registrar_new(&d->registrar, &setup, NULL), WP_OK);
	assert_int_equal(wp_registrar_start(d->registrar, NULL), WP_OK);
	run_until(d, is_live);
}

static void end(struct daemon *d)
{
	assert_int_equal(d->deaf, 0);
	wp_registrar_free(&d->registrar);
	wp_hub_free(&d->hub);
	ev_loop_destroy(d->loop);
	wp_redis_free(&d->other);
	wp_test_server_kill(&d->server, SIGKILL);
}

static void come(struct daemon *d, struct peer *peer, const char *name)
{
	struct wp_urn urn;

	memset(peer, 0, sizeof(*peer));
	assert_int_equal(wp_urn_parse(&urn, name, strlen(name), NULL), WP_OK);
	assert_int_equal(wp_hub_add(d->hub, &peer->member), WP_OK);
	assert_int_equal(wp_hub_join(d->hub, &peer->member, &urn), WP_OK);
	wp_registrar_add(d->registrar, &peer->member);
}

static void go(struct daemon *d, struct peer *peer)
{
	wp_registrar_remove(d->registrar, &peer->member, 0);
	wp_hub_remove(d->hub, &peer->member);
}

static int64_t publish(struct daemon *d, const char *name)
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

static bool two_notifications_came(struct daemon *d)
{
	return d->notified >= 2;
}

static bool three_notifications_came(struct daemon *d)
{
	return d->notified >= 3;
}

static bool only_nobody_is_heard(struct daemon *d)
{
	return channels(d) == 1;
}

static bool two_are_registered(struct daemon *d)
{
	return d->registered >= 2;
}

static void who_is_here_is_heard_by_each_of_his_names_and_no_other(void **s)
{
	struct daemon d;
	struct peer bob, again, amy;

	(void)s;
	begin(&d, "names");
	come(&d, &bob, "bob");
	run_until(&d, one_is_registered);
	assert_int_equal(publish(&d, "amy"), 0);
	assert_int_equal(publish(&d, "urn:sm:user:bob"), 1);
	assert_int_equal(publish(&d, "bob"), 1);
	run_until(&d, two_notifications_came);
	assert_string_equal(d.whom, "bob");

	/* One who has no other name. */
	come(&d, &amy, "urn:contacts:user:amy");
	run_until(&d, two_are_registered);
	assert_int_equal(hearers(&d, "amy"), 0);
	assert_int_equal(publish(&d, "urn:contacts:user:amy"), 1);
	run_until(&d, three_notifications_came);

	/* The first of two goes. */
	come(&d, &again, "bob");
	go(&d, &bob);
	assert_int_equal(hearers(&d, "bob"), 1);
	go(&d, &again);
	go(&d, &amy);
	run_until(&d, only_nobody_is_heard);
	end(&d);
}

static bool all_are_registered(struct daemon *d)
{
	return d->registered >= MANY;
}

static void come_all(struct daemon *d, struct peer *peers)
{
	for (int i = 0; i < MANY; i++) {
		char name[64];

		snprintf(name, sizeof(name), "urn:sm:user:u%d", i);
		come(d, &peers[i], name);
	}
	run_until(d, all_are_registered);
	d->registered = 0;
}

static void behind_a_loss_all_are_heard_again(void **state)
{
	struct peer *peers = calloc(MANY, sizeof(*peers));
	struct daemon d;

	(void)state;
	assert_non_null(peers);
	begin(&d, "again");
	come_all(&d, peers);

	wp_test_run(d.other, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
	run_until(&d, is_down);
	go(&d, &peers[0]);
	d.registered = 1; /* nobody waits for that one */
	run_until(&d, all_are_registered);
	assert_int_equal(channels(&d), 2 * (MANY - 1) + 1);

	for (int i = 1; i < MANY; i++)
		go(&d, &peers[i]);
	run_until(&d, only_nobody_is_heard);
	end(&d);
	free(peers);
}

static int64_t subscriptions(struct daemon *d)
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
	struct peer *peers = calloc(MANY, sizeof(*peers));
	struct daemon d;
	int64_t before;

	(void)state;
	assert_non_null(peers);
	begin(&d, "commands");
	come_all(&d, peers);
	before = subscriptions(&d);

	wp_aredis_reset(wp_registrar_redis(d.registrar));
	run_until(&d, all_are_registered);
	/* The channels of incarnations. */
	assert_in_range(subscriptions(&d) - before, 1, 5);

	for (int i = 0; i < MANY; i++)
		go(&d, &peers[i]);
	end(&d);
	free(peers);
}

static bool one_was_refused(struct daemon *d)
{
	return d->refused >= 1;
}

static bool redis_has_refused(struct daemon *d)
{
	struct wp_reply *log = wp_test_cmd(d->other, "ACL", "LOG", NULL);
	size_t n = wp_reply_count(log);

	wp_reply_free(&log);
	return n > 0;
}

static void rights_are_those_of_the_pattern_and_asked_for_before(void **state)
{
	struct peer bob;
	struct daemon d;

	(void)state;
	begin(&d, "rights");
	wp_test_run(d.other, "ACL", "SETUSER", "default", "resetchannels",
		    "&wp:poke:*", "&wp:revoke", NULL);
	wp_test_run(d.other, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
	run_until(&d, is_down);
	run_until(&d, redis_has_refused);
	assert_true(is_down(&d));
	come(&d, &bob, "bob");
	assert_int_equal(bob.refused, 1);

	wp_test_run(d.other, "ACL", "SETUSER", "default", "&user_noti:*", NULL);
	run_until(&d, one_is_registered);
	go(&d, &bob);
	end(&d);
}

/* A right that lets the daemon begin, and not hear this user. */
static void who_may_not_be_heard_is_not_let_in(void **state)
{
	struct peer bob;
	struct daemon d;

	(void)state;
	begin(&d, "narrow");
	wp_test_run(d.other, "ACL", "SETUSER", "default", "resetchannels",
		    "&wp:*", "&user_noti:", NULL);
	run_until(&d, is_live);
	come(&d, &bob, "bob");
	run_until(&d, one_was_refused);
	assert_int_equal(bob.registered, 0);

	wp_test_run(d.other, "ACL", "SETUSER", "default", "&user_noti:*", NULL);
	run_until(&d, one_is_registered);
	go(&d, &bob);
	end(&d);
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
