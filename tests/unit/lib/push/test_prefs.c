/* Preferences: what is taken, what is refused and why, and that they come back
 * as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/push/kind.h"
#include "lib/push/prefs.h"

/* As long as it is and no longer, so that a read beyond it is seen. */
static enum wp_err read_text(struct wp_prefs *out, const char *json,
			     struct wp_error *err)
{
	char *copy = test_malloc(strlen(json) + 1);
	enum wp_err rc;

	memcpy(copy, json, strlen(json));
	rc = wp_prefs_read(out, copy, strlen(json), err);
	test_free(copy);
	return rc;
}

static struct wp_prefs good(const char *json)
{
	struct wp_prefs prefs;
	struct wp_error err = { 0 };

	if (read_text(&prefs, json, &err) != WP_OK)
		fail_msg("%s: %s", json, err.msg);
	return prefs;
}

static void nothing_said_is_all_of_it_at_any_time(void **state)
{
	struct wp_prefs prefs = good("{}");

	(void)state;
	assert_false(prefs.mute);
	assert_int_equal(prefs.mute_until_ms, 0);
	assert_int_equal(prefs.standard, WP_PREFS_ALL);
	assert_int_equal(prefs.high, WP_PREFS_ALL);
	assert_true(prefs.badge);
	assert_true(prefs.high_breaks_quiet);
	assert_int_equal(prefs.n_hours, 0);
	assert_string_equal(prefs.zone, "UTC");
}

static void each_member_is_read(void **state)
{
	struct wp_prefs prefs = good(
		"{\"mute\":true,\"muteUntil\":\"2026-11-30T22:00:00Z\","
		"\"standard\":\"badge\",\"high\":\"none\",\"badge\":false,"
		"\"quietHours\":[{\"days\":[\"mon\",\"sun\"],"
		"\"from\":\"22:15\",\"to\":\"07:00\"},"
		"{\"to\":\"24:00\",\"from\":\"00:00\",\"days\":[\"sat\"]}],"
		"\"timeZone\":\"Europe/Berlin\",\"highBreaksQuiet\":false}");

	(void)state;
	assert_true(prefs.mute);
	assert_int_equal(prefs.mute_until_ms, INT64_C(1796076000000));
	assert_int_equal(prefs.standard, WP_PREFS_BADGE);
	assert_int_equal(prefs.high, WP_PREFS_NONE);
	assert_false(prefs.badge);
	assert_false(prefs.high_breaks_quiet);
	assert_int_equal(prefs.n_hours, 2);
	assert_int_equal(prefs.hours[0].days, 0x41);
	assert_int_equal(prefs.hours[0].from_min, 22 * 60 + 15);
	assert_int_equal(prefs.hours[0].to_min, 7 * 60);
	assert_int_equal(prefs.hours[1].days, 0x20);
	assert_int_equal(prefs.hours[1].to_min, 24 * 60);
	assert_string_equal(prefs.zone, "Europe/Berlin");
}

static void moments_are_those_of_rfc_3339(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{ "1970-01-01T00:00:01Z", 1000 },
		{ "2026-11-30T23:00:00+01:00", INT64_C(1796076000000) },
		{ "2026-11-30T20:30:00-01:30", INT64_C(1796076000000) },
		{ "2026-11-30T22:00:00.999999Z", INT64_C(1796076000000) },
		{ "2028-02-29T00:00:00Z", INT64_C(1835395200000) },
		{ "9999-12-31T23:59:59Z", INT64_C(253402300799000) },
	};
	static const char *const bad[] = {
		"",
		"tomorrow",
		"2026-11-30",
		"2026-11-30T22:00:00",
		"2026-11-30 22:00:00Z",
		"2026-11-30T22:00:00z",
		"2026-11-30T22:00:00.Z",
		"2026-11-30T22:00:00Z ",
		"2026-11-30T22:00:00+1:00",
		"2026-11-30T22:00:00+01:60",
		"2026-11-30T22:00:00+24:00",
		"2026-11-30T22:00:60Z",
		"2026-11-30T22:60:00Z",
		"2026-11-30T24:00:00Z",
		"2026-11-31T22:00:00Z",
		"2027-02-29T22:00:00Z",
		"2026-13-01T22:00:00Z",
		"2026-00-01T22:00:00Z",
		"1970-01-01T00:00:00Z",
		"1970-01-01T00:00:01+00:01",
		"1969-12-31T23:59:59-01:00",
		"9999-12-31T23:59:59-00:01",
		"-026-11-30T22:00:00Z",
	};
	struct wp_prefs prefs;
	struct wp_error err;
	char json[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(json, sizeof(json), "{\"muteUntil\":\"%s\"}",
			       cases[i].text);
		assert_int_equal(good(json).mute_until_ms, cases[i].ms);
	}
	assert_int_equal(good("{\"muteUntil\":null}").mute_until_ms, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(json, sizeof(json), "{\"muteUntil\":\"%s\"}",
			       bad[i]);
		if (read_text(&prefs, json, &err) != WP_ERR_INVAL)
			fail_msg("%s", bad[i]);
		assert_ptr_equal(strstr(err.msg, "muteUntil: "), err.msg);
	}
}

#define HOURS(days, from, to) \
	"{\"quietHours\":[{\"days\":" days ",\"from\":" from "," TO(to)
#define TO(to) "\"to\":" to "}]}"

/* What is wrong is named, and none of it repeated. */
static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *json;
		const char *named;
	} cases[] = {
		{ "", "" },
		{ "[]", "an object" },
		{ "null", "an object" },
		{ "{} {}", "" },
		{ "{\"mute\":1}", "mute: " },
		{ "{\"mute\":null}", "mute: " },
		{ "{\"mute\":true,\"mute\":true}", "once" },
		{ "{\"\\u006dute\":true,\"mute\":true}", "once" },
		{ "{\"secret-x\":true}", "only " },
		{ "{\"secret-x\":{},\"secret-x\":{}}", "only " },
		{ "{\"muteUntil\":1796076000000}", "muteUntil: " },
		{ "{\"muteUntil\":false}", "muteUntil: " },
		{ "{\"standard\":\"secret-x\"}", "standard: " },
		{ "{\"standard\":null}", "standard: " },
		{ "{\"standard\":\"\\u0061ll\"}", "standard: " },
		{ "{\"high\":\"ALL\"}", "high: " },
		{ "{\"high\":[\"all\"]}", "high: " },
		{ "{\"badge\":\"true\"}", "badge: " },
		{ "{\"highBreaksQuiet\":0}", "highBreaksQuiet: " },
		{ "{\"quietHours\":null}", "quietHours: " },
		{ "{\"quietHours\":{}}", "quietHours: " },
		{ "{\"quietHours\":[1]}", "quietHours: " },
		{ "{\"quietHours\":[{}]}", "quietHours: " },
		{ HOURS("[]", "\"22:00\"", "\"07:00\""), "days" },
		{ HOURS("\"mon\"", "\"22:00\"", "\"07:00\""), "days" },
		{ HOURS("[\"secret-x\"]", "\"22:00\"", "\"07:00\""), "days" },
		{ HOURS("[\"Mon\"]", "\"22:00\"", "\"07:00\""), "days" },
		{ HOURS("[1]", "\"22:00\"", "\"07:00\""), "days" },
		{ HOURS("[\"mon\",\"mon\"]", "\"22:00\"", "\"07:00\""),
		  "days" },
		{ HOURS("[\"mon\"]", "\"24:00\"", "\"07:00\""), "from" },
		{ HOURS("[\"mon\"]", "\"22:60\"", "\"07:00\""), "from" },
		{ HOURS("[\"mon\"]", "\"7:00\"", "\"07:00\""), "from" },
		{ HOURS("[\"mon\"]", "\"22.00\"", "\"07:00\""), "from" },
		{ HOURS("[\"mon\"]", "\"-1:00\"", "\"07:00\""), "from" },
		{ HOURS("[\"mon\"]", "22", "\"07:00\""), "from" },
		{ HOURS("[\"mon\"]", "\"22:00\"", "\"24:01\""), "to" },
		{ HOURS("[\"mon\"]", "\"22:00\"", "\"22:00\""), "to" },
		{ HOURS("[\"mon\"]", "\"22:00\"", "null"), "to" },
		{ HOURS("[\"mon\"]", "\"22:00\"", "\"07:00\",\"x\":1"),
		  "nothing else" },
		{ HOURS("[\"mon\"]", "\"22:00\"", "\"07:00\",\"to\":\"08:00\""),
		  "once" },
		{ "{\"quietHours\":[{\"days\":[\"mon\"],\"from\":\"22:00\"}]}",
		  "expected" },
		{ "{\"timeZone\":\"\"}", "timeZone: " },
		{ "{\"timeZone\":null}", "timeZone: " },
		{ "{\"timeZone\":\"Europe\"}", "timeZone: " },
		{ "{\"timeZone\":\"Europe/secret-x\"}", "timeZone: " },
		{ "{\"timeZone\":\"/etc/localtime\"}", "timeZone: " },
		{ "{\"timeZone\":\"/Europe/Berlin\"}", "timeZone: " },
		{ "{\"timeZone\":\"../zoneinfo/UTC\"}", "timeZone: " },
		{ "{\"timeZone\":\"leapseconds\"}", "timeZone: " },
		{ "{\"timeZone\":\"Europe/Ber\\u006cin\"}", "timeZone: " },
		{ "{\"timeZone\":\"EST5EDT,M3.2.0,M11.1.0\"}", "timeZone: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wp_prefs prefs;
		struct wp_error err = { 0 };

		if (read_text(&prefs, cases[i].json, &err) != WP_ERR_INVAL ||
		    strstr(err.msg, cases[i].named) == NULL ||
		    strstr(err.msg, "secret") != NULL)
			fail_msg("%s: %s", cases[i].json, err.msg);
	}
}

static void hours_are_fourteen_at_most(void **state)
{
	static const char one[] = "{\"days\":[\"mon\"],\"from\":\"22:00\","
				  "\"to\":\"07:00\"}";
	char json[2048] = "{\"quietHours\":[";
	struct wp_prefs prefs;
	struct wp_error err = { 0 };
	size_t len = strlen(json);

	(void)state;
	for (int i = 0; i < WP_PREFS_HOURS_MAX; i++)
		len += (size_t)snprintf(json + len, sizeof(json) - len, "%s%s",
					i > 0 ? "," : "", one);
	(void)snprintf(json + len, sizeof(json) - len, "]}");
	assert_int_equal(good(json).n_hours, WP_PREFS_HOURS_MAX);
	(void)snprintf(json + len, sizeof(json) - len, ",%s]}", one);
	assert_int_equal(read_text(&prefs, json, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "at most 14"));
}

static void a_longer_object_is_not_looked_at(void **state)
{
	static char json[WP_PREFS_BYTES_MAX + 1];
	struct wp_prefs prefs;
	struct wp_error err = { 0 };

	(void)state;
	memset(json, ' ', sizeof(json));
	memcpy(json, "{}", 2);
	assert_int_equal(wp_prefs_read(&prefs, json, sizeof(json) - 1, &err),
			 WP_OK);
	assert_int_equal(wp_prefs_read(&prefs, json, sizeof(json), &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "8192"));
}

static void what_is_written_is_read_the_same(void **state)
{
	static const char *const texts[] = {
		"{\"mute\":false,\"muteUntil\":null,\"standard\":\"all\","
		"\"high\":\"all\",\"badge\":true,\"quietHours\":[],"
		"\"timeZone\":\"UTC\",\"highBreaksQuiet\":true}",
		"{\"mute\":true,\"muteUntil\":\"2026-11-30T22:00:00.000Z\","
		"\"standard\":\"none\",\"high\":\"badge\",\"badge\":false,"
		"\"quietHours\":[{\"days\":[\"mon\",\"wed\",\"sun\"],"
		"\"from\":\"22:05\",\"to\":\"07:00\"},{\"days\":[\"sat\"],"
		"\"from\":\"00:00\",\"to\":\"24:00\"}],"
		"\"timeZone\":\"Asia/Kathmandu\",\"highBreaksQuiet\":false}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct wp_prefs prefs = good(texts[i]);
		struct wp_buf out;

		wp_buf_init(&out, WP_PREFS_BYTES_MAX);
		wp_prefs_write(&prefs, &out);
		assert_false(out.failed);
		assert_string_equal(out.data, texts[i]);
		wp_buf_release(&out);
	}
}

/* So what was taken once can always be given back. */
static void the_longest_one_fits_what_is_read(void **state)
{
	struct wp_prefs prefs;
	struct wp_buf out;

	(void)state;
	wp_prefs_init(&prefs);
	prefs.n_hours = WP_PREFS_HOURS_MAX;
	for (size_t i = 0; i < prefs.n_hours; i++)
		prefs.hours[i] = (struct wp_prefs_hours){ 0x7f, 1, 2 };
	memset(prefs.zone, 'x', WP_PREFS_ZONE_MAX);
	wp_buf_init(&out, WP_PREFS_BYTES_MAX);
	wp_prefs_write(&prefs, &out);
	assert_false(out.failed);
	wp_buf_release(&out);
}

static void kinds_have_names(void **state)
{
	enum wp_push_kind kind;

	(void)state;
	for (int i = 0; i < WP_PUSH_KINDS; i++) {
		const char *name = wp_push_kind_name((enum wp_push_kind)i);

		/* What is no device is nothing to register, or to read. */
		if (i >= WP_PUSH_DEVICE_KINDS) {
			assert_false(wp_push_kind_named(name, &kind));
			continue;
		}
		assert_true(wp_push_kind_named(name, &kind));
		assert_int_equal(kind, i);
	}
	assert_string_equal(wp_push_kind_name(WP_PUSH_BUS), "bus");
	assert_string_equal(wp_push_kind_name(WP_PUSH_EVENT), "event");
	assert_string_equal(wp_push_kind_name(WP_PUSH_WEB), "webpush");
	assert_false(wp_push_kind_named("", &kind));
	assert_false(wp_push_kind_named("FCM", &kind));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_is_all_of_it_at_any_time),
		cmocka_unit_test(each_member_is_read),
		cmocka_unit_test(moments_are_those_of_rfc_3339),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(hours_are_fourteen_at_most),
		cmocka_unit_test(a_longer_object_is_not_looked_at),
		cmocka_unit_test(what_is_written_is_read_the_same),
		cmocka_unit_test(the_longest_one_fits_what_is_read),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests_name("lib/push/prefs", tests, NULL, NULL);
}
