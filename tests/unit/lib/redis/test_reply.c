/* Which errors say that nothing was done, and which that we must go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "lib/redis/reply.h"

static void errors_are_told_apart_by_their_first_word(void **state)
{
	static const struct {
		const char *text;
		bool is_refusal, is_loss;
	} cases[] = {
		{ "OOM command not allowed when used memory > 'maxmemory'.",
		  true, false },
		{ "NOREPLICAS Not enough good replicas to write.", true,
		  false },
		{ "MISCONF Errors writing to the AOF file: No space", true,
		  false },
		{ "BUSY Redis is busy running a script.", true, false },
		{ "NOPERM User x has no permissions", true, false },
		{ "READONLY You can't write against a read only replica.", true,
		  true },
		{ "READONLY You can't write … script: 0a, on @user_script:9.",
		  true, true },
		{ "NOSCRIPT No matching script.", true, true },
		{ "LOADING Redis is loading the dataset in memory", true,
		  true },
		{ "MASTERDOWN Link with MASTER is down", true, true },
		{ "NOAUTH Authentication required.", true, true },
		{ "ERR unknown command", false, false },
		{ "WRONGTYPE Operation against a key", false, false },
		{ "READ", false, false },
		{ "", false, false },
	};

	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];
		struct redisReply reply = { .type = REDIS_REPLY_ERROR,
					    .str = text };
		const struct wp_reply *error = (const struct wp_reply *)&reply;

		strcpy(text, cases[i].text);
		reply.len = strlen(text);
		assert_int_equal(wp_reply_is_refusal(error),
				 cases[i].is_refusal);
		assert_int_equal(wp_reply_is_loss(error), cases[i].is_loss);
		reply.type = REDIS_REPLY_STRING;
		assert_false(wp_reply_is_refusal(error));
		assert_false(wp_reply_is_loss(error));
	}
	assert_false(wp_reply_is_refusal(NULL));
	assert_false(wp_reply_is_loss(NULL));
}

static struct redisReply *text_reply(int type, const char *text)
{
	struct redisReply *reply = calloc(1, sizeof(*reply));

	assert_non_null(reply);
	reply->type = type;
	reply->str = strdup(text);
	reply->len = strlen(text);
	return reply;
}

static void an_error_reply_becomes_an_error(void **state)
{
	struct wp_error err = { 0 };
	struct wp_reply *reply = (struct wp_reply *)text_reply(
		REDIS_REPLY_ERROR, "WRONGTYPE Operation against a key");

	(void)state;
	assert_int_equal(wp_reply_accept(&reply, &err), WP_ERR_UNAVAIL);
	assert_null(reply);
	assert_string_equal(err.msg, "Redis refuses: WRONGTYPE Operation "
				     "against a key");

	reply = (struct wp_reply *)text_reply(REDIS_REPLY_STRING, "fine");
	assert_int_equal(wp_reply_accept(&reply, &err), WP_OK);
	assert_string_equal(wp_reply_str(reply), "fine");
	wp_reply_free(&reply);
}

static void what_is_published_is_no_answer(void **state)
{
	static const struct {
		const char *kind;
		bool is_push;
	} cases[] = {
		{ "message", true },    { "pmessage", true },
		{ "subscribe", false }, { "psubscribe", false },
		{ "messages", false },  { "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct redisReply *kind =
			text_reply(REDIS_REPLY_STRING, cases[i].kind);
		struct redisReply reply = { .type = REDIS_REPLY_ARRAY,
					    .elements = 1,
					    .element = &kind };

		assert_int_equal(
			wp_reply_is_push((const struct wp_reply *)&reply),
			cases[i].is_push);
		freeReplyObject(kind);
	}
	assert_false(wp_reply_is_push(NULL));
}

static void a_group_owns_what_was_put_in_it(void **state)
{
	struct wp_reply *group = wp_reply_group(3);
	struct wp_reply *inner = wp_reply_group(1);

	(void)state;
	assert_int_equal(wp_reply_type(group), WP_REPLY_ARRAY);
	assert_int_equal(wp_reply_count(group), 3);
	wp_reply_group_put(group, 1, inner);
	assert_ptr_equal(wp_reply_at(group, 1), inner);
	assert_null(wp_reply_at(group, 2));
	wp_reply_free(&group);
	assert_null(group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_reply_becomes_an_error),
		cmocka_unit_test(what_is_published_is_no_answer),
		cmocka_unit_test(errors_are_told_apart_by_their_first_word),
		cmocka_unit_test(a_group_owns_what_was_put_in_it),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
