/* What a web server hands over is read for what it is, traps included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/req.h"

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
		{ "DELETE", WP_METHOD_OTHER },
		{ "get", WP_METHOD_OTHER },
		{ "", WP_METHOD_OTHER },
		{ "POSTS", WP_METHOD_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		struct wp_req req;

		fake_request(&fake, cases[i].text, "/");
		wp_req_init(&req, &fake.io);
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

	wp_req_init(&req, &fake.io);

	assert_int_equal(req.method, WP_METHOD_OTHER);
	assert_int_equal(req.path.len, 0);
	assert_int_equal(req.query.len, 0);
	assert_int_equal(strlen(req.id), 32);
	assert_false(wp_req_is_json(&req));
	fake_release(&fake);
}

static void path_ends_at_the_first_question_mark(void **state)
{
	struct fake fake;
	struct wp_req req;

	(void)state;
	fake_request(&fake, "GET", "/api/messages?limit=5?x");

	wp_req_init(&req, &fake.io);

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

	wp_req_init(&req, &fake.io);

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

	wp_req_init(&req, &fake.io);

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
	wp_req_init(&req, &fake.io);

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

	wp_req_init(&req, &fake.io);

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
		wp_req_init(&req, &fake.io);
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

	wp_req_init(&req, &fake.io);

	assert_int_equal(strlen(req.id), 32);
	fake_release(&fake);
}

static void json_is_told_from_other_content_types(void **state)
{
	static const struct {
		const char *type;
		bool is_json;
	} cases[] = {
		{ "application/json", true },
		{ "Application/JSON", true },
		{ "application/json;charset=utf-8", true },
		{ "application/json ; charset=\"UTF-8\"", true },
		{ "application/json; v=1; charset=utf-8", true },
		{ "application/json;", true },
		{ "", false },
		{ "text/plain", false },
		{ "application/jsonp", false },
		{ "application/json5; charset=utf-8", false },
		{ "application/json charset=utf-8", false },
		{ "application/json; charset=latin1", false },
		{ "application/json; v=1; charset=utf-16", false },
		{ "application/json, text/plain", false },
		{ "xapplication/json", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		struct wp_req req;
		char text[128];

		fake_request(&fake, "POST", "/");
		(void)snprintf(text, sizeof(text), "CONTENT_TYPE=%s",
			       cases[i].type);
		fake_param(&fake, text);
		wp_req_init(&req, &fake.io);
		assert_int_equal(wp_req_is_json(&req), cases[i].is_json);
		fake_release(&fake);
	}
}

static void two_types_are_two_that_differ(void **state)
{
	static const struct {
		const char *first, *second;
		bool are_two;
	} cases[] = {
		{ "A=b", "C=d", false },
		{ "HTTP_CONTENT_TYPE=a/b", "C=d", false },
		{ "HTTP_CONTENT_TYPE=a/b", "HTTP_CONTENT_TYPE=a/b", false },
		{ "HTTP_CONTENT_TYPE=a/b", "HTTP_CONTENT_TYPE=a/c", true },
		{ "HTTP_CONTENT_TYPE=a/b", "HTTP_CONTENT_TYPE=", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		struct wp_req req;

		fake_request(&fake, "POST", "/");
		fake_param(&fake, cases[i].first);
		fake_param(&fake, "CONTENT_TYPE=a/b");
		fake_param(&fake, cases[i].second);
		wp_req_init(&req, &fake.io);
		assert_int_equal(wp_req_has_two_types(&req), cases[i].are_two);
		fake_release(&fake);
	}
}

/* Read a body of which the web server says that it has this length. */
static enum wp_err read_body(const char *length, const char *body,
			     size_t max_bytes, size_t piece, size_t *read_out,
			     struct wp_buf *out)
{
	struct fake fake;
	struct wp_req req;
	char text[128];
	enum wp_err rc;

	fake_request(&fake, "POST", "/");
	if (length != NULL) {
		(void)snprintf(text, sizeof(text), "CONTENT_LENGTH=%s", length);
		fake_param(&fake, text);
	}
	fake.body = body;
	fake.body_len = strlen(body);
	fake.piece = piece;
	wp_req_init(&req, &fake.io);
	rc = wp_req_read_body(&req, max_bytes, out, NULL);
	*read_out = fake.body_at;
	fake_release(&fake);
	return rc;
}

static void a_body_is_read_whole_however_it_is_cut(void **state)
{
	struct wp_buf body;
	size_t taken;

	(void)state;
	wp_buf_init(&body, 0);

	for (size_t piece = 0; piece <= 5; piece++) {
		assert_int_equal(
			read_body("5", "12345", 5, piece, &taken, &body),
			WP_OK);
		assert_string_equal(body.data, "12345");
		assert_int_equal(body.len, 5);
	}
	wp_buf_release(&body);
}

static void an_empty_body_is_a_body(void **state)
{
	struct wp_buf body;
	size_t taken;

	(void)state;
	wp_buf_init(&body, 0);

	assert_int_equal(read_body("0", "", 5, 0, &taken, &body), WP_OK);

	assert_int_equal(body.len, 0);
	assert_string_equal(body.data, "");
	wp_buf_release(&body);
}

static void bytes_behind_the_length_are_not_read(void **state)
{
	struct wp_buf body;
	size_t taken;

	(void)state;
	wp_buf_init(&body, 0);

	assert_int_equal(read_body("3", "12345", 9, 0, &taken, &body), WP_OK);

	assert_string_equal(body.data, "123");
	assert_int_equal(taken, 3);
	wp_buf_release(&body);
}

static void a_body_that_ends_early_is_invalid(void **state)
{
	struct wp_buf body;
	size_t taken;

	(void)state;
	wp_buf_init(&body, 0);

	assert_int_equal(read_body("6", "12345", 9, 2, &taken, &body),
			 WP_ERR_INVAL);
	wp_buf_release(&body);
}

static void a_body_without_a_usable_length_is_invalid(void **state)
{
	static const char *const lengths[] = { NULL, "",   "-1",  "+5",
					       "5 ", " 5", "0x5", "5,5" };
	struct wp_buf body;
	size_t taken;

	(void)state;
	wp_buf_init(&body, 0);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		assert_int_equal(
			read_body(lengths[i], "12345", 9, 0, &taken, &body),
			WP_ERR_INVAL);
	wp_buf_release(&body);
}

static void a_body_over_the_limit_is_not_even_begun(void **state)
{
	static const char *const lengths[] = {
		"6", "18446744073709551615", "18446744073709551616",
		"99999999999999999999999999999999999999999"
	};
	struct wp_buf body;
	size_t taken;

	(void)state;
	wp_buf_init(&body, 0);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		assert_int_equal(
			read_body(lengths[i], "123456", 5, 0, &taken, &body),
			WP_ERR_FULL);
		assert_int_equal(taken, 0);
	}
	wp_buf_release(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_types_are_two_that_differ),
		cmocka_unit_test(method_names_are_exact),
		cmocka_unit_test(a_request_without_any_parameter_is_bearable),
		cmocka_unit_test(path_ends_at_the_first_question_mark),
		cmocka_unit_test(request_uri_beats_what_the_web_server_rewrote),
		cmocka_unit_test(without_request_uri_cgi_variables_must_do),
		cmocka_unit_test(a_repeated_parameter_is_counted),
		cmocka_unit_test(a_sound_request_id_is_kept),
		cmocka_unit_test(any_other_request_id_is_replaced),
		cmocka_unit_test(two_request_ids_are_none),
		cmocka_unit_test(json_is_told_from_other_content_types),
		cmocka_unit_test(a_body_is_read_whole_however_it_is_cut),
		cmocka_unit_test(an_empty_body_is_a_body),
		cmocka_unit_test(bytes_behind_the_length_are_not_read),
		cmocka_unit_test(a_body_that_ends_early_is_invalid),
		cmocka_unit_test(a_body_without_a_usable_length_is_invalid),
		cmocka_unit_test(a_body_over_the_limit_is_not_even_begun),
	};

	return cmocka_run_group_tests_name("req", tests, NULL, NULL);
}
