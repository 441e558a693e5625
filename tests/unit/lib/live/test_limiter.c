/* What is refused at once, what is paid, and that nobody suffers when it cannot
 * be. Redis is the test: calls wait in it until they are answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "lib/live/limiter.h"

#define BOB "urn:sm:user:bob"

enum { CREDIT = 10, BURST = 200, PARTITION = 3, CALLS_MAX = 8 };
/* Words: EVALSHA, script, 1, prefix; then the arguments of limit.lua. */
enum { WORD_PREFIX = 3, WORD_CLASS, WORD_WHO, WORD_COST };
enum { LIMITED, ERRORS = LIMITED + WP_LIMIT_COUNT, METRICS };

static uint64_t now_us;

uint64_t __wrap_wp_mono_us(void);
uint64_t __wrap_wp_mono_us(void)
{
	return now_us;
}

static struct {
	bool is_gone;
	size_t n;
	struct {
		wp_reply_fn fn;
		void *ctx;
		char words[WORD_COST + 1][64];
	} calls[CALLS_MAX];
} redis;

static enum wp_err on_call(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
			   void *fn_ctx)
{
	assert_ptr_equal(ctx, &redis);
	if (redis.is_gone)
		return WP_ERR_UNAVAIL;
	assert_true(redis.n < CALLS_MAX);
	redis.calls[redis.n].fn = fn;
	redis.calls[redis.n].ctx = fn_ctx;
	for (size_t i = 0; i <= WORD_COST; i++) {
		size_t len;
		const char *word = wp_cmd_word(cmd, i, &len);

		assert_true(len < sizeof(redis.calls[0].words[0]));
		memcpy(redis.calls[redis.n].words[i], word, len);
		redis.calls[redis.n].words[i][len] = '\0';
	}
	redis.n++;
	return WP_OK;
}

static const char *word(size_t call, size_t i)
{
	assert_true(call < redis.n);
	return redis.calls[call].words[i];
}

/* NULL: the connection was lost. */
static void answer(size_t call, const struct redisReply *reply)
{
	assert_non_null(redis.calls[call].fn);
	redis.calls[call].fn(redis.calls[call].ctx,
			     (const struct wp_reply *)reply);
	redis.calls[call].fn = NULL;
}

static void answer_ahead_ms(size_t call, long long ms)
{
	const struct redisReply reply = { .type = REDIS_REPLY_INTEGER,
					  .integer = ms * 1000 };

	answer(call, &reply);
}

/* ---- the limiter ---- */

#define COUNTER(i) \
	[i] = { "waypost_test_total", "n=\"" #i "\"", "", WP_COUNTER }
static const struct wp_metric_desc descs[METRICS] = {
	COUNTER(0),  COUNTER(1),  COUNTER(2),  COUNTER(3),  COUNTER(4),
	COUNTER(5),  COUNTER(6),  COUNTER(7),  COUNTER(8),  COUNTER(9),
	COUNTER(10), COUNTER(11), COUNTER(12), COUNTER(13), COUNTER(14),
	COUNTER(15), COUNTER(16),
};
_Static_assert((int)METRICS == 17, "each has a line");

static struct wp_limit_rates rates;
static struct wp_metrics *metrics;
static struct wp_limiter *limiter;

static int begin(void **state)
{
	const struct wp_limiter_setup setup = {
		.rates = &rates,
		.secret = "a secret",
		.call = on_call,
		.ctx = &redis,
		.limited = LIMITED,
		.errors = ERRORS,
	};
	struct wp_limiter_setup whole = setup;
	struct wp_error err;

	(void)state;
	memset(&redis, 0, sizeof(redis));
	now_us = 1000000000;
	if (wp_limit_rates_read(&rates, NULL, 0, &err) != WP_OK ||
	    wp_metrics_new(&metrics, descs, METRICS, &err) != WP_OK)
		return -1;
	whole.metrics = metrics;
	return wp_limiter_new(&limiter, &whole, &err) == WP_OK ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < redis.n; i++)
		if (redis.calls[i].fn != NULL)
			answer(i, NULL);
	wp_limiter_free(&limiter);
	wp_limiter_free(&limiter);
	wp_metrics_free(&metrics);
	return 0;
}

static struct wp_ledger_verdict take(enum wp_limit_class class, int64_t n)
{
	const struct wp_limit_who who = { BOB, strlen(BOB), PARTITION };
	struct wp_ledger_verdict verdict;

	wp_limiter_take(limiter, class, &who, n, &verdict);
	return verdict;
}

static void a_credit_is_paid_in_the_caller_s_partition(void **state)
{
	(void)state;

	for (int i = 0; i < CREDIT - 1; i++)
		(void)take(WP_LIMIT_SEND, 1);
	assert_int_equal(redis.n, 0);
	(void)take(WP_LIMIT_SEND, 1);

	assert_int_equal(redis.n, 1);
	assert_string_equal(word(0, WORD_PREFIX), "wp:{3}:");
	assert_string_equal(word(0, WORD_CLASS), "send");
	assert_int_equal(strlen(word(0, WORD_WHO)), 16);
	assert_string_equal(word(0, WORD_COST), "100000");
}

static void what_others_have_spent_is_known_from_the_answer_on(void **state)
{
	struct wp_ledger_verdict verdict;

	(void)state;

	(void)take(WP_LIMIT_SEND, CREDIT);
	answer_ahead_ms(0, 2500);
	verdict = take(WP_LIMIT_SEND, 1);

	assert_true(verdict.is_refused);
	assert_int_equal(verdict.wait_ns, 510000000);
	now_us += 509999;
	assert_true(take(WP_LIMIT_SEND, 1).is_refused);
	now_us += 1;
	assert_false(take(WP_LIMIT_SEND, 1).is_refused);
}

static void who_is_refused_asks_nothing_of_redis_and_is_counted(void **state)
{
	(void)state;

	(void)take(WP_LIMIT_SEND, BURST);
	for (int i = 0; i < 100; i++)
		assert_true(take(WP_LIMIT_SEND, 1).is_refused);

	assert_int_equal(redis.n, 1);
	assert_int_equal(wp_metric_get(metrics, LIMITED + WP_LIMIT_SEND), 100);
	assert_int_equal(wp_metric_get(metrics, LIMITED + WP_LIMIT_PULL), 0);
	assert_int_equal(wp_metric_get(metrics, ERRORS), 0);
}

/* Each bad answer is one error, and nobody is refused for it. */
static void an_answer_of_no_use_refuses_nobody(void **state)
{
	const struct redisReply bad[] = {
		{ .type = REDIS_REPLY_ERROR, .str = (char[]){ "OOM" } },
		{ .type = REDIS_REPLY_STATUS, .str = (char[]){ "OK" } },
		{ .type = REDIS_REPLY_INTEGER, .integer = -1 },
		{ .type = REDIS_REPLY_INTEGER, .integer = 20000001 },
	};
	const size_t n = sizeof(bad) / sizeof(bad[0]);

	(void)state;

	for (size_t i = 0; i < n; i++) {
		(void)take(WP_LIMIT_SEND, CREDIT);
		answer(i, &bad[i]);
	}
	(void)take(WP_LIMIT_SEND, CREDIT);
	answer(n, NULL);

	assert_int_equal(wp_metric_get(metrics, ERRORS), n + 1);
	assert_int_equal(take(WP_LIMIT_SEND, 1).left,
			 BURST - 1 - (int64_t)(n + 1) * CREDIT);
}

static void without_redis_everybody_is_limited_by_this_process(void **state)
{
	(void)state;
	redis.is_gone = true;

	for (int i = 0; i < BURST; i++)
		assert_false(take(WP_LIMIT_SEND, 1).is_refused);
	assert_true(take(WP_LIMIT_SEND, 1).is_refused);

	assert_int_equal(wp_metric_get(metrics, ERRORS), BURST / CREDIT);
}

static void answers_find_their_class(void **state)
{
	(void)state;

	(void)take(WP_LIMIT_SEND, CREDIT);
	(void)take(WP_LIMIT_PULL, CREDIT);
	answer_ahead_ms(1, 2500);
	answer_ahead_ms(0, 0);

	assert_string_equal(word(0, WORD_WHO), word(1, WORD_WHO));
	assert_false(take(WP_LIMIT_SEND, 1).is_refused);
	assert_true(take(WP_LIMIT_PULL, 1).is_refused);
}

static void what_follows_a_first_unit_is_owed_and_paid(void **state)
{
	const struct wp_limit_who who = { BOB, strlen(BOB), PARTITION };
	struct wp_ledger_verdict verdict;

	(void)state;

	(void)take(WP_LIMIT_SEND, 1);
	wp_limiter_owe(limiter, WP_LIMIT_SEND, &who, 99, &verdict);

	assert_string_equal(word(0, WORD_COST), "1000000");
	assert_int_equal(verdict.left, BURST - 100);
}

static void looking_pays_nothing(void **state)
{
	const struct wp_limit_who who = { BOB, strlen(BOB), 0 };
	struct wp_ledger_verdict verdict;

	(void)state;

	for (int i = 0; i < 100; i++)
		wp_limiter_owe(limiter, WP_LIMIT_FAILED, &who, 1, &verdict);
	wp_limiter_look(limiter, WP_LIMIT_FAILED, &who, &verdict);

	assert_true(verdict.is_refused);
	assert_int_equal(wp_metric_get(metrics, LIMITED + WP_LIMIT_FAILED), 1);
	assert_int_equal(redis.n, 0);
}

static void other_rates_hold_from_the_next_request_on(void **state)
{
	char *items[] = { (char[]){ "send=off" } };
	struct wp_error err;

	(void)state;

	(void)take(WP_LIMIT_SEND, BURST);
	assert_true(take(WP_LIMIT_SEND, 1).is_refused);
	assert_int_equal(wp_limit_rates_read(&rates, items, 1, &err), WP_OK);
	wp_limiter_use(limiter, &rates);

	assert_false(take(WP_LIMIT_SEND, 1).is_refused);
	answer_ahead_ms(0, 2500); /* of before */
	assert_false(take(WP_LIMIT_SEND, 1).is_refused);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_credit_is_paid_in_the_caller_s_partition),
		TEST(what_others_have_spent_is_known_from_the_answer_on),
		TEST(who_is_refused_asks_nothing_of_redis_and_is_counted),
		TEST(an_answer_of_no_use_refuses_nobody),
		TEST(without_redis_everybody_is_limited_by_this_process),
		TEST(answers_find_their_class),
		TEST(what_follows_a_first_unit_is_owed_and_paid),
		TEST(looking_pays_nothing),
		TEST(other_rates_hold_from_the_next_request_on),
	};

	return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
