/* Only pages of a listed origin may read answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/request/resp.h"

#include "tests/unit/handlers/fake.h"

/* Append those of the header lines that concern other sites. */
static void pick(struct wp_buf *out, const char *headers)
{
	const char *end;

	for (; *headers != '\r'; headers = end + 2) {
		end = strstr(headers, "\r\n");
		if (strncmp(headers, "Vary:", 5) == 0 ||
		    strncmp(headers, "Access-Control-", 15) == 0)
			wp_buf_add(out, headers, (size_t)(end + 2 - headers));
	}
}

/* The CORS lines for a request with up to two Origin headers. */
static void lines(const struct wp_conf *conf, const char *method,
		  const char *origin, const char *second, struct wp_buf *out)
{
	struct wp_resp resp;
	struct fake fake;
	struct wp_req req;
	char text[128];

	fake_request(&fake, method, "/");
	if (origin != NULL) {
		(void)snprintf(text, sizeof(text), "HTTP_ORIGIN=%s", origin);
		fake_param(&fake, text);
	}
	if (second != NULL) {
		(void)snprintf(text, sizeof(text), "HTTP_ORIGIN=%s", second);
		fake_param(&fake, text);
	}
	wp_req_init(&req, &fake.io, NULL);
	wp_resp_init(&resp);
	wp_resp_empty(&resp, 204);
	resp.methods = WP_POST | WP_OPTIONS;
	assert_true(wp_resp_write(&resp, &req, conf));
	wp_buf_clear(out);
	pick(out, fake.out.data);
	wp_resp_release(&resp);
	fake_release(&fake);
}

static void an_unlisted_origin_is_told_nothing(void **state)
{
	static const char *const origins[] = {
		NULL,
		"",
		"null",
		"https://evil.example",
		"https://app.example.evil",
		"https://app.example/",
		"NULL",
		"http://app.example",
		"https://app.example, https://app.example",
	};
	struct wp_conf conf;
	struct wp_buf out;

	(void)state;
	fake_conf(&conf);
	wp_buf_init(&out, 0);

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		lines(&conf, "GET", origins[i], NULL, &out);
		assert_string_equal(out.data, "Vary: Origin\r\n");
		lines(&conf, "OPTIONS", origins[i], NULL, &out);
		assert_string_equal(out.data, "Vary: Origin\r\n");
	}
	wp_buf_release(&out);
}

static void a_listed_origin_may_read(void **state)
{
	struct wp_conf conf;
	struct wp_buf out;

	(void)state;
	fake_conf(&conf);
	wp_buf_init(&out, 0);

	lines(&conf, "GET", "https://app.example", NULL, &out);

	assert_string_equal(
		out.data,
		"Vary: Origin\r\n"
		"Access-Control-Allow-Origin: https://app.example\r\n"
		"Access-Control-Allow-Credentials: true\r\n"
		"Access-Control-Expose-Headers: X-Request-Id, X-Durability, "
		"Retry-After, RateLimit, RateLimit-Policy\r\n");
	wp_buf_release(&out);
}

/* Case means nothing to us, and everything to who compares the answer. */
static void an_origin_is_told_its_name_as_it_gave_it(void **state)
{
	struct wp_conf conf;
	struct wp_buf out;

	(void)state;
	fake_conf(&conf);
	wp_buf_init(&out, 0);

	lines(&conf, "GET", "HTTPS://App.example", NULL, &out);

	assert_non_null(strstr(out.data, "Access-Control-Allow-Origin: "
					 "HTTPS://App.example\r\n"));
	wp_buf_release(&out);
}

static void a_preflight_is_told_methods_headers_and_age(void **state)
{
	struct wp_conf conf;
	struct wp_buf out;

	(void)state;
	fake_conf(&conf);
	wp_buf_init(&out, 0);

	lines(&conf, "OPTIONS", "https://app.example", NULL, &out);

	assert_non_null(strstr(
		out.data, "Access-Control-Allow-Methods: POST, OPTIONS\r\n"));
	assert_non_null(strstr(out.data,
			       "Access-Control-Allow-Headers: Authorization, "
			       "Content-Type, Idempotency-Key, "
			       "X-Request-Id, traceparent\r\n"));
	assert_non_null(strstr(out.data, "Access-Control-Max-Age: 600\r\n"));
	wp_buf_release(&out);
}

static void two_origins_are_none(void **state)
{
	struct wp_conf conf;
	struct wp_buf out;

	(void)state;
	fake_conf(&conf);
	wp_buf_init(&out, 0);

	lines(&conf, "GET", "https://app.example", "https://app.example", &out);

	assert_string_equal(out.data, "Vary: Origin\r\n");
	wp_buf_release(&out);
}

static void a_star_works_only_without_credentials(void **state)
{
	static char star[] = "*";
	static char *items[] = { star, NULL };
	struct wp_conf conf;
	struct wp_buf out;

	(void)state;
	fake_conf(&conf);
	conf.cors.allowed_origins.items = items;
	wp_buf_init(&out, 0);

	lines(&conf, "GET", "https://any.example", NULL, &out);
	assert_string_equal(out.data, "Vary: Origin\r\n");

	conf.cors.allow_credentials = false;
	lines(&conf, "GET", "https://any.example", NULL, &out);
	assert_non_null(strstr(out.data, "Access-Control-Allow-Origin: *\r\n"));
	assert_null(strstr(out.data, "Credentials"));
	wp_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unlisted_origin_is_told_nothing),
		cmocka_unit_test(a_listed_origin_may_read),
		cmocka_unit_test(an_origin_is_told_its_name_as_it_gave_it),
		cmocka_unit_test(a_preflight_is_told_methods_headers_and_age),
		cmocka_unit_test(two_origins_are_none),
		cmocka_unit_test(a_star_works_only_without_credentials),
	};

	return cmocka_run_group_tests_name("cors", tests, NULL, NULL);
}
