/* Two notifiers and one Redis, which is a real one: they are one to Apple. The
 * clock is ours, and so Redis forgets when we say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <ev.h>

#include "lib/auth/jwt_sign.h"
#include "lib/auth/signing_key.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/async.h"
#include "notifier/provider/apns_bearer.h"
#include "tests/support/test_redis.h"

enum { NOW_S = 1796076000, MINUTE = 60, NOTIFIERS = 2, PATIENCE_S = 20 };

static const char key_name[] = "wp:push:apns:TEAM567890:KEY4567890";

static unsigned int signed_ever;

enum wp_err __real_wp_jwt_sign(const struct wp_jwt_sign *what,
			       struct wp_buf *out, struct wp_error *err);
enum wp_err __wrap_wp_jwt_sign(const struct wp_jwt_sign *what,
			       struct wp_buf *out, struct wp_error *err);
enum wp_err __wrap_wp_jwt_sign(const struct wp_jwt_sign *what,
			       struct wp_buf *out, struct wp_error *err)
{
	signed_ever++;
	return __real_wp_jwt_sign(what, out, err);
}

struct notifier {
	struct ev_loop *loop;
	struct wp_aredis *redis;
	struct wp_apns_bearer *bearer;
};

struct world {
	struct ev_loop *loop;
	ev_timer watchdog;
	struct wp_conf conf;
	struct wp_redis *other;
	struct wp_own_key seal;
	struct wp_buf pem;
	struct wp_bearer_now now;
	struct notifier all[NOTIFIERS];
};

static void on_watchdog(EV_P_ ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(EV_A_ EVBREAK_ALL);
}

static void go_on(struct world *world)
{
	ev_run(world->loop, EVRUN_ONCE);
	assert_true(ev_is_active(&world->watchdog));
}

static enum wp_err on_redis(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
			    void *fn_ctx)
{
	return wp_aredis_do(ctx, cmd, fn, fn_ctx);
}

static void on_settled(void *ctx)
{
	(void)ctx;
}

static void notifier_begin(struct world *world, struct notifier *notifier)
{
	const struct wp_aredis_setup redis = {
		.loop = world->loop,
		.conf = &world->conf,
		.scripts = &wp_scripts,
		.name = "test",
	};
	struct wp_apns_bearer_setup setup = {
		.team = "TEAM567890",
		.key = "KEY4567890",
		.pem = world->pem.data,
		.pem_len = world->pem.len,
		.seal = &world->seal,
		.redis = on_redis,
		.on_settled = on_settled,
	};

	assert_int_equal(wp_aredis_new(&notifier->redis, &redis, NULL), WP_OK);
	setup.redis_ctx = notifier->redis;
	notifier->bearer = wp_apns_bearer_new(&setup);
	assert_non_null(notifier->bearer);
	while (!wp_aredis_is_ready(notifier->redis))
		go_on(world);
}

static void begin(struct world *world)
{
	struct wp_signing_public about;

	*world = (struct world){
		.now = { .wall_s = NOW_S, .mono_ms = 1000 },
	};
	signed_ever = 0;
	world->loop = ev_loop_new(EVFLAG_AUTO);
	ev_timer_init(&world->watchdog, on_watchdog, PATIENCE_S, 0);
	ev_timer_start(world->loop, &world->watchdog);
	wp_test_conf(&world->conf, NULL);
	world->other = wp_test_redis(&world->conf);
	wp_test_run(world->other, "DEL", key_name, NULL);
	wp_own_key_make(&world->seal, "a secret of the store, long enough",
			WP_BEARER_PURPOSE);
	wp_buf_init(&world->pem, 0);
	assert_int_equal(
		wp_signing_make(WP_SIGN_ES256, &world->pem, &about, NULL),
		WP_OK);
	for (size_t i = 0; i < NOTIFIERS; i++)
		notifier_begin(world, &world->all[i]);
}

static void end(struct world *world)
{
	for (size_t i = 0; i < NOTIFIERS; i++) {
		wp_apns_bearer_free(&world->all[i].bearer);
		wp_aredis_free(&world->all[i].redis);
	}
	wp_signing_forget(&world->pem);
	wp_redis_free(&world->other);
	ev_timer_stop(world->loop, &world->watchdog);
	ev_loop_destroy(world->loop);
}

static void settle(struct world *world)
{
	for (size_t i = 0; i < NOTIFIERS; i++)
		while (wp_apns_bearer_is_coming(world->all[i].bearer))
			go_on(world);
}

/* What notifier i would send, when all is settled. */
static void text_of(struct world *world, size_t i, char out[1024])
{
	struct wp_bearer_grant grant;

	if (!wp_apns_bearer_get(world->all[i].bearer, &world->now, &grant) ||
	    wp_apns_bearer_is_coming(world->all[i].bearer))
		settle(world);
	assert_true(
		wp_apns_bearer_get(world->all[i].bearer, &world->now, &grant));
	(void)snprintf(out, 1024, "%s", grant.text);
}

static void one_signature_serves_both_for_45_minutes(void **state)
{
	struct world world;
	char texts[NOTIFIERS][1024], last[1024] = "";
	unsigned int changes = 0;

	(void)state;
	begin(&world);
	for (int64_t i = 0; i < 60 * MINUTE; i++) {
		if (i == 45 * MINUTE)
			wp_test_run(world.other, "DEL", key_name, NULL);
		for (size_t k = 0; k < NOTIFIERS; k++)
			text_of(&world, k, texts[k]);
		assert_string_equal(texts[0], texts[1]);
		if (strcmp(texts[0], last) != 0)
			changes++;
		memcpy(last, texts[0], sizeof(last));
		world.now.wall_s++;
		world.now.mono_ms += 1000;
	}
	assert_int_equal(changes, 2);
	assert_int_equal(signed_ever, 2);
	end(&world);
}

static void it_lies_in_redis_for_45_minutes_and_no_longer(void **state)
{
	struct world world;
	struct wp_reply *reply;
	char text[1024];

	(void)state;
	begin(&world);
	text_of(&world, 0, text);
	reply = wp_test_cmd(world.other, "TTL", key_name, NULL);
	assert_in_range(wp_reply_int(reply), 44 * MINUTE, 45 * MINUTE);
	wp_reply_free(&reply);
	reply = wp_test_cmd(world.other, "GET", key_name, NULL);
	assert_null(memmem(wp_reply_str(reply), wp_reply_len(reply), text, 16));
	wp_reply_free(&reply);
	end(&world);
}

static void both_at_once_come_to_the_same(void **state)
{
	struct world world;
	struct wp_bearer_grant grant;
	char texts[NOTIFIERS][1024];

	(void)state;
	begin(&world);
	for (size_t i = 0; i < NOTIFIERS; i++)
		assert_false(wp_apns_bearer_get(world.all[i].bearer, &world.now,
						&grant));
	settle(&world);
	for (size_t i = 0; i < NOTIFIERS; i++)
		text_of(&world, i, texts[i]);
	assert_string_equal(texts[0], texts[1]);
	end(&world);
}

/* A hash, and a text that is none of ours. */
static void whatever_lies_there_each_signs_once(void **state)
{
	struct world world;
	char first[NOTIFIERS][1024], text[1024];

	(void)state;
	begin(&world);
	for (size_t i = 0; i < NOTIFIERS; i++) {
		wp_test_run(world.other, "DEL", key_name, NULL);
		wp_test_run(world.other, "HSET", key_name, "a", "b", NULL);
		text_of(&world, i, first[i]);
	}
	for (int64_t i = 0; i < 19 * MINUTE; i += 11) {
		wp_test_run(world.other, "SET", key_name, "junk", NULL);
		for (size_t k = 0; k < NOTIFIERS; k++)
			text_of(&world, k, text);
		world.now.wall_s += 11;
		world.now.mono_ms += 11000;
	}
	assert_int_equal(signed_ever, NOTIFIERS);
	end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_signature_serves_both_for_45_minutes),
		cmocka_unit_test(it_lies_in_redis_for_45_minutes_and_no_longer),
		cmocka_unit_test(both_at_once_come_to_the_same),
		cmocka_unit_test(whatever_lies_there_each_signs_once),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("apns bearer", tests, NULL, NULL);
}
