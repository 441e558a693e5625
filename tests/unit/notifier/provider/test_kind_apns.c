/* Pushes by Apple: what is asked, and what each answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/json.h"
#include "notifier/provider/kind_apns.h"
#include "tests/unit/notifier/provider/judge.h"
#include "tests/unit/notifier/provider/pushes.h"

static const struct wp_apns_app app = { .topic = "org.example.app",
					.title_key = "",
					.body_key = "" };
static const struct wp_apns_target target = {
	.base = "https://api.push.apple.com",
	.token = "00fc13adff785122",
	.bearer = "a.b.c",
};

static void expect_body(const struct wp_push *push,
			const struct wp_apns_app *of, const char *wanted)
{
	struct wp_call call;

	wp_call_init(&call);
	assert_true(wp_apns_build(&call, of, &target, push));
	assert_true(wp_call_is_whole(&call));
	assert_true(wp_json_is_valid(call.body.data, call.body.len));
	assert_string_equal(call.body.data, wanted);
	wp_call_release(&call);
}

static void an_alert_says_that_something_waits(void **state)
{
	struct wp_push push = some_push(WP_PLAN_ALERT);

	(void)state;
	expect_body(&push, &app,
		    "{\"aps\":{\"alert\":{\"title\":\"New Message\",\"body\":"
		    "\"You have received a new secure message.\"},\"sound\":"
		    "\"default\",\"badge\":3,\"mutable-content\":1,"
		    "\"thread-id\":\"waypost\"},\"w\":{\"type\":\"mail\","
		    "\"account\":\"work\"}}");
	push.account = "";
	push.has_badge = false;
	expect_body(&push, &app,
		    "{\"aps\":{\"alert\":{\"title\":\"New Message\",\"body\":"
		    "\"You have received a new secure message.\"},\"sound\":"
		    "\"default\",\"mutable-content\":1,\"thread-id\":"
		    "\"waypost\"},\"w\":{\"type\":\"mail\"}}");
}

static void a_quiet_one_makes_no_sound(void **state)
{
	const struct wp_apns_app own = { .topic = "org.example.app",
					 .title_key = "T\"K",
					 .body_key = "BK" };
	struct wp_push push = some_push(WP_PLAN_QUIET);

	(void)state;
	push.account = "";
	expect_body(&push, &own,
		    "{\"aps\":{\"alert\":{\"title-loc-key\":\"T\\\"K\","
		    "\"loc-key\":\"BK\"},\"interruption-level\":\"passive\","
		    "\"badge\":3,\"mutable-content\":1,\"thread-id\":"
		    "\"waypost\"},\"w\":{\"type\":\"mail\"}}");
}

static void a_number_is_a_number_and_nothing_else(void **state)
{
	struct wp_push push = some_push(WP_PLAN_BADGE);

	(void)state;
	expect_body(&push, &app, "{\"aps\":{\"badge\":3}}");
	push = some_push(WP_PLAN_CLEAR);
	push.waiting = 0;
	expect_body(&push, &app, "{\"aps\":{\"badge\":0}}");
}

static void the_headers_are_apples(void **state)
{
	static const char *const wanted[][2] = {
		{ "authorization", "bearer a.b.c" },
		{ "content-type", "application/json" },
		{ "apns-topic", "org.example.app" },
		{ "apns-push-type", "alert" },
		{ "apns-priority", "10" },
		{ "apns-expiration", "1798495200" },
		{ "apns-id", SOME_PUSH_ID },
		{ "apns-collapse-id", SOME_TOKEN_ID },
	};
	struct wp_push push = some_push(WP_PLAN_ALERT);

	(void)state;
	for (int action = WP_PLAN_ALERT; action <= WP_PLAN_CLEAR; action++) {
		struct wp_transfer_header headers[WP_CALL_HEADERS_MAX];
		struct wp_transfer_request request;
		struct wp_call call;

		push.action = (enum wp_plan_action)action;
		wp_call_init(&call);
		assert_true(wp_apns_build(&call, &app, &target, &push));
		request = wp_call_request(&call, headers);
		assert_string_equal(request.url,
				    "https://api.push.apple.com/3/device/"
				    "00fc13adff785122");
		assert_int_equal(request.n_headers,
				 sizeof(wanted) / sizeof(wanted[0]));
		for (size_t i = 0; i < request.n_headers; i++) {
			bool is_soon = action != WP_PLAN_ALERT && i == 4;

			assert_string_equal(headers[i].name, wanted[i][0]);
			assert_string_equal(headers[i].value,
					    is_soon ? "5" : wanted[i][1]);
		}
		wp_call_release(&call);
	}
}

static void what_would_be_another_path_is_no_token(void **state)
{
	static const char *const tokens[] = { "",     "../x", "a/b",
					      "a?b",  "a b",  "a#b",
					      "a%2e", "g",    "a\r\nb" };
	const struct wp_push push = some_push(WP_PLAN_ALERT);

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct wp_apns_target bad = target;
		struct wp_call call;

		bad.token = tokens[i];
		wp_call_init(&call);
		assert_false(wp_apns_build(&call, &app, &bad, &push));
		wp_call_release(&call);
	}
}

/* Registered at a time that the recorded timestamps are around. */
static struct wp_apns_context context = {
	.registered_ms = INT64_C(1454948015990),
	.bearer_age_s = 20 * 60,
};
static bool is_repeat;

static void judge(const struct wp_provider_answer *reply,
		  struct wp_judgement *out)
{
	struct wp_provider_answer again = *reply;

	again.is_repeat = is_repeat;
	wp_apns_judge(&again, &context, out);
}

#define JUDGE(cases) judge_all(cases, sizeof(cases) / sizeof(cases[0]), judge)
#define SAYS(reason) "{\"reason\":\"" reason "\"}"

static void each_answer_has_its_meaning(void **state)
{
	static const struct judge_case cases[] = {
		{ 200, "", NULL, WP_VERDICT_ACCEPTED, 0, "", 0 },
		{ 410,
		  "{\"reason\":\"Unregistered\",\"timestamp\":1454948015991}",
		  NULL, WP_VERDICT_GONE, 0, "Unregistered", 0 },
		{ 410,
		  "{\"timestamp\":1454948015991,\"reason\":\"ExpiredToken\"}",
		  NULL, WP_VERDICT_GONE, 0, "ExpiredToken", 0 },
		{ 410,
		  "{\"reason\":\"Unregistered\",\"timestamp\":1454948015990}",
		  NULL, WP_VERDICT_SUSPECT, 0, "Unregistered", 0 },
		{ 410, SAYS("Unregistered"), NULL, WP_VERDICT_SUSPECT, 0,
		  "Unregistered", 0 },
		{ 410, "{\"reason\":\"Unregistered\",\"timestamp\":1e400}",
		  NULL, WP_VERDICT_SUSPECT, 0, "Unregistered", 0 },
		{ 410, "{\"reason\":\"Other\",\"timestamp\":1454948015991}",
		  NULL, WP_VERDICT_SUSPECT, 0, "Other", 0 },
		{ 400, SAYS("BadDeviceToken"), NULL, WP_VERDICT_SUSPECT, 0,
		  "BadDeviceToken", 0 },
		{ 400, SAYS("DeviceTokenNotForTopic"), NULL, WP_VERDICT_SUSPECT,
		  0, "DeviceTokenNotForTopic", 0 },
		{ 400, SAYS("BadTopic"), NULL, WP_VERDICT_REFUSED, 0,
		  "BadTopic", 0 },
		{ 400, SAYS("BadCollapseId"), NULL, WP_VERDICT_REFUSED, 0,
		  "BadCollapseId", 0 },
		{ 404, SAYS("BadPath"), NULL, WP_VERDICT_REFUSED, 0, "BadPath",
		  0 },
		{ 405, SAYS("MethodNotAllowed"), NULL, WP_VERDICT_REFUSED, 0,
		  "MethodNotAllowed", 0 },
		{ 413, SAYS("PayloadTooLarge"), NULL, WP_VERDICT_REFUSED, 0,
		  "PayloadTooLarge", 0 },
		{ 403, SAYS("ExpiredProviderToken"), NULL, WP_VERDICT_AGAIN, 0,
		  "ExpiredProviderToken",
		  WP_REMEDY_TOKEN | WP_REMEDY_CONNECTION },
		{ 403, SAYS("InvalidProviderToken"), NULL, WP_VERDICT_CONFIG, 0,
		  "InvalidProviderToken", 0 },
		{ 403, SAYS("Forbidden"), NULL, WP_VERDICT_CONFIG, 0,
		  "Forbidden", 0 },
		{ 429, SAYS("TooManyProviderTokenUpdates"), NULL,
		  WP_VERDICT_CONFIG, 0, "TooManyProviderTokenUpdates",
		  WP_REMEDY_CONNECTION },
		{ 429, SAYS("TooManyRequests"), NULL, WP_VERDICT_RETRY, 600,
		  "TooManyRequests", 0 },
		{ 429, SAYS("TooManyRequests"), "30", WP_VERDICT_RETRY, 30,
		  "TooManyRequests", 0 },
		{ 429, SAYS("Whatever"), NULL, WP_VERDICT_LATER, 60, "Whatever",
		  0 },
		{ 429, "", "120", WP_VERDICT_LATER, 120, "", 0 },
		{ 500, SAYS("InternalServerError"), NULL, WP_VERDICT_RETRY, 0,
		  "InternalServerError", 0 },
		{ 503, SAYS("ServiceUnavailable"), "90", WP_VERDICT_RETRY, 90,
		  "ServiceUnavailable", 0 },
		{ 503, SAYS("Shutdown"), NULL, WP_VERDICT_RETRY, 0, "Shutdown",
		  WP_REMEDY_CONNECTION },
		{ 0, "", NULL, WP_VERDICT_RETRY, 0, "unreachable", 0 },
		{ 301, "", NULL, WP_VERDICT_CONFIG, 0, "", 0 },
		{ 204, "", NULL, WP_VERDICT_CONFIG, 0, "", 0 },
		{ 418, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 400, SAYS("not a word"), NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 400, SAYS("x\\u000ay"), NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 400, SAYS("abcdefghijklmnopqrstuvwxyzabcdefghijklmn"), NULL,
		  WP_VERDICT_REFUSED, 0,
		  "abcdefghijklmnopqrstuvwxyzabcdefghijklmn", 0 },
		{ 400, SAYS("abcdefghijklmnopqrstuvwxyzabcdefghijklmno"), NULL,
		  WP_VERDICT_REFUSED, 0, "", 0 },
	};

	(void)state;
	JUDGE(cases);
}

static void an_own_token_is_renewed_once_and_not_too_early(void **state)
{
	static const struct judge_case config[] = {
		{ 403, SAYS("ExpiredProviderToken"), NULL, WP_VERDICT_CONFIG, 0,
		  "ExpiredProviderToken", 0 },
	};

	(void)state;
	context.bearer_age_s--;
	JUDGE(config);
	context.bearer_age_s++;
	is_repeat = true;
	JUDGE(config);
	is_repeat = false;
}

static void the_other_environment_is_tried_first(void **state)
{
	static const struct judge_case cases[] = {
		{ 400, SAYS("BadDeviceToken"), NULL, WP_VERDICT_AGAIN, 0,
		  "BadDeviceToken", WP_REMEDY_ENVIRONMENT },
		{ 400, SAYS("DeviceTokenNotForTopic"), NULL, WP_VERDICT_SUSPECT,
		  0, "DeviceTokenNotForTopic", 0 },
	};

	(void)state;
	context.may_be_other = true;
	JUDGE(cases);
	context.may_be_other = false;
}

static void without_http_2_it_is_not_apple(void **state)
{
	static const long statuses[] = { 200, 400, 403, 410 };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		const struct wp_provider_answer reply = { .status = statuses[i],
							  .body = "" };
		struct wp_judgement out;

		wp_apns_judge(&reply, &context, &out);
		assert_int_equal(out.verdict, WP_VERDICT_RETRY);
	}
}

/* No body makes a token dead by being no body. */
static void what_is_not_json_says_nothing(void **state)
{
	static const char *const bodies[] = { JUDGE_NOT_JSON };
	struct judge_case c = { .verdict = WP_VERDICT_SUSPECT, .reason = "" };

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		c.body = bodies[i];
		c.status = 410;
		c.verdict = WP_VERDICT_SUSPECT;
		judge_all(&c, 1, judge);
		c.status = 400;
		c.verdict = WP_VERDICT_REFUSED;
		judge_all(&c, 1, judge);
		c.status = 403;
		c.verdict = WP_VERDICT_CONFIG;
		judge_all(&c, 1, judge);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alert_says_that_something_waits),
		cmocka_unit_test(a_quiet_one_makes_no_sound),
		cmocka_unit_test(a_number_is_a_number_and_nothing_else),
		cmocka_unit_test(the_headers_are_apples),
		cmocka_unit_test(what_would_be_another_path_is_no_token),
		cmocka_unit_test(each_answer_has_its_meaning),
		cmocka_unit_test(
			an_own_token_is_renewed_once_and_not_too_early),
		cmocka_unit_test(the_other_environment_is_tried_first),
		cmocka_unit_test(without_http_2_it_is_not_apple),
		cmocka_unit_test(what_is_not_json_says_nothing),
	};

	return cmocka_run_group_tests_name("notifier/provider/kind_apns", tests,
					   NULL, NULL);
}
