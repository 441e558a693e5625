/*
 * Sends that go together, with a real Redis that is killed, frozen, or left
 * alone. Everybody is told once; who is told "not accepted" is not in Redis.
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

#include "lib/live/gather.h"
#include "tests/support/test_redis.h"

#include "handlers/request/ctx.h"

enum { UNDER_WAY = WP_GATHER_CALLS * WP_GATHER_CALL_MAX };
enum { MANY = UNDER_WAY + 50, FEW = 3, PATIENCE_S = 20, SHORT_MS = 300 };

/* A send on its way. */
struct one {
	struct wp_sends sends; /* first */
	struct stage *stage;
	struct wp_submission submission;
	const struct wp_submission *list;
	struct wp_send_result result;
	int n_done;
};

struct stage {
	struct wp_conf conf;
	struct wp_shared shared;
	struct wp_ctx ctx;
	struct wp_buf json;
	struct one ones[MANY];
	int n; /* begun */
	int n_done;
	struct wp_backend_guest guest;
	bool is_waiting;
};

static struct wp_test_server server;

/* ---- Redis from beside ---- */

/* What send.lua takes as reconciled, in all partitions. */
static void open_gates(struct stage *stage)
{
	struct wp_redis *redis = wp_test_redis(&stage->conf);

	for (int p = 0; p < WP_TEST_PARTITIONS; p++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "wp:{%d}:gate", p);
		wp_test_run(redis, "SET", key, wp_redis_run_id(redis), NULL);
	}
	wp_redis_free(&redis);
}

/* How many were accepted. */
static int64_t in_redis(const struct stage *stage)
{
	struct wp_redis *redis = wp_test_redis(&stage->conf);
	int64_t n = 0;

	for (int p = 0; p < WP_TEST_PARTITIONS; p++) {
		struct wp_reply *reply;
		char key[32];

		(void)snprintf(key, sizeof(key), "wp:{%d}:ingress", p);
		reply = wp_test_cmd(redis, "XLEN", key, NULL);
		n += wp_reply_int(reply);
		wp_reply_free(&reply);
	}
	wp_redis_free(&redis);
	return n;
}

static int64_t script_calls(const struct stage *stage)
{
	static const char name[] = "cmdstat_evalsha:calls=";
	struct wp_redis *redis = wp_test_redis(&stage->conf);
	struct wp_reply *reply =
		wp_test_cmd(redis, "INFO", "commandstats", NULL);
	const char *at = strstr(wp_reply_str(reply), name);
	int64_t n = at == NULL ? 0 : atoll(at + sizeof(name) - 1);

	wp_reply_free(&reply);
	wp_redis_free(&redis);
	return n;
}

/* ---- handlers ---- */

static void on_go(struct wp_backend_guest *guest, bool is_up)
{
	struct stage *stage =
		(struct stage *)((char *)guest - offsetof(struct stage, guest));

	(void)is_up;
	stage->is_waiting = false;
}

static void on_impatience(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
	fail_msg("nothing happens");
}

static void start_patience(struct stage *stage, ev_timer *timer)
{
	ev_timer_init(timer, on_impatience, PATIENCE_S, 0.);
	ev_timer_start(stage->ctx.loop, timer);
}

static void await_up(struct stage *stage)
{
	ev_timer timer;

	start_patience(stage, &timer);
	stage->guest.go = on_go;
	for (;;) {
		enum wp_backend_door door = WP_BACKEND_WAIT;

		if (!stage->is_waiting)
			door = wp_backend_enter(stage->ctx.backend,
						WP_LINE_SHORT, &stage->guest);
		if (door == WP_BACKEND_UP)
			break;
		stage->is_waiting = door == WP_BACKEND_WAIT;
		ev_run(stage->ctx.loop, EVRUN_ONCE);
	}
	ev_timer_stop(stage->ctx.loop, &timer);
}

static void await_done(struct stage *stage, int n)
{
	ev_timer timer;

	start_patience(stage, &timer);
	while (stage->n_done < n)
		ev_run(stage->ctx.loop, EVRUN_ONCE);
	ev_timer_stop(stage->ctx.loop, &timer);
}

static void on_done(struct wp_sends *sends)
{
	struct one *one = (struct one *)sends;

	one->n_done++;
	one->stage->n_done++;
}

/* Submit one more; recipients lie in all partitions. */
static enum wp_err begin_one(struct stage *stage)
{
	struct one *one = &stage->ones[stage->n];
	const struct wp_submit_options options = { .sender = "urn:x:y:amy" };
	struct wp_envelope_text text;
	char envelope[128];

	text = (struct wp_envelope_text){
		.data = envelope,
		.len = (size_t)snprintf(envelope, sizeof(envelope),
					"{\"recipientId\":\"urn:x:y:u%d\","
					"\"encryptedData\":\"aGk=\"}",
					stage->n % (3 * WP_TEST_PARTITIONS)),
	};
	assert_int_equal(wp_submit_read(&one->submission, &options, &text,
					&stage->conf, &stage->json),
			 WP_OK);
	assert_null(one->submission.refusal.code);
	one->stage = stage;
	one->list = &one->submission;
	one->sends = (struct wp_sends){
		.list = &one->list,
		.n = 1,
		.results = &one->result,
		.done = on_done,
	};
	stage->n++;
	return wp_gather_submit(stage->ctx.gather, &one->sends);
}

static void send_some(struct stage *stage, int n)
{
	while (n-- > 0)
		assert_int_equal(begin_one(stage), WP_OK);
}

static int count(const struct stage *stage, enum wp_send_status status)
{
	int n = 0;

	for (int i = 0; i < stage->n; i++) {
		assert_int_equal(stage->ones[i].n_done, 1);
		n += stage->ones[i].result.status == status;
	}
	return n;
}

static void begin(struct stage *stage)
{
	wp_shared_init(&stage->shared, &stage->conf, NULL, NULL, NULL);
	assert_int_equal(wp_ctx_init(&stage->ctx, &stage->shared, NULL), WP_OK);
	open_gates(stage);
	await_up(stage);
}

static void end(struct stage *stage)
{
	wp_ctx_release(&stage->ctx);
	wp_test_server_kill(&server, SIGKILL);
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	char cmd[128];

	*state = stage;
	if (stage == NULL)
		return -1;
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s/gather'", wp_test_dir());
	if (system(cmd) != 0)
		return -1;
	wp_test_server_start(&server, "gather", NULL);
	wp_test_conf(&stage->conf, server.path);
	wp_buf_init(&stage->json, 0);
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	wp_buf_release(&stage->json);
	free(stage);
	return 0;
}

/* ---- tests ---- */

static void sends_of_one_turn_are_few_calls(void **state)
{
	struct stage *stage = *state;
	struct wp_entry_id last[WP_TEST_PARTITIONS] = { 0 };
	int64_t calls;

	begin(stage);
	calls = script_calls(stage);
	send_some(stage, MANY);
	await_done(stage, MANY);
	assert_int_equal(count(stage, WP_SEND_ACCEPTED), MANY);
	assert_int_equal(in_redis(stage), MANY);
	assert_int_equal(script_calls(stage) - calls,
			 (MANY + WP_GATHER_CALL_MAX - 1) / WP_GATHER_CALL_MAX);

	/* In each partition in the order in which they came. */
	for (int i = 0; i < MANY; i++) {
		const struct wp_msgid *id = &stage->ones[i].result.id;
		struct wp_entry_id *before = &last[id->partition];

		assert_int_equal(
			id->partition,
			stage->ones[i].submission.envelope.recipient.partition);
		assert_true(id->entry.ms > before->ms ||
			    (id->entry.ms == before->ms &&
			     id->entry.seq > before->seq));
		*before = id->entry;
	}
	end(stage);
}

static void a_killed_redis_has_what_it_was_not_sent_never(void **state)
{
	struct stage *stage = *state;

	begin(stage);
	wp_test_server_kill(&server, SIGSTOP);
	send_some(stage, MANY - 1);
	ev_run(stage->ctx.loop, EVRUN_NOWAIT);
	assert_int_equal(stage->n_done, 0);
	wp_test_server_kill(&server, SIGKILL);
	await_done(stage, MANY - 1);
	assert_int_equal(count(stage, WP_SEND_UNKNOWN), UNDER_WAY);
	assert_int_equal(count(stage, WP_SEND_OVERLOADED),
			 MANY - 1 - UNDER_WAY);

	/* Back again: nothing of it comes, and all goes on. */
	wp_test_server_start(&server, "gather", NULL);
	open_gates(stage);
	await_up(stage);
	send_some(stage, 1);
	await_done(stage, MANY);
	assert_int_equal(count(stage, WP_SEND_ACCEPTED), 1);
	assert_int_equal(in_redis(stage), 1);
	end(stage);
}

static void a_frozen_redis_is_unknown_to_those_under_way_only(void **state)
{
	struct stage *stage = *state;
	int64_t n;

	stage->conf.redis.command_timeout_ms = SHORT_MS;
	begin(stage);
	wp_test_server_kill(&server, SIGSTOP);
	for (int i = 0; i < WP_GATHER_CALLS; i++) {
		send_some(stage, 1);
		ev_run(stage->ctx.loop, EVRUN_NOWAIT);
	}
	send_some(stage, FEW);
	await_done(stage, WP_GATHER_CALLS + FEW);
	assert_int_equal(count(stage, WP_SEND_UNKNOWN), WP_GATHER_CALLS);
	assert_int_equal(count(stage, WP_SEND_OVERLOADED), FEW);
	for (int i = 0; i < WP_GATHER_CALLS; i++)
		assert_int_equal(stage->ones[i].result.status, WP_SEND_UNKNOWN);

	/* It may find in its socket what it was sent. */
	wp_test_server_kill(&server, SIGCONT);
	await_up(stage);
	send_some(stage, 1);
	await_done(stage, WP_GATHER_CALLS + FEW + 1);
	assert_int_equal(count(stage, WP_SEND_ACCEPTED), 1);
	n = in_redis(stage);
	assert_in_range(n, 1, 1 + WP_GATHER_CALLS);
	end(stage);
}

static void the_end_finds_everybody_told(void **state)
{
	struct stage *stage = *state;

	begin(stage);
	wp_test_server_kill(&server, SIGSTOP);
	send_some(stage, MANY);
	ev_run(stage->ctx.loop, EVRUN_NOWAIT);
	end(stage);
	assert_int_equal(count(stage, WP_SEND_UNKNOWN), UNDER_WAY);
	assert_int_equal(count(stage, WP_SEND_OVERLOADED), MANY - UNDER_WAY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sends_of_one_turn_are_few_calls),
		TEST(a_killed_redis_has_what_it_was_not_sent_never),
		TEST(a_frozen_redis_is_unknown_to_those_under_way_only),
		TEST(the_end_finds_everybody_told),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("handlers_gather", tests, NULL,
					   NULL);
}
