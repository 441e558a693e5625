/* The blocking client: what it promises about answers, loss and return. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"
#include "tests/support/test_redis.h"

enum { RETRY_MS = 10, RECOVERY_TRIES = 1000, PIPELINE = 2000 };

static void assert_answer(struct wp_reply *reply, const char *text)
{
	assert_non_null(reply);
	assert_string_equal(wp_reply_str(reply), text);
	wp_reply_free(&reply);
}

/* Calls until one works: how soon is the client's affair. */
static void await_recovery(struct wp_redis *redis)
{
	int i;

	for (i = 0; i < RECOVERY_TRIES; i++) {
		if (wp_redis_connect(redis, NULL) == WP_OK)
			return;
		(void)poll(NULL, 0, RETRY_MS);
	}
	fail_msg("no recovery");
}

static enum wp_err ping(struct wp_redis *redis, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "PING");
	rc = wp_redis_do(redis, &cmd, &reply, err);
	wp_cmd_release(&cmd);
	wp_reply_free(&reply);
	return rc;
}

static void a_new_connection_has_every_script(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;
	size_t i;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "SCRIPT");
	wp_cmd_str(&cmd, "EXISTS");
	for (i = 0; i < WP_SCRIPT_COUNT; i++)
		wp_cmd_str(&cmd, wp_scripts.list[i].sha1);

	assert_int_equal(wp_redis_do(redis, &cmd, &reply, NULL), WP_OK);

	assert_int_equal(wp_reply_count(reply), WP_SCRIPT_COUNT);
	for (i = 0; i < WP_SCRIPT_COUNT; i++)
		assert_int_equal(wp_reply_int(wp_reply_at(reply, i)), 1);
	assert_int_equal(strspn(wp_redis_run_id(redis), "0123456789abcdef"),
			 40);
	assert_int_equal(wp_redis_epoch(redis), 1);
	assert_true(wp_redis_fd(redis) >= 0);
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
	assert_null(redis);
}

static void words_are_bytes_and_nothing_is_cut(void **state)
{
	static const char bytes[] = "a\0b\r\n$5\r\n\xff";
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "HSET");
	wp_cmd_str(&cmd, "t:bytes");
	wp_cmd_add(&cmd, bytes, sizeof(bytes));
	wp_cmd_add(&cmd, "", 0);
	assert_int_equal(wp_redis_do(redis, &cmd, &reply, NULL), WP_OK);
	wp_reply_free(&reply);

	reply = wp_test_cmd(redis, "HGETALL", "t:bytes", NULL);

	assert_int_equal(wp_reply_count(reply), 2);
	assert_int_equal(wp_reply_len(wp_reply_at(reply, 0)), sizeof(bytes));
	assert_memory_equal(wp_reply_str(wp_reply_at(reply, 0)), bytes,
			    sizeof(bytes));
	assert_int_equal(wp_reply_type(wp_reply_at(reply, 1)), WP_REPLY_STR);
	assert_int_equal(wp_reply_len(wp_reply_at(reply, 1)), 0);
	assert_null(wp_reply_at(reply, 2));
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
}

static void an_error_reply_is_an_answer(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_test_run(redis, "SET", "t:string", "x", NULL);

	reply = wp_test_cmd(redis, "HGET", "t:string", "f", NULL);

	assert_true(wp_reply_is_error(reply, "WRONGTYPE"));
	assert_false(wp_reply_is_error(reply, "WRONG"));
	assert_false(wp_reply_is(reply, wp_reply_str(reply)));
	assert_int_equal(wp_redis_epoch(redis), 1);
	wp_reply_free(&reply);
	wp_redis_free(&redis);
}

static void numbers_are_read_strictly(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);

	reply = wp_test_cmd(redis, "EVAL",
			    "return {7, '-12', '12x', ' 3', '', "
			    "'99999999999999999999', false, {5}}",
			    "0", NULL);

	assert_int_equal(wp_reply_int(wp_reply_at(reply, 0)), 7);
	assert_int_equal(wp_reply_int(wp_reply_at(reply, 1)), -12);
	assert_int_equal(wp_reply_int(wp_reply_at(reply, 2)), 0);
	assert_int_equal(wp_reply_int(wp_reply_at(reply, 3)), 0);
	assert_int_equal(wp_reply_int(wp_reply_at(reply, 4)), 0);
	assert_int_equal(wp_reply_int(wp_reply_at(reply, 5)), 0);
	assert_int_equal(wp_reply_type(wp_reply_at(reply, 6)), WP_REPLY_NIL);
	assert_string_equal(wp_reply_str(wp_reply_at(reply, 6)), "");
	assert_int_equal(wp_reply_count(wp_reply_at(reply, 7)), 1);
	assert_int_equal(wp_reply_int(wp_reply_at(reply, 7)), 0);
	assert_int_equal(wp_reply_int(NULL), 0);
	wp_reply_free(&reply);
	wp_redis_free(&redis);
}

static void lost_scripts_cost_one_call_and_come_back(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis, *other;
	struct wp_reply *reply = NULL;
	struct wp_error err = { 0 };
	struct wp_cmd cmd;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	other = wp_test_redis(&conf);
	wp_test_run(other, "SCRIPT", "FLUSH", NULL);
	wp_cmd_init(&cmd);
	wp_cmd_script(&cmd, WP_SCRIPT_PRESENCE, 3);

	assert_int_equal(wp_redis_do(redis, &cmd, &reply, &err),
			 WP_ERR_UNAVAIL);
	assert_null(reply);
	assert_non_null(strstr(err.msg, "NOSCRIPT"));
	assert_int_equal(wp_redis_do(redis, &cmd, &reply, NULL), WP_OK);

	assert_false(wp_reply_is_error(reply, "NOSCRIPT"));
	assert_int_equal(wp_redis_epoch(redis), 2);
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
	wp_redis_free(&other);
}

static void append_echo(struct wp_redis *redis, struct wp_cmd *cmd, int i)
{
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "ECHO");
	wp_cmd_int(cmd, i);
	assert_int_equal(wp_redis_append(redis, cmd, NULL), WP_OK);
}

static void a_pipeline_is_answered_in_order(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;
	int i;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	for (i = 0; i < PIPELINE; i++)
		append_echo(redis, &cmd, i);

	for (i = 0; i < PIPELINE; i++) {
		assert_int_equal(wp_redis_take(redis, &reply, NULL), WP_OK);
		assert_int_equal(wp_reply_int(reply), i);
		wp_reply_free(&reply);
	}

	assert_int_equal(wp_redis_take(redis, &reply, NULL), WP_ERR_UNAVAIL);
	assert_null(reply);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
}

/* ECHO i, and something that Redis takes or does not. */
static void write_group(struct wp_cmd *cmd, int i, bool is_good)
{
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "ECHO");
	wp_cmd_int(cmd, i);
	wp_cmd_end(cmd);
	wp_cmd_str(cmd, is_good ? "ECHO" : "NOSUCHCOMMAND");
	wp_cmd_str(cmd, "x");
	wp_cmd_end(cmd);
}

static void a_group_has_one_answer(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	for (int i = 1; i < 10; i++) {
		write_group(&cmd, i, i % 3 != 0);
		assert_int_equal(wp_redis_do(redis, &cmd, &reply, NULL), WP_OK);
		assert_int_equal(wp_reply_count(reply), 2);
		assert_int_equal(wp_reply_int(wp_reply_at(reply, 0)), i);
		assert_int_equal(wp_reply_type(wp_reply_at(reply, 1)),
				 i % 3 == 0 ? WP_REPLY_ERROR : WP_REPLY_STR);
		wp_reply_free(&reply);
		assert_int_equal(ping(redis, NULL), WP_OK);
	}
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
}

/* One of its scripts is not there: the whole group has no answer. */
static void a_group_that_is_lost_in_the_middle_has_no_answer(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "ECHO");
	wp_cmd_str(&cmd, "x");
	wp_cmd_end(&cmd);
	wp_cmd_str(&cmd, "EVALSHA");
	wp_cmd_str(&cmd, "0123456789012345678901234567890123456789");
	wp_cmd_str(&cmd, "0");
	wp_cmd_end(&cmd);

	assert_int_equal(wp_redis_do(redis, &cmd, &reply, NULL),
			 WP_ERR_UNAVAIL);
	assert_null(reply);
	await_recovery(redis);
	assert_int_equal(ping(redis, NULL), WP_OK);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
}

static void what_was_flushed_is_done_before_it_is_heard(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis, *other;
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;
	uint64_t end_ms = wp_mono_ms() + 20000;
	bool is_done = false;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	other = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "SET");
	wp_cmd_str(&cmd, "flushed");
	wp_cmd_str(&cmd, "1");
	assert_int_equal(wp_redis_append(redis, &cmd, NULL), WP_OK);
	assert_int_equal(wp_redis_flush(redis, NULL), WP_OK);
	while (!is_done) {
		assert_true(wp_mono_ms() < end_ms);
		reply = wp_test_cmd(other, "GET", "flushed", NULL);
		is_done = wp_reply_is(reply, "1");
		wp_reply_free(&reply);
	}
	assert_int_equal(wp_redis_take(redis, &reply, NULL), WP_OK);
	assert_true(wp_reply_is(reply, "OK"));
	wp_reply_free(&reply);
	wp_redis_disconnect(redis);
	assert_int_equal(wp_redis_flush(redis, NULL), WP_ERR_UNAVAIL);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
	wp_redis_free(&other);
}

static void an_abandoned_pipeline_answers_nobody_else(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_cmd cmd;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	append_echo(redis, &cmd, 1);
	append_echo(redis, &cmd, 2);

	assert_answer(wp_test_cmd(redis, "ECHO", "mine", NULL), "mine");

	assert_int_equal(wp_redis_epoch(redis), 1);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
}

static void a_broken_pipeline_is_lost_to_its_end(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	append_echo(redis, &cmd, 1);
	wp_cmd_clear(&cmd);
	wp_cmd_str(&cmd, "EVALSHA");
	wp_cmd_str(&cmd, "0000000000000000000000000000000000000000");
	wp_cmd_str(&cmd, "0");
	assert_int_equal(wp_redis_append(redis, &cmd, NULL), WP_OK);
	append_echo(redis, &cmd, 3);

	assert_int_equal(wp_redis_take(redis, &reply, NULL), WP_OK);
	wp_reply_free(&reply);
	assert_int_equal(wp_redis_take(redis, &reply, NULL), WP_ERR_UNAVAIL);
	assert_int_equal(wp_redis_take(redis, &reply, NULL), WP_ERR_UNAVAIL);

	assert_string_equal(wp_redis_run_id(redis), "");
	assert_int_equal(wp_redis_fd(redis), -1);
	assert_answer(wp_test_cmd(redis, "ECHO", "mine", NULL), "mine");
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
}

static void a_command_without_memory_is_not_sent(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "PING");
	cmd.words.failed = true;

	assert_int_equal(wp_redis_do(redis, &cmd, &reply, NULL), WP_ERR_NOMEM);

	assert_int_equal(wp_redis_epoch(redis), 1);
	assert_int_equal(ping(redis, NULL), WP_OK);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
}

static void a_database_is_selected(void **state)
{
	struct wp_conf conf, plain;
	struct wp_redis *redis, *other;
	struct wp_reply *reply;

	(void)state;
	wp_test_conf(&plain, NULL);
	conf = plain;
	conf.redis.database = 3;
	redis = wp_test_redis(&conf);
	other = wp_test_redis(&plain);
	wp_test_run(redis, "SET", "t:third", "x", NULL);

	reply = wp_test_cmd(other, "GET", "t:third", NULL);
	assert_int_equal(wp_reply_type(reply), WP_REPLY_NIL);
	wp_reply_free(&reply);
	assert_answer(wp_test_cmd(redis, "GET", "t:third", NULL), "x");

	wp_redis_free(&redis);
	wp_redis_free(&other);
}

static void a_killed_server_is_unavailable_and_then_back(void **state)
{
	struct wp_test_server server = { 0 };
	struct wp_conf conf;
	struct wp_redis *redis;
	char run_id[41];
	int i;

	(void)state;
	wp_test_server_start(&server, "killed", NULL);
	wp_test_conf(&conf, server.path);
	redis = wp_test_redis(&conf);
	assert_string_equal(wp_redis_durability(redis), "fsync");
	snprintf(run_id, sizeof(run_id), "%s", wp_redis_run_id(redis));
	wp_test_run(redis, "SET", "t:kept", "yes", NULL);

	wp_test_server_kill(&server, SIGKILL);
	for (i = 0; i < 3; i++)
		assert_int_equal(ping(redis, NULL), WP_ERR_UNAVAIL);
	assert_string_equal(wp_redis_run_id(redis), "");
	assert_string_equal(wp_redis_durability(redis), "memory");
	wp_test_server_start(&server, "killed", NULL);
	await_recovery(redis);

	assert_int_equal(wp_redis_epoch(redis), 2);
	assert_string_not_equal(wp_redis_run_id(redis), run_id);
	assert_answer(wp_test_cmd(redis, "GET", "t:kept", NULL), "yes");
	wp_redis_free(&redis);
	wp_test_server_kill(&server, SIGKILL);
}

static void while_it_backs_off_it_does_not_even_try(void **state)
{
	struct wp_test_server server = { 0 };
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_error err = { 0 };
	int refused = 0, backing_off = 0, i;

	(void)state;
	wp_test_server_start(&server, "gone", NULL);
	wp_test_conf(&conf, server.path);
	redis = wp_test_redis(&conf);
	wp_test_server_kill(&server, SIGKILL);

	for (i = 0; i < 1000; i++) {
		assert_int_equal(ping(redis, &err), WP_ERR_UNAVAIL);
		if (strstr(err.msg, "tried again") != NULL)
			backing_off++;
		if (strstr(err.msg, "cannot connect") != NULL)
			refused++;
	}

	/* Broken, refused at once, and then mostly not tried. */
	assert_true(refused >= 1);
	assert_true(refused < 100);
	assert_true(backing_off > 800);
	wp_redis_free(&redis);
}

static void a_restart_costs_nothing_when_the_caller_connects_first(void **state)
{
	struct wp_test_server server = { 0 };
	struct wp_conf conf;
	struct wp_redis *redis;
	uint64_t idle_since_ms;

	(void)state;
	wp_test_server_start(&server, "idle", NULL);
	wp_test_conf(&conf, server.path);
	redis = wp_test_redis(&conf);
	idle_since_ms = wp_mono_ms();

	wp_test_server_kill(&server, SIGKILL);
	wp_test_server_start(&server, "idle", NULL);
	while (wp_mono_ms() - idle_since_ms < 100)
		(void)poll(NULL, 0, RETRY_MS);

	assert_int_equal(wp_redis_connect(redis, NULL), WP_OK);
	assert_int_equal(ping(redis, NULL), WP_OK);
	assert_int_equal(wp_redis_epoch(redis), 2);
	wp_redis_free(&redis);
	wp_test_server_kill(&server, SIGKILL);
}

/* It may carry the run_id of before, which a surviving gate would believe. */
static void a_command_written_before_a_restart_is_not_sent(void **state)
{
	struct wp_test_server server = { 0 };
	struct wp_conf conf;
	struct wp_redis *redis;

	(void)state;
	wp_test_server_start(&server, "stale", NULL);
	wp_test_conf(&conf, server.path);
	redis = wp_test_redis(&conf);
	wp_test_server_kill(&server, SIGKILL);
	wp_test_server_start(&server, "stale", NULL);

	assert_int_equal(ping(redis, NULL), WP_ERR_UNAVAIL);
	await_recovery(redis);
	assert_int_equal(ping(redis, NULL), WP_OK);

	wp_redis_free(&redis);
	wp_test_server_kill(&server, SIGKILL);
}

static void a_silent_server_is_not_waited_for(void **state)
{
	struct wp_test_server server = { 0 };
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_error err = { 0 };

	(void)state;
	wp_test_server_start(&server, "silent", NULL);
	wp_test_conf(&conf, server.path);
	/* Enough for a handshake on a busy machine. */
	conf.redis.command_timeout_ms = 500;
	conf.redis.connect_timeout_ms = 500;
	redis = wp_test_redis(&conf);
	wp_test_server_kill(&server, SIGSTOP);

	assert_int_equal(ping(redis, &err), WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "500 ms"));
	assert_int_equal(wp_redis_fd(redis), -1);
	assert_int_equal(ping(redis, NULL), WP_ERR_UNAVAIL);

	wp_test_server_kill(&server, SIGCONT);
	await_recovery(redis);
	assert_answer(wp_test_cmd(redis, "ECHO", "mine", NULL), "mine");
	wp_redis_free(&redis);
	wp_test_server_kill(&server, SIGKILL);
}

static void a_replica_without_master_is_no_answer(void **state)
{
	struct wp_test_server server = { 0 };
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_error err = { 0 };

	(void)state;
	wp_test_server_start(&server, "replica", NULL);
	wp_test_conf(&conf, server.path);
	redis = wp_test_redis(&conf);
	wp_test_run(redis, "CONFIG", "SET", "replica-serve-stale-data", "no",
		    NULL);
	wp_test_run(redis, "REPLICAOF", "127.0.0.1", "1", NULL);

	assert_null(wp_test_cmd(redis, "GET", "t:any", NULL));

	assert_int_equal(wp_redis_fd(redis), -1);
	assert_int_equal(wp_redis_connect(redis, &err), WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "replica"));
	wp_redis_free(&redis);
	wp_test_server_kill(&server, SIGKILL);
}

/* A master that is demoted, and comes back; nobody cuts the connections. */
static void a_demoted_master_is_left_until_it_is_one_again(void **state)
{
	struct wp_test_server server = { 0 };
	struct wp_conf conf;
	struct wp_redis *writer, *reader, *admin;
	struct wp_error err = { 0 };

	(void)state;
	wp_test_server_start(&server, "demoted", NULL);
	wp_test_conf(&conf, server.path);
	writer = wp_test_redis(&conf);
	reader = wp_test_redis(&conf);
	admin = wp_test_redis(&conf);
	wp_test_run(admin, "REPLICAOF", "127.0.0.1", "1", NULL);

	/* By its answer to a write, */
	assert_null(wp_test_cmd(writer, "SET", "t:any", "x", NULL));
	assert_int_equal(wp_redis_fd(writer), -1);
	/* and by the sample where nothing is written. */
	assert_int_equal(wp_redis_memory_percent(reader), 0);
	assert_int_equal(wp_redis_fd(reader), -1);
	assert_int_equal(wp_redis_connect(reader, &err), WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "replica"));

	wp_test_run(admin, "REPLICAOF", "NO", "ONE", NULL);
	await_recovery(writer);
	await_recovery(reader);
	wp_test_run(writer, "SET", "t:any", "x", NULL);
	wp_redis_free(&writer);
	wp_redis_free(&reader);
	wp_redis_free(&admin);
	wp_test_server_kill(&server, SIGKILL);
}

static void await_durability(struct wp_redis *redis, const char *wanted)
{
	int i;

	for (i = 0; i < RECOVERY_TRIES; i++) {
		(void)wp_redis_memory_percent(redis);
		if (strcmp(wp_redis_durability(redis), wanted) == 0)
			return;
		(void)poll(NULL, 0, RETRY_MS);
	}
	fail_msg("durability never became %s", wanted);
}

static void durability_follows_the_settings_of_redis(void **state)
{
	static const struct {
		const char *setting, *bad, *good;
	} switches[] = {
		{ "appendfsync", "everysec", "always" },
		{ "appendonly", "no", "yes" },
	};
	struct wp_test_server server = { 0 };
	struct wp_conf conf;
	struct wp_redis *redis, *admin;
	size_t i;

	(void)state;
	wp_test_server_start(&server, "switched", NULL);
	wp_test_conf(&conf, server.path);
	redis = wp_test_redis(&conf);
	admin = wp_test_redis(&conf);
	for (i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		await_durability(redis, "fsync");
		wp_test_run(admin, "CONFIG", "SET", switches[i].setting,
			    switches[i].bad, NULL);
		await_durability(redis, "memory");
		wp_test_run(admin, "CONFIG", "SET", switches[i].setting,
			    switches[i].good, NULL);
	}
	await_durability(redis, "fsync");
	assert_int_equal(wp_redis_epoch(redis), 1);
	wp_redis_free(&redis);
	wp_redis_free(&admin);
	wp_test_server_kill(&server, SIGKILL);
}

static enum wp_err connect_with(const struct wp_test_server *server,
				char *username, char *password)
{
	struct wp_redis *redis = NULL;
	struct wp_error err = { 0 };
	struct wp_conf conf;
	enum wp_err rc;

	wp_test_conf(&conf, server->path);
	conf.redis.username = username;
	conf.redis.password = password;
	assert_int_equal(wp_redis_new(&redis, &conf, &wp_scripts, &err), WP_OK);
	rc = wp_redis_connect(redis, &err);
	assert_null(strstr(err.msg, password[0] == '\0' ? "?" : password));
	if (rc != WP_OK) /* it says what to change */
		assert_ptr_equal(strstr(err.msg, "redis.password: "), err.msg);
	wp_redis_free(&redis);
	return rc;
}

static void passwords_open_and_wrong_ones_are_denied(void **state)
{
	static const char *const options[] = {
		"--requirepass", "swordfish", "--user", "bob",   "on",
		">tuna",         "~*",        "&*",     "+@all", NULL,
	};
	static char none[] = "", good[] = "swordfish", bad[] = "herring";
	static char bob[] = "bob", tuna[] = "tuna", nobody[] = "nobody";
	struct wp_test_server server = { 0 };

	(void)state;
	wp_test_server_start(&server, "password", options);

	assert_int_equal(connect_with(&server, none, good), WP_OK);
	assert_int_equal(connect_with(&server, bob, tuna), WP_OK);
	assert_int_equal(connect_with(&server, none, bad), WP_ERR_DENIED);
	assert_int_equal(connect_with(&server, nobody, tuna), WP_ERR_DENIED);
	assert_int_equal(connect_with(&server, none, none), WP_ERR_DENIED);

	wp_test_server_kill(&server, SIGKILL);
}

static void a_password_nobody_asked_for_is_denied(void **state)
{
	static char password[] = "swordfish";
	struct wp_redis *redis = NULL;
	struct wp_conf conf;

	(void)state;
	wp_test_conf(&conf, NULL);
	conf.redis.password = password;
	assert_int_equal(wp_redis_new(&redis, &conf, &wp_scripts, NULL), WP_OK);

	assert_int_equal(wp_redis_connect(redis, NULL), WP_ERR_DENIED);

	wp_redis_free(&redis);
}

static void bad_addresses_are_refused_without_being_repeated(void **state)
{
	static const char *const bad[] = {
		"",
		"unix:",
		"unix:relative/secret",
		"secret",
		"secret:",
		"secret:0",
		"secret:65536",
		"secret:12x",
		":6379",
		"redis://user:secret@host:6379",
		"redis://secret:6379/1",
		"rediss://secret:6379",
	};
	struct wp_redis *redis = NULL;
	struct wp_conf conf;
	size_t i;

	(void)state;
	wp_test_conf(&conf, NULL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char address[64];
		struct wp_error err = { 0 };

		snprintf(address, sizeof(address), "%s", bad[i]);
		conf.redis.address = address;
		assert_int_equal(wp_redis_new(&redis, &conf, &wp_scripts, &err),
				 WP_ERR_INVAL);
		assert_non_null(strstr(err.msg, "redis.address"));
		assert_null(strstr(err.msg, "secret"));
		assert_null(redis);
	}
}

/* A port that nobody listens on, outside the range that connects are given. */
static int free_port(void)
{
	enum { FIRST = 20000, COUNT = 12000 };
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd, rc, port;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	do {
		port = FIRST + (int)wp_random_below(COUNT);
		addr.sin_port = htons((uint16_t)port);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_not_equal(fd, -1);
		rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
		close(fd);
	} while (rc == -1);
	return port;
}

static void every_form_of_tcp_address_connects(void **state)
{
	static const char *const schemes[] = { "", "tcp:", "redis://" };
	struct wp_test_server server = { 0 };
	struct wp_redis *redis;
	struct wp_conf conf;
	char port_text[12], address[64];
	int port = free_port();
	const char *options[] = { "--port", port_text, "--bind", "127.0.0.1",
				  NULL };
	size_t i;

	(void)state;
	snprintf(port_text, sizeof(port_text), "%d", port);
	wp_test_server_start(&server, "tcp", options);
	wp_test_conf(&conf, server.path);

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		snprintf(address, sizeof(address), "%s127.0.0.1:%d", schemes[i],
			 port);
		conf.redis.address = address;
		redis = wp_test_redis(&conf);
		assert_int_equal(ping(redis, NULL), WP_OK);
		wp_redis_free(&redis);
	}
	wp_test_server_kill(&server, SIGKILL);
}

static void wait_gives_messages_silence_and_loss(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis, *other;
	struct wp_reply *reply = NULL;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	other = wp_test_redis(&conf);
	assert_int_equal(wp_redis_wait(redis, 0, &reply, NULL),
			 WP_ERR_NOTFOUND);
	wp_test_run(redis, "SUBSCRIBE", "t:bell", NULL);
	wp_test_run(other, "PUBLISH", "t:bell", "17", NULL);
	wp_test_run(other, "PUBLISH", "t:bell", "18", NULL);

	assert_int_equal(wp_redis_wait(redis, 5000, &reply, NULL), WP_OK);
	assert_true(wp_reply_is(wp_reply_at(reply, 0), "message"));
	assert_int_equal(wp_reply_int(wp_reply_at(reply, 2)), 17);
	wp_reply_free(&reply);
	assert_int_equal(wp_redis_wait(redis, 5000, &reply, NULL), WP_OK);
	assert_int_equal(wp_reply_int(wp_reply_at(reply, 2)), 18);
	wp_reply_free(&reply);
	assert_int_equal(wp_redis_wait(redis, 1, &reply, NULL),
			 WP_ERR_NOTFOUND);
	assert_null(reply);
	wp_test_run(other, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
	assert_int_equal(wp_redis_wait(redis, 5000, &reply, NULL),
			 WP_ERR_UNAVAIL);
	assert_int_equal(wp_redis_wait(redis, 5000, &reply, NULL),
			 WP_ERR_UNAVAIL);

	wp_redis_free(&redis);
	wp_redis_free(&other);
}

static void a_second_subscription_is_confirmed_between_messages(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis, *other;
	struct wp_reply *reply;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	other = wp_test_redis(&conf);
	wp_test_run(redis, "SUBSCRIBE", "t:one", NULL);
	wp_test_run(other, "PUBLISH", "t:one", "x", NULL);

	reply = wp_test_cmd(redis, "SUBSCRIBE", "t:two", NULL);

	assert_true(wp_reply_is(wp_reply_at(reply, 0), "subscribe"));
	assert_true(wp_reply_is(wp_reply_at(reply, 1), "t:two"));
	wp_reply_free(&reply);
	wp_redis_free(&redis);
	wp_redis_free(&other);
}

static void memory_is_told_as_a_share_of_the_limit(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis, *unlimited;

	(void)state;
	wp_test_conf(&conf, NULL);
	unlimited = wp_test_redis(&conf);
	redis = wp_test_redis(&conf);

	assert_int_equal(wp_redis_memory_percent(unlimited), 0);
	wp_test_run(redis, "CONFIG", "SET", "maxmemory", "1", NULL);
	assert_true(wp_redis_memory_percent(redis) > 100);
	wp_test_run(redis, "CONFIG", "SET", "maxmemory", "1gb", NULL);
	wp_redis_disconnect(redis);
	assert_true(wp_redis_memory_percent(redis) <= 50);
	wp_test_run(redis, "CONFIG", "SET", "maxmemory", "0", NULL);

	wp_redis_free(&redis);
	wp_redis_free(&unlimited);
}

static void a_memory_sample_leaves_a_pipeline_alone(void **state)
{
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_cmd_init(&cmd);
	append_echo(redis, &cmd, 5);

	assert_int_equal(wp_redis_memory_percent(redis), 0);

	assert_int_equal(wp_redis_take(redis, &reply, NULL), WP_OK);
	assert_int_equal(wp_reply_int(reply), 5);
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
}

/* Something that is no Redis: says bytes to one client, and no more; reads to
 * its end. */
static pid_t start_impostor(const char *path, const char *bytes)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char sink[4096];
	pid_t pid;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		int peer = accept(fd, NULL, NULL);

		(void)!write(peer, bytes, strlen(bytes));
		(void)shutdown(peer, SHUT_WR); /* nobody need wait for more */
		while (read(peer, sink, sizeof(sink)) > 0)
			continue;
		_exit(0);
	}
	close(fd);
	return pid;
}

static enum wp_err meet_impostor(const char *name, const char *bytes,
				 struct wp_error *err)
{
	struct wp_redis *redis = NULL;
	struct wp_conf conf;
	char path[100];
	enum wp_err rc;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", wp_test_dir(), name);
	pid = start_impostor(path, bytes);
	wp_test_conf(&conf, path);
	assert_int_equal(wp_redis_new(&redis, &conf, &wp_scripts, NULL), WP_OK);
	rc = wp_redis_connect(redis, err);
	wp_redis_free(&redis);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return rc;
}

static void a_redis_older_than_7_is_refused_by_its_version(void **state)
{
	struct wp_error err = { 0 };

	(void)state;

	assert_int_equal(
		meet_impostor("old",
			      "+OK\r\n$79\r\n# Server\r\n"
			      "redis_version:6.2.14\r\n"
			      "run_id:0123456789012345678901234567890123456789"
			      "\r\n*0\r\n*0\r\n",
			      &err),
		WP_ERR_INVAL);

	assert_non_null(strstr(err.msg, "6.2.14"));
}

static void what_is_no_redis_is_unavailable(void **state)
{
	static const char *const bytes[] = {
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"*-5\r\n*99999999999999\r\n",
		"-ERR max number of clients reached\r\n",
		":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n",
		"+OK\r\n$-1\r\n*0\r\n*0\r\n",
	};
	char name[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		snprintf(name, sizeof(name), "impostor%zu", i);
		assert_int_equal(meet_impostor(name, bytes[i], NULL),
				 WP_ERR_UNAVAIL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_connection_has_every_script),
		cmocka_unit_test(words_are_bytes_and_nothing_is_cut),
		cmocka_unit_test(an_error_reply_is_an_answer),
		cmocka_unit_test(numbers_are_read_strictly),
		cmocka_unit_test(lost_scripts_cost_one_call_and_come_back),
		cmocka_unit_test(a_pipeline_is_answered_in_order),
		cmocka_unit_test(a_group_has_one_answer),
		cmocka_unit_test(
			a_group_that_is_lost_in_the_middle_has_no_answer),
		cmocka_unit_test(what_was_flushed_is_done_before_it_is_heard),
		cmocka_unit_test(an_abandoned_pipeline_answers_nobody_else),
		cmocka_unit_test(a_broken_pipeline_is_lost_to_its_end),
		cmocka_unit_test(a_command_without_memory_is_not_sent),
		cmocka_unit_test(a_database_is_selected),
		cmocka_unit_test(a_killed_server_is_unavailable_and_then_back),
		cmocka_unit_test(while_it_backs_off_it_does_not_even_try),
		cmocka_unit_test(
			a_restart_costs_nothing_when_the_caller_connects_first),
		cmocka_unit_test(
			a_command_written_before_a_restart_is_not_sent),
		cmocka_unit_test(a_silent_server_is_not_waited_for),
		cmocka_unit_test(a_replica_without_master_is_no_answer),
		cmocka_unit_test(
			a_demoted_master_is_left_until_it_is_one_again),
		cmocka_unit_test(durability_follows_the_settings_of_redis),
		cmocka_unit_test(passwords_open_and_wrong_ones_are_denied),
		cmocka_unit_test(a_password_nobody_asked_for_is_denied),
		cmocka_unit_test(
			bad_addresses_are_refused_without_being_repeated),
		cmocka_unit_test(every_form_of_tcp_address_connects),
		cmocka_unit_test(
			a_redis_older_than_7_is_refused_by_its_version),
		cmocka_unit_test(what_is_no_redis_is_unavailable),
		cmocka_unit_test(wait_gives_messages_silence_and_loss),
		cmocka_unit_test(
			a_second_subscription_is_confirmed_between_messages),
		cmocka_unit_test(memory_is_told_as_a_share_of_the_limit),
		cmocka_unit_test(a_memory_sample_leaves_a_pipeline_alone),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("redis_client", tests, NULL, NULL);
}
