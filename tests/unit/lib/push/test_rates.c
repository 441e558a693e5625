/* Rates of providers: presets, and what an operator says over them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/push/rates.h"

static bool read_one(struct wp_push_rates *out, const char *item)
{
	char *const items[] = { (char *)(uintptr_t)item };

	return wp_push_rates_read(out, items, 1);
}

static void who_says_nothing_has_presets(void **state)
{
	struct wp_push_rates rates;

	(void)state;
	assert_true(wp_push_rates_read(&rates, NULL, 0));
	assert_int_equal(rates.of[WP_PUSH_LANE_APNS].per_s, 500);
	assert_int_equal(rates.of[WP_PUSH_LANE_APNS].most, 200);
	for (size_t i = 0; i < WP_PUSH_LANES; i++) {
		assert_true(rates.of[i].per_s >= 1);
		assert_true(rates.of[i].most >= 1);
	}
}

static void one_is_said_and_the_others_stay(void **state)
{
	struct wp_push_rates rates;

	(void)state;
	assert_true(read_one(&rates, "web=7/3"));
	assert_int_equal(rates.of[WP_PUSH_LANE_WEB].per_s, 7);
	assert_int_equal(rates.of[WP_PUSH_LANE_WEB].most, 3);
	assert_int_equal(rates.of[WP_PUSH_LANE_WEBHOOK].per_s, 10);
	assert_true(read_one(&rates, "smtp=100000/10000"));
	assert_int_equal(rates.of[WP_PUSH_LANE_SMTP].per_s, WP_PUSH_RATE_MAX);
	assert_int_equal(rates.of[WP_PUSH_LANE_SMTP].most,
			 WP_PUSH_IN_FLIGHT_MAX);
}

static void what_is_none_is_refused(void **state)
{
	static const char *const items[] = {
		"",
		"fcm",
		"fcm=",
		"fcm=1",
		"fcm=1/",
		"fcm=/1",
		"fcm=0/1",
		"fcm=1/0",
		"fcm=-1/1",
		"fcm=1/1 ",
		" fcm=1/1",
		"fcm=1/1/1",
		"FCM=1/1",
		"fcmm=1/1",
		"fc=1/1",
		"=1/1",
		"fcm=a/1",
		"fcm=100001/1",
		"fcm=1/10001",
		"fcm=99999999999999999999/1",
	};
	struct wp_push_rates rates;

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		if (read_one(&rates, items[i]))
			fail_msg("\"%s\" was taken", items[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_says_nothing_has_presets),
		cmocka_unit_test(one_is_said_and_the_others_stay),
		cmocka_unit_test(what_is_none_is_refused),
	};

	return cmocka_run_group_tests_name("rates of pushes", tests, NULL,
					   NULL);
}
