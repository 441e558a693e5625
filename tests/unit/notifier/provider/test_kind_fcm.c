/* Pushes by Google: what is asked, and what each answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "lib/base/json.h"
#include "notifier/provider/kind_fcm.h"
#include "tests/unit/notifier/provider/judge.h"
#include "tests/unit/notifier/provider/pushes.h"

#define START "{\"message\":{\"token\":\"t:\\\"1\\\"\",\"data\":{\"type\":"
#define ID "\"id\":\"" SOME_PUSH_ID "\",\"account\":\"work\""
#define TTL "\"ttl\":\"2419200s\",\"collapse_key\":\"" SOME_TOKEN_ID "\""

static const struct wp_apns_app ios = { .topic = "",
					.title_key = "",
					.body_key = "" };

static void expect_body(const struct wp_push *push, bool has_texts, bool is_ios,
			const char *wanted)
{
	const struct wp_fcm_app app = { .base = "https://fcm.googleapis.com",
					.project = "p-1",
					.has_texts = has_texts,
					.ios = &ios };
	const struct wp_fcm_target target = { .token = "t:\"1\"",
					      .access_token = "ya29.x",
					      .is_ios = is_ios };
	struct wp_transfer_header headers[WP_CALL_HEADERS_MAX];
	struct wp_transfer_request request;
	struct wp_call call;

	wp_call_init(&call);
	wp_fcm_build(&call, &app, &target, push);
	assert_true(wp_call_is_whole(&call));
	request = wp_call_request(&call, headers);
	assert_string_equal(request.url, "https://fcm.googleapis.com/v1/"
					 "projects/p-1/messages:send");
	assert_int_equal(request.n_headers, 2);
	assert_string_equal(headers[0].name, "authorization");
	assert_string_equal(headers[0].value, "Bearer ya29.x");
	assert_string_equal(headers[1].value, "application/json");
	assert_true(wp_json_is_valid(request.body, request.len));
	assert_string_equal(request.body, wanted);
	wp_call_release(&call);
}

static void an_alert_wakes_the_app(void **state)
{
	struct wp_push push = some_push(WP_PLAN_ALERT);

	(void)state;
	expect_body(&push, false, false,
		    START "\"mail\"," ID ",\"waiting\":\"3\"},\"android\":{"
			  "\"priority\":\"HIGH\"," TTL "}}}");
	push.has_badge = false;
	push.account = "";
	expect_body(&push, false, false,
		    START "\"mail\",\"id\":\"" SOME_PUSH_ID
			  "\"},\"android\":{\"priority\":\"HIGH\"," TTL "}}}");
}

static void texts_are_for_who_wants_them(void **state)
{
	struct wp_push push = some_push(WP_PLAN_ALERT);

	(void)state;
	expect_body(&push, true, false,
		    START "\"mail\"," ID ",\"waiting\":\"3\"},\"android\":{"
			  "\"priority\":\"HIGH\"," TTL ",\"notification\":{"
			  "\"tag\":\"waypost\"}},\"notification\":{\"title\":"
			  "\"New Message\",\"body\":\"You have received a new "
			  "secure message.\"}}}");
}

static void what_is_not_urgent_may_sleep(void **state)
{
	static const struct {
		enum wp_plan_action action;
		const char *type;
	} cases[] = {
		{ WP_PLAN_QUIET, START "\"mail\"," },
		{ WP_PLAN_BADGE, START "\"badge\"," },
		{ WP_PLAN_CLEAR, START "\"read\"," },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wp_push push = some_push(cases[i].action);
		char wanted[512];

		(void)snprintf(wanted, sizeof(wanted), "%s%s", cases[i].type,
			       ID ",\"waiting\":\"3\"},\"android\":{"
				  "\"priority\":\"NORMAL\"," TTL "}}}");
		expect_body(&push, false, false, wanted);
	}
}

static void a_device_of_apple_gets_apples_part(void **state)
{
	struct wp_push push = some_push(WP_PLAN_QUIET);

	(void)state;
	expect_body(&push, false, true,
		    START
		    "\"mail\"," ID ",\"waiting\":\"3\"},\"android\":{"
		    "\"priority\":\"NORMAL\"," TTL "},\"apns\":{\"headers\":{"
		    "\"apns-push-type\":\"alert\",\"apns-priority\":\"5\","
		    "\"apns-collapse-id\":\"" SOME_TOKEN_ID
		    "\"},\"payload\":{\"aps\":{\"alert\":{\"title\":\"New "
		    "Message\",\"body\":\"You have received a new secure "
		    "message.\"},\"interruption-level\":\"passive\",\"badge\":"
		    "3,\"mutable-content\":1,\"thread-id\":\"waypost\"}}}}}");
}

/* As they come from Google, with what is in them besides. */
#define SAYS(status, details)                                               \
	"{\n \"error\": {\n \"code\": 400,\n \"message\": \"secret-x\",\n " \
	"\"status\": \"" status "\",\n \"details\": [" details "]\n }\n}\n"
#define FCM(code)                                                   \
	"{\"@type\": \"type.googleapis.com/google.firebase.fcm.v1." \
	"FcmError\", \"errorCode\": \"" code "\"}"
#define BAD_REQUEST                                                   \
	"{\"@type\": \"type.googleapis.com/google.rpc.BadRequest\", " \
	"\"fieldViolations\": [{\"field\": \"message.data\", "        \
	"\"description\": \"Invalid value\"}]}"

static bool is_repeat;

static void judge(const struct wp_provider_answer *reply,
		  struct wp_judgement *out)
{
	struct wp_provider_answer again = *reply;

	again.is_repeat = is_repeat;
	wp_fcm_judge(&again, out);
}

#define JUDGE(cases) judge_all(cases, sizeof(cases) / sizeof(cases[0]), judge)

static void each_answer_has_its_meaning(void **state)
{
	static const struct judge_case cases[] = {
		{ 200, "{\"name\":\"projects/p/messages/0:1\"}", NULL,
		  WP_VERDICT_ACCEPTED, 0, "", 0 },
		{ 404, SAYS("NOT_FOUND", FCM("UNREGISTERED")), NULL,
		  WP_VERDICT_GONE, 0, "UNREGISTERED", 0 },
		{ 400, SAYS("INVALID_ARGUMENT", FCM("UNREGISTERED")), NULL,
		  WP_VERDICT_GONE, 0, "UNREGISTERED", 0 },
		{ 404, SAYS("NOT_FOUND", ""), NULL, WP_VERDICT_SUSPECT, 0,
		  "NOT_FOUND", 0 },
		{ 400, SAYS("INVALID_ARGUMENT", FCM("INVALID_ARGUMENT")), NULL,
		  WP_VERDICT_SUSPECT, 0, "INVALID_ARGUMENT", 0 },
		{ 400, SAYS("INVALID_ARGUMENT", BAD_REQUEST), NULL,
		  WP_VERDICT_REFUSED, 0, "INVALID_ARGUMENT", 0 },
		{ 400,
		  SAYS("INVALID_ARGUMENT",
		       BAD_REQUEST ", " FCM("INVALID_ARGUMENT")),
		  NULL, WP_VERDICT_SUSPECT, 0, "INVALID_ARGUMENT", 0 },
		{ 413, "", NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 403, SAYS("PERMISSION_DENIED", FCM("SENDER_ID_MISMATCH")),
		  NULL, WP_VERDICT_SUSPECT, 0, "SENDER_ID_MISMATCH", 0 },
		{ 403, SAYS("PERMISSION_DENIED", ""), NULL, WP_VERDICT_CONFIG,
		  0, "PERMISSION_DENIED", 0 },
		{ 401, SAYS("UNAUTHENTICATED", ""), NULL, WP_VERDICT_AGAIN, 0,
		  "UNAUTHENTICATED", WP_REMEDY_TOKEN },
		{ 401, SAYS("UNAUTHENTICATED", FCM("THIRD_PARTY_AUTH_ERROR")),
		  NULL, WP_VERDICT_REFUSED, 0, "THIRD_PARTY_AUTH_ERROR", 0 },
		{ 429, SAYS("RESOURCE_EXHAUSTED", FCM("QUOTA_EXCEEDED")), NULL,
		  WP_VERDICT_LATER, 60, "QUOTA_EXCEEDED", 0 },
		{ 429, SAYS("RESOURCE_EXHAUSTED", FCM("QUOTA_EXCEEDED")), "120",
		  WP_VERDICT_LATER, 120, "QUOTA_EXCEEDED", 0 },
		{ 500, SAYS("INTERNAL", FCM("INTERNAL")), NULL,
		  WP_VERDICT_RETRY, 10, "INTERNAL", 0 },
		{ 503, SAYS("UNAVAILABLE", FCM("UNAVAILABLE")), "5",
		  WP_VERDICT_RETRY, 10, "UNAVAILABLE", 0 },
		{ 503, SAYS("UNAVAILABLE", FCM("UNAVAILABLE")),
		  "Mon, 30 Nov 2026 22:01:30 GMT", WP_VERDICT_RETRY, 90,
		  "UNAVAILABLE", 0 },
		{ 502, "<html>", NULL, WP_VERDICT_RETRY, 10, "", 0 },
		{ 504, "", NULL, WP_VERDICT_RETRY, 10, "", 0 },
		{ 0, "", NULL, WP_VERDICT_RETRY, 0, "unreachable", 0 },
		{ 302, "", NULL, WP_VERDICT_CONFIG, 0, "", 0 },
		{ 400, SAYS("A b", ""), NULL, WP_VERDICT_REFUSED, 0, "", 0 },
		{ 400, SAYS("SOMETHING_NEW", FCM("QUITE_NEW")), NULL,
		  WP_VERDICT_REFUSED, 0, "QUITE_NEW", 0 },
	};

	(void)state;
	JUDGE(cases);
}

static void another_token_is_tried_once(void **state)
{
	static const struct judge_case cases[] = {
		{ 401, SAYS("UNAUTHENTICATED", ""), NULL, WP_VERDICT_CONFIG, 0,
		  "UNAUTHENTICATED", 0 },
	};

	(void)state;
	is_repeat = true;
	JUDGE(cases);
	is_repeat = false;
}

static void what_is_not_json_says_nothing(void **state)
{
	static const char *const bodies[] = {
		JUDGE_NOT_JSON,
		"{\"error\":{\"details\":[[]]}}",
		"{\"error\":{\"details\":[5]}}",
		"{\"error\":{\"status\":5}}",
		"{\"error\":{\"details\":[{\"errorCode\":\"UNREGISTERED\"}]}} "
		"x",
		"{\"error\":{\"details\":[{\"errorCode\":\"UNREGISTERED\"}]}",
	};
	struct judge_case c = { .reason = "" };

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		c.body = bodies[i];
		c.status = 404;
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
		cmocka_unit_test(an_alert_wakes_the_app),
		cmocka_unit_test(texts_are_for_who_wants_them),
		cmocka_unit_test(what_is_not_urgent_may_sleep),
		cmocka_unit_test(a_device_of_apple_gets_apples_part),
		cmocka_unit_test(each_answer_has_its_meaning),
		cmocka_unit_test(another_token_is_tried_once),
		cmocka_unit_test(what_is_not_json_says_nothing),
	};

	return cmocka_run_group_tests_name("notifier/provider/kind_fcm", tests,
					   NULL, NULL);
}
