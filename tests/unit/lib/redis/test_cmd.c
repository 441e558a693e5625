/* Commands keep words apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/redis/cmd.h"

/* Word i of cmd as text, valid until the next call. */
static const char *word(const struct wp_cmd *cmd, size_t i)
{
	static char text[128];
	size_t len;
	const char *at;

	assert_true(i < cmd->n);
	at = wp_cmd_word(cmd, i, &len);
	snprintf(text, sizeof(text), "%.*s", (int)len, at);
	return text;
}

static const struct wp_script_source script = {
	.name = "some",
	.text = "return 1",
	.len = 8,
	.sha1 = "0123456789abcdef0123456789abcdef01234567",
};

static void a_call_names_its_script_and_its_key(void **state)
{
	struct wp_cmd cmd;

	(void)state;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "left over");

	wp_cmd_eval(&cmd, &script, 1);
	wp_cmd_str(&cmd, "wp:{inbox}:");
	wp_cmd_int(&cmd, INT64_MIN);

	assert_int_equal(cmd.n, 5);
	assert_string_equal(word(&cmd, 0), "EVALSHA");
	assert_string_equal(word(&cmd, 1), script.sha1);
	assert_string_equal(word(&cmd, 2), "1");
	assert_string_equal(word(&cmd, 3), "wp:{inbox}:");
	assert_string_equal(word(&cmd, 4), "-9223372036854775808");
	assert_int_equal(cmd.words.failed, 0);
	wp_cmd_release(&cmd);
}

static void a_command_is_written_as_the_server_reads_it(void **state)
{
	struct wp_cmd cmd;
	char head[WP_CMD_HEAD_MAX];
	size_t len;
	int i;

	(void)state;
	wp_cmd_init(&cmd);
	wp_cmd_add(&cmd, "a\r\n", 3);
	wp_cmd_add(&cmd, NULL, 0);
	for (i = 0; i < 10; i++)
		wp_cmd_str(&cmd, "0123456789");

	len = wp_cmd_head(&cmd, head);
	assert_int_equal(len, 5);
	assert_memory_equal(head, "*12\r\n", 5);
	assert_memory_equal(cmd.words.data, "$3\r\na\r\n\r\n$0\r\n\r\n", 15);
	for (i = 0; i < 10; i++)
		assert_memory_equal(cmd.words.data + 15 + 17 * i,
				    "$10\r\n0123456789\r\n", 17);
	assert_int_equal(cmd.words.len, 15 + 10 * 17);
	wp_cmd_wipe(&cmd);
	assert_null(cmd.words.data);
}

static void a_word_may_be_written_in_two_parts(void **state)
{
	struct wp_cmd cmd;

	(void)state;
	wp_cmd_init(&cmd);
	wp_cmd_join(&cmd, "ab", 2, "cd\0e", 4);
	wp_cmd_join(&cmd, "", 0, "x", 1);
	wp_cmd_join(&cmd, "y", 1, "", 0);
	assert_int_equal(cmd.n, 3);
	assert_memory_equal(cmd.words.data,
			    "$6\r\nabcd\0e\r\n$1\r\nx\r\n$1\r\ny\r\n", 26);
	assert_int_equal(cmd.words.len, 26);
	wp_cmd_release(&cmd);
}

static void words_stay_apart_while_a_command_grows(void **state)
{
	struct wp_cmd cmd;
	char text[32];
	size_t i;

	(void)state;
	wp_cmd_init(&cmd);
	for (i = 0; i < 1000; i++) {
		wp_cmd_int(&cmd, (int64_t)i);
		wp_cmd_add(&cmd, NULL, 0);
	}

	assert_int_equal(cmd.n, 2000);
	for (i = 0; i < 1000; i += 111) {
		snprintf(text, sizeof(text), "%zu", i);
		assert_string_equal(word(&cmd, 2 * i), text);
		assert_string_equal(word(&cmd, 2 * i + 1), "");
	}
	wp_cmd_release(&cmd);
	wp_cmd_release(&cmd);
}

static void a_command_too_large_to_hold_fails_for_good(void **state)
{
	struct wp_cmd cmd;

	(void)state;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "SET");

	wp_cmd_add(&cmd, "", SIZE_MAX - 1);
	wp_cmd_str(&cmd, "x");
	wp_cmd_clear(&cmd);
	assert_int_equal(cmd.words.failed, 0);
	wp_cmd_str(&cmd, "SET");
	wp_cmd_join(&cmd, "", SIZE_MAX / 2, "", SIZE_MAX / 2);
	wp_cmd_str(&cmd, "x");

	assert_int_not_equal(cmd.words.failed, 0);
	assert_int_equal(cmd.n, 1);
	wp_cmd_clear(&cmd);
	assert_int_equal(cmd.words.failed, 0);
	wp_cmd_release(&cmd);
}

static void each_command_of_a_group_has_its_head(void **state)
{
	static const char want[] = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
				   "*1\r\n$4\r\nTIME\r\n";
	struct wp_cmd cmd;
	char head[WP_CMD_HEAD_MAX];

	(void)state;
	wp_cmd_init(&cmd);
	for (int i = 0; i < 2; i++) {
		wp_cmd_str(&cmd, "left over");
		wp_cmd_clear(&cmd);
		wp_cmd_str(&cmd, "GET");
		wp_cmd_str(&cmd, "k");
		wp_cmd_end(&cmd);
		wp_cmd_str(&cmd, "TIME");
		wp_cmd_end(&cmd);

		assert_int_equal(wp_cmd_head(&cmd, head), 0);
		assert_int_equal(cmd.n_ended, 2);
		assert_int_equal(cmd.words.len, sizeof(want) - 1);
		assert_memory_equal(cmd.words.data, want, sizeof(want) - 1);
	}
	/* And it is an ordinary command again. */
	wp_cmd_clear(&cmd);
	wp_cmd_str(&cmd, "PING");
	assert_int_equal(wp_cmd_head(&cmd, head), 4);
	assert_int_equal(cmd.n_ended, 0);
	wp_cmd_release(&cmd);
}

static void a_group_too_large_to_hold_fails_for_good(void **state)
{
	struct wp_cmd cmd;

	(void)state;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "SET");
	wp_cmd_add(&cmd, "", SIZE_MAX - 1);
	wp_cmd_end(&cmd);

	assert_true(cmd.words.failed);
	wp_cmd_release(&cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_names_its_script_and_its_key),
		cmocka_unit_test(a_command_is_written_as_the_server_reads_it),
		cmocka_unit_test(a_word_may_be_written_in_two_parts),
		cmocka_unit_test(words_stay_apart_while_a_command_grows),
		cmocka_unit_test(a_command_too_large_to_hold_fails_for_good),
		cmocka_unit_test(each_command_of_a_group_has_its_head),
		cmocka_unit_test(a_group_too_large_to_hold_fails_for_good),
	};

	return cmocka_run_group_tests_name("cmd", tests, NULL, NULL);
}
