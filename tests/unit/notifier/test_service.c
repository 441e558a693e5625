/* Services have names that no device has, and hear on which platforms a user
 * is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/service.h"

static void a_name_says_what_and_where(void **state)
{
	char name[WP_SERVICE_NAME_MAX + 1];

	(void)state;
	wp_service_name(name, WP_PUSH_BUS, 0);
	assert_string_equal(name, "*bus.0");
	wp_service_name(name, WP_PUSH_EVENT, UINT32_MAX);
	assert_string_equal(name, "*event.4294967295");
}

static void expect(const struct wp_platforms *platforms, const char *wanted)
{
	struct wp_buf out;

	wp_buf_init(&out, 0);
	wp_platforms_write(platforms, &out);
	assert_false(out.failed);
	assert_string_equal(out.data, wanted);
	wp_buf_release(&out);
}

static void add(struct wp_platforms *platforms, const char *kind,
		const char *platform)
{
	const struct wp_push_row row = { .kind = kind, .platform = platform };

	wp_platforms_add(platforms, &row);
}

static void platforms_are_named_once(void **state)
{
	struct wp_platforms platforms = { 0 };

	(void)state;
	expect(&platforms, "[]");
	add(&platforms, "web", "web"); /* a page that no provider knows */
	expect(&platforms, "[\"web\"]");
	add(&platforms, "fcm", "ios");
	add(&platforms, "fcm", "android");
	add(&platforms, "apns", "ios");
	expect(&platforms, "[\"android\",\"ios\",\"web\"]");
}

static void who_has_not_said_it_is_known_by_his_kind(void **state)
{
	struct wp_platforms platforms = { 0 };

	(void)state;
	add(&platforms, "fcm", "");
	add(&platforms, "unifiedpush", "");
	add(&platforms, "webhook", "");
	expect(&platforms, "[]");
	add(&platforms, "webpush", "");
	expect(&platforms, "[\"web\"]");
	add(&platforms, "apns", "");
	expect(&platforms, "[\"ios\",\"web\"]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_says_what_and_where),
		cmocka_unit_test(platforms_are_named_once),
		cmocka_unit_test(who_has_not_said_it_is_known_by_his_kind),
	};

	return cmocka_run_group_tests_name("notifier/service", tests, NULL,
					   NULL);
}
