/* What services of the operator's own are told, read as the first consumer of
 * this bus reads it; and what an answer of Redis means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/encode.h"
#include "notifier/provider/kind_bus.h"
#include "tests/unit/notifier/provider/pushes.h"

#define USER "urn:sm:user:bob"

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, name, &value));
	assert_true(json_object_is_type(value, json_type_string));
	return json_object_get_string(value);
}

static struct json_object *object_of(struct json_object *object,
				     const char *name, int members)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, name, &value));
	assert_true(json_object_is_type(value, json_type_object));
	assert_int_equal(json_object_object_length(value), members);
	return value;
}

/* The payload of a wrapper, which has these three members and no others. */
static char *unwrap(const struct wp_buf *body)
{
	struct json_object *wrapper = json_tokener_parse(body->data);
	const char *payload;
	char *text;
	size_t len;

	assert_non_null(wrapper);
	assert_int_equal(json_object_object_length(wrapper), 3);
	assert_string_equal(text_of(wrapper, "id"), SOME_PUSH_ID);
	assert_string_equal(text_of(wrapper, "publishTime"),
			    "2026-11-30T22:00:00.000Z");
	payload = text_of(wrapper, "payload");
	text = malloc(strlen(payload) + 1);
	assert_non_null(text);
	assert_true(wp_base64_decode(payload, strlen(payload), text, &len));
	text[len] = '\0';
	json_object_put(wrapper);
	return text;
}

/* A NotificationRequest, to the letter of its ProtoJSON: a member that the
 * message has not would fail a strict reader. */
static void expect_request(enum wp_plan_action action, const char *sound)
{
	const struct wp_push push = some_push(action);
	struct json_object *request, *content, *data;
	struct wp_buf body;
	char *text;

	wp_buf_init(&body, 0);
	wp_kind_bus_body(&body, USER, &push);
	assert_false(body.failed);
	text = unwrap(&body);
	request = json_tokener_parse(text);
	assert_non_null(request);
	assert_int_equal(json_object_object_length(request), 3);
	assert_string_equal(text_of(request, "recipientId"), USER);
	content = object_of(request, "content", sound != NULL ? 3 : 2);
	assert_string_equal(text_of(content, "title"), "New Message");
	assert_string_equal(text_of(content, "body"),
			    "You have received a new secure message.");
	if (sound != NULL)
		assert_string_equal(text_of(content, "sound"), sound);
	data = object_of(request, "dataPayload", 2);
	assert_string_equal(text_of(data, "msg_type"), "secure_text");
	assert_string_equal(text_of(data, "push_id"), SOME_PUSH_ID);
	json_object_put(request);
	free(text);
	wp_buf_release(&body);
}

static void a_notification_service_finds_what_it_knows(void **state)
{
	(void)state;
	expect_request(WP_PLAN_ALERT, "default");
	expect_request(WP_PLAN_QUIET, NULL);
}

static void an_event_says_who_and_where(void **state)
{
	const struct wp_push push = some_push(WP_PLAN_ALERT);
	struct wp_buf body;

	(void)state;
	wp_buf_init(&body, 0);
	wp_kind_event_body(&body, USER, "[\"android\",\"web\"]", &push);
	assert_false(body.failed);
	assert_string_equal(body.data,
			    "{\"type\":\"offline_notification\",\"user\":"
			    "\"" USER "\",\"platforms\":[\"android\",\"web\"],"
			    "\"waiting\":3,\"id\":\"" SOME_PUSH_ID "\"}");
	wp_buf_release(&body);
}

static void expect_verdict(enum wp_bus_end end, const char *word,
			   enum wp_verdict verdict, int64_t after_s,
			   const char *reason)
{
	struct wp_judgement judgement;

	memset(&judgement, 0xff, sizeof(judgement));
	wp_kind_bus_judge(end, word, &judgement);
	assert_int_equal(judgement.verdict, verdict);
	assert_int_equal(judgement.after_s, after_s);
	assert_string_equal(judgement.reason, reason);
	assert_int_equal(judgement.remedy, WP_REMEDY_NONE);
}

static void each_end_has_its_meaning(void **state)
{
	(void)state;
	expect_verdict(WP_BUS_TAKEN, "", WP_VERDICT_ACCEPTED, 0, "");
	expect_verdict(WP_BUS_UNKNOWN, "", WP_VERDICT_AGAIN, 0, "");
	expect_verdict(WP_BUS_LATER, "OOM", WP_VERDICT_LATER, 10, "OOM");
	expect_verdict(WP_BUS_REFUSED, "WRONGTYPE", WP_VERDICT_CONFIG, 0,
		       "WRONGTYPE");
	expect_verdict(WP_BUS_REFUSED, "-x", WP_VERDICT_CONFIG, 0, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_notification_service_finds_what_it_knows),
		cmocka_unit_test(an_event_says_who_and_where),
		cmocka_unit_test(each_end_has_its_meaning),
	};

	return cmocka_run_group_tests_name("notifier/provider/kind_bus", tests,
					   NULL, NULL);
}
