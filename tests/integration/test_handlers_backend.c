/*
 * Redis as a process of handlers uses it: killed, frozen, replaced by another
 * deployment's, and back again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/base/clock.h"
#include "lib/live/store_thread.h"
#include "lib/redis/info.h"
#include "tests/support/test_redis.h"

#include "handlers/request/backend.h"

enum { PATIENCE_S = 20, MANY = 100, SHORT_MS = 300 };

struct guest {
	struct wp_backend_guest guest; /* first */
	struct stage *stage;
};

/* A backend, and all that it said. */
struct stage {
	struct wp_conf conf;
	struct ev_loop *loop;
	struct wp_store_thread *store;
	struct wp_backend *backend;
	struct guest guests[MANY];
	int n_guests;
	int ups;
	int downs;
	int answers;
	int refusals; /* among the answers */
	int losses;
	enum wp_line line; /* that guests ask on, when they ask */
	int under_way;
	int most; /* that ever were */
};

static struct wp_test_server server;

static void begin(struct stage *stage)
{
	const struct wp_store_setup store = {
		.conf = &stage->conf,
		.threads = 1,
		.loop = stage->loop = ev_loop_new(EVFLAG_AUTO),
	};
	struct wp_backend_setup setup = { .loop = stage->loop,
					  .conf = &stage->conf };

	assert_int_equal(wp_store_thread_start(&stage->store, &store, NULL),
			 WP_OK);
	setup.store = stage->store;
	assert_int_equal(wp_backend_new(&stage->backend, &setup, NULL), WP_OK);
}

static void end(struct stage *stage)
{
	wp_store_thread_stop(&stage->store);
	wp_backend_free(&stage->backend);
	ev_loop_destroy(stage->loop);
	wp_test_server_kill(&server, SIGKILL);
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	char cmd[128];

	*state = stage;
	if (stage == NULL)
		return -1;
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s/backend'", wp_test_dir());
	if (system(cmd) != 0)
		return -1;
	wp_test_server_start(&server, "backend", NULL);
	wp_test_conf(&stage->conf, server.path);
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void on_impatience(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)events;
	*(bool *)timer->data = true;
	ev_break(loop, EVBREAK_ONE);
}

static void run_until(struct stage *stage, const int *counter, int wanted)
{
	bool is_late = false;
	ev_timer timer;

	ev_timer_init(&timer, on_impatience, PATIENCE_S, 0.);
	timer.data = &is_late;
	ev_timer_start(stage->loop, &timer);
	while (*counter < wanted && !is_late)
		ev_run(stage->loop, EVRUN_ONCE);
	ev_timer_stop(stage->loop, &timer);
	assert_false(is_late);
}

static void on_go(struct wp_backend_guest *guest, bool is_up)
{
	struct stage *stage = ((struct guest *)guest)->stage;

	if (is_up)
		stage->ups++;
	else
		stage->downs++;
}

static enum wp_backend_door enter(struct stage *stage, enum wp_line line)
{
	struct guest *guest = &stage->guests[stage->n_guests++];

	guest->stage = stage;
	guest->guest.go = on_go;
	return wp_backend_enter(stage->backend, line, &guest->guest);
}

/* Wait until both lines are up. */
static void be_up(struct stage *stage)
{
	int ups = stage->ups;

	for (size_t i = 0; i < WP_LINES; i++)
		if (enter(stage, (enum wp_line)i) != WP_BACKEND_WAIT)
			ups--;
	run_until(stage, &stage->ups, ups + WP_LINES);
}

/* Come again until it is up. */
static void await_up(struct stage *stage)
{
	uint64_t start_ms = wp_mono_ms();

	for (;;) {
		int told = stage->ups + stage->downs;

		assert_true(wp_mono_ms() - start_ms < PATIENCE_S * 1000);
		stage->n_guests = 0;
		switch (enter(stage, WP_LINE_SHORT)) {
		case WP_BACKEND_UP:
			return;
		case WP_BACKEND_WAIT:
			while (stage->ups + stage->downs == told)
				ev_run(stage->loop, EVRUN_ONCE);
			break;
		default:
			ev_run(stage->loop, EVRUN_ONCE);
			break;
		}
	}
}

static void on_answer(void *ctx, const struct wp_reply *reply)
{
	struct stage *stage = ctx;

	if (reply == NULL)
		stage->losses++;
	else
		stage->answers++;
	stage->refusals += wp_reply_is_refusal(reply);
}

static enum wp_err ask(struct stage *stage, const char *a, const char *b)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, a);
	wp_cmd_str(&cmd, b);
	rc = wp_backend_do(stage->backend, WP_LINE_SHORT, &cmd, on_answer,
			   stage);
	wp_cmd_release(&cmd);
	return rc;
}

static void who_comes_while_it_connects_waits_for_it(void **state)
{
	struct stage *stage = *state;

	begin(stage);
	assert_int_equal(enter(stage, WP_LINE_SHORT), WP_BACKEND_WAIT);
	assert_int_equal(enter(stage, WP_LINE_LONG), WP_BACKEND_WAIT);
	assert_int_equal(ask(stage, "ECHO", "1"), WP_ERR_UNAVAIL);
	run_until(stage, &stage->ups, 2);

	assert_int_equal(enter(stage, WP_LINE_SHORT), WP_BACKEND_UP);
	assert_int_equal(
		strlen(wp_backend_run_id(stage->backend, WP_LINE_SHORT)), 40);
	assert_string_equal(wp_backend_durability(stage->backend), "fsync");
	assert_int_equal(ask(stage, "ECHO", "1"), WP_OK);
	run_until(stage, &stage->answers, 1);
	assert_int_equal(stage->downs, 0);
	end(stage);
}

static void on_page(void *ctx, const struct wp_reply *reply)
{
	struct stage *stage = ctx;

	on_answer(ctx, reply);
	stage->under_way--;
}

static void go_and_ask(struct wp_backend_guest *guest, bool is_up)
{
	struct stage *stage = ((struct guest *)guest)->stage;
	struct wp_cmd cmd;

	on_go(guest, is_up);
	if (!is_up)
		return;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "PING");
	assert_int_equal(wp_backend_do(stage->backend, stage->line, &cmd,
				       on_page, stage),
			 WP_OK);
	wp_cmd_release(&cmd);
	if (++stage->under_way > stage->most)
		stage->most = stage->under_way;
}

/* One who asks as soon as he may. */
static void come_and_ask(struct stage *stage, enum wp_line line)
{
	struct guest *guest = &stage->guests[stage->n_guests++];

	stage->line = line;
	guest->stage = stage;
	guest->guest.go = go_and_ask;
	if (wp_backend_enter(stage->backend, line, &guest->guest) ==
	    WP_BACKEND_UP)
		go_and_ask(&guest->guest, true);
}

static void only_so_many_pages_are_under_way(void **state)
{
	struct stage *stage = *state;

	begin(stage);
	/* Not all at once when it comes up, */
	for (int i = 0; i < MANY / 2; i++)
		come_and_ask(stage, WP_LINE_LONG);
	run_until(stage, &stage->answers, MANY / 2);
	assert_int_equal(stage->most, WP_BACKEND_PAGES_MAX);

	/* nor when it is. */
	for (int i = 0; i < MANY / 2; i++)
		come_and_ask(stage, WP_LINE_LONG);
	assert_int_equal(stage->under_way, WP_BACKEND_PAGES_MAX);
	run_until(stage, &stage->answers, MANY);
	assert_int_equal(stage->most, WP_BACKEND_PAGES_MAX);
	assert_int_equal(stage->downs, 0);
	end(stage);
}

static void who_waits_for_answers_hears_of_their_loss(void **state)
{
	struct stage *stage = *state;

	stage->conf.redis.command_timeout_ms = SHORT_MS;
	begin(stage);
	be_up(stage);
	wp_test_server_kill(&server, SIGSTOP);
	stage->n_guests = 0;
	for (int i = 0; i < MANY; i++)
		come_and_ask(stage, WP_LINE_LONG);
	run_until(stage, &stage->losses, WP_BACKEND_PAGES_MAX);
	run_until(stage, &stage->downs, MANY - WP_BACKEND_PAGES_MAX);
	assert_int_equal(stage->under_way, 0);
	wp_test_server_kill(&server, SIGCONT);
	end(stage);
}

static void a_killed_redis_fails_what_was_in_flight_and_no_more(void **state)
{
	struct stage *stage = *state;

	begin(stage);
	be_up(stage);
	wp_test_server_kill(&server, SIGSTOP);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(ask(stage, "INCR", "n"), WP_OK);
	ev_run(stage->loop, EVRUN_NOWAIT);
	wp_test_server_kill(&server, SIGKILL);
	run_until(stage, &stage->losses, MANY);
	assert_int_equal(stage->answers, 0);
	assert_string_equal(wp_backend_run_id(stage->backend, WP_LINE_SHORT),
			    "");
	assert_string_equal(wp_backend_durability(stage->backend), "memory");

	/* Nothing of it is sent again. */
	wp_test_server_start(&server, "backend", NULL);
	await_up(stage);
	assert_int_equal(ask(stage, "GET", "n"), WP_OK);
	run_until(stage, &stage->answers, 1);
	assert_int_equal(stage->losses, MANY);
	end(stage);
}

static void a_redis_that_stays_away_keeps_nobody_waiting(void **state)
{
	struct stage *stage = *state;
	enum wp_backend_door door;
	uint64_t start_ms;

	wp_test_server_kill(&server, SIGKILL);
	begin(stage);
	assert_int_equal(enter(stage, WP_LINE_SHORT), WP_BACKEND_WAIT);
	run_until(stage, &stage->downs, 1);
	assert_true(strlen(wp_backend_why(stage->backend, WP_LINE_SHORT)) > 0);

	/* Attempts become rare, and who comes between them is told at once. */
	start_ms = wp_mono_ms();
	do {
		assert_true(wp_mono_ms() - start_ms < PATIENCE_S * 1000);
		stage->n_guests = 0;
		door = enter(stage, WP_LINE_SHORT);
		if (door == WP_BACKEND_WAIT)
			run_until(stage, &stage->downs, stage->downs + 1);
	} while (door != WP_BACKEND_DOWN);
	assert_int_equal(stage->ups, 0);
	end(stage);
}

static void a_frozen_redis_is_waited_for_no_longer_than_it_may(void **state)
{
	struct stage *stage = *state;
	uint64_t start_ms;

	stage->conf.redis.command_timeout_ms = SHORT_MS;
	begin(stage);
	be_up(stage);
	wp_test_server_kill(&server, SIGSTOP);
	start_ms = wp_mono_ms();
	assert_int_equal(ask(stage, "ECHO", "1"), WP_OK);
	run_until(stage, &stage->losses, 1);
	assert_true(wp_mono_ms() - start_ms >= SHORT_MS);

	/* It takes connections, and says nothing on them. */
	assert_int_equal(enter(stage, WP_LINE_SHORT), WP_BACKEND_WAIT);
	run_until(stage, &stage->downs, 1);
	wp_test_server_kill(&server, SIGCONT);
	await_up(stage);
	end(stage);
}

/* Data whose loading takes longer than any test waits. */
static void fill(struct stage *stage)
{
	struct wp_redis *redis = wp_test_redis(&stage->conf);
	struct wp_reply *reply = NULL;
	size_t len;

	wp_test_run(redis, "EVAL",
		    "for i = 1, 5000 do redis.call('SET', 'k' .. i, i) end",
		    "0", NULL);
	wp_test_run(redis, "BGREWRITEAOF", NULL);
	do {
		wp_reply_free(&reply);
		reply = wp_test_cmd(redis, "INFO", "persistence", NULL);
		assert_non_null(reply);
	} while (*wp_info_find(reply, "aof_rewrite_in_progress", &len) != '0');
	assert_memory_equal(
		wp_info_find(reply, "aof_last_bgrewrite_status", &len), "ok",
		2);
	wp_reply_free(&reply);
	wp_redis_free(&redis);
}

/* Come again until it is down for a reason that has this word. */
static void await_down(struct stage *stage, const char *word)
{
	uint64_t start_ms = wp_mono_ms();

	do {
		assert_true(wp_mono_ms() - start_ms < PATIENCE_S * 1000);
		stage->n_guests = 0;
		if (enter(stage, WP_LINE_SHORT) == WP_BACKEND_WAIT)
			run_until(stage, &stage->downs, stage->downs + 1);
		else
			ev_run(stage->loop, EVRUN_ONCE);
	} while (strstr(wp_backend_why(stage->backend, WP_LINE_SHORT), word) ==
		 NULL);
}

static void a_redis_that_loads_is_not_there_yet(void **state)
{
	/* A hundredth of a second for each key, and clients in between. */
	static const char *const slowly[] = {
		"--key-load-delay", "10000",
		"--loading-process-events-interval-bytes", "1024", NULL
	};
	struct stage *stage = *state;

	fill(stage);
	wp_test_server_kill(&server, SIGKILL);
	wp_test_server_spawn(&server, "backend", slowly);
	begin(stage);
	await_down(stage, "LOADING");
	assert_int_equal(stage->ups, 0);
	assert_int_equal(ask(stage, "ECHO", "1"), WP_ERR_UNAVAIL);
	assert_string_equal(wp_backend_durability(stage->backend), "memory");

	wp_test_server_kill(&server, SIGKILL);
	wp_test_server_start(&server, "backend", NULL);
	await_up(stage);
	end(stage);
}

/* It answers, and does nothing: what was asked has certainly failed. */
static void a_busy_redis_refuses_and_is_kept(void **state)
{
	static const char *const impatient[] = { "--lua-time-limit", "1",
						 NULL };
	struct stage *stage = *state;
	pid_t child;

	wp_test_server_kill(&server, SIGKILL);
	wp_test_server_start(&server, "backend", impatient);
	begin(stage);
	be_up(stage);
	child = fork();
	if (child == 0) {
		struct wp_redis *redis = wp_test_redis(&stage->conf);

		(void)wp_test_cmd(redis, "EVAL", "while true do end", "0",
				  NULL);
		_exit(0);
	}
	do {
		int refused = stage->refusals;
		int told = stage->answers;

		assert_int_equal(ask(stage, "ECHO", "1"), WP_OK);
		run_until(stage, &stage->answers, told + 1);
		if (stage->refusals > refused)
			break;
	} while (true);
	assert_int_equal(stage->losses, 0);
	assert_int_equal(enter(stage, WP_LINE_SHORT), WP_BACKEND_UP);

	/* Whoever may end it does. */
	assert_int_equal(ask(stage, "SCRIPT", "KILL"), WP_OK);
	run_until(stage, &stage->answers, stage->answers + 1);
	assert_int_equal(waitpid(child, NULL, 0), child);
	stage->refusals = 0;
	assert_int_equal(ask(stage, "ECHO", "1"), WP_OK);
	run_until(stage, &stage->answers, stage->answers + 1);
	assert_int_equal(stage->refusals, 0);
	assert_int_equal(stage->downs, 0);
	end(stage);
}

static void another_deployments_redis_is_not_used(void **state)
{
	struct stage *stage = *state;
	struct wp_redis *redis;

	redis = wp_test_redis(&stage->conf);
	wp_test_run(redis, "HSET", "wp:meta", "partitions", "9", "layout", "2",
		    NULL);
	begin(stage);
	assert_int_equal(enter(stage, WP_LINE_SHORT), WP_BACKEND_WAIT);
	assert_int_equal(enter(stage, WP_LINE_LONG), WP_BACKEND_WAIT);
	run_until(stage, &stage->downs, 2);
	assert_int_equal(stage->ups, 0);
	assert_non_null(strstr(wp_backend_why(stage->backend, WP_LINE_SHORT),
			       "partitions"));
	assert_int_equal(ask(stage, "ECHO", "1"), WP_ERR_UNAVAIL);

	/* It is looked at again with each connection. */
	wp_test_run(redis, "HSET", "wp:meta", "partitions", "8", NULL);
	await_up(stage);
	wp_redis_free(&redis);
	end(stage);
}

static void a_redis_that_becomes_a_replica_is_left(void **state)
{
	struct stage *stage = *state;
	struct wp_redis *redis;

	begin(stage);
	be_up(stage);
	redis = wp_test_redis(&stage->conf);
	wp_test_run(redis, "REPLICAOF", "127.0.0.1", "1", NULL);
	while (strcmp(wp_backend_run_id(stage->backend, WP_LINE_SHORT), "") !=
	       0)
		ev_run(stage->loop, EVRUN_ONCE);
	assert_non_null(strstr(wp_backend_why(stage->backend, WP_LINE_SHORT),
			       "replica"));
	wp_redis_free(&redis);
	end(stage);
}

static void who_waits_at_the_end_is_told_no(void **state)
{
	struct stage *stage = *state;

	begin(stage);
	assert_int_equal(enter(stage, WP_LINE_SHORT), WP_BACKEND_WAIT);
	assert_int_equal(enter(stage, WP_LINE_LONG), WP_BACKEND_WAIT);
	end(stage);
	assert_int_equal(stage->downs, 2);
	assert_int_equal(stage->ups, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_comes_while_it_connects_waits_for_it),
		TEST(only_so_many_pages_are_under_way),
		TEST(who_waits_for_answers_hears_of_their_loss),
		TEST(a_killed_redis_fails_what_was_in_flight_and_no_more),
		TEST(a_redis_that_stays_away_keeps_nobody_waiting),
		TEST(a_frozen_redis_is_waited_for_no_longer_than_it_may),
		TEST(a_redis_that_loads_is_not_there_yet),
		TEST(a_busy_redis_refuses_and_is_kept),
		TEST(another_deployments_redis_is_not_used),
		TEST(a_redis_that_becomes_a_replica_is_left),
		TEST(who_waits_at_the_end_is_told_no),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("handlers_backend", tests, NULL,
					   NULL);
}
