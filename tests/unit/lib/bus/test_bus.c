/* Messages on the bus: what a consumer unwraps, what Redis is asked, and what
 * its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "lib/bus/bus.h"
#include "lib/bus/redis.h"

/* ---- a Redis ---- */

static struct {
	char words[256]; /* of the last command, with blanks between them */
	wp_reply_fn fn;
	void *fn_ctx;
	enum wp_err result;
} redis;

static enum wp_err ask(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
		       void *fn_ctx)
{
	size_t at = 0;

	assert_ptr_equal(ctx, &redis);
	for (size_t i = 0; i < cmd->n; i++) {
		size_t len;
		const char *word = wp_cmd_word(cmd, i, &len);

		at += (size_t)snprintf(redis.words + at,
				       sizeof(redis.words) - at, "%s%.*s",
				       i == 0 ? "" : " ", (int)len, word);
	}
	redis.fn = fn;
	redis.fn_ctx = fn_ctx;
	return redis.result;
}

static const struct wp_bus_redis link_to_redis = { .ask = ask, .ctx = &redis };

/* ---- who publishes ---- */

struct owner {
	struct wp_bus_message message;
	int ended;
	enum wp_bus_end end;
	char word[64];
};

static void on_end(struct wp_bus_message *message, enum wp_bus_end end,
		   const char *word)
{
	struct owner *owner = (struct owner *)message;

	owner->ended++;
	owner->end = end;
	(void)snprintf(owner->word, sizeof(owner->word), "%s", word);
}

static struct owner somebody(const char *data)
{
	return (struct owner){ .message = { .data = data,
					    .len = strlen(data),
					    .on_end = on_end } };
}

/* NULL: the connection was lost */
static void answer(const struct redisReply *reply)
{
	redis.fn(redis.fn_ctx, (const struct wp_reply *)reply);
}

static void expect_end(int type, const char *text, enum wp_bus_end end,
		       const char *word)
{
	char copy[128];
	struct redisReply reply = { .type = type, .str = copy };
	struct owner owner = somebody("{}");
	struct wp_bus_sink *sink = NULL;

	reply.len = (size_t)snprintf(copy, sizeof(copy), "%s", text);
	assert_int_equal(wp_bus_stream_new(&sink, &link_to_redis, "s", 1, NULL),
			 WP_OK);
	assert_int_equal(wp_bus_publish(sink, &owner.message), WP_OK);
	assert_int_equal(owner.ended, 0);
	answer(&reply);
	assert_int_equal(owner.ended, 1);
	assert_int_equal(owner.end, end);
	assert_string_equal(owner.word, word);
	wp_bus_sink_free(&sink);
}

static void a_stream_gets_an_entry_and_keeps_so_many(void **state)
{
	struct owner owner = somebody("{\"id\":1}");
	char key[] = "wp:push";
	struct wp_bus_sink *sink = NULL;

	(void)state;
	assert_int_equal(
		wp_bus_stream_new(&sink, &link_to_redis, key, 100000, NULL),
		WP_OK);
	memset(key, 'x', sizeof(key) - 1); /* it has a copy */
	assert_int_equal(wp_bus_publish(sink, &owner.message), WP_OK);
	assert_string_equal(redis.words, "XADD wp:push MAXLEN ~ 100000 * "
					 "payload {\"id\":1}");
	wp_bus_sink_free(&sink);
	assert_null(sink);
	wp_bus_sink_free(&sink);
}

static void a_channel_is_told_once(void **state)
{
	const struct redisReply nobody = { .type = REDIS_REPLY_INTEGER };
	struct owner owner = somebody("{}");
	struct wp_bus_sink *sink = NULL;

	(void)state;
	assert_int_equal(
		wp_bus_channel_new(&sink, &link_to_redis, "wp:offline", NULL),
		WP_OK);
	assert_int_equal(wp_bus_publish(sink, &owner.message), WP_OK);
	assert_string_equal(redis.words, "PUBLISH wp:offline {}");
	answer(&nobody);
	assert_int_equal(owner.ended, 1);
	assert_int_equal(owner.end, WP_BUS_TAKEN);
	wp_bus_sink_free(&sink);
}

static void an_answer_says_whether_it_is_there(void **state)
{
	(void)state;
	expect_end(REDIS_REPLY_STRING, "1-0", WP_BUS_TAKEN, "");
	expect_end(REDIS_REPLY_ERROR, "OOM command not allowed", WP_BUS_LATER,
		   "OOM");
	expect_end(REDIS_REPLY_ERROR, "WRONGTYPE Operation", WP_BUS_REFUSED,
		   "WRONGTYPE");
	expect_end(REDIS_REPLY_ERROR, "ERR", WP_BUS_REFUSED, "ERR");
	expect_end(REDIS_REPLY_ERROR, "", WP_BUS_REFUSED, "");
	expect_end(REDIS_REPLY_ERROR,
		   "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDDEE x",
		   WP_BUS_REFUSED, "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDD");
}

static void an_answer_finds_its_message_without_the_sink(void **state)
{
	struct owner owner = somebody("{}");
	struct wp_bus_sink *sink = NULL;

	(void)state;
	assert_int_equal(wp_bus_stream_new(&sink, &link_to_redis, "s", 1, NULL),
			 WP_OK);
	assert_int_equal(wp_bus_publish(sink, &owner.message), WP_OK);
	wp_bus_sink_free(&sink);
	assert_int_equal(owner.ended, 0);
	answer(NULL);
	assert_int_equal(owner.ended, 1);
	assert_int_equal(owner.end, WP_BUS_UNKNOWN);
	assert_string_equal(owner.word, "");
}

static void what_redis_was_not_asked_is_not_answered(void **state)
{
	struct owner owner = somebody("{}");
	struct wp_bus_sink *sink = NULL;

	(void)state;
	assert_int_equal(wp_bus_stream_new(&sink, &link_to_redis, "s", 1, NULL),
			 WP_OK);
	redis.result = WP_ERR_UNAVAIL;
	assert_int_equal(wp_bus_publish(sink, &owner.message), WP_ERR_UNAVAIL);
	assert_int_equal(owner.ended, 0);
	redis.result = WP_OK;
	wp_bus_sink_free(&sink);
}

static void a_consumer_finds_id_payload_and_time(void **state)
{
	struct wp_buf out;

	(void)state;
	wp_buf_init(&out, 0);
	wp_bus_wrap(&out, "0f9d2a66-3e5b-8c1d-9b1e-5a4c3b2d1e0f",
		    "{\"type\":\"poke\"}", 15, 1796076000001);
	assert_false(out.failed);
	assert_string_equal(out.data,
			    "{\"id\":\"0f9d2a66-3e5b-8c1d-9b1e-5a4c3b2d1e0f\","
			    "\"payload\":\"eyJ0eXBlIjoicG9rZSJ9\","
			    "\"publishTime\":\"2026-11-30T22:00:00.001Z\"}");
	wp_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_gets_an_entry_and_keeps_so_many),
		cmocka_unit_test(a_channel_is_told_once),
		cmocka_unit_test(an_answer_says_whether_it_is_there),
		cmocka_unit_test(an_answer_finds_its_message_without_the_sink),
		cmocka_unit_test(what_redis_was_not_asked_is_not_answered),
		cmocka_unit_test(a_consumer_finds_id_payload_and_time),
	};

	return cmocka_run_group_tests_name("lib/bus/bus", tests, NULL, NULL);
}
