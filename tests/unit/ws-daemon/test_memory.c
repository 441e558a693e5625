/* How full Redis says that it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ws-daemon/memory.h"

static void memory_is_read_as_a_share_of_its_limit(void **state)
{
	(void)state;

	assert_int_equal(wp_memory_percent("# Memory\r\nused_memory:85\r\n"
					   "maxmemory:100\r\n"),
			 85);
	assert_int_equal(wp_memory_percent("# Memory\r\nused_memory:850\r\n"
					   "maxmemory:100\r\n"),
			 100);
	assert_int_equal(wp_memory_percent("# Memory\r\nused_memory:850\r\n"
					   "maxmemory:0\r\n"),
			 0);
	assert_int_equal(wp_memory_percent(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_read_as_a_share_of_its_limit),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
