/* Pushes that were given up are kept, the last of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/push_dlq.h"
#include "tests/support/test_redis.h"

static struct wp_redis *redis;

static int begin(void **state)
{
	struct wp_conf conf;

	(void)state;
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_test_run(redis, "FLUSHALL", NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	wp_redis_free(&redis);
	return 0;
}

static void give_up(int64_t tries)
{
	const struct wp_push_letter letter = {
		.device = "AAAAAAAAAAAAAAAAAAAAAA",
		.partition = 7,
		.kind = WP_PUSH_APNS,
		.app = "org.example.app",
		.reason = "PayloadTooLarge",
		.tries = tries,
		.at_ms = 1700000000123,
	};
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_push_letter_build(&cmd, &letter);
	assert_int_equal(wp_redis_do(redis, &cmd, &reply, NULL), WP_OK);
	assert_int_equal(wp_reply_type(reply), WP_REPLY_STR);
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
}

static void a_letter_has_all_but_whose_it_is(void **state)
{
	static const char *const words[] = {
		"device",    "AAAAAAAAAAAAAAAAAAAAAA",
		"partition", "7",
		"kind",      "apns",
		"app",       "org.example.app",
		"reason",    "PayloadTooLarge",
		"tries",     "3",
		"at",        "1700000000123",
	};
	const struct wp_reply *fields;
	struct wp_reply *reply;

	(void)state;
	give_up(3);
	reply = wp_test_cmd(redis, "XRANGE", "wp:push:dlq", "-", "+", NULL);
	assert_int_equal(wp_reply_count(reply), 1);
	fields = wp_reply_at(wp_reply_at(reply, 0), 1);
	assert_int_equal(wp_reply_count(fields),
			 sizeof(words) / sizeof(words[0]));
	for (size_t i = 0; i < wp_reply_count(fields); i++)
		assert_string_equal(wp_reply_str(wp_reply_at(fields, i)),
				    words[i]);
	wp_reply_free(&reply);
}

static void the_oldest_go(void **state)
{
	struct wp_reply *reply;

	(void)state;
	for (int i = 0; i < WP_PUSH_DLQ_MAX * 5 / 4; i++)
		give_up(i);
	reply = wp_test_cmd(redis, "XLEN", "wp:push:dlq", NULL);
	assert_in_range(wp_reply_int(reply), WP_PUSH_DLQ_MAX,
			WP_PUSH_DLQ_MAX * 11 / 10);
	wp_reply_free(&reply);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_letter_has_all_but_whose_it_is),
		TEST(the_oldest_go),
	};
#undef TEST

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("push_dlq", tests, NULL, NULL);
}
