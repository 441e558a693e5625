/* What limits.rates may say, and what it then means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/limit/rates.h"

static enum wp_err read_one(const char *item, struct wp_limit_rates *rates,
			    struct wp_error *err)
{
	char *items[] = { (char *)(uintptr_t)item };

	return wp_limit_rates_read(rates, items, 1, err);
}

static void presets_hold_when_nothing_is_said(void **state)
{
	struct wp_limit_rates rates;
	struct wp_error err;

	(void)state;

	assert_int_equal(wp_limit_rates_read(&rates, NULL, 0, &err), WP_OK);

	assert_int_equal(rates.of[WP_LIMIT_SEND].unit_ns, 10000000);
	assert_int_equal(rates.of[WP_LIMIT_SEND].burst, 200);
	assert_int_equal(rates.of[WP_LIMIT_SEND].credit, 10);
	assert_true(rates.of[WP_LIMIT_SEND].is_shared);
	assert_int_equal(rates.of[WP_LIMIT_CONNECT].unit_ns, 2000000000);
	assert_int_equal(rates.of[WP_LIMIT_CONNECT].credit, 1);
	assert_false(rates.of[WP_LIMIT_CONNECT].is_shared);
	for (size_t i = 0; i < WP_LIMIT_COUNT; i++)
		assert_true(rates.of[i].unit_ns > 0);
}

static void an_item_changes_its_class_only(void **state)
{
	char *items[] = { (char[]){ "pull=0.0028/10" }, (char[]){ "ack=off" } };
	struct wp_limit_rates rates;
	struct wp_error err;

	(void)state;

	assert_int_equal(wp_limit_rates_read(&rates, items, 2, &err), WP_OK);

	assert_int_equal(rates.of[WP_LIMIT_PULL].unit_ns, 357142857142);
	assert_int_equal(wp_limit_window_s(&rates.of[WP_LIMIT_PULL]), 3572);
	assert_int_equal(rates.of[WP_LIMIT_ACK].unit_ns, 0);
	assert_int_equal(rates.of[WP_LIMIT_SEND].burst, 200);
}

static void the_ends_of_the_ranges_are_taken(void **state)
{
	static const char *const good[] = {
		"send=1000000/1000000", "send=0.0001/1", "send=1.000000/1",
		"send=100/1",           "send=0.5/20",
	};
	struct wp_limit_rates rates;
	struct wp_error err;

	(void)state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(read_one(good[i], &rates, &err), WP_OK);
}

static void whatever_else_is_refused_with_its_name(void **state)
{
	static const struct {
		const char *item;
		const char *word;
	} bad[] = {
		{ "", "class" },
		{ "send", "class" },
		{ "=1/1", "class" },
		{ "sends=1/1", "sends=1/1" },
		{ "sen=1/1", "sen=1/1" },
		{ " send=1/1", "class" },
		{ "send=", "send" },
		{ "send=1", "send" },
		{ "send=1/", "send" },
		{ "send=/1", "send" },
		{ "send=0/1", "send" },
		{ "send=0.00009/1", "send" },
		{ "send=.5/1", "send" },
		{ "send=1./1", "send" },
		{ "send=1.0000000/1", "send" },
		{ "send=1/0", "send" },
		{ "send=1/1000001", "send" },
		{ "send=1000001/1", "send" },
		{ "send=1000000.1/1", "send" },
		{ "send=99999999999999999999/1", "send" },
		{ "send=1/99999999999999999999", "send" },
		{ "send=-1/1", "send" },
		{ "send=1/-1", "send" },
		{ "send=1/1 ", "send" },
		{ "send=1 /1", "send" },
		{ "send=1e3/1", "send" },
		{ "send=OFF", "send" },
		{ "send=off/1", "send" },
		{ "send=0.0001/9", "day" },
		{ "send=1/86401", "day" },
	};
	struct wp_limit_rates rates;

	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wp_error err = { 0 };

		if (read_one(bad[i].item, &rates, &err) != WP_ERR_INVAL)
			fail_msg("%s is taken", bad[i].item);
		if (strstr(err.msg, bad[i].word) == NULL)
			fail_msg("%s: %s", bad[i].item, err.msg);
	}
}

static void a_class_that_is_given_twice_is_refused(void **state)
{
	char *items[] = { (char[]){ "send=off" }, (char[]){ "send=1/1" } };
	struct wp_limit_rates rates;
	struct wp_error err;

	(void)state;

	assert_int_equal(wp_limit_rates_read(&rates, items, 2, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "twice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_hold_when_nothing_is_said),
		cmocka_unit_test(an_item_changes_its_class_only),
		cmocka_unit_test(the_ends_of_the_ranges_are_taken),
		cmocka_unit_test(whatever_else_is_refused_with_its_name),
		cmocka_unit_test(a_class_that_is_given_twice_is_refused),
	};

	return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
