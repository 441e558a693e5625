/* Paths lead where the contract says, and no others lead anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "handlers/route.h"

static const struct wp_http_route *find(const char *path)
{
	const struct wp_text text = { path, strlen(path) };

	return wp_http_route_find(&text);
}

static void every_path_of_the_contract_has_its_handler(void **state)
{
	static const struct {
		const char *path;
		enum wp_method method;
		wp_handle_fn handle;
		bool needs_token;
	} cases[] = {
		{ "/api/send", WP_METHOD_POST, wp_handle_send, true },
		{ "/send", WP_METHOD_POST, wp_handle_send, true },
		{ "/api/send/batch", WP_METHOD_POST, wp_handle_send_batch,
		  true },
		{ "/send/batch", WP_METHOD_POST, wp_handle_send_batch, true },
		{ "/api/messages", WP_METHOD_GET, wp_handle_messages, true },
		{ "/messages", WP_METHOD_GET, wp_handle_messages, true },
		{ "/api/messages/ack", WP_METHOD_POST, wp_handle_ack, true },
		{ "/messages/ack", WP_METHOD_POST, wp_handle_ack, true },
		{ "/api/presence", WP_METHOD_GET, wp_handle_presence, true },
		{ "/api/ticket", WP_METHOD_POST, wp_handle_ticket, true },
		{ "/healthz", WP_METHOD_GET, wp_handle_healthz, false },
		{ "/readyz", WP_METHOD_GET, wp_handle_readyz, false },
		{ "/metrics", WP_METHOD_GET, wp_handle_metrics, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct wp_http_route *route = find(cases[i].path);

		assert_non_null(route);
		assert_true(route->handle == cases[i].handle);
		assert_int_equal(route->needs_token, cases[i].needs_token);
		assert_true(wp_http_route_takes(route, cases[i].method));
		assert_false(wp_http_route_takes(route, WP_METHOD_OTHER));
		/* Allow tells the truth. */
		for (int m = 0; m < WP_METHOD_OPTIONS; m++)
			assert_int_equal(
				strstr(route->allow,
				       wp_method_name((enum wp_method)m)) !=
					NULL,
				wp_http_route_takes(route, (enum wp_method)m));
	}
}

static void nothing_is_normalised(void **state)
{
	static const char *const paths[] = {
		"",
		"/",
		"/api",
		"/api/",
		"/api/send/",
		"//api/send",
		"/api//send",
		"/API/send",
		"/api/%73end",
		"/api/send;x",
		"/api/./send",
		"/api/sen",
		"/api/sendx",
		"/presence",
		"/ticket",
		"/api/healthz",
		"/send/batch/",
		"/healthz/",
		"/connect",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_null(find(paths[i]));
}

static void head_is_for_probes_only(void **state)
{
	(void)state;

	assert_true(wp_http_route_takes(find("/healthz"), WP_METHOD_HEAD));
	assert_true(wp_http_route_takes(find("/readyz"), WP_METHOD_HEAD));
	assert_false(wp_http_route_takes(find("/metrics"), WP_METHOD_HEAD));
	assert_false(wp_http_route_takes(find("/messages"), WP_METHOD_HEAD));
	assert_false(wp_http_route_takes(find("/send"), WP_METHOD_HEAD));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_path_of_the_contract_has_its_handler),
		cmocka_unit_test(nothing_is_normalised),
		cmocka_unit_test(head_is_for_probes_only),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
