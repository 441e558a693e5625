/*
 * test_redis.c - Redis servers and commands for integration tests.
 *
 * Fails a test through cmocka where going on would prove nothing.
 */
#include "tests/support/test_redis.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/scripts.h"

enum {
	START_TIMEOUT_MS = 10000,
	RETRY_MS = 10,
	OPTIONS_MAX = 16,
	WORDS_MAX = 64,
};

bool wp_test_redis_present(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	if (getenv("WAYPOST_TEST_REDIS") == NULL ||
	    getenv("WAYPOST_TEST_DIR") == NULL) {
		fprintf(stderr,
			"SKIPPED: WAYPOST_TEST_REDIS and WAYPOST_TEST_DIR are "
			"not set, nothing was tested\n");
		return false;
	}
	(void)sigaction(SIGPIPE, &ignore, NULL);
	return true;
}

const char *wp_test_dir(void)
{
	const char *dir = getenv("WAYPOST_TEST_DIR");

	assert_non_null(dir);
	return dir;
}

void wp_test_conf(struct wp_conf *conf, const char *path)
{
	static char shared[128], own[128], sqlite_path[256];
	static char secret[] = "test-secret-of-thirty-two-bytes!!";
	static char backend[] = "sqlite", empty[] = "";

	char *address = path == NULL ? shared : own;

	if (path == NULL)
		path = getenv("WAYPOST_TEST_REDIS");
	assert_non_null(path);
	snprintf(address, sizeof(shared), "unix:%s", path);
	snprintf(sqlite_path, sizeof(sqlite_path), "%s/cold.db", wp_test_dir());
	*conf = (struct wp_conf){
		.run_mode = WP_RUN_LOCAL,
		.log.level = WP_LOG_WARN,
		.redis = {
			.address = address,
			.username = empty,
			.password = empty,
			.connect_timeout_ms = 20000,
			.command_timeout_ms = 60000,
			.memory_high_percent = 80,
		},
		.mailbox = {
			.partitions = WP_TEST_PARTITIONS,
			.max_envelope_bytes = 65536,
			.ingress_high_mark = 10000,
			.max_waiting = 10000,
			.max_waiting_bytes = 64 * 1024 * 1024,
			.max_expiry_seconds = 30 * 24 * 3600,
			.max_tries = 3,
			.idempotency_hours = 24,
		},
		.auth = {
			.jwt_secret = secret,
			.jwt_secret_previous = empty,
			.store_secret = secret,
			.issuer = empty,
			.audience = empty,
			.leeway_seconds = 30,
			.max_token_bytes = 8192,
		},
		.handlers = {
			.metrics_listen = empty,
			.processes = 1,
			.threads = 4,
			.max_batch_bytes = 1024 * 1024,
			.drain_ms = 1000,
		},
		.worker = {
			.metrics_listen = empty,
			.lease_ms = 10000,
			.tick_ms = 1000,
			.batch_entries = 500,
			.reap_after_ms = 9000,
			.drain_ms = 1000,
		},
		.websocket = {
			.metrics_listen = empty,
			.cookie_name = empty,
			.max_connections = 1000,
			.max_connections_per_user = 16,
			.max_queue_bytes = 1024 * 1024,
			.ping_interval_ms = 25000,
			.idle_timeout_ms = 60000,
			.handshake_timeout_ms = 5000,
			.heartbeat_ms = 3000,
			.grace_ms = 5000,
			.drain_ms = 1000,
		},
		.presence.visibility = WP_VISIBLE_ALL,
		.push = { .grace_ms = 1000, .inactive_ms = 60000 },
		.store = {
			.backend = backend,
			.sqlite_path = sqlite_path,
			.busy_timeout_ms = 5000,
		},
	};
}

struct wp_redis *wp_test_redis(const struct wp_conf *conf)
{
	struct wp_redis *redis = NULL;
	struct wp_error err = { 0 };

	if (wp_redis_new(&redis, conf, &wp_scripts, &err) != WP_OK ||
	    wp_redis_connect(redis, &err) != WP_OK)
		fail_msg("no Redis client: %s", err.msg);
	return redis;
}

static struct wp_reply *run_words(struct wp_redis *redis, const char *word,
				  va_list rest)
{
	struct wp_reply *reply = NULL;
	struct wp_error err = { 0 };
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	for (; word != NULL; word = va_arg(rest, const char *))
		wp_cmd_str(&cmd, word);
	if (wp_redis_do(redis, &cmd, &reply, &err) != WP_OK)
		print_message("no answer from Redis: %s\n", err.msg);
	wp_cmd_release(&cmd);
	return reply;
}

struct wp_reply *wp_test_cmd(struct wp_redis *redis, const char *word, ...)
{
	struct wp_reply *reply;
	va_list rest;

	va_start(rest, word);
	reply = run_words(redis, word, rest);
	va_end(rest);
	return reply;
}

void wp_test_run(struct wp_redis *redis, const char *word, ...)
{
	struct wp_reply *reply;
	va_list rest;

	va_start(rest, word);
	reply = run_words(redis, word, rest);
	va_end(rest);
	assert_non_null(reply);
	if (wp_reply_type(reply) == WP_REPLY_ERROR)
		fail_msg("%s: %s", word, wp_reply_str(reply));
	wp_reply_free(&reply);
}

static void exec_server(const struct wp_test_server *server,
			const char *const *options)
{
	const char *argv[16 + OPTIONS_MAX] = {
		"redis-server", "--port",     "0",
		"--unixsocket", server->path, "--dir",
		server->dir,    "--save",     "",
		"--appendonly", "yes",        "--appendfsync",
		"always",       "--logfile",  "redis.log",
	};
	size_t n = 15, i;

	for (i = 0; options != NULL && options[i] != NULL; i++)
		if (i < OPTIONS_MAX)
			argv[n + i] = options[i];
	/* A test that fails must not leave a server behind. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Until a client can connect, load scripts and all: then it is up. */
static void await_server(const struct wp_test_server *server)
{
	uint64_t end_ms = wp_mono_ms() + START_TIMEOUT_MS;
	struct wp_error err = { 0 };
	enum wp_err rc;

	do {
		struct wp_redis *redis = NULL;
		struct wp_conf conf = { 0 };
		char address[128];

		snprintf(address, sizeof(address), "unix:%s", server->path);
		conf.redis.address = address;
		conf.redis.connect_timeout_ms = 1000;
		conf.redis.command_timeout_ms = 1000;
		rc = wp_redis_new(&redis, &conf, &wp_scripts, &err);
		assert_int_equal(rc, WP_OK);
		rc = wp_redis_connect(redis, &err);
		wp_redis_free(&redis);
		if (rc == WP_OK || rc == WP_ERR_DENIED)
			return;
		assert_int_equal(waitpid(server->pid, NULL, WNOHANG), 0);
		(void)poll(NULL, 0, RETRY_MS);
	} while (wp_mono_ms() < end_ms);
	fail_msg("redis-server did not come up: %s", err.msg);
}

void wp_test_server_spawn(struct wp_test_server *server, const char *name,
			  const char *const *options)
{
	snprintf(server->dir, sizeof(server->dir), "%s/%s", wp_test_dir(),
		 name);
	snprintf(server->path, sizeof(server->path), "%s/redis.sock",
		 server->dir);
	if (mkdir(server->dir, 0700) == -1)
		assert_int_equal(errno, EEXIST);
	server->pid = fork();
	assert_int_not_equal(server->pid, -1);
	if (server->pid == 0)
		exec_server(server, options);
}

void wp_test_server_start(struct wp_test_server *server, const char *name,
			  const char *const *options)
{
	wp_test_server_spawn(server, name, options);
	await_server(server);
}

void wp_test_server_kill(struct wp_test_server *server, int signo)
{
	if (server->pid == 0)
		return;
	assert_int_equal(kill(server->pid, signo), 0);
	if (signo == SIGSTOP || signo == SIGCONT)
		return;
	assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
	server->pid = 0;
}
