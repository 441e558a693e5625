/* What a web server hands over is read for what it is, traps included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/request/req.h"

#include "tests/unit/handlers/fake.h"

static void method_names_are_exact(void **state)
{
	static const struct {
		const char *text;
		enum wp_method method;
	} cases[] = {
		{ "GET", WP_GET },
		{ "HEAD", WP_HEAD },
		{ "POST", WP_POST },
		{ "OPTIONS", WP_OPTIONS },
		{ "PUT", WP_PUT },
		{ "DELETE", WP_DELETE },
		{ "PATCH", WP_METHOD_OTHER },
		{ "get", WP_METHOD_OTHER },
		{ "", WP_METHOD_OTHER },
		{ "POSTS", WP_METHOD_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		struct wp_req req;

		fake_request(&fake, cases[i].text, "/");
		wp_req_init(&req, &fake.io, NULL);
		assert_int_equal(req.method, cases[i].method);
		fake_release(&fake);
	}
}

static void a_request_without_any_parameter_is_bearable(void **state)
{
	struct fake fake;
	struct wp_req req;

	(void)state;
	fake_init(&fake);

	wp_req_init(&req, &fake.io, NULL);

	assert_int_equal(req.method, WP_METHOD_OTHER);
	assert_int_equal(req.path.len, 0);
	assert_int_equal(req.query.len, 0);
	assert_int_equal(strlen(req.id), 32);
	fake_release(&fake);
}

static void path_ends_at_the_first_question_mark(void **state)
{
	struct fake fake;
	struct wp_req req;

	(void)state;
	fake_request(&fake, "GET", "/api/messages?limit=5?x");

	wp_req_init(&req, &fake.io, NULL);

	assert_int_equal(req.path.len, strlen("/api/messages"));
	assert_memory_equal(req.path.data, "/api/messages", req.path.len);
	assert_string_equal(req.query.data, "limit=5?x");
	assert_int_equal(req.query.len, strlen("limit=5?x"));
	fake_release(&fake);
}

static void request_uri_beats_what_the_web_server_rewrote(void **state)
{
	struct fake fake;
	struct wp_req req;

	(void)state;
	fake_init(&fake);
	fake_param(&fake, "DOCUMENT_URI=/api/send");
	fake_param(&fake, "QUERY_STRING=a=1");
	fake_param(&fake, "REQUEST_URI=/send");

	wp_req_init(&req, &fake.io, NULL);

	assert_int_equal(req.path.len, 5);
	assert_memory_equal(req.path.data, "/send", 5);
	assert_int_equal(req.query.len, 0);
	fake_release(&fake);
}

static void without_request_uri_cgi_variables_must_do(void **state)
{
	struct fake fake;
	struct wp_req req;

	(void)state;
	fake_init(&fake);
	fake_param(&fake, "SCRIPT_NAME=/cgi-bin/waypost");
	fake_param(&fake, "PATH_INFO=/api/send");
	fake_param(&fake, "QUERY_STRING=a=1");

	wp_req_init(&req, &fake.io, NULL);

	assert_memory_equal(req.path.data, "/api/send", req.path.len);
	assert_int_equal(req.path.len, 9);
	assert_string_equal(req.query.data, "a=1");
	fake_release(&fake);
}

static void a_repeated_parameter_is_counted(void **state)
{
	struct fake fake;
	struct wp_req req;
	size_t count;

	(void)state;
	fake_request(&fake, "GET", "/");
	fake_param(&fake, "HTTP_AUTHORIZATION_X=zero");
	fake_param(&fake, "HTTP_AUTHORIZATION=one");
	fake_param(&fake, "HTTP_AUTHORIZATION=two");
	wp_req_init(&req, &fake.io, NULL);

	assert_string_equal(wp_req_param(&req, "HTTP_AUTHORIZATION", &count),
			    "one");
	assert_int_equal(count, 2);
	assert_null(wp_req_param(&req, "HTTP_AUTH", &count));
	assert_int_equal(count, 0);
	fake_release(&fake);
}

static void a_sound_request_id_is_kept(void **state)
{
	struct fake fake;
	struct wp_req req;

	(void)state;
	fake_request(&fake, "GET", "/");
	fake_param(&fake, "HTTP_X_REQUEST_ID=Ab.9_-x");

	wp_req_init(&req, &fake.io, NULL);

	assert_string_equal(req.id, "Ab.9_-x");
	fake_release(&fake);
}

static void any_other_request_id_is_replaced(void **state)
{
	static const char *const cases[] = {
		"HTTP_X_REQUEST_ID=",
		"HTTP_X_REQUEST_ID=a b",
		"HTTP_X_REQUEST_ID=a\r\nSet-Cookie: x",
		"HTTP_X_REQUEST_ID=a,b",
		/* 65 characters */
		("HTTP_X_REQUEST_ID=01234567890123456789012345678901234567890"
		 "123456789012345678901234"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		struct wp_req req;

		fake_request(&fake, "GET", "/");
		fake_param(&fake, cases[i]);
		wp_req_init(&req, &fake.io, NULL);
		assert_int_equal(strlen(req.id), 32);
		assert_int_equal(strspn(req.id, "0123456789abcdef"), 32);
		fake_release(&fake);
	}
}

static void two_request_ids_are_none(void **state)
{
	struct fake fake;
	struct wp_req req;

	(void)state;
	fake_request(&fake, "GET", "/");
	fake_param(&fake, "HTTP_X_REQUEST_ID=one");
	fake_param(&fake, "HTTP_X_REQUEST_ID=two");

	wp_req_init(&req, &fake.io, NULL);

	assert_int_equal(strlen(req.id), 32);
	fake_release(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(method_names_are_exact),
		cmocka_unit_test(a_request_without_any_parameter_is_bearable),
		cmocka_unit_test(path_ends_at_the_first_question_mark),
		cmocka_unit_test(request_uri_beats_what_the_web_server_rewrote),
		cmocka_unit_test(without_request_uri_cgi_variables_must_do),
		cmocka_unit_test(a_repeated_parameter_is_counted),
		cmocka_unit_test(a_sound_request_id_is_kept),
		cmocka_unit_test(any_other_request_id_is_replaced),
		cmocka_unit_test(two_request_ids_are_none),
	};

	return cmocka_run_group_tests_name("req", tests, NULL, NULL);
}
