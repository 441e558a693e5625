/*
 * Whose token is good no longer is refused by handlers, with a real Redis: at
 * once by who has not read for long, soon by who has, and not by guessing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>

#include <cmocka.h>

#include "handlers/request/metrics.h"
#include "lib/base/clock.h"
#include "lib/mailbox/revoke.h"
#include "tests/support/test_redis.h"
#include "tests/unit/handlers/fake.h"

enum { KEEP_S = 600, STALE_MS = WP_REVOKED_AGE_MAX_MS + 60000 };

static struct wp_test_server server;
static char address[128];
static struct wp_metrics *metrics;

static struct wp_redis *connect_to_it(void)
{
	struct wp_conf conf;

	wp_test_conf(&conf, server.path);
	return wp_test_redis(&conf);
}

static void run(const char *command, const char *key, const char *value)
{
	struct wp_redis *redis = connect_to_it();

	wp_test_run(redis, command, key, value, NULL);
	wp_redis_free(&redis);
}

static void do_revoke(const char *name)
{
	struct wp_redis *redis = connect_to_it();
	struct wp_reply *reply = NULL;
	struct wp_revoked_key key;
	struct wp_cmd cmd;
	struct wp_urn urn;

	assert_int_equal(wp_urn_parse(&urn, name, strlen(name), NULL), WP_OK);
	wp_revoked_key_user(&key, &urn);
	wp_cmd_init(&cmd);
	wp_revoke_build(&cmd, &key, 1, KEEP_S);
	assert_int_equal(wp_redis_do(redis, &cmd, &reply, NULL), WP_OK);
	assert_int_equal(wp_revoke_parse(reply), WP_OK);
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
}

static void revoke_long_ago(const char *name)
{
	char hex[2 * WP_REVOKED_KEY_BYTES + 1];
	struct wp_redis *redis = connect_to_it();
	struct wp_revoked_key key;
	struct wp_urn urn;

	assert_int_equal(wp_urn_parse(&urn, name, strlen(name), NULL), WP_OK);
	wp_revoked_key_user(&key, &urn);
	wp_hex_write(hex, key.bytes, sizeof(key.bytes));
	wp_test_run(redis, "XADD", "wp:revoked", "1-1", "h", hex, "b", "1", "x",
		    "99999999999", NULL);
	wp_redis_free(&redis);
}

static int set_up(void **state)
{
	struct fake_world *world = calloc(1, sizeof(*world));

	*state = world;
	if (world == NULL || !fake_world_begin(world))
		return -1;
	wp_test_server_start(&server, "revoked", NULL);
	run("FLUSHALL", NULL, NULL);
	(void)snprintf(address, sizeof(address), "unix:%s", server.path);
	if (wp_handlers_metrics_new(&metrics, NULL) != WP_OK)
		return -1;
	world->shared.metrics = metrics;
	world->conf.redis.address = address;
	world->conf.redis.connect_timeout_ms = 5000;
	world->conf.redis.command_timeout_ms = 20000;
	return wp_ctx_init(&world->ctx, &world->shared, NULL) == WP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fake_world *world = *state;

	fake_world_release(world);
	free(world);
	wp_metrics_free(&metrics);
	wp_test_server_kill(&server, SIGKILL);
	return 0;
}

/* As alice. A ticket is what any Redis gives. */
static unsigned int ask(struct fake_world *world, const char *code)
{
	struct fake fake;
	unsigned int status;

	fake_request(&fake, "POST", "/api/ticket");
	fake_login(&fake);
	fake_serve(&world->ctx, &fake.io);
	status = fake_status(&fake);
	if (code != NULL)
		assert_true(fake_has_code(&fake, code));
	fake_release(&fake);
	return status;
}

static void be_of_age(struct fake_world *world, uint64_t age_ms)
{
	wp_revocations_trust(world->ctx.revocations, wp_mono_ms() - age_ms);
}

static void who_has_read_nothing_reads_first(void **state)
{
	do_revoke("alice");
	assert_int_equal(ask(*state, "token_revoked"), 401);
}

/* Their hashes begin differently, as hashes do: else all are in one chain. */
static void what_had_to_leave_a_full_table_is_counted(void **state)
{
	struct fake_world *world = *state;
	struct wp_redis *redis = connect_to_it();

	assert_int_equal(ask(world, NULL), 201);
	assert_int_equal(wp_metric_get(metrics, WP_H_REVOKED_EVICTED), 0);
	wp_test_run(redis, "EVAL",
		    "for i = 0, 65536 do "
		    "redis.call('XADD', KEYS[1], '*', 'h', "
		    "string.format('69%02x%02xff%024x', i % 256, "
		    "math.floor(i / 256) % 256, i), 'b', '1', 'x', "
		    "'99999999999') end",
		    "1", "wp:revoked", NULL);
	wp_redis_free(&redis);
	be_of_age(world, STALE_MS);
	assert_int_equal(ask(world, NULL), 201);
	assert_int_equal(wp_metric_get(metrics, WP_H_REVOKED_EVICTED),
			 WP_REVOKED_MAX / 16);
	/* Once only. */
	be_of_age(world, STALE_MS);
	assert_int_equal(ask(world, NULL), 201);
	assert_int_equal(wp_metric_get(metrics, WP_H_REVOKED_EVICTED),
			 WP_REVOKED_MAX / 16);
}

static void nobody_else_is_refused(void **state)
{
	do_revoke("bob");
	assert_int_equal(ask(*state, NULL), 201);
}

static void nobody_is_judged_by_what_is_too_old(void **state)
{
	assert_int_equal(ask(*state, NULL), 201);
	do_revoke("alice");
	be_of_age(*state, STALE_MS);
	assert_int_equal(ask(*state, "token_revoked"), 401);
}

/* Who is judged by what is known already has it read, for those who follow. */
static void what_is_getting_old_is_read_on_behind_the_answer(void **state)
{
	struct fake_world *world = *state;

	assert_int_equal(ask(world, NULL), 201);
	do_revoke("alice");
	be_of_age(world, 0);
	assert_int_equal(ask(world, NULL), 201);
	be_of_age(world, (WP_REVOKED_READ_MS + WP_REVOKED_AGE_MAX_MS) / 2);
	assert_int_equal(ask(world, NULL), 201);
	/* The answer to the read came before the one to the ticket. */
	be_of_age(world, 0);
	assert_int_equal(ask(world, "token_revoked"), 401);
}

static void what_cannot_be_read_lets_nobody_in(void **state)
{
	run("SET", "wp:revoked", "x");
	assert_int_equal(ask(*state, "unavailable"), 503);
	run("DEL", "wp:revoked", NULL);
	assert_int_equal(ask(*state, NULL), 201);
}

static void without_redis_nobody_is_let_in(void **state)
{
	struct fake_world *world = *state;

	world->conf.redis.connect_timeout_ms = 100;
	world->conf.redis.command_timeout_ms = 100;
	assert_int_equal(ask(world, NULL), 201);
	wp_test_server_kill(&server, SIGKILL);
	be_of_age(world, STALE_MS);
	assert_int_equal(ask(world, "unavailable"), 503);
}

/* That one may have been told of others, and has other ids. */
static void another_life_of_redis_is_read_from_the_beginning(void **state)
{
	struct fake_world *world = *state;

	assert_int_equal(ask(world, NULL), 201);
	do_revoke("bob");
	be_of_age(world, STALE_MS);
	assert_int_equal(ask(world, NULL), 201);

	wp_test_server_kill(&server, SIGKILL);
	wp_test_server_start(&server, "revoked", NULL);
	run("DEL", "wp:revoked", NULL);
	revoke_long_ago("alice");
	be_of_age(world, STALE_MS);
	while (ask(world, NULL) == 503)
		be_of_age(world, STALE_MS); /* it is not connected yet */
	assert_int_equal(ask(world, "token_revoked"), 401);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_has_read_nothing_reads_first),
		TEST(nobody_else_is_refused),
		TEST(what_had_to_leave_a_full_table_is_counted),
		TEST(nobody_is_judged_by_what_is_too_old),
		TEST(what_is_getting_old_is_read_on_behind_the_answer),
		TEST(what_cannot_be_read_lets_nobody_in),
		TEST(without_redis_nobody_is_let_in),
		TEST(another_life_of_redis_is_read_from_the_beginning),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	wp_log_setup("test", WP_LOG_ERROR);
	return cmocka_run_group_tests_name("handlers_revoked", tests, NULL,
					   NULL);
}
