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
		const struct wp_script_source *source =
			wp_script_source((enum wp_script)i);

		assert_int_equal(strspn(source->sha1, "0123456789abcdef"), 40);
		assert_int_equal(strlen(source->text), source->len);
		/* A line with flags would have Redis refuse known keys. */
		if (i == WP_SCRIPT_SEND)
			assert_memory_equal(source->text, "-- send", 7);
		else
			assert_memory_equal(source->text, "#!lua", 5);
		assert_int_equal(wp_script_by_name(source->name), i);
	}
}

static void numbers_and_names_mean_the_same_script(void **state)
{
	(void)state;

	assert_int_equal(wp_script_by_name("ack"), WP_SCRIPT_ACK);
	assert_int_equal(wp_script_by_name("lease_renew"),
			 WP_SCRIPT_LEASE_RENEW);
	assert_int_equal(wp_script_by_name("workers"), WP_SCRIPT_WORKERS);
	assert_int_equal(wp_script_by_name("work"), WP_SCRIPT_COUNT);
	assert_int_equal(wp_script_by_name(""), WP_SCRIPT_COUNT);
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
			    wp_script_source(WP_SCRIPT_SEND)->sha1);
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
