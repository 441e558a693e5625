/*
 * A JSON body is taken for what it is, traps included. Elements of a partition
 * come together and keep their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/request/call.h"

#include "tests/unit/handlers/fake.h"

#define JSON_TYPE "application/json"
#define JSON "CONTENT_TYPE=" JSON_TYPE
#define OF "HTTP_CONTENT_TYPE="

struct stage {
	struct fake_world world;
	struct wp_call *call;
};

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	*state = stage;
	if (stage == NULL || !fake_world_init(&stage->world))
		return -1;
	stage->call = wp_call_new(&stage->world.ctx);
	return stage->call == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	wp_call_free(&stage->call);
	fake_world_release(&stage->world);
	free(stage);
	return 0;
}

/* Read the body of a request; returns the status of the refusal, or 0. */
static unsigned int take(struct stage *stage, struct fake *fake,
			 size_t max_bytes)
{
	unsigned int status = 0;

	wp_call_reset(stage->call);
	wp_req_init(&stage->call->req, &fake->io, NULL);
	if (!wp_call_read_json(stage->call, max_bytes))
		status = stage->call->resp.status;
	return status;
}

/* What a probe asks for is on nobody's account. */
static void a_call_that_is_used_again_forgets_its_caller(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(
		wp_urn_parse(&stage->call->caller.user, "alice", 5, NULL),
		WP_OK);
	assert_true(strlen(stage->call->caller.user.text) > 0);
	wp_call_reset(stage->call);
	assert_string_equal(stage->call->caller.user.text, "");
	assert_int_equal(stage->call->caller.expires_s, 0);
}

/* A send gives its buffer a ceiling, which is not the next one's. */
static void a_call_that_is_used_again_has_room(void **state)
{
	struct stage *stage = *state;

	stage->call->scratch.max_bytes = 1;
	wp_buf_add_str(&stage->call->scratch, "more than that");
	assert_true(stage->call->scratch.failed);
	wp_call_reset(stage->call);
	wp_buf_add_str(&stage->call->scratch, "more than that");
	assert_false(stage->call->scratch.failed);
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
		{ "application/json; v=\"a,b;c\"", true },
		{ "application/json; v=\"a", true },
		/* Of two headers, as a later nginx joins them. */
		{ "application/json, application/json", true },
		{ "application/json;v=1,application/json;v=1", true },
		{ "application/json;charset=utf-8, "
		  "application/json;charset=utf-8",
		  true },
		{ "application/json, application/json, text/plain", false },
		{ "application/json, text/plain", false },
		{ "text/plain, application/json", false },
		{ "application/json, ", false },
		{ "application/json,", false },
		{ "application/json, application/jsonp", false },
		{ "application/json, application/json; charset=latin1", false },
		{ "xapplication/json", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		char text[128];

		fake_request(&fake, "POST", "/");
		(void)snprintf(text, sizeof(text), "CONTENT_TYPE=%s",
			       cases[i].type);
		fake_param(&fake, text);
		fake_body(&fake, "", 0);
		assert_int_equal(take(*state, &fake, 9),
				 cases[i].is_json ? 0 : 415);
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
		{ OF JSON_TYPE, "C=d", false },
		{ OF JSON_TYPE, OF JSON_TYPE, false },
		{ OF JSON_TYPE, OF "a/c", true },
		{ OF JSON_TYPE, OF, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;

		fake_request(&fake, "POST", "/");
		fake_param(&fake, cases[i].first);
		fake_param(&fake, JSON);
		fake_param(&fake, cases[i].second);
		fake_body(&fake, "", 0);
		assert_int_equal(take(*state, &fake, 9),
				 cases[i].are_two ? 400 : 0);
		fake_release(&fake);
	}
}

/* Read a body of which the web server says that it has this length. */
static unsigned int read_body(struct stage *stage, const char *length,
			      const char *body, size_t max_bytes, size_t piece,
			      size_t *read_out)
{
	struct fake fake;
	char text[128];
	unsigned int status;

	fake_request(&fake, "POST", "/");
	fake_param(&fake, JSON);
	if (length != NULL) {
		(void)snprintf(text, sizeof(text), "CONTENT_LENGTH=%s", length);
		fake_param(&fake, text);
	}
	fake.body = body;
	fake.body_len = strlen(body);
	fake.piece = piece;
	status = take(stage, &fake, max_bytes);
	*read_out = fake.body_at;
	fake_release(&fake);
	return status;
}

static void a_body_is_read_whole_however_it_is_cut(void **state)
{
	struct stage *stage = *state;
	const struct wp_buf *body = &stage->call->body;
	size_t taken;

	for (size_t piece = 0; piece <= 5; piece++) {
		assert_int_equal(
			read_body(stage, "5", "12345", 5, piece, &taken), 0);
		assert_string_equal(body->data, "12345");
		assert_int_equal(body->len, 5);
	}
}

static void an_empty_body_is_a_body(void **state)
{
	struct stage *stage = *state;
	const struct wp_buf *body = &stage->call->body;
	size_t taken;

	assert_int_equal(read_body(stage, "0", "", 5, 0, &taken), 0);

	assert_int_equal(body->len, 0);
	assert_string_equal(body->data, "");
}

static void bytes_behind_the_length_are_not_read(void **state)
{
	struct stage *stage = *state;
	const struct wp_buf *body = &stage->call->body;
	size_t taken;

	assert_int_equal(read_body(stage, "3", "12345", 9, 0, &taken), 0);

	assert_string_equal(body->data, "123");
	assert_int_equal(taken, 3);
}

static void a_body_that_ends_early_is_invalid(void **state)
{
	struct stage *stage = *state;
	size_t taken;

	assert_int_equal(read_body(stage, "6", "12345", 9, 2, &taken), 400);
}

static void a_body_without_a_usable_length_is_invalid(void **state)
{
	static const char *const lengths[] = { NULL, "",   "-1",  "+5",
					       "5 ", " 5", "0x5", "5,5" };
	struct stage *stage = *state;
	size_t taken;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		assert_int_equal(
			read_body(stage, lengths[i], "12345", 9, 0, &taken),
			400);
}

static void a_body_over_the_limit_is_not_even_begun(void **state)
{
	static const char *const lengths[] = {
		"6", "18446744073709551615", "18446744073709551616",
		"99999999999999999999999999999999999999999"
	};
	struct stage *stage = *state;
	size_t taken;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		assert_int_equal(
			read_body(stage, lengths[i], "123456", 5, 0, &taken),
			413);
		assert_int_equal(taken, 0);
	}
}

static void grouping_is_stable(void **state)
{
	static const uint32_t partitions[] = { 7, 3, 7, 0, 3, 7 };
	static const size_t wanted[] = { 3, 1, 4, 0, 2, 5 };
	size_t order[6];

	(void)state;

	wp_group(partitions, 6, order);

	assert_memory_equal(order, wanted, sizeof(wanted));
	assert_int_equal(wp_group_len(partitions, order, 0, 6), 1);
	assert_int_equal(wp_group_len(partitions, order, 1, 6), 2);
	assert_int_equal(wp_group_len(partitions, order, 3, 6), 3);
}

static void the_largest_group_is_one_group(void **state)
{
	static const uint32_t partitions[WP_GROUP_MAX];
	size_t order[WP_GROUP_MAX];

	(void)state;

	wp_group(partitions, WP_GROUP_MAX, order);

	for (size_t i = 0; i < WP_GROUP_MAX; i++)
		assert_int_equal(order[i], i);
	assert_int_equal(wp_group_len(partitions, order, 0, WP_GROUP_MAX),
			 WP_GROUP_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_that_is_used_again_forgets_its_caller),
		TEST(a_call_that_is_used_again_has_room),
		TEST(json_is_told_from_other_content_types),
		TEST(two_types_are_two_that_differ),
		TEST(a_body_is_read_whole_however_it_is_cut),
		TEST(an_empty_body_is_a_body),
		TEST(bytes_behind_the_length_are_not_read),
		TEST(a_body_that_ends_early_is_invalid),
		TEST(a_body_without_a_usable_length_is_invalid),
		TEST(a_body_over_the_limit_is_not_even_begun),
		cmocka_unit_test(grouping_is_stable),
		cmocka_unit_test(the_largest_group_is_one_group),
	};

	return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
