/* A body is taken whole, or the member that is wrong is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/push/device.h"

#define POINT                                                          \
	"BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKiss" \
	"LS4vMDEyMzQ1Njc4OTo7PD0-P0A"
#define AUTH "AAECAwQFBgcICQoLDA0ODw"

struct bench {
	struct wp_arena arena;
	struct wp_push_device device;
	struct wp_error err;
};

static int setup(void **state)
{
	static struct bench b;

	wp_arena_init(&b.arena, 1 << 20);
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	wp_arena_release(&b->arena);
	return 0;
}

static enum wp_err read_body(struct bench *b, const char *json)
{
	b->err = (struct wp_error){ 0 };
	return wp_push_device_read(&b->device, json, strlen(json), &b->arena,
				   &b->err);
}

static void every_member_is_read(void **state)
{
	struct bench *b = *state;

	assert_int_equal(
		read_body(b,
			  "{\"kind\":\"fcm\",\"app\":\"com.example.app\","
			  "\"platform\":\"android\",\"deviceId\":\"p-1\","
			  "\"name\":\"B\\u00f6b's phone\",\"account\":\"a.b\","
			  "\"token\":\"a:B_-c\\u0041\",\"badge\":false,"
			  "\"shared\":true,\"force\":true,\"more\":[{}]}"),
		WP_OK);
	assert_string_equal(b->device.kind, "fcm");
	assert_string_equal(b->device.app, "com.example.app");
	assert_string_equal(b->device.platform, "android");
	assert_string_equal(b->device.device, "p-1");
	assert_string_equal(b->device.name, "B\xc3\xb6"
					    "b's phone");
	assert_string_equal(b->device.account, "a.b");
	assert_string_equal(b->device.token, "a:B_-cA");
	assert_null(b->device.endpoint);
	assert_false(b->device.has_keys);
	assert_true(b->device.has_badge);
	assert_false(b->device.badge);
	assert_true(b->device.is_shared);
	assert_true(b->device.is_forced);
}

static void what_is_not_said_is_not_there(void **state)
{
	struct bench *b = *state;
	static const struct wp_push_device nothing;

	assert_int_equal(read_body(b, " {} "), WP_OK);
	assert_memory_equal(&b->device, &nothing, sizeof(nothing));
}

static void a_subscription_is_read_as_a_browser_gives_it_or_flat(void **state)
{
	static const char *const bodies[] = {
		"{\"subscription\":{\"endpoint\":\"https://p.example/x\","
		"\"expirationTime\":null,\"keys\":{\"p256dh\":\"" POINT
		"\",\"auth\":\"" AUTH "\",\"more\":1}}}",
		"{\"endpoint\":\"https://p.example/x\",\"p256dh\":\"" POINT
		"=\",\"auth\":\"" AUTH "==\"}",
	};
	struct bench *b = *state;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(read_body(b, bodies[i]), WP_OK);
		assert_string_equal(b->device.endpoint, "https://p.example/x");
		assert_true(b->device.has_keys);
		assert_int_equal(b->device.point[0], 4);
		assert_int_equal(b->device.point[64], 64);
		assert_int_equal(b->device.auth[15], 15);
	}
}

#define LONG_64 \
	"0123456789012345678901234567890123456789012345678901234567890123"

/* The sentence begins with the member, and is about nothing that was sent. */
static void a_member_that_is_wrong_is_named(void **state)
{
	static const struct {
		const char *json;
		const char *begins;
	} cases[] = {
		{ "{\"kind\":1}", "kind must be one of" },
		{ "{\"kind\":null}", "kind must be" },
		{ "{\"kind\":\"\"}", "kind must be" },
		{ "{\"kind\":\"01234567890123456\"}", "kind must be" },
		{ "{\"kind\":\"a b\"}", "kind must be" },
		{ "{\"app\":[]}", "app must be" },
		{ "{\"app\":\"a/b\"}", "app must be" },
		{ "{\"platform\":\"windows\"}",
		  "platform must be ios, android" },
		{ "{\"platform\":true}", "platform must be" },
		{ "{\"deviceId\":\"\"}", "deviceId must be 1 to 64" },
		{ "{\"deviceId\":\"" LONG_64 "x\"}", "deviceId must be" },
		{ "{\"deviceId\":\"\\u0000\"}", "deviceId must be" },
		{ "{\"deviceId\":\"ab\\nc\"}", "deviceId must be" },
		{ "{\"name\":{}}", "name must be text" },
		{ "{\"name\":\"a\\u0007\"}", "name must be" },
		{ "{\"name\":\"a\\u007f\"}", "name must be" },
		{ "{\"name\":\"" LONG_64 "\\u00f6\"}", "name must be" },
		{ "{\"account\":\"a b\"}", "account must be" },
		{ "{\"account\":\"" LONG_64 "4\"}", "account must be" },
		{ "{\"token\":7}", "token must be text" },
		{ "{\"token\":\"\"}", "token must be" },
		{ "{\"token\":\"a b\"}", "token must be" },
		{ "{\"token\":\"\\u00f6\"}", "token must be" },
		{ "{\"token\":\"a\\r\\nb\"}", "token must be" },
		{ "{\"endpoint\":false}", "endpoint must be the URL" },
		{ "{\"endpoint\":\"\"}", "endpoint must be" },
		{ "{\"endpoint\":\"https://a\\u0000b/\"}", "endpoint must be" },
		{ "{\"badge\":\"true\"}", "badge must be true or false" },
		{ "{\"shared\":0}", "shared must be true or false" },
		{ "{\"force\":null}", "force must be true or false" },
		{ "{\"subscription\":\"x\"}",
		  "subscription must be an object" },
		{ "{\"subscription\":{\"keys\":[]}}",
		  "subscription.keys must be an object" },
		{ "{\"subscription\":{\"endpoint\":1}}", "endpoint must be" },
		{ "{\"p256dh\":5}", "p256dh must be base64" },
		{ "{\"p256dh\":\"AAAA\"}", "p256dh must be base64" },
		{ "{\"p256dh\":\"A" POINT "\"}", "p256dh must be base64" },
		{ "{\"p256dh\":\"C" POINT "\"}", "p256dh must be base64" },
		{ "{\"p256dh\":\"" POINT "\"}", "auth is missing" },
		{ "{\"auth\":\"" AUTH "\"}", "p256dh is missing" },
		{ "{\"auth\":\"\"}", "auth must be base64 of 16" },
		{ "{\"auth\":\"AA?A\"}", "auth must be base64" },
		{ "{\"auth\":\"" AUTH "AA\"}", "auth must be base64" },
		{ "{\"token\":\"a\",\"token\":\"a\"}", "token is given twice" },
		{ "{\"badge\":true,\"badge\":true}", "badge is given twice" },
		{ "{\"endpoint\":\"x\",\"subscription\":{\"endpoint\":\"x\"}}",
		  "endpoint is given twice" },
		{ "{\"subscription\":{},\"subscription\":{}}",
		  "subscription is given twice" },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (read_body(b, cases[i].json) != WP_ERR_INVAL)
			fail_msg("taken: %s", cases[i].json);
		if (strncmp(b->err.msg, cases[i].begins,
			    strlen(cases[i].begins)) != 0)
			fail_msg("%s: %s", cases[i].json, b->err.msg);
	}
}

static void what_is_no_json_is_told_apart(void **state)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"null",
		"{",
		"{\"token\":",
		"{\"token\":\"a\"}x",
		"{\"token\":\"a\",}",
		"{\"token\":\"\xff\"}",
		"{\"token\":\"\\ud800\"}",
		"{\"badge\":tru}",
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_int_equal(read_body(b, bodies[i]), WP_ERR_PROTO);
}

static void the_longest_is_taken(void **state)
{
	struct bench *b = *state;
	static char body[WP_DEVICE_BODY_MAX];
	size_t len = 0;

	len += (size_t)snprintf(body, sizeof(body), "{\"token\":\"");
	for (int i = 0; i < WP_DEVICE_TOKEN_MAX; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
					"\\u0041");
	/* 64 characters, of four bytes each */
	len += (size_t)snprintf(body + len, sizeof(body) - len,
				"\",\"name\":\"");
	for (int i = 0; i < 64; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
					"\\ud83d\\ude00");
	(void)snprintf(body + len, sizeof(body) - len, "\"}");

	assert_int_equal(read_body(b, body), WP_OK);
	assert_int_equal(strlen(b->device.token), WP_DEVICE_TOKEN_MAX);
	assert_int_equal(strlen(b->device.name), 256);
}

static void no_memory_is_no_fault_of_the_body(void **state)
{
	struct bench *b = *state;

	wp_arena_release(&b->arena);
	wp_arena_init(&b->arena, 16);
	assert_int_equal(read_body(b, "{\"token\":\"0123456789abcdef\"}"),
			 WP_ERR_NOMEM);
}

static void what_is_kept_of_it_is_read_again(void **state)
{
	static const char *const bodies[] = {
		"{\"token\":\"a\\\\b\\\"c\"}",
		"{\"endpoint\":\"https://p.example/x\"}",
		"{\"endpoint\":\"https://p.example/x\",\"p256dh\":\"" POINT
		"\",\"auth\":\"" AUTH "\"}",
	};
	struct bench *b = *state;
	struct wp_buf out;

	wp_buf_init(&out, 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(read_body(b, bodies[i]), WP_OK);
		wp_buf_clear(&out);
		wp_push_device_write(&b->device, &out);
		assert_false(out.failed);
		assert_string_equal(out.data, bodies[i]);
	}
	wp_buf_release(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_member_is_read),
		TEST(what_is_not_said_is_not_there),
		TEST(a_subscription_is_read_as_a_browser_gives_it_or_flat),
		TEST(a_member_that_is_wrong_is_named),
		TEST(what_is_no_json_is_told_apart),
		TEST(the_longest_is_taken),
		TEST(no_memory_is_no_fault_of_the_body),
		TEST(what_is_kept_of_it_is_read_again),
	};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
