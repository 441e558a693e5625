/* Lines of CLIENT LIST, by our programs and by anybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tools/waypost/cli/clients.h"

static void programs_are_gathered(void **state)
{
	struct wp_clients clients;

	(void)state;
	wp_clients_read(
		&clients,
		"id=3 addr=1.2.3.4:5 name=waypost-ws@0.1.0/feed age=7 idle=2 "
		"flags=N\n"
		"id=4 addr=1.2.3.4:6 name=waypost-worker@0.1.0 age=70 idle=0\n"
		"id=5 addr=1.2.3.4:7 name=waypost-ws@0.1.0 age=9 idle=4\n");
	assert_true(clients.is_told);
	assert_int_equal(clients.n, 2);
	assert_string_equal(clients.list[0].name, "waypost-worker");
	assert_string_equal(clients.list[1].name, "waypost-ws");
	assert_string_equal(clients.list[1].version, "0.1.0");
	assert_int_equal(clients.list[1].connections, 2);
	assert_int_equal(clients.list[1].since_s, 9);
	assert_int_equal(clients.list[1].quiet_s, 2);
	assert_false(wp_clients_differ(&clients));
	assert_int_equal(wp_clients_since_s(&clients, "waypost-worker"), 70);
	assert_int_equal(wp_clients_since_s(&clients, "waypost-keys"), -1);
	assert_int_equal(wp_clients_first(&clients, "waypost-ws"), 3);
	assert_int_equal(wp_clients_first(&clients, "waypost-keys"), 0);
}

static void versions_are_told_apart(void **state)
{
	struct wp_clients clients;

	(void)state;
	wp_clients_read(&clients,
			"id=7 name=waypost-ws@0.2.0 age=1 idle=0\n"
			"id=8 name=waypost-ws@0.1.0 age=90 idle=3\n");
	assert_int_equal(clients.n, 2);
	assert_string_equal(clients.list[0].version, "0.1.0");
	assert_true(wp_clients_differ(&clients));
	assert_int_equal(wp_clients_since_s(&clients, "waypost-ws"), 90);
	assert_int_equal(wp_clients_first(&clients, "waypost-ws"), 7);
}

static void what_is_not_ours_is_left_out(void **state)
{
	static const char *const lines[] = {
		"",
		"\n\n",
		"id=1 age=1 idle=1",
		"name=waypost-ws@0.1.0 age=1 idle=1\n",
		"id=x name=waypost-ws@0.1.0 age=1 idle=1\n",
		"id=1 name=grafana age=1 idle=1\n",
		"id=1 name=waypost age=1 idle=1\n",
		"id=1 name=waypost@0.1.0 age=1 idle=1\n",
		"id=1 name=waypost-ws age=1 idle=1\n",
		"id=1 name=waypost-ws@ age=1 idle=1\n",
		"id=1 name=waypost-ws@0.1.0 age=x idle=1\n",
		"id=1 name=waypost-ws@0.1.0 age=1\n",
		"id=1 name=waypost-ws@\033[31m age=1 idle=1\n",
		"id=1 name=waypost-wswswswswswswswswswswswswswsws@1 age=1 idle=1\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct wp_clients clients;

		wp_clients_read(&clients, lines[i]);
		assert_int_equal(clients.n, 0);
	}
}

static void more_than_there_is_room_for_are_left_out(void **state)
{
	char text[(WP_CLIENTS_MAX + 4) * 48] = "";
	struct wp_clients clients;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < WP_CLIENTS_MAX + 3; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"id=1 name=waypost-ws@1.%d age=1 idle=1\n",
					i);
	wp_clients_read(&clients, text);
	assert_int_equal(clients.n, WP_CLIENTS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_are_gathered),
		cmocka_unit_test(versions_are_told_apart),
		cmocka_unit_test(what_is_not_ours_is_left_out),
		cmocka_unit_test(more_than_there_is_room_for_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
