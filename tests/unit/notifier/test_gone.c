/* Whose device is gone is told so in a frame that daemons pass on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/gone.h"

static const struct wp_urn bob = { .len = 15, .text = "urn:sm:user:bob" };
static const char *expected;
static enum wp_err redis_result;
static size_t n_asked;

static void expect_word(const struct wp_cmd *cmd, size_t i, const char *text)
{
	size_t len;
	const char *word = wp_cmd_word(cmd, i, &len);

	assert_int_equal(len, strlen(text));
	assert_memory_equal(word, text, len);
}

enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx);
enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	(void)judged;
	(void)ctx;
	assert_null(fn);
	assert_int_equal(cmd->n, 3);
	expect_word(cmd, 0, "PUBLISH");
	expect_word(cmd, 1, "user_noti:urn:sm:user:bob");
	expect_word(cmd, 2, expected);
	n_asked++;
	return redis_result;
}

static void a_reason_is_told_if_there_is_one(void **state)
{
	(void)state;
	n_asked = 0;
	redis_result = WP_OK;
	expected = "{\"type\":\"device\",\"payload\":{\"id\":\"a-_1\","
		   "\"state\":\"gone\",\"reason\":\"Unregistered\"}}";
	wp_gone_tell(NULL, &bob, "a-_1", "Unregistered");
	expected = "{\"type\":\"device\",\"payload\":{\"id\":\"a-_1\","
		   "\"state\":\"gone\"}}";
	wp_gone_tell(NULL, &bob, "a-_1", "");
	assert_int_equal(n_asked, 2);
}

static void without_redis_nobody_is_told(void **state)
{
	(void)state;
	n_asked = 0;
	redis_result = WP_ERR_UNAVAIL;
	expected = "{\"type\":\"device\",\"payload\":{\"id\":\"a\","
		   "\"state\":\"gone\"}}";
	wp_gone_tell(NULL, &bob, "a", "");
	assert_int_equal(n_asked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_is_told_if_there_is_one),
		cmocka_unit_test(without_redis_nobody_is_told),
	};

	return cmocka_run_group_tests_name("gone", tests, NULL, NULL);
}
