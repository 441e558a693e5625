/* What stops a start, what is only said, and which setting is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/scripts.h"
#include "lib/redis/check.h"
#include "tests/support/test_redis.h"

/*
 * All tests share a server of their own: a Redis whose appendonly was just
 * switched on does not obey SIGTERM, which would be in the runner's way.
 */
static struct wp_test_server server;

static int start_server(void **state)
{
	(void)state;
	wp_test_server_start(&server, "checked", NULL);
	return 0;
}

static int kill_server(void **state)
{
	(void)state;
	wp_test_server_kill(&server, SIGKILL);
	return 0;
}

/* A client of a server with settings that production takes. */
static struct wp_redis *begin(struct wp_conf *conf)
{
	struct wp_redis *redis;

	wp_test_conf(conf, server.path);
	conf->run_mode = WP_RUN_PRODUCTION;
	redis = wp_test_redis(conf);
	wp_test_run(redis, "CONFIG", "SET", "maxmemory-policy", "noeviction",
		    "maxmemory", "1gb", "appendonly", "yes", "appendfsync",
		    "always", "no-appendfsync-on-rewrite", "no",
		    "stream-node-max-bytes", "512", NULL);
	return redis;
}

static void a_fit_redis_passes(void **state)
{
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf);

	assert_int_equal(wp_redis_check(redis, &conf, NULL, NULL), WP_OK);

	wp_redis_free(&redis);
}

static void an_unfit_setting_stops_production_by_name(void **state)
{
	static const char *const unfit[][3] = {
		{ "maxmemory-policy", "allkeys-lru", "noeviction" },
		{ "maxmemory-policy", "volatile-ttl", "noeviction" },
		{ "maxmemory", "0", "2gb" },
		{ "appendonly", "no", "yes" },
		{ "appendfsync", "no", "always" },
		{ "no-appendfsync-on-rewrite", "yes", "no" },
		{ "stream-node-max-bytes", "4096", "512" },
		{ "stream-node-max-bytes", "1025", "512" },
		{ "stream-node-max-bytes", "0", "512" },
	};
	struct wp_redis *redis;
	struct wp_conf conf;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
		struct wp_error err = { 0 };

		redis = begin(&conf);
		wp_test_run(redis, "CONFIG", "SET", unfit[i][0], unfit[i][1],
			    NULL);

		assert_int_equal(wp_redis_check(redis, &conf, NULL, &err),
				 WP_ERR_INVAL);
		assert_non_null(strstr(err.msg, unfit[i][0]));
		assert_non_null(strstr(err.msg, unfit[i][1]));
		assert_non_null(strstr(err.msg, unfit[i][2]));
		conf.run_mode = WP_RUN_LOCAL;
		assert_int_equal(wp_redis_check(redis, &conf, NULL, NULL),
				 WP_OK);
		wp_redis_free(&redis);
	}
	redis = begin(&conf);
	wp_redis_free(&redis);
}

static void everysec_is_a_choice_and_is_told(void **state)
{
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf);
	wp_redis_disconnect(redis);
	assert_int_equal(wp_redis_connect(redis, NULL), WP_OK);
	assert_string_equal(wp_redis_durability(redis), "fsync");
	wp_test_run(redis, "CONFIG", "SET", "appendfsync", "everysec", NULL);
	wp_redis_disconnect(redis);

	assert_int_equal(wp_redis_check(redis, &conf, NULL, NULL), WP_OK);

	assert_string_equal(wp_redis_durability(redis), "memory");
	wp_test_run(redis, "CONFIG", "SET", "appendfsync", "always",
		    "no-appendfsync-on-rewrite", "yes", NULL);
	wp_redis_disconnect(redis);
	assert_int_equal(wp_redis_connect(redis, NULL), WP_OK);
	assert_string_equal(wp_redis_durability(redis), "memory");
	wp_redis_free(&redis);
}

/* A managed Redis: nobody may use CONFIG. */
static void forbid_config(struct wp_redis *redis, struct wp_conf *conf)
{
	static char name[] = "managed", password[] = "tuna";

	wp_test_run(redis, "ACL", "SETUSER", name, "reset", "on", ">tuna", "~*",
		    "&*", "+@all", "-config", NULL);
	conf->redis.username = name;
	conf->redis.password = password;
	wp_redis_disconnect(redis);
	assert_int_equal(wp_redis_connect(redis, NULL), WP_OK);
}

static void where_config_is_forbidden_info_is_asked(void **state)
{
	struct wp_error err = { 0 };
	struct wp_redis *redis, *managed;
	struct wp_conf conf, managed_conf;

	(void)state;
	redis = begin(&conf);
	managed_conf = conf;
	managed = wp_test_redis(&managed_conf);
	forbid_config(managed, &managed_conf);

	assert_int_equal(wp_redis_check(managed, &managed_conf, NULL, &err),
			 WP_OK);
	assert_string_equal(wp_redis_durability(managed), "memory");

	wp_test_run(redis, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru",
		    NULL);
	assert_int_equal(wp_redis_check(managed, &managed_conf, NULL, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "maxmemory-policy"));
	wp_test_run(redis, "CONFIG", "SET", "maxmemory-policy", "noeviction",
		    "maxmemory", "1gb", "appendonly", "no", NULL);
	assert_int_equal(wp_redis_check(managed, &managed_conf, NULL, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "appendonly"));

	wp_test_run(redis, "CONFIG", "SET", "appendonly", "yes", NULL);
	wp_redis_free(&managed);
	wp_redis_free(&redis);
}

static void no_redis_is_not_a_bad_redis(void **state)
{
	struct wp_test_server absent = { 0 };
	struct wp_redis *redis = NULL;
	struct wp_error err = { 0 };
	struct wp_conf conf;

	(void)state;
	wp_test_server_start(&absent, "absent", NULL);
	wp_test_server_kill(&absent, SIGKILL);
	wp_test_conf(&conf, absent.path);
	assert_int_equal(wp_redis_new(&redis, &conf, &wp_scripts, NULL), WP_OK);

	assert_int_equal(wp_redis_check(redis, &conf, NULL, &err),
			 WP_ERR_UNAVAIL);

	assert_true(err.msg[0] != '\0');
	wp_redis_free(&redis);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fit_redis_passes),
		cmocka_unit_test(an_unfit_setting_stops_production_by_name),
		cmocka_unit_test(everysec_is_a_choice_and_is_told),
		cmocka_unit_test(where_config_is_forbidden_info_is_asked),
		cmocka_unit_test(no_redis_is_not_a_bad_redis),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("redis_check", tests, start_server,
					   kill_server);
}
