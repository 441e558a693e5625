/* The event-driven client: every callback once, in order, whatever happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/base/clock.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/async.h"
#include "tests/support/test_redis.h"

enum { PATIENCE_S = 20, MANY = 5000, SOME = 100 };

/* One client under test and all that it told its owner. */
struct owner {
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_aredis *redis;
	int ready;
	int lost;
	int downs;
	int answers;  /* callbacks with a reply */
	int failures; /* callbacks with NULL */
	int depth;    /* callbacks on the stack */
	int failures_at_loss;
	int asked;
	int64_t last;
	bool is_in_order;
};

static void on_ready(void *ctx)
{
	struct owner *owner = ctx;

	owner->ready++;
	assert_true(wp_aredis_is_ready(owner->redis));
	assert_int_equal(strlen(wp_aredis_run_id(owner->redis)), 40);
}

static void on_lost(void *ctx)
{
	struct owner *owner = ctx;

	owner->lost++;
	owner->failures_at_loss = owner->failures;
	assert_false(wp_aredis_is_ready(owner->redis));
	assert_string_equal(wp_aredis_run_id(owner->redis), "");
}

static void on_down(void *ctx, const char *reason, uint32_t retry_ms)
{
	struct owner *owner = ctx;

	owner->downs++;
	assert_true(owner->downs >= owner->lost);
	assert_true(strlen(reason) > 0);
	assert_in_range(retry_ms, 1, 3000);
}

/* Numbers must come in the order of the commands. */
static void on_number(void *ctx, const struct wp_reply *reply)
{
	struct owner *owner = ctx;

	assert_int_equal(owner->depth, 0);
	if (reply == NULL) {
		owner->failures++;
		return;
	}
	owner->answers++;
	owner->is_in_order &= wp_reply_int(reply) == owner->last + 1;
	owner->last = wp_reply_int(reply);
}

static void begin_with(struct owner *owner, const char *path,
		       void (*ready)(void *ctx))
{
	struct wp_aredis_setup setup = {
		.conf = &owner->conf,
		.scripts = &wp_scripts,
		.name = "test",
		.hooks = { .on_ready = ready,
			   .on_lost = on_lost,
			   .on_down = on_down,
			   .ctx = owner },
	};

	memset(owner, 0, sizeof(*owner));
	owner->is_in_order = true;
	owner->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(owner->loop);
	wp_test_conf(&owner->conf, path);
	setup.loop = owner->loop;
	assert_int_equal(wp_aredis_new(&owner->redis, &setup, NULL), WP_OK);
}

static void on_impatience(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	*(bool *)w->data = true;
	ev_break(loop, EVBREAK_ONE);
}

/* Run the loop until *counter is at least wanted. */
static void run_until(struct owner *owner, const int *counter, int wanted)
{
	bool is_late = false;
	struct ev_timer timer;

	ev_timer_init(&timer, on_impatience, PATIENCE_S, 0.);
	timer.data = &is_late;
	ev_timer_start(owner->loop, &timer);
	while (*counter < wanted && !is_late)
		ev_run(owner->loop, EVRUN_ONCE);
	ev_timer_stop(owner->loop, &timer);
	assert_false(is_late);
}

static void begin(struct owner *owner, const char *path)
{
	begin_with(owner, path, on_ready);
	run_until(owner, &owner->ready, 1);
}

static void end(struct owner *owner)
{
	wp_aredis_free(&owner->redis);
	assert_null(owner->redis);
	ev_loop_destroy(owner->loop);
}

static enum wp_err send_words(struct owner *owner, wp_reply_fn fn,
			      const char *a, const char *b, const char *c)
{
	const char *words[] = { a, b, c };
	struct wp_cmd cmd;
	enum wp_err rc;
	size_t i;

	wp_cmd_init(&cmd);
	for (i = 0; i < 3 && words[i] != NULL; i++)
		wp_cmd_str(&cmd, words[i]);
	rc = wp_aredis_do(owner->redis, &cmd, fn, owner);
	wp_cmd_release(&cmd);
	return rc;
}

static void send_many(struct owner *owner, int n)
{
	char text[16];
	int i;

	for (i = 1; i <= n; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(
			send_words(owner, on_number, "ECHO", text, NULL),
			WP_OK);
	}
}

static void ready_means_every_script_is_loaded(void **state)
{
	struct wp_redis *other;
	struct wp_conf conf;
	struct owner owner;
	size_t i;

	(void)state;
	wp_test_conf(&conf, NULL);
	other = wp_test_redis(&conf);
	wp_test_run(other, "SCRIPT", "FLUSH", NULL);
	begin_with(&owner, NULL, on_ready);
	assert_false(wp_aredis_is_ready(owner.redis));
	assert_int_equal(send_words(&owner, on_number, "ECHO", "1", NULL),
			 WP_ERR_UNAVAIL);

	run_until(&owner, &owner.ready, 1);

	for (i = 0; i < WP_SCRIPT_COUNT; i++) {
		struct wp_reply *reply =
			wp_test_cmd(other, "SCRIPT", "EXISTS",
				    wp_scripts.list[i].sha1, NULL);

		assert_int_equal(wp_reply_int(wp_reply_at(reply, 0)), 1);
		wp_reply_free(&reply);
	}
	assert_string_equal(wp_aredis_run_id(owner.redis),
			    wp_redis_run_id(other));
	end(&owner);
	assert_int_equal(owner.answers + owner.failures + owner.lost, 0);
	wp_redis_free(&other);
}

static void answers_come_once_and_in_order(void **state)
{
	struct owner owner;

	(void)state;
	begin(&owner, NULL);
	send_many(&owner, MANY);

	run_until(&owner, &owner.answers, MANY);

	assert_true(owner.is_in_order);
	end(&owner);
	assert_int_equal(owner.answers, MANY);
	assert_int_equal(owner.failures, 0);
}

/* {ECHO i, PING}; a number that is missing was refused. */
static void on_group(void *ctx, const struct wp_reply *reply)
{
	struct owner *owner = ctx;

	if (reply != NULL) {
		assert_int_equal(wp_reply_count(reply), 2);
		assert_true(wp_reply_is(wp_reply_at(reply, 1), "PONG"));
	}
	if (wp_reply_type(wp_reply_at(reply, 0)) == WP_REPLY_ERROR)
		owner->last++;
	else
		on_number(ctx, wp_reply_at(reply, 0));
}

static void send_group(struct owner *owner, int i, bool is_good)
{
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, is_good ? "ECHO" : "NOSUCHCOMMAND");
	wp_cmd_int(&cmd, i);
	wp_cmd_end(&cmd);
	wp_cmd_str(&cmd, "PING");
	wp_cmd_end(&cmd);
	assert_int_equal(wp_aredis_do(owner->redis, &cmd, on_group, owner),
			 WP_OK);
	wp_cmd_release(&cmd);
}

static void a_group_is_answered_once_among_others(void **state)
{
	enum { THIRD = 1000 };
	struct owner owner;
	int n = 0;

	(void)state;
	begin(&owner, NULL);
	for (int i = 0; i < THIRD; i++) {
		char text[16];

		send_group(&owner, ++n, true);
		send_group(&owner, ++n, false);
		(void)snprintf(text, sizeof(text), "%d", ++n);
		assert_int_equal(
			send_words(&owner, on_number, "ECHO", text, NULL),
			WP_OK);
	}
	assert_int_equal(wp_aredis_unanswered(owner.redis), 3 * THIRD);

	run_until(&owner, &owner.answers, 2 * THIRD);

	assert_true(owner.is_in_order);
	assert_int_equal(wp_aredis_unanswered(owner.redis), 0);
	end(&owner);
	assert_int_equal(owner.failures, 0);
}

/* Its second command never is: a part of an answer is none. */
static void a_group_that_is_lost_in_the_middle_fails_once(void **state)
{
	struct owner owner;
	struct wp_cmd cmd;

	(void)state;
	begin(&owner, NULL);
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "ECHO");
	wp_cmd_str(&cmd, "1");
	wp_cmd_end(&cmd);
	wp_cmd_str(&cmd, "EVALSHA");
	wp_cmd_str(&cmd, "0123456789012345678901234567890123456789");
	wp_cmd_str(&cmd, "0");
	wp_cmd_end(&cmd);
	assert_int_equal(wp_aredis_do(owner.redis, &cmd, on_group, &owner),
			 WP_OK);
	wp_cmd_release(&cmd);

	run_until(&owner, &owner.ready, 2);

	assert_int_equal(owner.failures, 1);
	assert_int_equal(owner.answers, 0);
	send_group(&owner, 1, true);
	run_until(&owner, &owner.answers, 1);
	end(&owner);
	assert_int_equal(owner.failures, 1);
}

/* For each answer two more questions, until all were asked. */
static void on_number_ask(void *ctx, const struct wp_reply *reply)
{
	struct owner *owner = ctx;
	char text[16];

	on_number(ctx, reply);
	for (int i = 0; i < 2 && owner->asked < MANY; i++) {
		snprintf(text, sizeof(text), "%d", ++owner->asked);
		assert_int_equal(
			send_words(owner, on_number_ask, "ECHO", text, NULL),
			WP_OK);
	}
}

/* The line of those who wait moves on and grows at the same time. */
static void order_survives_asking_while_others_wait(void **state)
{
	struct owner owner;

	(void)state;
	begin(&owner, NULL);
	owner.asked = 1;
	assert_int_equal(send_words(&owner, on_number_ask, "ECHO", "1", NULL),
			 WP_OK);

	run_until(&owner, &owner.answers, MANY);

	assert_true(owner.is_in_order);
	end(&owner);
	assert_int_equal(owner.answers, MANY);
	assert_int_equal(owner.failures, 0);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct owner *owner = prepare->data;

	(void)events;
	ev_prepare_stop(loop, prepare);
	send_many(owner, SOME);
}

/* Nothing but its answers would wake the loop. */
static void what_is_queued_when_the_loop_is_about_to_wait_leaves(void **state)
{
	struct owner owner;
	ev_prepare prepare;

	(void)state;
	begin(&owner, NULL);
	ev_prepare_init(&prepare, on_prepare);
	prepare.data = &owner;
	ev_prepare_start(owner.loop, &prepare);

	run_until(&owner, &owner.answers, SOME);

	assert_true(owner.is_in_order);
	end(&owner);
}

static void an_answer_larger_than_any_buffer_arrives_whole(void **state)
{
	enum { LEN = 3 * 1024 * 1024 };
	struct owner owner;
	char *big = malloc(LEN + 1);

	(void)state;
	assert_non_null(big);
	memset(big, '7', LEN);
	big[LEN] = '\0';
	begin(&owner, NULL);

	assert_int_equal(send_words(&owner, NULL, "SET", "t:big", big), WP_OK);
	assert_int_equal(send_words(&owner, on_number, "STRLEN", "t:big", NULL),
			 WP_OK);
	owner.last = LEN - 1;
	run_until(&owner, &owner.answers, 1);

	assert_true(owner.is_in_order);
	end(&owner);
	free(big);
}

static void a_killed_server_fails_all_pending_once_and_comes_back(void **state)
{
	struct wp_test_server server = { 0 };
	struct owner owner;
	char run_id[41];

	(void)state;
	wp_test_server_start(&server, "killed", NULL);
	begin(&owner, server.path);
	snprintf(run_id, sizeof(run_id), "%s", wp_aredis_run_id(owner.redis));

	wp_test_server_kill(&server, SIGSTOP); /* so that none is answered */
	send_many(&owner, SOME);
	wp_test_server_kill(&server, SIGKILL);
	run_until(&owner, &owner.lost, 1);

	assert_int_equal(owner.failures, SOME);
	assert_int_equal(owner.failures_at_loss, SOME);
	assert_int_equal(send_words(&owner, on_number, "ECHO", "1", NULL),
			 WP_ERR_UNAVAIL);
	wp_test_server_start(&server, "killed", NULL);
	run_until(&owner, &owner.ready, 2);
	assert_string_not_equal(wp_aredis_run_id(owner.redis), run_id);
	send_many(&owner, SOME);
	run_until(&owner, &owner.answers, SOME);
	assert_int_equal(owner.failures, SOME);
	assert_int_equal(owner.lost, 1);
	assert_true(owner.downs >= 1);
	end(&owner);
	wp_test_server_kill(&server, SIGKILL);
}

static void a_server_that_starts_late_is_found(void **state)
{
	struct wp_test_server server = { 0 };
	struct owner owner;
	int i;

	(void)state;
	wp_test_server_start(&server, "late", NULL);
	wp_test_server_kill(&server, SIGKILL);
	begin_with(&owner, server.path, on_ready);
	for (i = 0; i < 10; i++)
		ev_run(owner.loop, EVRUN_ONCE);
	assert_int_equal(owner.ready, 0);

	wp_test_server_start(&server, "late", NULL);
	run_until(&owner, &owner.ready, 1);

	assert_true(owner.downs >= 1);
	/* It was never had, so it was never lost. */
	assert_int_equal(owner.lost, 0);
	end(&owner);
	wp_test_server_kill(&server, SIGKILL);
}

static void a_silent_server_is_dropped(void **state)
{
	struct wp_test_server server = { 0 };
	struct owner owner;

	(void)state;
	wp_test_server_start(&server, "silent", NULL);
	begin(&owner, server.path);
	owner.conf.redis.command_timeout_ms = 150;

	wp_test_server_kill(&server, SIGSTOP);
	send_many(&owner, 3);
	run_until(&owner, &owner.lost, 1);

	assert_int_equal(owner.failures, 3);
	wp_test_server_kill(&server, SIGCONT);
	run_until(&owner, &owner.ready, 2);
	end(&owner);
	wp_test_server_kill(&server, SIGKILL);
}

static void a_steady_stream_is_not_taken_for_silence(void **state)
{
	enum { TIMEOUT_MS = 400 }; /* more than Redis waits for a processor */
	struct owner owner;
	uint64_t end_ms;

	(void)state;
	begin(&owner, NULL);
	owner.conf.redis.command_timeout_ms = TIMEOUT_MS;
	end_ms = wp_mono_ms() + (uint64_t)2 * TIMEOUT_MS;

	/* Longer than the timeout, but each answer comes in time. */
	for (int i = 1; wp_mono_ms() < end_ms; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(
			send_words(&owner, on_number, "ECHO", text, NULL),
			WP_OK);
		run_until(&owner, &owner.answers, i);
	}

	assert_int_equal(owner.lost, 0);
	end(&owner);
}

/* Each answer comes in time, but the last one long after its question. */
static void a_line_of_slow_answers_is_not_taken_for_silence(void **state)
{
	enum { TIMEOUT_MS = 1200, SLOW = 3 };
	struct owner owner;

	(void)state;
	begin(&owner, NULL);
	owner.conf.redis.command_timeout_ms = TIMEOUT_MS;
	for (int i = 0; i < SLOW; i++)
		assert_int_equal(
			send_words(&owner, on_number, "BLPOP", "t:none", "0.7"),
			WP_OK);

	run_until(&owner, &owner.answers, SLOW);

	assert_int_equal(owner.failures, 0);
	assert_int_equal(owner.lost, 0);
	end(&owner);
}

static void lost_scripts_are_a_lost_connection(void **state)
{
	struct wp_redis *other;
	struct wp_conf conf;
	struct owner owner;
	struct wp_cmd cmd;

	(void)state;
	wp_test_conf(&conf, NULL);
	other = wp_test_redis(&conf);
	begin(&owner, NULL);
	wp_test_run(other, "SCRIPT", "FLUSH", NULL);
	wp_cmd_init(&cmd);
	wp_cmd_script(&cmd, WP_SCRIPT_PRESENCE, 1);

	assert_int_equal(wp_aredis_do(owner.redis, &cmd, on_number, &owner),
			 WP_OK);
	assert_int_equal(send_words(&owner, on_number, "ECHO", "1", NULL),
			 WP_OK);
	run_until(&owner, &owner.ready, 2);

	assert_int_equal(owner.failures, 2);
	assert_int_equal(owner.lost, 1);
	assert_int_equal(owner.answers, 0);
	wp_cmd_release(&cmd);
	end(&owner);
	wp_redis_free(&other);
}

/* Resets at the first answer; the rest must fail, each on its own. */
static void on_number_reset(void *ctx, const struct wp_reply *reply)
{
	struct owner *owner = ctx;

	on_number(ctx, reply);
	owner->depth++;
	if (reply != NULL)
		wp_aredis_reset(owner->redis);
	assert_false(wp_aredis_is_ready(owner->redis));
	owner->depth--;
}

static void a_reset_in_a_callback_calls_nobody_back_inside_it(void **state)
{
	struct owner owner;

	(void)state;
	begin(&owner, NULL);
	assert_int_equal(send_words(&owner, on_number_reset, "ECHO", "1", NULL),
			 WP_OK);
	send_many(&owner, SOME);

	run_until(&owner, &owner.ready, 2);

	assert_int_equal(owner.answers, 1);
	assert_int_equal(owner.failures, SOME);
	assert_int_equal(owner.lost, 1);
	end(&owner);
}

static void a_reset_is_over_before_the_next_command(void **state)
{
	struct owner owner;

	(void)state;
	begin(&owner, NULL);

	wp_aredis_reset(owner.redis);
	wp_aredis_reset(owner.redis);

	assert_int_equal(send_words(&owner, on_number, "ECHO", "1", NULL),
			 WP_ERR_UNAVAIL);
	run_until(&owner, &owner.ready, 2);
	assert_int_equal(owner.lost, 1);
	end(&owner);
}

static void free_fails_pending_and_loses_nothing(void **state)
{
	struct owner owner;

	(void)state;
	begin(&owner, NULL);
	send_many(&owner, SOME);

	wp_aredis_free(&owner.redis);

	assert_int_equal(owner.failures, SOME);
	assert_int_equal(owner.lost, 0);
	/* Nothing of it is left in the loop. */
	assert_false(ev_run(owner.loop, EVRUN_NOWAIT));
	wp_aredis_free(&owner.redis);
	ev_loop_destroy(owner.loop);
}

static void on_number_free(void *ctx, const struct wp_reply *reply)
{
	struct owner *owner = ctx;

	on_number(ctx, reply);
	wp_aredis_free(&owner->redis);
}

static void free_in_a_callback_is_survived(void **state)
{
	struct owner owner;

	(void)state;
	begin(&owner, NULL);
	assert_int_equal(send_words(&owner, on_number_free, "ECHO", "1", NULL),
			 WP_OK);
	send_many(&owner, SOME);

	run_until(&owner, &owner.failures, SOME);

	assert_int_equal(owner.answers, 1);
	assert_int_equal(owner.failures, SOME);
	assert_false(ev_run(owner.loop, EVRUN_NOWAIT));
	ev_loop_destroy(owner.loop);
}

static void free_while_failing_pending_is_survived(void **state)
{
	struct wp_test_server server = { 0 };
	struct owner owner;

	(void)state;
	wp_test_server_start(&server, "freed", NULL);
	begin(&owner, server.path);
	wp_test_server_kill(&server, SIGSTOP);
	assert_int_equal(send_words(&owner, on_number_free, "ECHO", "1", NULL),
			 WP_OK);
	send_many(&owner, SOME);
	wp_test_server_kill(&server, SIGKILL);

	run_until(&owner, &owner.failures, 1 + SOME);

	assert_null(owner.redis);
	assert_int_equal(owner.failures, 1 + SOME);
	assert_int_equal(owner.lost, 0);
	ev_loop_destroy(owner.loop);
}

static void what_a_silent_server_costs_is_bounded(void **state)
{
	enum { BIG = 1024 * 1024 };
	struct wp_test_server server = { 0 };
	char *big = malloc(BIG + 1);
	struct owner owner;
	enum wp_err rc;
	int n = 0;

	(void)state;
	assert_non_null(big);
	memset(big, 'k', BIG);
	big[BIG] = '\0';
	wp_test_server_start(&server, "bounded", NULL);
	begin(&owner, server.path);
	owner.conf.redis.command_timeout_ms = 3600000;
	wp_test_server_kill(&server, SIGSTOP);

	while ((rc = send_words(&owner, on_number, "EXISTS", big, NULL)) ==
		       WP_OK &&
	       n < 1000) {
		n++;
		if (n % 8 == 0)
			ev_run(owner.loop, EVRUN_NOWAIT);
	}

	assert_int_equal(rc, WP_ERR_FULL);
	assert_in_range(n, 64, WP_AREDIS_UNSENT_MAX / BIG + 8);
	assert_true(wp_aredis_is_ready(owner.redis));
	assert_int_equal(send_words(&owner, on_number, "EXISTS", "k", NULL),
			 WP_OK);
	wp_test_server_kill(&server, SIGCONT);
	run_until(&owner, &owner.answers, n + 1);
	assert_int_equal(owner.failures, 0);
	end(&owner);
	wp_test_server_kill(&server, SIGKILL);
	free(big);
}

static void so_many_may_wait_and_no_more(void **state)
{
	struct owner owner;
	struct wp_cmd cmd;

	(void)state;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "PING");
	begin(&owner, NULL);
	for (int i = 0; i < WP_AREDIS_PENDING_MAX; i++)
		assert_int_equal(
			wp_aredis_do(owner.redis, &cmd, on_number, &owner),
			WP_OK);

	assert_int_equal(wp_aredis_do(owner.redis, &cmd, on_number, &owner),
			 WP_ERR_NOMEM);

	end(&owner);
	assert_int_equal(owner.failures, WP_AREDIS_PENDING_MAX);
	wp_cmd_release(&cmd);
}

/* The loop was busy for longer than a server may be silent. */
static void answers_that_wait_to_be_read_are_no_silence(void **state)
{
	enum { LEN = 1000, TIMEOUT_MS = 200 };
	struct wp_redis *other;
	struct wp_conf conf;
	struct owner owner;
	char text[LEN + 1];

	(void)state;
	memset(text, '1', LEN);
	text[LEN] = '\0';
	wp_test_conf(&conf, NULL);
	other = wp_test_redis(&conf);
	begin(&owner, NULL);
	owner.conf.redis.command_timeout_ms = TIMEOUT_MS;
	for (int i = 0; i < SOME; i++)
		assert_int_equal(
			send_words(&owner, on_number, "ECHO", text, NULL),
			WP_OK);
	ev_run(owner.loop, EVRUN_NOWAIT);
	for (int i = 0; i < 3; i++) /* they have been answered by then */
		wp_test_run(other, "PING", NULL);
	(void)poll(NULL, 0, TIMEOUT_MS + 1);

	run_until(&owner, &owner.answers, SOME);

	assert_int_equal(owner.lost, 0);
	end(&owner);
	wp_redis_free(&other);
}

static void a_wrong_password_is_never_ready(void **state)
{
	static const char *const options[] = { "--requirepass", "swordfish",
					       NULL };
	static char wrong[] = "herring", right[] = "swordfish";
	struct wp_test_server server = { 0 };
	struct owner owner;
	int i;

	(void)state;
	wp_test_server_start(&server, "password", options);
	begin_with(&owner, server.path, on_ready);
	owner.conf.redis.password = wrong;
	for (i = 0; i < 20; i++)
		ev_run(owner.loop, EVRUN_ONCE);
	assert_int_equal(owner.ready, 0);

	owner.conf.redis.password = right;
	run_until(&owner, &owner.ready, 1);

	assert_int_equal(owner.lost, 0);
	end(&owner);
	wp_test_server_kill(&server, SIGKILL);
}

static void a_bad_address_is_refused(void **state)
{
	struct wp_conf conf;
	const struct wp_aredis_setup setup = {
		.loop = EV_DEFAULT,
		.conf = &conf,
		.scripts = &wp_scripts,
		.name = "test",
	};
	struct wp_aredis *redis = NULL;
	struct wp_error err = { 0 };
	char address[] = "nowhere";

	(void)state;
	wp_test_conf(&conf, NULL);
	conf.redis.address = address;

	assert_int_equal(wp_aredis_new(&redis, &setup, &err), WP_ERR_INVAL);

	assert_null(redis);
	assert_non_null(strstr(err.msg, "redis.address"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ready_means_every_script_is_loaded),
		cmocka_unit_test(answers_come_once_and_in_order),
		cmocka_unit_test(a_group_is_answered_once_among_others),
		cmocka_unit_test(a_group_that_is_lost_in_the_middle_fails_once),
		cmocka_unit_test(order_survives_asking_while_others_wait),
		cmocka_unit_test(
			what_is_queued_when_the_loop_is_about_to_wait_leaves),
		cmocka_unit_test(
			an_answer_larger_than_any_buffer_arrives_whole),
		cmocka_unit_test(
			a_killed_server_fails_all_pending_once_and_comes_back),
		cmocka_unit_test(a_server_that_starts_late_is_found),
		cmocka_unit_test(a_silent_server_is_dropped),
		cmocka_unit_test(a_steady_stream_is_not_taken_for_silence),
		cmocka_unit_test(
			a_line_of_slow_answers_is_not_taken_for_silence),
		cmocka_unit_test(lost_scripts_are_a_lost_connection),
		cmocka_unit_test(
			a_reset_in_a_callback_calls_nobody_back_inside_it),
		cmocka_unit_test(a_reset_is_over_before_the_next_command),
		cmocka_unit_test(free_fails_pending_and_loses_nothing),
		cmocka_unit_test(free_in_a_callback_is_survived),
		cmocka_unit_test(free_while_failing_pending_is_survived),
		cmocka_unit_test(what_a_silent_server_costs_is_bounded),
		cmocka_unit_test(so_many_may_wait_and_no_more),
		cmocka_unit_test(answers_that_wait_to_be_read_are_no_silence),
		cmocka_unit_test(a_wrong_password_is_never_ready),
		cmocka_unit_test(a_bad_address_is_refused),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("redis_async", tests, NULL, NULL);
}
