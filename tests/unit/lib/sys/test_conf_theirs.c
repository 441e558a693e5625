/* Names of the notification service: read when asked for, and never against
 * what one of ours says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/sys/sections/sections.h"

#define THIRTY_TWO "0123456789abcdef0123456789abcdef"

static char dir[64];

static const struct wp_conf_flag flags[] = {
	{ "--listen", "websocket.listen" },
	{ NULL, NULL },
};
static const struct wp_conf_section *const sections[] = {
	&wp_conf_log, &wp_conf_redis, &wp_conf_tokens, &wp_conf_websocket, NULL,
};
static const struct wp_conf_program daemon_program = {
	.name = "waypost-ws",
	.summary = "holds connections",
	.known = wp_conf_sections,
	.sections = sections,
	.flags = flags,
};

static void write_file(const char *name, const char *text, char path[128])
{
	int fd;

	snprintf(path, 128, "%s/%s", dir, name);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void set_config(const char *text)
{
	char path[128];

	write_file("w.yaml", text, path);
	setenv("WAYPOST_CONFIG", path, 1);
}

/* Each test starts with theirs asked for, and nothing else. */
static int clean_environment(void **state)
{
	(void)state;
	clearenv();
	setenv("WAYPOST_ENVIRONMENT_NAMES", "notification-service", 1);
	setenv("JWT_SECRET_KEY", THIRTY_TWO, 1);
	set_config("");
	return 0;
}

static enum wp_err load_as(const struct wp_conf_program *program,
			   struct wp_conf *conf, const char *arg,
			   struct wp_error *err)
{
	static char name[] = "waypost-ws";
	char text[128];
	char *argv[] = { name, text, NULL };
	const struct wp_conf_source source = {
		.program = program,
		.argc = arg == NULL ? 1 : 2,
		.argv = argv,
	};
	enum wp_conf_action action;

	snprintf(text, sizeof(text), "%s", arg == NULL ? "" : arg);
	*err = (struct wp_error){ 0 };
	return wp_conf_load(conf, &source, &action, err);
}

static void load(struct wp_conf *conf)
{
	struct wp_error err;

	if (load_as(&daemon_program, conf, NULL, &err) != WP_OK)
		fail_msg("%s", err.msg);
}

static void expect_refusal(const char *sentence)
{
	struct wp_conf conf;
	struct wp_error err;

	assert_int_equal(load_as(&daemon_program, &conf, NULL, &err),
			 WP_ERR_INVAL);
	assert_string_equal(err.msg, sentence);
	wp_conf_release(&conf);
}

static void their_names_are_read_only_when_asked_for(void **state)
{
	struct wp_conf conf;

	(void)state;
	setenv("WAYPOST_ENVIRONMENT_NAMES", "none", 1);
	setenv("JWT_SECRET", "ours", 1);
	setenv("ENV", "production", 1);
	setenv("WS_PORT", "tcp://10.0.0.1:80", 1);
	setenv("REDIS_HOST", "elsewhere:1", 1);
	setenv("REDIS_USE_TLS", "true", 1);

	load(&conf);

	assert_int_equal(conf.run_mode, WP_RUN_LOCAL);
	assert_string_equal(conf.websocket.listen, "tcp:127.0.0.1:8083");
	assert_string_equal(conf.redis.address, "127.0.0.1:6379");
	assert_string_equal(conf.auth.jwt_secret, "ours");
	wp_conf_release(&conf);
}

static void each_name_sets_what_it_means_here(void **state)
{
	struct wp_conf conf;

	(void)state;
	setenv("ENV", "Staging", 1);
	setenv("WS_HOST", "192.0.2.1", 1);
	setenv("WS_PORT", "9000", 1);
	setenv("WS_PING_INTERVAL", "20s", 1);
	setenv("WS_PONG_WAIT", "1m5.5s", 1);
	setenv("WS_MAX_MESSAGE_SIZE", "512", 1);
	setenv("WS_MAX_CONNECTIONS", "77", 1);
	setenv("REDIS_HOST", "redis.example:6380", 1);
	setenv("REDIS_DB", "3", 1);
	setenv("REDIS_USE_TLS", "False", 1);
	setenv("COOKIE_NAME", "smap_auth_token", 1);
	setenv("LOGGER_LEVEL", "warn", 1);

	load(&conf);

	assert_int_equal(conf.run_mode, WP_RUN_LOCAL);
	assert_string_equal(conf.websocket.listen, "tcp:192.0.2.1:9000");
	assert_int_equal(conf.websocket.ping_interval_ms, 20000);
	assert_int_equal(conf.websocket.idle_timeout_ms, 65500);
	assert_int_equal(conf.websocket.max_message_bytes, 512);
	assert_int_equal(conf.websocket.max_connections, 77);
	assert_string_equal(conf.redis.address, "redis.example:6380");
	assert_int_equal(conf.redis.database, 3);
	assert_string_equal(conf.auth.jwt_secret, THIRTY_TWO);
	assert_string_equal(conf.websocket.cookie_name, "smap_auth_token");
	assert_int_equal(conf.log.level, WP_LOG_WARN);
	assert_true(conf.is_read);
	wp_conf_release(&conf);
}

static void half_an_address_has_the_other_half_of_that_service(void **state)
{
	struct wp_conf conf;

	(void)state;
	setenv("WS_PORT", "9000", 1);
	setenv("WS_HOST", "", 1); /* empty is unset */
	load(&conf);
	assert_string_equal(conf.websocket.listen, "tcp:0.0.0.0:9000");
	wp_conf_release(&conf);

	unsetenv("WS_PORT");
	setenv("WS_HOST", "192.0.2.1", 1);
	load(&conf);
	assert_string_equal(conf.websocket.listen, "tcp:192.0.2.1:8081");
	wp_conf_release(&conf);

	/* As Kubernetes has it for a service called ws. */
	setenv("WS_PORT", "tcp://10.0.0.1:80", 1);
	expect_refusal("WS_PORT: must be the number of a port");
	setenv("WS_PORT", "65536", 1);
	expect_refusal("websocket.listen: address \"tcp:192.0.2.1:65536\" is "
		       "not unix:/path or host:port with a port up to 65535");
}

static void durations_are_those_of_go(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* 0: it is none */
	} cases[] = {
		{ "1h", 3600000 },
		{ "1.5m", 90000 },
		{ "1m30s", 90000 },
		{ "1500ms", 1500 },
		{ "2s500ms", 2500 },
		{ "2000000us", 2000 },
		{ "3000000000ns", 3000 },
		{ "30", 0 },
		{ "30 s", 0 },
		{ "-30s", 0 },
		{ "s", 0 },
		{ "1.2.3s", 0 },
		{ "0x10s", 0 },
		{ "1d", 0 },
		{ "1s2", 0 },
		{ "99999999999999999999h", 0 },
	};
	struct wp_conf conf;

	(void)state;
	setenv("WAYPOST_WEBSOCKET_IDLE_TIMEOUT_MS", "7200000", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("WS_PING_INTERVAL", cases[i].text, 1);
		if (cases[i].ms == 0) {
			expect_refusal("WS_PING_INTERVAL: must be a duration "
				       "such as 30s or 1m30s");
			continue;
		}
		load(&conf);
		assert_int_equal(conf.websocket.ping_interval_ms, cases[i].ms);
		wp_conf_release(&conf);
	}
	setenv("WS_PING_INTERVAL", "2h", 1);
	expect_refusal("WS_PING_INTERVAL: must be a whole number from 100 to "
		       "3600000");
}

static void both_may_be_set_when_they_say_the_same(void **state)
{
	struct wp_conf conf;
	struct wp_error err;

	(void)state;
	set_config("websocket: {ping_interval_ms: 20000}\n");
	setenv("WS_PING_INTERVAL", "20s", 1);
	setenv("JWT_SECRET", THIRTY_TWO, 1);
	setenv("WS_PORT", "8083", 1);
	assert_int_equal(load_as(&daemon_program, &conf,
				 "--listen=tcp:0.0.0.0:8083", &err),
			 WP_OK);
	assert_int_equal(conf.websocket.ping_interval_ms, 20000);
	wp_conf_release(&conf);
}

static void both_that_differ_are_refused_without_a_value(void **state)
{
	struct wp_conf conf;
	struct wp_error err;
	char path[128];

	(void)state;
	set_config("redis: {address: \"127.0.0.1:6379\"}\n");
	setenv("REDIS_HOST", "elsewhere:1", 1);
	expect_refusal("REDIS_HOST: says something else than redis.address, "
		       "which is set as well; unset one of the two");
	set_config("");
	setenv("REDIS_ADDR", "127.0.0.1:6379", 1);
	expect_refusal("REDIS_HOST: says something else than redis.address, "
		       "which is set as well; unset one of the two");
	unsetenv("REDIS_HOST");

	setenv("WS_PORT", "9000", 1);
	assert_int_equal(load_as(&daemon_program, &conf,
				 "--listen=tcp:0.0.0.0:8083", &err),
			 WP_ERR_INVAL);
	assert_string_equal(err.msg, "WS_PORT: says something else than "
				     "websocket.listen, which is set as well; "
				     "unset one of the two");
	assert_false(conf.is_read); /* it leads elsewhere, perhaps */
	wp_conf_release(&conf);
	unsetenv("WS_PORT");

	write_file("jwt", "another secret of the deployment", path);
	setenv("WAYPOST_AUTH_JWT_SECRET_FILE", path, 1);
	expect_refusal("JWT_SECRET_KEY: says something else than "
		       "auth.jwt_secret, which is set as well; unset one of "
		       "the two");
}

static void what_is_asked_of_our_names_is_asked_of_theirs(void **state)
{
	(void)state;
	setenv("WAYPOST_ALLOW_ROOT", "1", 1);
	setenv("ENV", "production", 1);
	setenv("JWT_SECRET_KEY", "short", 1);
	expect_refusal("auth.jwt_secret: must have 32 bytes or more in "
		       "production");
	set_config("run_mode: local\n");
	expect_refusal("ENV: says something else than run_mode, which is set "
		       "as well; unset one of the two");
	unsetenv("ENV");
	setenv("LOGGER_LEVEL", "fatal", 1);
	expect_refusal("LOGGER_LEVEL: must be one of error, warn, info, debug");
}

static void who_was_promised_tls_does_not_go_without(void **state)
{
	(void)state;
	setenv("REDIS_USE_TLS", "true", 1);
	expect_refusal("REDIS_USE_TLS: Redis is not spoken to by TLS here; "
		       "lead redis.address to a tunnel or a unix socket, and "
		       "unset this");
}

static void what_a_program_does_not_use_is_not_its_affair(void **state)
{
	static const struct wp_conf_section *const few[] = { &wp_conf_redis,
							     &wp_conf_tokens,
							     NULL };
	const struct wp_conf_program program = {
		.name = "waypost-worker",
		.summary = "routes",
		.known = wp_conf_sections,
		.sections = few,
	};
	struct wp_conf conf;
	struct wp_error err;

	(void)state;
	setenv("WS_PORT", "nonsense", 1);
	setenv("REDIS_HOST", "redis.example:6380", 1);
	assert_int_equal(load_as(&program, &conf, NULL, &err), WP_OK);
	assert_string_equal(conf.redis.address, "redis.example:6380");
	assert_true(conf.is_read);
	wp_conf_release(&conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, clean_environment)
		TEST(their_names_are_read_only_when_asked_for),
		TEST(each_name_sets_what_it_means_here),
		TEST(half_an_address_has_the_other_half_of_that_service),
		TEST(durations_are_those_of_go),
		TEST(both_may_be_set_when_they_say_the_same),
		TEST(both_that_differ_are_refused_without_a_value),
		TEST(what_is_asked_of_our_names_is_asked_of_theirs),
		TEST(who_was_promised_tls_does_not_go_without),
		TEST(what_a_program_does_not_use_is_not_its_affair),
#undef TEST
	};
	char path[128];
	int rc;

	snprintf(dir, sizeof(dir), "/tmp/waypost-conf-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	rc = cmocka_run_group_tests_name("conf_theirs", tests, NULL, NULL);
	snprintf(path, sizeof(path), "%s/w.yaml", dir);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/jwt", dir);
	(void)unlink(path);
	(void)rmdir(dir);
	return rc;
}
