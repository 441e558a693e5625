/* The line about a request says why it was refused, and nothing of a token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/serve.h"

#include "tests/support/said.h"
#include "tests/unit/handlers/fake.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define TRACEPARENT "HTTP_TRACEPARENT=00-" TRACE "-b7ad6b7169203331-01"
#define BEARER "HTTP_AUTHORIZATION=Bearer "

static int set_up(void **state)
{
	struct fake_world *world = calloc(1, sizeof(*world));

	*state = world;
	if (world == NULL || !fake_world_init(world))
		return -1;
	world->conf.log.requests = WP_REQUESTS_ALL;
	return 0;
}

static int tear_down(void **state)
{
	struct fake_world *world = *state;

	fake_world_release(world);
	free(world);
	return 0;
}

/* What is said about a request with these params; "": there is none. */
static const char *about(struct fake_world *world, const char *method,
			 const char *uri, const char *first, const char *second)
{
	static struct said said;
	struct fake fake;

	fake_request(&fake, method, uri);
	if (first[0] != '\0')
		fake_param(&fake, first);
	if (second[0] != '\0')
		fake_param(&fake, second);
	said_begin(&said, WP_LOG_DEBUG);
	fake_serve(&world->ctx, &fake.io);
	fake_release(&fake);
	return said_end(&said);
}

/* A token of alice that ends at another time, under another secret. */
static void make_token(char out[512], int64_t expires_s, const char *secret)
{
	static const char header[] = "{\"alg\":\"HS256\"}";
	uint8_t mac[WP_SHA256_LEN];
	char payload[128];
	size_t n;
	int len;

	memcpy(out, BEARER, sizeof(BEARER));
	n = strlen(BEARER);
	n += wp_base64url_encode(header, sizeof(header) - 1, out + n);
	out[n++] = '.';
	len = snprintf(payload, sizeof(payload),
		       "{\"sub\":\"alice\",\"exp\":%lld}",
		       (long long)expires_s);
	n += wp_base64url_encode(payload, (size_t)len, out + n);
	wp_hmac_sha256(secret, strlen(secret), out + strlen(BEARER),
		       n - strlen(BEARER), mac);
	out[n++] = '.';
	n += wp_base64url_encode(mac, sizeof(mac), out + n);
	out[n] = '\0';
}

static void expect(struct fake_world *world, const char *authorization,
		   const char *reason)
{
	const char *text =
		about(world, "GET", "/api/messages", authorization, "");
	char wanted[128];

	(void)snprintf(wanted, sizeof(wanted),
		       "\"code\":\"unauthorized\",\"reason\":\"%s\"", reason);
	if (strstr(text, wanted) == NULL)
		fail_msg("%s is not in %s", wanted, text);
	assert_null(strstr(text, "Bearer"));
	assert_null(strstr(text, "wpk_"));
	assert_null(strstr(text, "eyJ"));
}

static void a_401_says_what_is_wrong_with_the_token(void **state)
{
	char token[512];

	expect(*state, "", "missing");
	expect(*state, "HTTP_AUTHORIZATION=Basic YTpi", "malformed");
	expect(*state, BEARER "a.b", "malformed");
	expect(*state, BEARER "wpk_0123456789_and-no-more", "key");
	make_token(token, wp_wall_ms() / 1000 - 3600, fake_secret);
	expect(*state, token, "expired");
	make_token(token, wp_wall_ms() / 1000 + 3600, "another secret");
	expect(*state, token, "signature");
}

static void any_other_error_has_its_code_alone(void **state)
{
	const char *text = about(*state, "GET", "/nothing", "", "");

	assert_non_null(strstr(text, "\"status\":404"));
	assert_non_null(strstr(text, "\"code\":\"not_found\""));
	assert_null(strstr(text, "reason"));
	text = about(*state, "OPTIONS", "/api/send", "", "");
	assert_non_null(strstr(text, "\"status\":204"));
	assert_non_null(strstr(text, "\"door\":\"http\""));
	assert_null(strstr(text, "code"));
}

static void the_body_is_counted_if_it_is_written(void **state)
{
	assert_non_null(strstr(about(*state, "GET", "/healthz", "", ""),
			       "\"bytes\":2,"));
	assert_non_null(strstr(about(*state, "HEAD", "/healthz", "", ""),
			       "\"bytes\":0,"));
	assert_non_null(strstr(about(*state, "OPTIONS", "/api/send", "", ""),
			       "\"bytes\":0,"));
}

static void a_trace_is_told_if_there_is_one(void **state)
{
	const char *text =
		about(*state, "OPTIONS", "/api/send", TRACEPARENT, "");

	assert_non_null(strstr(text, "\"trace_id\":\"" TRACE "\""));
	assert_non_null(strstr(text, "\"parent_id\":\"b7ad6b7169203331\""));
	text = about(*state, "OPTIONS", "/api/send", TRACEPARENT, TRACEPARENT);
	assert_null(strstr(text, "trace_id"));
	text = about(*state, "OPTIONS", "/api/send", TRACEPARENT "-more", "");
	assert_null(strstr(text, "trace_id"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_401_says_what_is_wrong_with_the_token),
		cmocka_unit_test(any_other_error_has_its_code_alone),
		cmocka_unit_test(the_body_is_counted_if_it_is_written),
		cmocka_unit_test(a_trace_is_told_if_there_is_one),
	};

	return cmocka_run_group_tests_name("serve_log", tests, set_up,
					   tear_down);
}
