/* Which errors say that nothing was done, and which that we must go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_told_apart_by_their_first_word),
	};

	return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
