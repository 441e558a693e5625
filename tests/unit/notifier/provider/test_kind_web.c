/* Pushes to browsers and to bots, and what all kinds have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/json.h"
#include "notifier/provider/kind_web.h"
#include "notifier/provider/kind_webhook.h"
#include "tests/unit/notifier/provider/judge.h"
#include "tests/unit/notifier/provider/pushes.h"

static void expect_header(const struct wp_transfer_request *request,
			  const char *name, const char *value)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		if (strcmp(request->headers[i].name, name) != 0)
			continue;
		assert_string_equal(request->headers[i].value, value);
		return;
	}
	fail_msg("%s", name);
}

static void a_message_to_a_browser_says_nothing_by_its_length(void **state)
{
	struct wp_web_target target = {
		.endpoint = "https://push.example/x?y=z",
		.authorization = "vapid t=a.b.c, k=d",
	};
	struct wp_transfer_header headers[WP_CALL_HEADERS_MAX];
	struct wp_push push = some_push(WP_PLAN_ALERT);
	struct wp_ece_sender sender, receiver;
	struct wp_transfer_request request;
	struct wp_error err = { 0 };
	struct wp_call call;
	size_t len = 0;

	(void)state;
	assert_int_equal(wp_ece_sender_make(&sender, &err), WP_OK);
	assert_int_equal(wp_ece_sender_make(&receiver, &err), WP_OK);
	memcpy(target.receiver.point, receiver.point, WP_ECE_POINT_LEN);
	memset(target.receiver.auth, 7, WP_ECE_AUTH_LEN);
	for (int i = 0; i < 3; i++) {
		push.waiting = i == 1 ? 999 : 1;
		push.account = i == 1 ? "a-rather-long-name.of.an_account" : "";
		push.action = i == 2 ? WP_PLAN_QUIET : WP_PLAN_ALERT;
		wp_call_init(&call);
		assert_int_equal(
			wp_web_build(&call, &target, &sender, &push, &err),
			WP_OK);
		assert_true(wp_call_is_whole(&call));
		request = wp_call_request(&call, headers);
		assert_string_equal(request.url, target.endpoint);
		assert_int_equal(request.n_headers, 6);
		expect_header(&request, "TTL", "2419200");
		expect_header(&request, "Urgency", i == 2 ? "low" : "high");
		expect_header(&request, "Topic", SOME_TOKEN_ID);
		expect_header(&request, "Content-Encoding", "aes128gcm");
		expect_header(&request, "Content-Type",
			      "application/octet-stream");
		expect_header(&request, "Authorization", "vapid t=a.b.c, k=d");
		if (i > 0)
			assert_int_equal(request.len, len);
		len = request.len;
		wp_call_release(&call);
	}
	target.receiver.point[64] ^= 1;
	wp_call_init(&call);
	assert_int_equal(wp_web_build(&call, &target, &sender, &push, &err),
			 WP_ERR_INVAL);
	wp_call_release(&call);
}

static void an_origin_is_scheme_host_and_port(void **state)
{
	static const char *const cases[][2] = {
		{ "https://push.example/x", "https://push.example" },
		{ "https://push.example:443/x", "https://push.example" },
		{ "https://push.example:8443/x?y",
		  "https://push.example:8443" },
		{ "https://push.example?y", "https://push.example" },
		{ "https://push.example", "https://push.example" },
		{ "HTTPS://Push.Example/X", "https://push.example" },
		{ "http://push.example/", NULL },
		{ "https:///x", NULL },
		{ "https://", NULL },
		{ "", NULL },
	};
	char origin[WP_WEB_ORIGIN_MAX];
	char longest[WP_WEB_ORIGIN_MAX + 16] = "https://";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(wp_web_origin(cases[i][0], origin),
				 cases[i][1] != NULL);
		if (cases[i][1] != NULL)
			assert_string_equal(origin, cases[i][1]);
	}
	memset(longest + 8, 'a', WP_WEB_ORIGIN_MAX - 9);
	assert_true(wp_web_origin(longest, origin));
	longest[WP_WEB_ORIGIN_MAX - 1] = 'a';
	assert_false(wp_web_origin(longest, origin));
}

static bool is_ours = true;

static void judge_web(const struct wp_provider_answer *reply,
		      struct wp_judgement *out)
{
	wp_web_judge(reply, is_ours, out);
}

#define JUDGE(cases, how) \
	judge_all(cases, sizeof(cases) / sizeof(cases[0]), how)

static void each_answer_of_a_push_service_has_its_meaning(void **state)
{
	static const struct judge_case cases[] = {
		{ 200, "", NULL, WP_VERDICT_ACCEPTED, 0, "", 0 },
		{ 201, "", NULL, WP_VERDICT_ACCEPTED, 0, "", 0 },
		{ 202, "", NULL, WP_VERDICT_ACCEPTED, 0, "", 0 },
		{ 204, "", NULL, WP_VERDICT_ACCEPTED, 0, "", 0 },
		{ 404, "", NULL, WP_VERDICT_GONE, 0, "", 0 },
		{ 410, "push subscription has unsubscribed or expired.", NULL,
		  WP_VERDICT_GONE, 0, "", 0 },
		{ 401, "", NULL, WP_VERDICT_SUSPECT, 0, "key_changed", 0 },
		{ 403,
		  "the key in the authorization header does not "
		  "correspond to the sender ID used to subscribe",
		  NULL, WP_VERDICT_SUSPECT, 0, "key_changed", 0 },
		{ 301, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 307, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 308, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 400, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 413, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 429, "", NULL, WP_VERDICT_LATER, 300, "", 0 },
		{ 429, "", "17", WP_VERDICT_LATER, 17, "", 0 },
		{ 500, "", NULL, WP_VERDICT_RETRY, 0, "", 0 },
		{ 503, "", "60", WP_VERDICT_RETRY, 60, "", 0 },
		{ 599, "", NULL, WP_VERDICT_RETRY, 0, "", 0 },
		{ 0, "", NULL, WP_VERDICT_RETRY, 0, "unreachable", 0 },
	};
	static const struct judge_case other_key[] = {
		{ 401, "", NULL, WP_VERDICT_GONE, 0, "key_changed", 0 },
		{ 403, "", NULL, WP_VERDICT_GONE, 0, "key_changed", 0 },
		{ 201, "", NULL, WP_VERDICT_ACCEPTED, 0, "", 0 },
		{ 400, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
	};

	(void)state;
	JUDGE(cases, judge_web);
	is_ours = false;
	JUDGE(other_key, judge_web);
	is_ours = true;
}

/* The signature was made by
 * openssl dgst -sha256 -mac HMAC. */
static void a_bot_can_tell_that_it_is_us(void **state)
{
	static const uint8_t secret[24] = {
		0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37,
		0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
		0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
	};
	static const char body[] =
		"{\"type\":\"mail.waiting\",\"timestamp\":"
		"\"2026-11-30T22:00:00.000Z\",\"data\":{\"waiting\":3,"
		"\"urgent\":true,\"user\":\"urn:waypost:user:bot\"}}";
	const struct wp_webhook_target target = {
		.endpoint = "https://bot.example/hook",
		.secret = secret,
		.secret_len = sizeof(secret),
		.user = "urn:waypost:user:bot",
		.is_high = true,
	};
	struct wp_transfer_header headers[WP_CALL_HEADERS_MAX];
	const struct wp_push push = some_push(WP_PLAN_ALERT);
	struct wp_transfer_request request;
	struct wp_call call;

	(void)state;
	wp_call_init(&call);
	wp_webhook_build(&call, &target, &push);
	assert_true(wp_call_is_whole(&call));
	request = wp_call_request(&call, headers);
	assert_string_equal(request.url, "https://bot.example/hook");
	assert_true(wp_json_is_valid(request.body, request.len));
	assert_string_equal(request.body, body);
	assert_int_equal(request.n_headers, 4);
	expect_header(&request, "content-type", "application/json");
	expect_header(&request, "webhook-id", SOME_PUSH_ID);
	expect_header(&request, "webhook-timestamp", "1796076000");
	expect_header(&request, "webhook-signature",
		      "v1,4spyf9u5YW2PvqF10KwrepGl0+pk2tyWbDMhCmrt0SQ=");
	wp_call_release(&call);
}

static void each_answer_of_a_bot_has_its_meaning(void **state)
{
	static const struct judge_case cases[] = {
		{ 200, "", NULL, WP_VERDICT_ACCEPTED, 0, "", 0 },
		{ 299, "", NULL, WP_VERDICT_ACCEPTED, 0, "", 0 },
		{ 302, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 400, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 401, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 404, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 410, "", NULL, WP_VERDICT_GONE, 0, "", 0 },
		{ 429, "", NULL, WP_VERDICT_LATER, 60, "", 0 },
		{ 429, "", "5", WP_VERDICT_LATER, 5, "", 0 },
		{ 503, "", NULL, WP_VERDICT_LATER, 60, "", 0 },
		{ 503, "", "500", WP_VERDICT_LATER, 500, "", 0 },
		{ 500, "", "500", WP_VERDICT_RETRY, 500, "", 0 },
		{ 0, "", NULL, WP_VERDICT_RETRY, 0, "unreachable", 0 },
	};

	(void)state;
	JUDGE(cases, wp_webhook_judge);
}

static void a_repeat_has_the_id_of_what_it_repeats(void **state)
{
	const struct wp_entry_id want = { 1796076000000, 1 };
	const struct wp_entry_id other = { 1796076000000, 2 };
	char first[WP_PUSH_ID_TEXT + 1], again[WP_PUSH_ID_TEXT + 1];
	struct wp_own_key key, another;

	(void)state;
	wp_own_key_make(&key, "a secret that only tests have, and nobody else",
			WP_PUSH_ID_PURPOSE);
	wp_own_key_make(&another, "a secret that other tests have, and so on",
			WP_PUSH_ID_PURPOSE);
	wp_push_id(&key, SOME_TOKEN_ID, &want, first);
	wp_push_id(&key, SOME_TOKEN_ID, &want, again);
	assert_string_equal(first, again);
	assert_int_equal(strlen(first), WP_PUSH_ID_TEXT);
	assert_int_equal(first[14], '8');
	assert_non_null(strchr("89ab", first[19]));
	for (size_t i = 8; i <= 23; i += 5)
		assert_int_equal(first[i], '-');
	wp_push_id(&key, SOME_TOKEN_ID, &other, again);
	assert_string_not_equal(first, again);
	wp_push_id(&key, "AAAAAAAAAAAAAAAAAAAAAB", &want, again);
	assert_string_not_equal(first, again);
	wp_push_id(&another, SOME_TOKEN_ID, &want, again);
	assert_string_not_equal(first, again);
	wp_own_key_forget(&key);
	wp_own_key_forget(&another);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_message_to_a_browser_says_nothing_by_its_length),
		cmocka_unit_test(an_origin_is_scheme_host_and_port),
		cmocka_unit_test(each_answer_of_a_push_service_has_its_meaning),
		cmocka_unit_test(a_bot_can_tell_that_it_is_us),
		cmocka_unit_test(each_answer_of_a_bot_has_its_meaning),
		cmocka_unit_test(a_repeat_has_the_id_of_what_it_repeats),
	};

	return cmocka_run_group_tests_name("notifier/provider/kind_web", tests,
					   NULL, NULL);
}
