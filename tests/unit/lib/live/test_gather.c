/* What goes together and what does not, and what everybody is told when a call
 * is lost, refused or never made. Redis is the test: calls wait in it until
 * they are answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>
#include <hiredis/hiredis.h>

#include "lib/base/clock.h"
#include "lib/live/gather.h"
#include "lib/mailbox/entry.h"

enum {
	CALLER_MAX = 100, /* sends of one */
	CALLERS = WP_GATHER_WAITING_MAX + 1,
	PATIENCE_MS = 1000,
	ITEM_WORDS = 4,
	NAME_MAX_LEN = 16,
};

/* ---- time ---- */

static uint64_t now_ms;

uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return now_ms;
}

/* ---- Redis ---- */

struct under_way {
	wp_reply_fn fn;
	void *ctx;
};

static struct {
	bool is_gone;
	bool is_holding;       /* what comes now is answered at the end */
	struct under_way held; /* so one call is left for the tests */
	struct under_way call;
	size_t n_calls;
	size_t n; /* sends of the last one, and which */
	char names[WP_GATHER_CALL_MAX][NAME_MAX_LEN];
	size_t n_partitions;
	size_t n_lost;
} redis;

static struct wp_conf conf = {
	.redis = { .command_timeout_ms = PATIENCE_MS },
};

static void on_target(void *ctx, struct wp_send_target *out)
{
	(void)ctx;
	*out = (struct wp_send_target){ .conf = &conf, .run_id = "1" };
}

/* EVALSHA, script, number of partitions; those; 6 words, and a number for each;
 * then the sends. */
static enum wp_err on_call(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
			   void *fn_ctx)
{
	size_t len, first;

	(void)ctx;
	if (redis.is_gone)
		return WP_ERR_UNAVAIL;
	if (redis.is_holding) {
		redis.held = (struct under_way){ fn, fn_ctx };
		return WP_OK;
	}
	assert_null(redis.call.fn);
	redis.call = (struct under_way){ fn, fn_ctx };
	redis.n_calls++;
	redis.n_partitions = strtoul(wp_cmd_word(cmd, 2, &len), NULL, 10);
	first = 3 + 6 + 2 * redis.n_partitions;
	redis.n = (cmd->n - first) / ITEM_WORDS;
	assert_int_equal(first + redis.n * ITEM_WORDS, cmd->n);
	for (size_t i = 0; i < redis.n; i++) {
		const char *text =
			wp_cmd_word(cmd, first + i * ITEM_WORDS + 2, &len);
		size_t head_len = WP_ENTRY_HEAD + (uint8_t)text[2];

		(void)snprintf(redis.names[i], NAME_MAX_LEN, "%.*s",
			       (int)(len - head_len), text + head_len);
	}
	return WP_OK;
}

static void on_lost(void *ctx)
{
	(void)ctx;
	redis.n_lost++;
}

static void answer(const struct redisReply *reply)
{
	struct under_way call = redis.call;

	assert_non_null(call.fn);
	redis.call.fn = NULL;
	call.fn(call.ctx, (const struct wp_reply *)reply);
}

/* Each is accepted, under the ids 1-0, 1-1 and so on. */
static void accept_all(void)
{
	char text[WP_GATHER_CALL_MAX * NAME_MAX_LEN];
	struct redisReply reply = { .type = REDIS_REPLY_STRING, .str = text };

	for (size_t i = 0; i < redis.n; i++)
		reply.len += (size_t)snprintf(text + reply.len, NAME_MAX_LEN,
					      i == 0 ? "1-%zu" : " 1-%zu", i);
	answer(&reply);
}

static void refuse_all(void)
{
	char text[] = "OOM command not allowed when used memory > 'maxmemory'.";
	const struct redisReply reply = { .type = REDIS_REPLY_ERROR,
					  .str = text,
					  .len = sizeof(text) - 1 };

	answer(&reply);
}

/* ---- callers ---- */

struct caller {
	struct wp_sends sends; /* first */
	struct wp_submission submissions[CALLER_MAX];
	const struct wp_submission *list[CALLER_MAX];
	struct wp_send_result results[CALLER_MAX];
	struct wp_buf json;
	int n_taken;
	int n_done;
	bool comes_again;
	enum wp_err again;
};

static struct ev_loop *loop;
static struct wp_gather *gather;
static struct caller *callers[CALLERS];
static size_t n_callers;

static enum wp_err submit(struct caller *caller)
{
	enum wp_err rc = wp_gather_submit(gather, &caller->sends);

	caller->n_taken += rc == WP_OK;
	return rc;
}

static void on_done(struct wp_sends *sends)
{
	struct caller *caller = (struct caller *)sends;

	caller->n_done++;
	if (!caller->comes_again)
		return;
	caller->comes_again = false;
	caller->again = submit(caller);
}

static struct caller *new_caller(void)
{
	struct caller *caller = calloc(1, sizeof(*caller));

	assert_non_null(caller);
	assert_true(n_callers < CALLERS);
	callers[n_callers++] = caller;
	caller->sends.list = caller->list;
	caller->sends.results = caller->results;
	caller->sends.done = on_done;
	wp_buf_init(&caller->json, 0);
	return caller;
}

/* One more send, of this name, so long. */
static void add(struct caller *caller, uint32_t partition, const char *name,
		size_t len)
{
	struct wp_submission *one = &caller->submissions[caller->sends.n];

	one->envelope.recipient.partition = partition;
	one->json = &caller->json;
	one->json_at = caller->json.len;
	one->json_len = len;
	wp_buf_add_str(&caller->json, name);
	while (caller->json.len < one->json_at + len)
		wp_buf_add_char(&caller->json, ' ');
	caller->list[caller->sends.n++] = one;
}

/* A caller with one send. */
static struct caller *send_one(uint32_t partition, const char *name)
{
	struct caller *caller = new_caller();

	add(caller, partition, name, strlen(name));
	assert_int_equal(submit(caller), WP_OK);
	return caller;
}

static void send_many(size_t n)
{
	while (n-- > 0)
		(void)send_one(0, "x");
}

static void turn(void)
{
	ev_run(loop, EVRUN_NOWAIT);
}

/* Was this one's only send accepted, as the at-th of a call? */
static void assert_accepted(const struct caller *caller, size_t at)
{
	assert_int_equal(caller->n_done, 1);
	assert_int_equal(caller->results[0].status, WP_SEND_ACCEPTED);
	assert_int_equal(caller->results[0].id.entry.seq, at);
}

static void assert_told(const struct caller *caller, enum wp_send_status status)
{
	assert_int_equal(caller->n_done, 1);
	assert_int_equal(caller->results[0].status, status);
}

static int set_up(void **state)
{
	const struct wp_gather_hooks hooks = {
		.target = on_target,
		.call = on_call,
		.lost = on_lost,
	};

	(void)state;
	memset(&redis, 0, sizeof(redis));
	now_ms = 1000000;
	loop = ev_loop_new(EVFLAG_AUTO);
	if (wp_gather_new(&gather, loop, &hooks, NULL) != WP_OK)
		return -1;
	redis.is_holding = true;
	for (size_t i = 1; i < WP_GATHER_CALLS; i++) {
		(void)send_one(0, "held");
		turn();
	}
	redis.is_holding = false;
	return 0;
}

static void answer_held(void)
{
	struct under_way held = redis.held;

	redis.held.fn = NULL;
	if (held.fn != NULL)
		held.fn(held.ctx, NULL);
}

/* Whatever happened: who was taken was told, once. */
static int tear_down(void **state)
{
	(void)state;
	wp_gather_stop(gather);
	if (redis.call.fn != NULL)
		answer(NULL);
	answer_held();
	wp_gather_free(&gather);
	ev_loop_destroy(loop);
	for (size_t i = 0; i < n_callers; i++) {
		assert_int_equal(callers[i]->n_done, callers[i]->n_taken);
		wp_buf_release(&callers[i]->json);
		free(callers[i]);
	}
	n_callers = 0;
	return 0;
}

/* ---- tests ---- */

static void a_lone_send_goes_out_in_its_own_turn(void **state)
{
	struct caller *alice = send_one(3, "hello");

	(void)state;
	assert_int_equal(redis.n_calls, 0);
	turn();
	assert_int_equal(redis.n_calls, 1);
	assert_int_equal(redis.n, 1);
	assert_string_equal(redis.names[0], "hello");
	assert_int_equal(alice->n_done, 0);
	accept_all();
	assert_accepted(alice, 0);
	assert_int_equal(alice->results[0].id.partition, 3);
}

static void what_comes_together_goes_together(void **state)
{
	struct caller *first = send_one(0, "a");
	struct caller *second = send_one(0, "b");
	struct caller *third, *fourth;

	(void)state;
	turn();
	assert_int_equal(redis.n, 2);

	/* And so does what comes while Redis is busy. */
	third = send_one(0, "c");
	turn();
	fourth = send_one(0, "d");
	turn();
	assert_int_equal(redis.n_calls, 1);
	accept_all();
	assert_accepted(first, 0);
	assert_accepted(second, 1);
	turn();
	assert_int_equal(redis.n_calls, 2);
	assert_int_equal(redis.n, 2);
	assert_string_equal(redis.names[0], "c");
	assert_string_equal(redis.names[1], "d");
	accept_all();
	assert_accepted(third, 0);
	assert_accepted(fourth, 1);
	turn();
	assert_int_equal(redis.n_calls, 2);
}

static void two_calls_may_be_under_way(void **state)
{
	struct caller *b;

	(void)state;
	b = send_one(0, "b");
	turn();
	assert_int_equal(redis.n_calls, 1);
	(void)send_one(0, "c");
	turn();
	assert_int_equal(redis.n_calls, 1);

	/* Either makes room. */
	accept_all();
	assert_accepted(b, 0);
	answer_held();
	turn();
	assert_int_equal(redis.n_calls, 2);
	assert_string_equal(redis.names[0], "c");
}

static void partitions_lie_together_and_keep_their_order(void **state)
{
	struct caller *a = send_one(2, "2 first");
	struct caller *b = send_one(1, "1 first");
	struct caller *c = send_one(2, "2 second");
	struct caller *d = new_caller();

	(void)state;
	add(d, 1, "1 second", 8);
	add(d, 2, "2 third", 7);
	assert_int_equal(submit(d), WP_OK);
	turn();
	assert_int_equal(redis.n_partitions, 2);
	assert_string_equal(redis.names[0], "1 first");
	assert_string_equal(redis.names[1], "1 second");
	assert_string_equal(redis.names[2], "2 first");
	assert_string_equal(redis.names[3], "2 second");
	assert_string_equal(redis.names[4], "2 third");

	/* Each is told what became of its own. */
	accept_all();
	assert_accepted(b, 0);
	assert_accepted(a, 2);
	assert_accepted(c, 3);
	assert_accepted(d, 1);
	assert_int_equal(d->results[1].id.entry.seq, 4);
}

static void a_call_has_bounds(void **state)
{
	size_t half = WP_GATHER_CALL_BYTES / 2;

	(void)state;
	send_many(2 * WP_GATHER_CALL_MAX + 1);
	turn();
	assert_int_equal(redis.n, WP_GATHER_CALL_MAX);
	accept_all();
	turn();
	assert_int_equal(redis.n, WP_GATHER_CALL_MAX);
	accept_all();
	turn();
	assert_int_equal(redis.n, 1);
	accept_all();

	for (size_t bytes = half; bytes <= 4 * half; bytes *= 2) {
		struct caller *caller = new_caller();

		add(caller, 0, "large", bytes);
		assert_int_equal(submit(caller), WP_OK);
		(void)send_one(0, "small");
	}
	turn(); /* a half and a small one; what fills a call does not fit in */
	assert_int_equal(redis.n, 2);
	accept_all();
	turn(); /* it goes alone */
	assert_int_equal(redis.n, 1);
	accept_all();
	turn(); /* a small one, but nothing that is larger than a call */
	assert_int_equal(redis.n, 1);
	accept_all();
	turn();
	assert_int_equal(redis.n, 1);
	accept_all();
	turn();
	assert_int_equal(redis.n, 1);
	assert_string_equal(redis.names[0], "small");
}

static void one_callers_sends_to_a_partition_stay_together(void **state)
{
	struct caller *many = new_caller();

	(void)state;
	send_many(WP_GATHER_CALL_MAX / 2);
	for (size_t i = 0; i < CALLER_MAX; i++)
		add(many, 5, "many", 4);
	assert_int_equal(submit(many), WP_OK);
	turn();
	assert_int_equal(redis.n, WP_GATHER_CALL_MAX / 2);
	accept_all();
	turn();
	assert_int_equal(redis.n, CALLER_MAX);
	accept_all();
	assert_int_equal(many->n_done, 1);
	assert_int_equal(many->results[CALLER_MAX - 1].id.entry.seq,
			 CALLER_MAX - 1);
}

static void who_has_many_takes_turns(void **state)
{
	struct caller *batches[8];
	struct caller *one;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		batches[i] = new_caller();
		for (uint32_t p = 0; p < CALLER_MAX; p++)
			add(batches[i], p, "batch", 5);
		assert_int_equal(submit(batches[i]), WP_OK);
	}
	one = send_one(0, "one");
	for (size_t i = 0; i < 3; i++) {
		turn();
		assert_int_equal(redis.n, WP_GATHER_CALL_MAX);
		accept_all();
	}
	/* Eight turns, and then it. */
	assert_int_equal(one->n_done, 1);
	assert_int_equal(batches[0]->n_done, 0);
	/* All of it is one send more than eight calls hold. */
	while (redis.n_calls < 9) {
		turn();
		accept_all();
	}
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(batches[i]->n_done, 1);
}

/* Also when it fills a call with less than a turn of sends. */
static void who_has_much_takes_turns(void **state)
{
	struct caller *batch = new_caller();
	struct caller *one;

	(void)state;
	for (uint32_t p = 0; p < 4; p++)
		add(batch, p, "half and more", WP_GATHER_CALL_BYTES / 2 + 1);
	assert_int_equal(submit(batch), WP_OK);
	one = send_one(0, "one");
	turn();
	assert_int_equal(redis.n, 1);
	accept_all();
	turn();
	assert_string_equal(redis.names[0], "one");
	accept_all();
	assert_accepted(one, 0);
	while (batch->n_done == 0) {
		turn();
		accept_all();
	}
	assert_int_equal(redis.n_calls, 4);
}

/* Nobody knows what became of a call; what had not set out was not sent. */
static void a_loss_is_unknown_and_what_waited_was_not_sent(void **state)
{
	struct caller *batch = new_caller();
	struct caller *first = send_one(0, "first");
	struct caller *waiting, *keyed;

	(void)state;
	for (uint32_t p = 0; p < CALLER_MAX; p++)
		add(batch, p, "batch", 5);
	send_many(WP_GATHER_CALL_MAX - WP_GATHER_TURN_MAX - 1);
	assert_int_equal(submit(batch), WP_OK);
	turn();
	assert_int_equal(redis.n, WP_GATHER_CALL_MAX);
	waiting = send_one(0, "waiting");
	keyed = new_caller();
	add(keyed, 0, "keyed", 5);
	keyed->submissions[0].has_key = true;
	assert_int_equal(submit(keyed), WP_OK);

	redis.is_gone = true;
	answer(NULL);
	assert_int_equal(redis.n_lost, 1);
	assert_told(first, WP_SEND_UNKNOWN);
	turn();
	assert_told(waiting, WP_SEND_OVERLOADED);
	assert_told(keyed, WP_SEND_UNKNOWN);
	assert_int_equal(batch->n_done, 1);
	for (size_t i = 0; i < CALLER_MAX; i++)
		assert_int_equal(batch->results[i].status,
				 i < WP_GATHER_TURN_MAX ? WP_SEND_UNKNOWN
							: WP_SEND_OVERLOADED);

	/* Nothing of all that is sent again. */
	redis.is_gone = false;
	(void)send_one(0, "later");
	turn();
	assert_int_equal(redis.n_calls, 2);
	assert_int_equal(redis.n, 1);
	assert_string_equal(redis.names[0], "later");
}

static void a_refused_call_is_refused_for_all_in_it(void **state)
{
	struct caller *plain = send_one(0, "plain");
	struct caller *keyed = new_caller();
	struct caller *next;

	(void)state;
	add(keyed, 1, "keyed", 5);
	keyed->submissions[0].has_key = true;
	assert_int_equal(submit(keyed), WP_OK);
	turn();
	next = send_one(0, "next");
	refuse_all();
	assert_told(plain, WP_SEND_OVERLOADED);
	assert_told(keyed, WP_SEND_UNKNOWN);
	assert_int_equal(redis.n_lost, 0);
	turn();
	accept_all();
	assert_accepted(next, 0);
}

static void who_waits_too_long_is_turned_away(void **state)
{
	struct caller *late, *fresh;

	(void)state;
	(void)send_one(0, "under way");
	turn();
	late = send_one(0, "late");
	now_ms += PATIENCE_MS + 1;
	fresh = send_one(0, "fresh");
	accept_all();
	turn();
	assert_told(late, WP_SEND_OVERLOADED);
	assert_int_equal(redis.n, 1);
	assert_string_equal(redis.names[0], "fresh");
	accept_all();
	assert_accepted(fresh, 0);
}

static void what_waits_has_bounds(void **state)
{
	const size_t quarter = WP_GATHER_WAITING_BYTES / 4;
	struct caller *caller;

	(void)state;
	(void)send_one(0, "under way");
	turn();
	for (size_t i = 0; i < WP_GATHER_WAITING_MAX; i += CALLER_MAX) {
		caller = new_caller();
		while (caller->sends.n < CALLER_MAX &&
		       i + caller->sends.n < WP_GATHER_WAITING_MAX)
			add(caller, 0, "x", 1);
		assert_int_equal(submit(caller), WP_OK);
	}
	caller = new_caller();
	add(caller, 0, "y", 1);
	assert_int_equal(submit(caller), WP_ERR_FULL);
	accept_all();
	turn();
	assert_int_equal(submit(caller), WP_OK);
	redis.is_gone = true;
	answer(NULL);
	turn();
	redis.is_gone = false;

	(void)send_one(0, "under way");
	turn();
	for (size_t i = 0; i < 4; i++) {
		caller = new_caller();
		add(caller, 0, "quarter", quarter);
		assert_int_equal(submit(caller), WP_OK);
	}
	caller = new_caller();
	add(caller, 0, "z", 1);
	assert_int_equal(submit(caller), WP_ERR_FULL);
	accept_all();
	turn();
	assert_int_equal(submit(caller), WP_OK);
}

static void who_is_told_may_come_again(void **state)
{
	struct caller *caller = send_one(0, "again");

	(void)state;
	caller->comes_again = true;
	turn();
	accept_all();
	assert_int_equal(caller->n_done, 1);
	assert_int_equal(caller->again, WP_OK);
	turn();
	assert_int_equal(redis.n_calls, 2);
	caller->comes_again = true;
	redis.is_gone = true;
	answer(NULL);
	assert_int_equal(caller->again, WP_OK);
	assert_int_equal(caller->n_done, 2);

	/* But not to a Redis that is not there: that would have no end. */
	caller->comes_again = true;
	turn();
	assert_int_equal(caller->n_done, 3);
	assert_int_equal(caller->again, WP_ERR_UNAVAIL);
	redis.is_gone = false;
	turn();
	assert_int_equal(redis.n_calls, 2);
}

static void the_end_is_told_to_all(void **state)
{
	struct caller *batch = new_caller();
	struct caller *waiting;

	(void)state;
	for (uint32_t p = 0; p < CALLER_MAX; p++)
		add(batch, p, "batch", 5);
	send_many(WP_GATHER_CALL_MAX - WP_GATHER_TURN_MAX);
	assert_int_equal(submit(batch), WP_OK);
	turn();
	waiting = send_one(0, "waiting");
	waiting->comes_again = true;
	wp_gather_stop(gather);
	assert_told(waiting, WP_SEND_OVERLOADED);
	assert_int_equal(waiting->again, WP_ERR_UNAVAIL);
	assert_int_equal(batch->n_done, 0); /* a part of it is under way */
	accept_all();
	assert_int_equal(batch->n_done, 1);
	assert_int_equal(batch->results[0].status, WP_SEND_ACCEPTED);
	assert_int_equal(batch->results[CALLER_MAX - 1].status,
			 WP_SEND_OVERLOADED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lone_send_goes_out_in_its_own_turn),
		TEST(what_comes_together_goes_together),
		TEST(two_calls_may_be_under_way),
		TEST(partitions_lie_together_and_keep_their_order),
		TEST(a_call_has_bounds),
		TEST(one_callers_sends_to_a_partition_stay_together),
		TEST(who_has_many_takes_turns),
		TEST(who_has_much_takes_turns),
		TEST(a_loss_is_unknown_and_what_waited_was_not_sent),
		TEST(a_refused_call_is_refused_for_all_in_it),
		TEST(who_waits_too_long_is_turned_away),
		TEST(what_waits_has_bounds),
		TEST(who_is_told_may_come_again),
		TEST(the_end_is_told_to_all),
	};

	return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
