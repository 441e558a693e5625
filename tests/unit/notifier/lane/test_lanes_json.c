/* Operators are told how providers are, and of hosts only how many are shut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/lane/lanes_json.h"

static const uint64_t NOW = UINT64_C(5000000000);

static const struct wp_judgement later = { .verdict = WP_VERDICT_LATER,
					   .after_s = 77 };
static const struct wp_judgement config = { .verdict = WP_VERDICT_CONFIG };

static struct wp_lanes *lanes;
static struct wp_buf out;

static int begin(void **state)
{
	struct wp_push_rates rates;

	(void)state;
	wp_buf_init(&out, 0);
	if (!wp_push_rates_read(&rates, NULL, 0))
		return -1;
	lanes = wp_lanes_new(&rates);
	return lanes != NULL ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	wp_lanes_free(&lanes);
	wp_buf_release(&out);
	return 0;
}

static void ask(struct wp_lane *lane, const struct wp_judgement *judgement)
{
	static uint64_t user; /* each is another one's */
	uint32_t ticket;

	(void)wp_lane_take(lane, NOW);
	assert_true(wp_lane_place(lane));
	assert_true(wp_lane_begin(lane, NOW, &ticket));
	(void)wp_lane_end(lane, ticket, judgement, ++user, NOW, 1, 0);
}

static void expect(uint64_t now_us, const char *text)
{
	wp_buf_clear(&out);
	wp_lanes_add_json(lanes, "live", now_us, &out);
	assert_string_equal(out.data, text);
}

static void an_app_is_told_with_its_state(void **state)
{
	const uint64_t SECOND = 1000000;
	struct wp_lane *demo =
		wp_lanes_get(lanes, WP_PUSH_FCM, "a \"b\"", false, NOW);

	(void)state;
	expect(NOW, "{\"mode\":\"live\",\"apps\":[{\"kind\":\"fcm\",\"app\":"
		    "\"a \\\"b\\\"\","
		    "\"state\":\"asked\",\"waitSeconds\":0,"
		    "\"guarded\":false}],\"shutHosts\":0}");
	ask(demo, &later);
	expect(NOW + SECOND / 2, "{\"mode\":\"live\",\"apps\":[{\"kind\":"
				 "\"fcm\",\"app\":\"a \\\"b\\\"\","
				 "\"state\":\"left_alone\",\"waitSeconds\":77,"
				 "\"guarded\":false}],\"shutHosts\":0}");
	ask(wp_lanes_get(lanes, WP_PUSH_APNS, "c", false, NOW), &config);
	expect(NOW + 1000 * SECOND,
	       "{\"mode\":\"live\",\"apps\":[{\"kind\":\"apns\",\"app\":\"c\","
	       "\"state\":\"settings\",\"waitSeconds\":0,\"guarded\":false},"
	       "{\"kind\":\"fcm\",\"app\":\"a \\\"b\\\"\","
	       "\"state\":\"left_alone\",\"waitSeconds\":0,"
	       "\"guarded\":false}],\"shutHosts\":0}");
}

static void of_hosts_only_their_number_is_told(void **state)
{
	(void)state;
	expect(NOW, "{\"mode\":\"live\",\"apps\":[],\"shutHosts\":0}");
	ask(wp_lanes_get(lanes, WP_PUSH_WEB, "a.example", true, NOW), &later);
	(void)wp_lanes_get(lanes, WP_PUSH_WEB, "b.example", true, NOW);
	expect(NOW, "{\"mode\":\"live\",\"apps\":[],\"shutHosts\":1}");
}

static void an_app_whose_tokens_all_look_bad_is_told_as_guarded(void **state)
{
	static const struct wp_judgement suspect = {
		.verdict = WP_VERDICT_SUSPECT,
	};
	struct wp_lane *lane =
		wp_lanes_get(lanes, WP_PUSH_FCM, "a", false, NOW);

	(void)state;
	for (int i = 0; i < 20; i++)
		ask(lane, &suspect);
	wp_lanes_add_json(lanes, "live", NOW, &out);
	assert_non_null(strstr(out.data, "\"state\":\"settings\""));
	assert_non_null(strstr(out.data, "\"guarded\":true"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(an_app_is_told_with_its_state),
		TEST(of_hosts_only_their_number_is_told),
		TEST(an_app_whose_tokens_all_look_bad_is_told_as_guarded),
	};
#undef TEST

	return cmocka_run_group_tests_name("lanes_json", tests, NULL, NULL);
}
