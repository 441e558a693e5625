/* Services of the operator's own are told by one command, and who asked hears
 * once what came of it, unless he has gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "lib/sys/conf.h"
#include "notifier/provider/provider_bus.h"
#include "tests/unit/notifier/provider/pushes.h"

#define USER "urn:sm:user:bob"

/* ---- a Redis ---- */

enum { CALLS = 4, WORDS_MAX = 800 };

static struct {
	struct {
		char words[WORDS_MAX]; /* with blanks between them */
		wp_reply_fn fn;
		void *ctx;
	} calls[CALLS];
	size_t n;
	enum wp_err result;
} redis;

static enum wp_err ask(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
		       void *fn_ctx)
{
	char *words = redis.calls[redis.n].words;
	size_t at = 0;

	assert_ptr_equal(ctx, &redis);
	assert_true(redis.n < CALLS);
	if (redis.result != WP_OK)
		return redis.result;
	for (size_t i = 0; i < cmd->n; i++) {
		size_t len;
		const char *word = wp_cmd_word(cmd, i, &len);

		at += (size_t)snprintf(words + at, WORDS_MAX - at, "%s%.*s",
				       i == 0 ? "" : " ", (int)len, word);
	}
	redis.calls[redis.n].fn = fn;
	redis.calls[redis.n++].ctx = fn_ctx;
	return WP_OK;
}

static void answer(size_t call, int type, const char *text)
{
	char copy[64];
	struct redisReply reply = { .type = type, .str = copy };

	reply.len = (size_t)snprintf(copy, sizeof(copy), "%s", text);
	redis.calls[call].fn(redis.calls[call].ctx,
			     (const struct wp_reply *)&reply);
}

static void lose(size_t call)
{
	redis.calls[call].fn(redis.calls[call].ctx, NULL);
}

/* ---- who tells ---- */

struct told {
	int n;
	struct wp_judgement judgement;
};

static void on_end(void *ctx, const struct wp_judgement *judgement)
{
	struct told *told = ctx;

	told->n++;
	told->judgement = *judgement;
}

static char stream[] = "notes";

static struct wp_provider *new_provider(enum wp_push_kind kind)
{
	struct wp_conf conf = { .bus = { .redis_push_stream = stream,
					 .redis_push_stream_max = 500 } };
	const struct wp_provider_setup setup = {
		.conf = &conf,
		.redis = { .ask = ask, .ctx = &redis },
	};
	struct wp_provider *provider = NULL;

	memset(&redis, 0, sizeof(redis));
	assert_int_equal(
		kind == WP_PUSH_BUS
			? wp_provider_bus_new(&provider, &setup, NULL)
			: wp_provider_event_new(&provider, &setup, NULL),
		WP_OK);
	assert_int_equal(provider->kind, kind);
	assert_string_equal(provider->app, "");
	return provider;
}

static enum wp_err begin(struct wp_provider *provider, struct told *told)
{
	const struct wp_push push = some_push(WP_PLAN_ALERT);
	const struct wp_addressee to = { .kind = provider->kind,
					 .user = USER,
					 .platforms = "[\"web\"]" };
	const struct wp_attempt attempt = { .push = &push, .to = &to };
	struct wp_error err = { 0 };

	return wp_provider_begin(provider, &attempt, on_end, told, &err);
}

static void the_bus_is_the_stream_that_is_set(void **state)
{
	static const char start[] =
		"XADD notes MAXLEN ~ 500 * payload "
		"{\"id\":\"" SOME_PUSH_ID "\",\"payload\":\"";
	struct wp_provider *provider = new_provider(WP_PUSH_BUS);
	struct told told = { 0 };

	(void)state;
	assert_int_equal(begin(provider, &told), WP_OK);
	assert_int_equal(told.n, 0);
	assert_memory_equal(redis.calls[0].words, start, sizeof(start) - 1);
	answer(0, REDIS_REPLY_STRING, "1-0");
	assert_int_equal(told.n, 1);
	assert_int_equal(told.judgement.verdict, WP_VERDICT_ACCEPTED);
	wp_provider_free(&provider);
	assert_null(provider);
}

static void an_event_goes_to_its_channel(void **state)
{
	struct wp_provider *provider = new_provider(WP_PUSH_EVENT);
	struct told told = { 0 };

	(void)state;
	assert_int_equal(begin(provider, &told), WP_OK);
	assert_string_equal(redis.calls[0].words,
			    "PUBLISH wp:offline {\"type\":"
			    "\"offline_notification\",\"user\":\"" USER
			    "\",\"platforms\":[\"web\"],\"waiting\":3,\"id\":"
			    "\"" SOME_PUSH_ID "\"}");
	answer(0, REDIS_REPLY_INTEGER, "");
	assert_int_equal(told.n, 1);
	assert_int_equal(told.judgement.verdict, WP_VERDICT_ACCEPTED);
	wp_provider_free(&provider);
}

static void each_hears_of_its_own(void **state)
{
	struct wp_provider *provider = new_provider(WP_PUSH_BUS);
	struct told told[3] = { 0 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(begin(provider, &told[i]), WP_OK);
	answer(1, REDIS_REPLY_ERROR, "OOM command not allowed");
	assert_int_equal(told[1].n, 1);
	assert_int_equal(told[1].judgement.verdict, WP_VERDICT_LATER);
	assert_string_equal(told[1].judgement.reason, "OOM");
	lose(0);
	assert_int_equal(told[0].n, 1);
	assert_int_equal(told[0].judgement.verdict, WP_VERDICT_AGAIN);
	assert_int_equal(told[2].n, 0);
	answer(2, REDIS_REPLY_STRING, "1-1");
	assert_int_equal(told[2].n, 1);
	assert_int_equal(told[2].judgement.verdict, WP_VERDICT_ACCEPTED);
	wp_provider_free(&provider);
}

/* Redis may answer when the settings that it was asked by are gone. */
static void who_has_gone_hears_nothing(void **state)
{
	struct wp_provider *provider = new_provider(WP_PUSH_BUS);
	struct told told[2] = { 0 };

	(void)state;
	assert_int_equal(begin(provider, &told[0]), WP_OK);
	assert_int_equal(begin(provider, &told[1]), WP_OK);
	wp_provider_free(&provider);
	answer(0, REDIS_REPLY_STRING, "1-0");
	lose(1);
	assert_int_equal(told[0].n + told[1].n, 0);
}

static void what_cannot_be_asked_has_not_begun(void **state)
{
	struct wp_provider *provider = new_provider(WP_PUSH_BUS);
	struct told told = { 0 };

	(void)state;
	redis.result = WP_ERR_UNAVAIL;
	assert_int_equal(begin(provider, &told), WP_ERR_UNAVAIL);
	redis.result = WP_OK;
	assert_int_equal(begin(provider, &told), WP_OK);
	answer(0, REDIS_REPLY_STRING, "1-0");
	assert_int_equal(told.n, 1);
	wp_provider_free(&provider);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bus_is_the_stream_that_is_set),
		cmocka_unit_test(an_event_goes_to_its_channel),
		cmocka_unit_test(each_hears_of_its_own),
		cmocka_unit_test(who_has_gone_hears_nothing),
		cmocka_unit_test(what_cannot_be_asked_has_not_begun),
	};

	return cmocka_run_group_tests_name("notifier/provider/provider_bus",
					   tests, NULL, NULL);
}
