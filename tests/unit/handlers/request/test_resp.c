/* Every answer has what the contract says, and nothing half. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/request/resp.h"

#include "tests/unit/handlers/fake.h"

struct exchange {
	struct fake fake;
	struct wp_req req;
	struct wp_resp resp;
	struct wp_conf conf;
};

static void begin(struct exchange *x, const char *method)
{
	fake_request(&x->fake, method, "/");
	fake_param(&x->fake, "HTTP_X_REQUEST_ID=req-1");
	wp_req_init(&x->req, &x->fake.io, NULL);
	wp_resp_init(&x->resp);
	fake_conf(&x->conf);
}

static void end(struct exchange *x)
{
	wp_resp_release(&x->resp);
	fake_release(&x->fake);
}

static void every_answer_has_the_common_headers(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	wp_resp_text(&x.resp, 200, "OK");

	assert_true(wp_resp_write(&x.resp, &x.req, &x.conf));

	assert_int_equal(fake_status(&x.fake), 200);
	assert_true(fake_has(&x.fake, "X-Request-Id: req-1"));
	assert_true(fake_has(&x.fake, "Cache-Control: no-store"));
	assert_true(fake_has(&x.fake, "Accept-Ranges: none"));
	assert_true(fake_has(&x.fake, "Vary: Origin"));
	assert_true(fake_has(&x.fake, "Content-Length: 2"));
	assert_false(fake_has_name(&x.fake, "Retry-After"));
	assert_false(fake_has_name(&x.fake, "WWW-Authenticate"));
	assert_false(fake_has_name(&x.fake, "X-Durability"));
	assert_string_equal(fake_answer(&x.fake), "OK");
	end(&x);
}

static void an_error_is_json_with_a_sentence_and_a_code(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	wp_resp_text(&x.resp, 200, "something else before");
	wp_resp_error(&x.resp, 409, "some_code", "say \"no\"");

	(void)wp_resp_write(&x.resp, &x.req, &x.conf);

	assert_int_equal(fake_status(&x.fake), 409);
	assert_true(fake_has(&x.fake, "Content-Type: application/json"));
	assert_string_equal(
		fake_answer(&x.fake),
		"{\"error\":\"say \\\"no\\\"\",\"code\":\"some_code\"}");
	end(&x);
}

static void a_401_says_whether_a_token_was_no_good(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	wp_resp_unauthorized(&x.resp, "why", "no", false);
	(void)wp_resp_write(&x.resp, &x.req, &x.conf);
	assert_true(fake_has(&x.fake, "WWW-Authenticate: Bearer"));
	end(&x);
	begin(&x, "GET");
	wp_resp_unauthorized(&x.resp, "why", "no", true);
	(void)wp_resp_write(&x.resp, &x.req, &x.conf);
	assert_true(fake_has(
		&x.fake, "WWW-Authenticate: Bearer error=\"invalid_token\""));
	end(&x);
}

static void a_401_for_a_password_blames_no_token(void **state)
{
	static const char *const codes[] = { "invalid_credentials",
					     "session_ended" };

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct exchange x;

		begin(&x, "POST");
		wp_resp_error(&x.resp, 401, codes[i], "no");
		(void)wp_resp_write(&x.resp, &x.req, &x.conf);
		assert_true(fake_has(&x.fake, "WWW-Authenticate: Bearer"));
		assert_false(fake_has(&x.fake, "invalid_token"));
		end(&x);
	}
}

static void a_503_says_when_to_come_back(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	wp_resp_header(&x.resp, "X-Durability", "fsync");
	wp_resp_unavailable(&x.resp, "down");

	(void)wp_resp_write(&x.resp, &x.req, &x.conf);

	assert_true(fake_has(&x.fake, "Retry-After: 1") ||
		    fake_has(&x.fake, "Retry-After: 2"));
	assert_true(fake_has_code(&x.fake, "unavailable"));
	/* Nothing was made durable. */
	assert_false(fake_has_name(&x.fake, "X-Durability"));
	end(&x);
}

static void a_429_says_when_to_come_back(void **state)
{
	bool seen[3] = { false };

	(void)state;

	for (int i = 0; i < 200; i++) {
		struct exchange x;
		int s = 0;

		begin(&x, "GET");
		wp_resp_limited(&x.resp, 4000000001);
		(void)wp_resp_write(&x.resp, &x.req, &x.conf);

		assert_int_equal(fake_status(&x.fake), 429);
		assert_true(fake_has_code(&x.fake, "rate_limited"));
		(void)sscanf(strstr(x.fake.out.data, "Retry-After: "),
			     "Retry-After: %d", &s);
		assert_in_range(s, 5, 7);
		seen[s - 5] = true;
		end(&x);
	}

	assert_true(seen[0] && seen[1] && seen[2]);
}

static void what_is_left_is_told_in_structured_fields(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	x.resp.rate = (struct wp_resp_rate){ .name = "send",
					     .burst = 200,
					     .window_s = 2,
					     .left = 150,
					     .full_ns = 500000000 };
	wp_resp_empty(&x.resp, 204);
	wp_resp_error(&x.resp, 400, "bad_request", "whatever it becomes");

	(void)wp_resp_write(&x.resp, &x.req, &x.conf);

	assert_true(fake_has(&x.fake, "RateLimit-Policy: \"send\";q=200;w=2"));
	assert_true(fake_has(&x.fake, "RateLimit: \"send\";r=150;t=1"));
	end(&x);
}

static void a_204_has_neither_type_nor_length_nor_body(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "POST");
	wp_resp_empty(&x.resp, 204);

	(void)wp_resp_write(&x.resp, &x.req, &x.conf);

	assert_int_equal(fake_status(&x.fake), 204);
	assert_false(fake_has_name(&x.fake, "Content-Type"));
	assert_false(fake_has_name(&x.fake, "Content-Length"));
	assert_string_equal(fake_answer(&x.fake), "");
	end(&x);
}

static void a_head_gets_the_headers_only(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "HEAD");
	wp_resp_text(&x.resp, 200, "READY");

	(void)wp_resp_write(&x.resp, &x.req, &x.conf);

	assert_true(fake_has(&x.fake, "Content-Length: 5"));
	assert_string_equal(fake_answer(&x.fake), "");
	end(&x);
}

static void a_body_that_found_no_memory_becomes_a_500(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	wp_resp_json(&x.resp, 200);
	wp_buf_add_str(&x.resp.body, "{\"messages\":[");
	x.resp.body.failed = true;

	(void)wp_resp_write(&x.resp, &x.req, &x.conf);

	assert_int_equal(fake_status(&x.fake), 500);
	assert_true(fake_has_code(&x.fake, "internal"));
	assert_null(strstr(fake_answer(&x.fake), "messages"));
	end(&x);
}

static void a_peer_that_left_is_noticed(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	x.fake.is_gone = true;
	wp_resp_text(&x.resp, 200, "OK");

	assert_false(wp_resp_write(&x.resp, &x.req, &x.conf));
	end(&x);
}

static void a_cleared_answer_keeps_nothing_of_the_last_one(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	wp_resp_text(&x.resp, 200, "secret");
	x.resp.methods = WP_GET;
	x.resp.rate.name = "send";
	wp_resp_header(&x.resp, "X-Durability", "fsync");

	wp_resp_clear(&x.resp);
	wp_resp_empty(&x.resp, 204);
	(void)wp_resp_write(&x.resp, &x.req, &x.conf);

	assert_false(fake_has_name(&x.fake, "Allow"));
	assert_false(fake_has_name(&x.fake, "X-Durability"));
	assert_false(fake_has_name(&x.fake, "RateLimit"));
	assert_null(strstr(x.fake.out.data, "secret"));
	end(&x);
}

static void a_handler_adds_headers_of_its_own(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	wp_resp_json(&x.resp, 200);
	wp_resp_header(&x.resp, "Set-Cookie", "a=1");
	wp_resp_header(&x.resp, "Set-Cookie", "b=2");
	wp_resp_text(&x.resp, 200, "OK");

	(void)wp_resp_write(&x.resp, &x.req, &x.conf);

	assert_true(fake_has(&x.fake, "Set-Cookie: a=1"));
	assert_true(fake_has(&x.fake, "Set-Cookie: b=2"));
	assert_true(fake_has(&x.fake, "Cache-Control: no-store"));
	end(&x);
}

static void what_it_says_of_caches_is_what_is_said(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "GET");
	wp_resp_empty(&x.resp, 204);
	wp_resp_header(&x.resp, "X-Other", "Cache-Control: x");
	wp_resp_header(&x.resp, "Cache-Control-X", "y");
	wp_resp_header(&x.resp, "cache-control", "max-age=60");

	(void)wp_resp_write(&x.resp, &x.req, &x.conf);

	assert_true(fake_has(&x.fake, "cache-control: max-age=60"));
	assert_false(fake_has_name(&x.fake, "Cache-Control"));
	/* There is nothing of which a part could be asked for. */
	assert_false(fake_has_name(&x.fake, "Accept-Ranges"));
	end(&x);
}

static void no_header_can_forge_another(void **state)
{
	static const char *const values[] = { "a\nB: c", "a\rb", "\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct exchange x;

		begin(&x, "GET");
		wp_resp_text(&x.resp, 200, "OK");
		wp_resp_header(&x.resp, "A", values[i]);

		(void)wp_resp_write(&x.resp, &x.req, &x.conf);

		assert_int_equal(fake_status(&x.fake), 500);
		assert_true(fake_has_code(&x.fake, "internal"));
		assert_false(fake_has_name(&x.fake, "A"));
		end(&x);
	}
}

static void memory_that_ends_anywhere_ends_the_answer_whole(void **state)
{
	size_t max = 0;
	bool is_whole = false;

	(void)state;
	while (!is_whole && max < 1024) {
		struct exchange x;

		begin(&x, "GET");
		x.resp.headers.max_bytes = ++max;
		wp_resp_text(&x.resp, 200, "OK");

		is_whole = wp_resp_write(&x.resp, &x.req, &x.conf);

		assert_true(is_whole || x.fake.out.len == 0);
		end(&x);
	}
	assert_true(is_whole);
	assert_true(max > sizeof("Cache-Control: no-store"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_has_the_common_headers),
		cmocka_unit_test(an_error_is_json_with_a_sentence_and_a_code),
		cmocka_unit_test(a_401_says_whether_a_token_was_no_good),
		cmocka_unit_test(a_401_for_a_password_blames_no_token),
		cmocka_unit_test(a_503_says_when_to_come_back),
		cmocka_unit_test(a_429_says_when_to_come_back),
		cmocka_unit_test(what_is_left_is_told_in_structured_fields),
		cmocka_unit_test(a_204_has_neither_type_nor_length_nor_body),
		cmocka_unit_test(a_head_gets_the_headers_only),
		cmocka_unit_test(a_body_that_found_no_memory_becomes_a_500),
		cmocka_unit_test(a_handler_adds_headers_of_its_own),
		cmocka_unit_test(what_it_says_of_caches_is_what_is_said),
		cmocka_unit_test(
			memory_that_ends_anywhere_ends_the_answer_whole),
		cmocka_unit_test(no_header_can_forge_another),
		cmocka_unit_test(a_peer_that_left_is_noticed),
		cmocka_unit_test(
			a_cleared_answer_keeps_nothing_of_the_last_one),
	};

	return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
