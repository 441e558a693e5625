/* Paths lead where the contract says, and no others lead anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "handlers/serve.h"

static const struct wp_endpoint *find(const char *path)
{
	const struct wp_text text = { path, strlen(path) };

	return wp_endpoint_find(&text);
}

static void every_path_of_the_contract_has_its_handler(void **state)
{
	static const struct {
		const char *path;
		unsigned int methods;
		void (*handle)(struct wp_call *call);
		enum wp_scope scope;
	} cases[] = {
		{ "/api/send", WP_POST, wp_handle_send, WP_SCOPE_USER },
		{ "/send", WP_POST, wp_handle_send, WP_SCOPE_USER },
		{ "/api/send/batch", WP_POST, wp_handle_send_batch,
		  WP_SCOPE_USER },
		{ "/send/batch", WP_POST, wp_handle_send_batch, WP_SCOPE_USER },
		{ "/api/messages", WP_GET, wp_handle_messages, WP_SCOPE_USER },
		{ "/messages", WP_GET, wp_handle_messages, WP_SCOPE_USER },
		{ "/api/messages/ack", WP_POST, wp_handle_ack, WP_SCOPE_USER },
		{ "/messages/ack", WP_POST, wp_handle_ack, WP_SCOPE_USER },
		{ "/api/presence", WP_GET, wp_handle_presence, WP_SCOPE_USER },
		{ "/api/ticket", WP_POST, wp_handle_ticket, WP_SCOPE_USER },
		{ "/healthz", WP_GET | WP_HEAD, wp_handle_healthz,
		  WP_SCOPE_PROBE },
		{ "/readyz", WP_GET | WP_HEAD, wp_handle_readyz,
		  WP_SCOPE_PROBE },
		{ "/metrics", WP_GET, wp_handle_metrics, WP_SCOPE_PROBE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct wp_endpoint *endpoint = find(cases[i].path);

		assert_non_null(endpoint);
		assert_true(endpoint->handle == cases[i].handle);
		assert_int_equal(endpoint->scope, cases[i].scope);
		assert_int_equal(endpoint->methods, cases[i].methods);
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

/* Each row has an id of its own, which metrics count by. */
static void rows_are_what_is_counted(void **state)
{
	bool seen[WP_ENDPOINT_none] = { false };
	size_t n = 0;

	(void)state;
#define SEE(name_, path_, ...)                                       \
	do {                                                         \
		const struct wp_endpoint *endpoint = find(path_);    \
		assert_int_equal(endpoint->id, WP_ENDPOINT_##name_); \
		assert_string_equal(endpoint->name, #name_);         \
		assert_false(seen[endpoint->id]);                    \
		seen[endpoint->id] = true;                           \
		n++;                                                 \
	} while (0);
	WP_ENDPOINTS(SEE)
#undef SEE

	assert_int_equal(n, WP_ENDPOINT_none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_path_of_the_contract_has_its_handler),
		cmocka_unit_test(nothing_is_normalised),
		cmocka_unit_test(rows_are_what_is_counted),
	};

	return cmocka_run_group_tests_name("endpoints", tests, NULL, NULL);
}
