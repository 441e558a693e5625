/* Published messages, read where they lie: whole ones, parts, other things. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/redis/pushed.h"

#define PLAIN "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n\r\n\r\n"
#define BY_PATTERN \
	"*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$10\r\nc123456789\r\n$0\r\n\r\n"

/* Of exactly these bytes: one that is read beyond them is seen by ASan. */
static enum wp_pushed_read read_of(struct wp_pushed *out, const char *text,
				   size_t len, size_t *used)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum wp_pushed_read rc;

	assert_non_null(copy);
	memcpy(copy, text, len);
	rc = wp_pushed_read(out, copy, len, used);
	free(copy);
	return rc;
}

static void what_is_whole_is_read_to_its_end(void **state)
{
	static const char both[] = PLAIN BY_PATTERN "+OK\r\n";
	struct wp_pushed m;
	size_t used = 0;
	size_t more = 0;

	(void)state;
	assert_int_equal(wp_pushed_read(&m, both, sizeof(both) - 1, &used),
			 WP_PUSHED_ONE);
	assert_int_equal(used, sizeof(PLAIN) - 1);
	assert_null(m.pattern);
	assert_int_equal(m.channel_len, 1);
	assert_memory_equal(m.channel, "c", 1);
	assert_int_equal(m.len, 2);
	assert_memory_equal(m.data, "\r\n", 2);

	assert_int_equal(
		wp_pushed_read(&m, both + used, sizeof(both) - 1 - used, &more),
		WP_PUSHED_ONE);
	assert_int_equal(more, sizeof(BY_PATTERN) - 1);
	assert_int_equal(m.pattern_len, 2);
	assert_memory_equal(m.pattern, "c*", 2);
	assert_int_equal(m.channel_len, 10);
	assert_int_equal(m.len, 0);

	used += more;
	assert_int_equal(
		wp_pushed_read(&m, both + used, sizeof(both) - 1 - used, &more),
		WP_PUSHED_OTHER);
}

static void what_may_become_a_message_is_a_part(void **state)
{
	static const char *const texts[] = { PLAIN, BY_PATTERN };
	struct wp_pushed m;
	size_t used;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (size_t len = 0; len < strlen(texts[i]); len++)
			assert_int_equal(read_of(&m, texts[i], len, &used),
					 WP_PUSHED_PART);
}

static void anything_else_is_something_else(void **state)
{
	static const char *const texts[] = {
		"+PONG\r\n",
		"-ERR no\r\n",
		":1\r\n",
		"$-1\r\n",
		"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
		"*3\r\n$9",
		"*4\r\n$7\r\nmessage",
		"*3\r\n$8\r\npmessage",
		"*5",
		"*33",
		">3",
		/* Lengths that are none, and ends that are not where they are
		 * said to be. */
		"*3\r\n$7\r\nmessage\r\n:",
		"*3\r\n$7\r\nmessage\r\n$-1\r\n",
		"*3\r\n$7\r\nmessage\r\n$\r\n",
		"*3\r\n$7\r\nmessage\r\n$1x\r\n",
		"*3\r\n$7\r\nmessage\r\n$00000000001\r\n",
		"*3\r\n$7\r\nmessage\r\n$99999999999999999999\r\n",
		"*3\r\n$7\r\nmessage\r\n$1\r\ncc",
		"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\r",
		"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\ndd",
		"\r\n",
	};
	struct wp_pushed m;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (read_of(&m, texts[i], strlen(texts[i]), &used) !=
		    WP_PUSHED_OTHER)
			fail_msg("%s", texts[i]);
}

/* The longest string of Redis has 512 MB; a length beyond is waited for in
 * vain, and costs nothing until then. */
static void a_long_message_is_waited_for(void **state)
{
	static const char head[] = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n"
				   "$9999999999\r\nx";
	struct wp_pushed m;
	size_t used;

	(void)state;
	assert_int_equal(read_of(&m, head, sizeof(head) - 1, &used),
			 WP_PUSHED_PART);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_whole_is_read_to_its_end),
		cmocka_unit_test(what_may_become_a_message_is_a_part),
		cmocka_unit_test(anything_else_is_something_else),
		cmocka_unit_test(a_long_message_is_waited_for),
	};

	return cmocka_run_group_tests_name("redis_pushed", tests, NULL, NULL);
}
