/* Scripts are found by name and number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/scripts.h"

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

/* That it is the right one is seen by every handshake: Redis says its own. */
static void every_script_is_embedded_whole(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < WP_SCRIPT_COUNT; i++) {
		const struct wp_script_source *source = &wp_scripts.list[i];

		assert_int_equal(strspn(source->sha1, "0123456789abcdef"), 40);
		assert_int_equal(strlen(source->text), source->len);
		/* A line with flags would have Redis refuse known keys. */
		if (i == WP_SCRIPT_SEND)
			assert_memory_equal(source->text, "-- send", 7);
		else
			assert_memory_equal(source->text, "#!lua", 5);
		/* In alphabetical order, so no name is there twice. */
		if (i > 0)
			assert_true(strcmp(wp_scripts.list[i - 1].name,
					   source->name) < 0);
	}
}

static void numbers_and_names_mean_the_same_script(void **state)
{
	(void)state;

	assert_int_equal(wp_scripts.n, WP_SCRIPT_COUNT);
	assert_string_equal(wp_scripts.list[WP_SCRIPT_ACK].name, "ack");
	assert_string_equal(wp_scripts.list[WP_SCRIPT_LEASE_RENEW].name,
			    "lease_renew");
	assert_string_equal(wp_scripts.list[WP_SCRIPT_WORKERS].name, "workers");
}

static void a_call_names_its_script_and_its_partition(void **state)
{
	struct wp_cmd cmd;

	(void)state;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "left over");

	wp_cmd_script(&cmd, WP_SCRIPT_SEND, 65535);

	assert_int_equal(cmd.n, 4);
	assert_string_equal(word(&cmd, 0), "EVALSHA");
	assert_string_equal(word(&cmd, 1),
			    wp_scripts.list[WP_SCRIPT_SEND].sha1);
	assert_string_equal(word(&cmd, 2), "1");
	assert_string_equal(word(&cmd, 3), "wp:{65535}:");
	wp_cmd_script_key(&cmd, WP_SCRIPT_LEASE_ACQUIRE, "wp:{inbox}:");
	assert_int_equal(cmd.n, 4);
	assert_string_equal(word(&cmd, 3), "wp:{inbox}:");
	wp_cmd_release(&cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_script_is_embedded_whole),
		cmocka_unit_test(numbers_and_names_mean_the_same_script),
		cmocka_unit_test(a_call_names_its_script_and_its_partition),
	};

	return cmocka_run_group_tests_name("scripts", tests, NULL, NULL);
}
