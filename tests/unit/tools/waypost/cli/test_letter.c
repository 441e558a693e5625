/* A dead letter as JSON, whatever bytes are in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/waypost/cli/letter.h"

/* What json-c says in place of the whole; NULL: the whole. */
static const char *remains;
const char *__real_json_object_to_json_string_ext(struct json_object *object,
						  int flags);
const char *__wrap_json_object_to_json_string_ext(struct json_object *object,
						  int flags);

const char *__wrap_json_object_to_json_string_ext(struct json_object *object,
						  int flags)
{
	if (remains != NULL)
		return remains;
	return __real_json_object_to_json_string_ext(object, flags);
}

static void expect(struct json_object **object, const char *text)
{
	struct wp_buf out;

	wp_buf_init(&out, 0);
	wp_cli_put_object(&out, object);
	assert_false(out.failed);
	assert_string_equal(out.data, text);
	assert_null(*object);
	wp_buf_release(&out);
}

static void members_stand_in_order_and_nothing_is_null(void **state)
{
	struct wp_dlq_letter letter = { .tries = 3, .died_ms = 1000 };
	struct json_object *object;

	(void)state;
	letter.id.queue.partition = 5;
	letter.id.entry.ms = 17;
	letter.id.entry.seq = 2;
	(void)strcpy(letter.reason, "a/b \"c\"");

	object = wp_cli_object(&letter);
	wp_cli_add_text(&object, "recipient", "");
	wp_cli_add(&object, "ephemeral", json_object_new_boolean(true));

	expect(&object, "{\"id\":\"5/17-2\",\"messageId\":null,"
			"\"reason\":\"a/b \\\"c\\\"\",\"tries\":3,"
			"\"time\":\"1970-01-01T00:00:01.000Z\","
			"\"recipient\":null,\"ephemeral\":true}");
}

static void bytes_that_are_no_text_become_text(void **state)
{
	struct json_object *object = json_object_new_object();

	(void)state;

	wp_cli_add(&object, "e", wp_cli_text("\xff\xc3\xa4\0\n", 5));

	expect(&object, "{\"e\":\"\xef\xbf\xbd\xc3\xa4\\u0000\\n\"}");
}

static void a_failure_sticks(void **state)
{
	struct json_object *object = json_object_new_object();
	struct wp_buf out;

	(void)state;
	wp_buf_init(&out, 0);

	wp_cli_add(&object, "gone", NULL);
	wp_cli_add_text(&object, "a", "b");
	wp_cli_add_text(&object, "a", "");
	wp_cli_put_object(&out, &object);

	assert_null(object);
	assert_true(out.failed);
	wp_buf_release(&out);
}

/* json-c prints what its memory holds, and tells nobody. */
static void half_an_object_is_a_failure(void **state)
{
	static const char *const halves[] = { "{\"a\":\"b\",\"c\":", "",
					      "{\"a\":\"\",\"c\":1}",
					      "{\"a\":\"b\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		struct json_object *object = json_object_new_object();
		struct wp_buf out;

		wp_buf_init(&out, 0);
		wp_cli_add_text(&object, "a", "b");
		wp_cli_add(&object, "c", json_object_new_int64(1));
		remains = halves[i];
		wp_cli_put_object(&out, &object);
		remains = NULL;
		assert_true(out.failed);
		assert_int_equal(out.len, 0);
		assert_null(object);
		wp_buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_stand_in_order_and_nothing_is_null),
		cmocka_unit_test(bytes_that_are_no_text_become_text),
		cmocka_unit_test(a_failure_sticks),
		cmocka_unit_test(half_an_object_is_a_failure),
	};

	return cmocka_run_group_tests_name("letter", tests, NULL, NULL);
}
