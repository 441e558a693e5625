/* How full Redis says that it is, and what is too full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <limits.h>
#include <stdio.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "lib/redis/info.h"

static unsigned int percent_of(const char *used, const char *max)
{
	char text[128];
	struct redisReply reply = { .type = REDIS_REPLY_STRING, .str = text };

	reply.len = (size_t)snprintf(text, sizeof(text),
				     "# Memory\r\nused_memory:%s\r\n"
				     "maxmemory:%s\r\n",
				     used, max);
	return wp_memory_percent((const struct wp_reply *)&reply);
}

static void memory_is_read_as_a_share_of_its_limit(void **state)
{
	(void)state;

	assert_int_equal(percent_of("85", "100"), 85);
	assert_int_equal(percent_of("850", "100"), 850);
	assert_int_equal(percent_of("850", "0"), 0);
	assert_int_equal(percent_of("18446744073709551615", "1"), UINT_MAX);
	assert_int_equal(wp_memory_percent(NULL), 0);
}

static void the_mark_itself_is_high(void **state)
{
	const struct wp_conf conf = { .redis.memory_high_percent = 80 };

	(void)state;

	assert_false(wp_memory_is_high(&conf, 0));
	assert_false(wp_memory_is_high(&conf, 79));
	assert_true(wp_memory_is_high(&conf, 80));
	assert_true(wp_memory_is_high(&conf, UINT_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_read_as_a_share_of_its_limit),
		cmocka_unit_test(the_mark_itself_is_high),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
