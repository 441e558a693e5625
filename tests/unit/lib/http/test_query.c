/* Queries are split and decoded without guessing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/http/query.h"

/* Look for name in query; the value is copied to text as a string. */
static enum wp_err get(const char *query, const char *name, char text[64],
		       size_t *len_out)
{
	const struct wp_text all = { query, strlen(query) };
	struct wp_arena arena;
	struct wp_text value;
	enum wp_err rc;

	*len_out = 0;
	text[0] = '\0';
	wp_arena_init(&arena, 4096);
	rc = wp_query_get(&all, name, &arena, &value, NULL);
	if (rc == WP_OK) {
		*len_out = value.len;
		memcpy(text, value.data, value.len + 1);
	}
	wp_arena_release(&arena);
	return rc;
}

static void values_are_found_and_decoded(void **state)
{
	static const struct {
		const char *query, *value;
	} cases[] = {
		{ "limit=5", "5" },
		{ "a=1&limit=5&b=2", "5" },
		{ "&&limit=5&", "5" },
		{ "limit=", "" },
		{ "limit", "" },
		{ "limit=a=b", "a=b" },
		{ "limit=%35%2c%2C", "5,," },
		{ "limit=a+b", "a+b" },
		{ "%6Cimi%74=5", "5" },
		{ "limits=1&limi=2&limit=5&xlimit=3", "5" },
		{ "bad=%zz&limit=5", "5" },
		{ "%zz=1&limit=5", "5" },
	};
	char text[64];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(get(cases[i].query, "limit", text, &len),
				 WP_OK);
		assert_string_equal(text, cases[i].value);
		assert_int_equal(len, strlen(cases[i].value));
	}
}

static void what_is_not_there_is_not_found(void **state)
{
	static const char *const cases[] = {
		"", "&", "a=limit", "Limit=5", "limit%00=5", "=limit"
	};
	char text[64];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(get(cases[i], "limit", text, &len),
				 WP_ERR_NOTFOUND);
}

static void a_known_parameter_must_not_be_repeated(void **state)
{
	static const char *const cases[] = { "limit=1&limit=1", "limit&limit=2",
					     "limit=1&%6climit=3&l%69mit=2" };
	char text[64];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(get(cases[i], "limit", text, &len),
				 WP_ERR_INVAL);
}

static void broken_escapes_are_refused(void **state)
{
	static const char *const cases[] = { "limit=%", "limit=%3", "limit=%3g",
					     "limit=%g3", "limit=1%&a=35" };
	char text[64];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(get(cases[i], "limit", text, &len),
				 WP_ERR_INVAL);
}

static void an_escaped_nul_ends_nothing(void **state)
{
	char text[64];
	size_t len;

	(void)state;

	assert_int_equal(get("limit=5%000", "limit", text, &len), WP_OK);

	assert_int_equal(len, 3);
	assert_memory_equal(text,
			    "5\0"
			    "0",
			    3);
}

static void integers_saturate_and_nothing_else_is_one(void **state)
{
	static const struct {
		const char *text;
		bool is_integer;
		int64_t value;
	} cases[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "007", true, 7 },
		{ "-5", true, -5 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "9223372036854775808", true, INT64_MAX },
		{ "92233720368547758070", true, INT64_MAX },
		{ "-99999999999999999999999", true, -INT64_MAX },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "+5", false, 0 },
		{ " 5", false, 0 },
		{ "5 ", false, 0 },
		{ "5.0", false, 0 },
		{ "5e1", false, 0 },
		{ "0x5", false, 0 },
		{ "--5", false, 0 },
		{ "99999999999999999999x", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct wp_text text = { cases[i].text,
					      strlen(cases[i].text) };
		int64_t value = 0;

		assert_int_equal(wp_query_integer(&text, &value),
				 cases[i].is_integer);
		assert_true(value == cases[i].value);
	}
}

static int param(const char *query, const char *name, char *out, size_t size)
{
	struct wp_text text = { query, strlen(query) };

	return wp_query_copy(&text, name, out, size);
}

static void a_copy_has_no_nul_and_fits(void **state)
{
	struct wp_text absent = { 0 };
	char out[8];

	(void)state;
	assert_int_equal(param("ticket=abc", "ticket", out, sizeof(out)), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(
		param("x=1&ticket=a%2Db&y", "ticket", out, sizeof(out)), 3);
	assert_string_equal(out, "a-b");
	assert_int_equal(
		param("xticket=1&tickets=2", "ticket", out, sizeof(out)), -1);
	assert_int_equal(param("ticket", "ticket", out, sizeof(out)), 0);
	assert_int_equal(param("%74icket=a+b", "ticket", out, sizeof(out)), 3);
	assert_string_equal(out, "a+b");
	assert_int_equal(param("ticket=a&ticket=a", "ticket", out, sizeof(out)),
			 -2);
	assert_int_equal(param("", "ticket", out, sizeof(out)), -1);
	assert_int_equal(wp_query_copy(&absent, "ticket", out, sizeof(out)),
			 -1);
	assert_int_equal(param("ticket=%4", "ticket", out, sizeof(out)), -2);
	assert_int_equal(param("ticket=%zz", "ticket", out, sizeof(out)), -2);
	assert_int_equal(param("ticket=%00", "ticket", out, sizeof(out)), -2);
	assert_int_equal(param("ticket=12345678", "ticket", out, sizeof(out)),
			 -2);
	assert_int_equal(param("ticket=", "ticket", out, sizeof(out)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found_and_decoded),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(a_known_parameter_must_not_be_repeated),
		cmocka_unit_test(broken_escapes_are_refused),
		cmocka_unit_test(an_escaped_nul_ends_nothing),
		cmocka_unit_test(a_copy_has_no_nul_and_fits),
		cmocka_unit_test(integers_saturate_and_nothing_else_is_one),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
