/* Bodies of accounts: what is in them, and nothing that stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "handlers/accounts/credentials.h"
#include "handlers/request/call.h"

#include "tests/unit/handlers/fake.h"

struct stage {
	struct fake_world world;
	struct fake fake;
	struct wp_call *call;
	struct wp_credentials out;
};

static bool read_body(struct stage *stage, const char *body,
		      unsigned int needed, unsigned int allowed)
{
	fake_release(&stage->fake);
	fake_request(&stage->fake, "POST", "/api/auth/login");
	fake_param(&stage->fake, "CONTENT_TYPE=application/json");
	fake_body(&stage->fake, body, strlen(body));
	wp_call_reset(stage->call);
	wp_req_init(&stage->call->req, &stage->fake.io, NULL);
	return wp_credentials_read(stage->call, needed, allowed, &stage->out);
}

static void refused(struct stage *stage, const char *body, const char *part)
{
	assert_false(read_body(stage, body, WP_C_USERNAME | WP_C_PASSWORD,
			       WP_C_DEVICE_ID | WP_C_REFRESH_IN));
	assert_int_equal(stage->call->resp.status, 400);
	assert_non_null(strstr(stage->call->resp.body.data, part));
	assert_null(stage->out.password.data);
}

static void members_are_read_as_they_are_written(void **state)
{
	struct stage *stage = *state;

	assert_true(read_body(stage,
			      "{\"password\":\"a\\u0000b\\u00e4\",\"x\":[1],"
			      "\"username\":\"Bob\",\"deviceId\":\"a.b-C\"}",
			      WP_C_USERNAME | WP_C_PASSWORD,
			      WP_C_DEVICE_ID | WP_C_ROLE));
	assert_int_equal(stage->out.password.len, 5);
	assert_memory_equal(stage->out.password.data, "a\0b\xc3\xa4", 6);
	assert_string_equal(stage->out.username.data, "Bob");
	assert_string_equal(stage->out.device_id.data, "a.b-C");
	assert_null(stage->out.role.data);
}

static void what_is_not_asked_for_is_passed_over(void **state)
{
	struct stage *stage = *state;

	assert_true(read_body(stage, "{\"username\":\"bob\",\"code\":7}",
			      WP_C_USERNAME, 0));
	assert_null(stage->out.code.data);
}

static void nothing_else_may_be_meant_where_that_is_said(void **state)
{
	struct stage *stage = *state;

	assert_true(read_body(stage, "{\"username\":\"bob\"}",
			      WP_C_USERNAME | WP_C_ONLY, WP_C_STATE));
	assert_false(read_body(stage, "{\"username\":\"bob\",\"code\":7}",
			       WP_C_USERNAME, WP_C_STATE | WP_C_ONLY));
	assert_int_equal(stage->call->resp.status, 400);
	assert_non_null(strstr(stage->call->resp.body.data, "nobody knows"));
	assert_false(read_body(stage, "{}", WP_C_USERNAME | WP_C_ONLY, 0));
	assert_non_null(
		strstr(stage->call->resp.body.data, "username is missing"));
}

static void a_bad_member_is_refused_with_a_sentence(void **state)
{
	struct stage *stage = *state;

	refused(stage, "{\"username\":\"bob\"}", "password is missing");
	refused(stage, "{\"username\":1,\"password\":\"x\"}", "bad_request");
	refused(stage,
		"{\"username\":\"a\",\"username\":\"a\",\"password\":\"x\"}",
		"given twice");
	refused(stage,
		"{\"username\":\"a\",\"password\":\"x\",\"refreshIn\":\"x\"}",
		"cannot have");
	refused(stage,
		"{\"username\":\"a\",\"password\":\"x\",\"deviceId\":\"\"}",
		"cannot have");
	refused(stage,
		"{\"username\":\"a\",\"password\":\"x\",\"refreshIn\":"
		"\"body\\u0000\"}",
		"cannot have");
	refused(stage, "{\"username\":\"a\"", "invalid_json");
}

static void nothing_secret_stays_in_the_buffers(void **state)
{
	static const char body[] =
		"{\"username\":\"bob\",\"password\":\"tell\\u0069ng\"}";
	struct stage *stage = *state;
	const struct wp_buf *scratch = &stage->call->scratch;
	char *kept;

	assert_true(read_body(stage, body, WP_C_USERNAME | WP_C_PASSWORD, 0));
	assert_string_equal(stage->out.password.data, "telling");
	assert_null(memmem(stage->call->body.data, stage->call->body.cap,
			   "tell", 4));
	assert_null(memmem(scratch->data, scratch->cap, "tell", 4));
	kept = stage->out.password.data;
	wp_credentials_wipe(&stage->out);
	assert_null(stage->out.password.data);
	assert_string_equal(kept, "");
	wp_credentials_wipe(&stage->out);
}

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	*state = stage;
	if (stage == NULL || !fake_world_init(&stage->world))
		return -1;
	fake_request(&stage->fake, "POST", "/api/auth/login");
	stage->call = wp_call_new(&stage->world.ctx);
	return stage->call == NULL;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	wp_call_free(&stage->call);
	fake_release(&stage->fake);
	fake_world_release(&stage->world);
	free(stage);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_read_as_they_are_written),
		cmocka_unit_test(what_is_not_asked_for_is_passed_over),
		cmocka_unit_test(nothing_else_may_be_meant_where_that_is_said),
		cmocka_unit_test(a_bad_member_is_refused_with_a_sentence),
		cmocka_unit_test(nothing_secret_stays_in_the_buffers),
	};

	return cmocka_run_group_tests_name("credentials", tests, setup,
					   teardown);
}
