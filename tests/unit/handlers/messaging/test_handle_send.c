/* A bad element costs itself; a bad frame costs the batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/request/call.h"

#include "tests/unit/handlers/fake.h"

#define GOOD "{\"recipientId\":\"urn:x:y:bob\",\"encryptedData\":\"aGk=\""

static int set_up(void **state)
{
	struct fake_world *world = calloc(1, sizeof(*world));

	*state = world;
	return world != NULL && fake_world_init(world) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fake_world *world = *state;

	fake_world_release(world);
	free(world);
	return 0;
}

/* Send a batch of alice's. */
static void send_batch(struct fake_world *world, struct fake *fake,
		       const char *body)
{
	fake_request(fake, "POST", "/api/send/batch");
	fake_login(fake);
	fake_param(fake, "CONTENT_TYPE=application/json");
	fake_body(fake, body, strlen(body));
	fake_serve(&world->ctx, &fake->io);
}

/* How often is text in the answer? */
static int count(const struct fake *fake, const char *text)
{
	const char *at = fake_answer(fake);
	int n = 0;

	while ((at = strstr(at, text)) != NULL) {
		at += strlen(text);
		n++;
	}
	return n;
}

static void elements_are_answered_one_by_one(void **state)
{
	struct fake fake;

	send_batch(*state, &fake,
		   "{\"x\":[1], \"envelopes\" : [ {\"a\":1} , 5,"
		   "\"t\" ] }");

	assert_int_equal(fake_status(&fake), 202);
	assert_int_equal(count(&fake, "{\"error\":"), 3);
	assert_int_equal(count(&fake, "\"code\":\"invalid_envelope\"}"), 3);
	fake_release(&fake);
}

/* An element is as long as it is, whatever stands around it. */
static void elements_are_cut_out_as_they_are(void **state)
{
	struct fake_world *world = *state;
	const int max = (int)world->conf.mailbox.max_envelope_bytes;
	const int padding = max - (int)strlen(GOOD "}");
	struct fake fake;
	char body[4096];

	/* Sound, so it fails later: there is no Redis. */
	(void)snprintf(body, sizeof(body), "{\"envelopes\":[ \n" GOOD "%*s} ]}",
		       padding, "");
	send_batch(world, &fake, body);
	assert_int_equal(fake_status(&fake), 503);
	fake_release(&fake);

	(void)snprintf(body, sizeof(body), "{\"envelopes\":[" GOOD "%*s}]}",
		       padding + 1, "");
	send_batch(world, &fake, body);
	assert_int_equal(fake_status(&fake), 202);
	assert_int_equal(count(&fake, "\"code\":\"payload_too_large\"}"), 1);
	fake_release(&fake);
}

static void bad_frames_are_refused(void **state)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"null",
		"{}",
		"{\"envelopes\":null}",
		"{\"envelopes\":{}}",
		"{\"envelopes\":[]}",
		"{\"envelopes\":[{}]",
		"{\"envelopes\":[{}]}x",
		"{\"envelopes\":[{},]}",
		"{\"envelopes\":[{]}",
		"{\"envelopes\":[{}],\"envelopes\":[{}]}",
		/* 65 brackets where 64 may be */
		"{\"envelopes\":["
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
		"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct fake fake;

		send_batch(*state, &fake, bodies[i]);
		assert_int_equal(fake_status(&fake), 400);
		assert_true(fake_has_code(&fake, "invalid_json") ||
			    fake_has_code(&fake, "invalid_batch"));
		fake_release(&fake);
	}
}

static void a_hundred_elements_are_fine_and_one_more_is_not(void **state)
{
	struct wp_buf body;
	struct fake fake;

	wp_buf_init(&body, 0);
	wp_buf_add_str(&body, "{\"envelopes\":[0");
	for (int i = 1; i < WP_GROUP_MAX; i++)
		wp_buf_add_str(&body, ",0");

	wp_buf_add_str(&body, "]}");
	send_batch(*state, &fake, body.data);
	assert_int_equal(fake_status(&fake), 202);
	assert_int_equal(count(&fake, "{\"error\":"), WP_GROUP_MAX);
	fake_release(&fake);

	body.len -= 2;
	wp_buf_add_str(&body, ",0]}");
	send_batch(*state, &fake, body.data);
	assert_int_equal(fake_status(&fake), 400);
	assert_true(fake_has_code(&fake, "invalid_batch"));
	fake_release(&fake);
	wp_buf_release(&body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(elements_are_answered_one_by_one),
		TEST(elements_are_cut_out_as_they_are),
		TEST(bad_frames_are_refused),
		TEST(a_hundred_elements_are_fine_and_one_more_is_not),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
