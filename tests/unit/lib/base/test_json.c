/* A stranger's bytes: what is JSON is read, everything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Read one value to the end; the error's sentence, or NULL. */
static const char *verdict(const char *text, size_t len)
{
	/* A copy of exactly this size: reading past it is caught by ASan. */
	char *copy = malloc(len > 0 ? len : 1);
	struct wp_json js;
	bool ok;

	assert_non_null(copy);
	memcpy(copy, text, len);
	wp_json_init(&js, copy, len);
	ok = wp_json_skip(&js, NULL) && wp_json_end(&js);
	assert_int_equal(ok, js.err == NULL);
	assert_true(js.pos <= len);
	free(copy);
	return js.err;
}

static void accepts(const char *text)
{
	const char *err = verdict(text, strlen(text));

	if (err != NULL)
		fail_msg("%s: %s", err, text);
}

static void refuses(const char *text)
{
	if (verdict(text, strlen(text)) == NULL)
		fail_msg("accepted: %s", text);
}

static const char *const valid[] = {
	"null",
	" true ",
	"\t\r\n false\n",
	"0",
	"-0",
	"-0.0e-0",
	"12.50E+10",
	"1e400",
	"\"\"",
	"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
	"\"\\u0000\\uD83D\\uDE00\\ud83d\\ude00\\uFFFF\"",
	"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \x7f\"",
	"\"long enough to be read in words of eight bytes: \xc3\xa9\"",
	"[]",
	"[ ]",
	"[1,2 , 3]",
	"{}",
	"{ }",
	"{\"a\":1}",
	"{\"\":{\"a\":[]},\"a\\u0000\":null, \"a\" : \"x\"}",
	"[[[[[[[[1]]]]]]]]",
	"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}",
};

static const char *const invalid[] = {
	"",
	" ",
	"nul",
	"nulll",
	"True",
	"truefalse",
	"NaN",
	"Infinity",
	"-",
	"-a",
	"+1",
	"01",
	"-01",
	"1.",
	".5",
	"1.e1",
	"1e",
	"1e+",
	"0x10",
	"1 2",
	"'a'",
	"\"",
	"\"a",
	"\"\\",
	"\"\\\"",
	"\"\\a\"",
	"\"\\u123\"",
	"\"\\u12g4\"",
	"\"\\U1234\"",
	"\"\\ud800\"",
	"\"\\ud800x\"",
	"\"\\ud800\\n\"",
	"\"\\ud800\\u0041\"",
	"\"\\ud800\\ud800\"",
	"\"\\udc00\\ud800\"",
	"\"\\udc00\"",
	"\"\x01\"",
	"\"\n\"",
	"\"\t\"",
	"\"\x80\"",
	"\"\xc3\"",
	"\"\xc3\x28\"",
	"\"\xed\xa0\x80\"",
	"\"\xc0\xaf\"",
	"\"\xf5\x80\x80\x80\"",
	"[",
	"[1",
	"[1,",
	"[1,]",
	"[,1]",
	"[1 2]",
	"[1}",
	"]",
	"{",
	"{\"a\"",
	"{\"a\":",
	"{\"a\":1",
	"{\"a\":1,",
	"{\"a\":1,}",
	"{,\"a\":1}",
	"{\"a\" 1}",
	"{\"a\":1 \"b\":2}",
	"{a:1}",
	"{1:1}",
	"{\"a\":1]",
	"{\"a\":}",
	"{\"\xff\":1}",
	"{\"\\q\":1}",
	"[/**/]",
	"[]//",
	"[1]]",
	"{}{}",
	"\xef\xbb\xbf[]",
	"\xc2\xa0[]",
	"\v1",
	"{\"a\":{\"b\":\"\xff\"}}",
};

static void the_grammar_is_that_of_rfc_8259(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(valid); i++)
		accepts(valid[i]);
	for (i = 0; i < COUNT(invalid); i++)
		refuses(invalid[i]);
}

static void a_nul_byte_is_never_white_space_nor_an_end(void **state)
{
	(void)state;
	assert_non_null(verdict("\0", 1));
	assert_non_null(verdict("1\0", 2));
	assert_non_null(verdict("\"a\0b\"", 5));
	assert_non_null(verdict("\"\\\0\"", 4));
	assert_non_null(verdict("{\"a\"\0:1}", 8));
	assert_non_null(verdict("[1\0]", 4));
	assert_non_null(verdict("-\0", 2));
}

/* Only of a bare number is the beginning a value too. */
static void no_truncation_of_a_document_is_accepted(void **state)
{
	static const char *const documents[] = {
		"{\"a\":5,\"x\":[1,-2.5e3,{}],\"\":\"\\ud83d\\ude00\"}",
		"[\"\xf0\x9f\x98\x80\",true,false,null,[[]],{}]",
		"\"text \\u00e9 \xe2\x82\xac\"",
		"null",
		"{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":[[[]]]}}}}}",
	};
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(documents); i++) {
		accepts(documents[i]);
		for (len = 0; len < strlen(documents[i]); len++)
			if (verdict(documents[i], len) == NULL)
				fail_msg("accepted %zu bytes of %s", len,
					 documents[i]);
	}
}

static void special_bytes_are_seen_at_every_offset_of_a_word(void **state)
{
	static const char specials[] = {
		'"', '\\', '\0', '\x1f', '\x80', '\xff'
	};
	size_t at, i;

	(void)state;
	for (at = 1; at < 40; at++) {
		for (i = 0; i < sizeof(specials); i++) {
			char text[42];

			memset(text, '~', sizeof(text));
			text[0] = text[41] = '"';
			assert_null(verdict(text, sizeof(text)));
			text[at] = specials[i];
			assert_non_null(verdict(text, sizeof(text)));
		}
	}
}

static void nesting_ends_at_eight(void **state)
{
	(void)state;
	assert_string_equal(verdict("[[[[[[[[[]]]]]]]]]", 18),
			    "nesting is deeper than 8");
	assert_string_equal(verdict("[[[[[[[[{", 9),
			    "nesting is deeper than 8");
	/* Depth counts what is open now, not what was opened. */
	accepts("[[[[[[[[]]]]]]],[[[[[[[]]]]]]],{\"a\":[[[[[[]]]]]]}]");
}

/* What is around it does not count, and not what it holds either. */
static void raw_value_is_cut_out_however_deep_it_is(void **state)
{
	char text[400];

	(void)state;
	for (int around = 1; around <= WP_JSON_MAX_DEPTH; around++) {
		for (int inside = 0; inside <= WP_JSON_RAW_DEPTH + 1;
		     inside++) {
			struct wp_json_slice raw = { 0 };
			struct wp_json js;
			size_t len = (size_t)(2 * (around + inside) + 1);

			memset(text, '[', len / 2);
			text[len / 2] = '1';
			memset(text + len / 2 + 1, ']', len / 2);
			wp_json_init(&js, text, len);
			for (int i = 0; i < around; i++) {
				assert_true(wp_json_array_begin(&js));
				assert_true(wp_json_array_next(&js));
			}
			assert_int_equal(wp_json_raw(&js, &raw),
					 inside <= WP_JSON_RAW_DEPTH);
			if (inside > WP_JSON_RAW_DEPTH)
				continue;
			assert_ptr_equal(raw.data, text + around);
			assert_int_equal(raw.len, 2 * inside + 1);
			for (int i = 0; i < around; i++)
				assert_false(wp_json_array_next(&js));
			assert_true(wp_json_end(&js));
			assert_int_equal(wp_json_is_valid(raw.data, raw.len),
					 inside <= WP_JSON_MAX_DEPTH);
		}
	}
}

static void depth_counts_again_behind_a_raw_value(void **state)
{
	static const char text[] = "[[[[[[[[[[[1]]]]]]]]]],[[[[[[[[1]]]]]]]]]";
	struct wp_json js;

	(void)state;
	wp_json_init(&js, text, sizeof(text) - 1);
	assert_true(wp_json_array_begin(&js));
	assert_true(wp_json_array_next(&js));
	assert_true(wp_json_raw(&js, NULL));
	assert_true(wp_json_array_next(&js));
	assert_false(wp_json_skip(&js, NULL));
}

static void a_caller_walks_what_it_knows_and_skips_the_rest(void **state)
{
	static const char text[] =
		" { \"skip\" : [ {\"type\":0} ] , \"type\" : \"a\\u0062\" , "
		"\"list\":[1,-2.5],\"on\":true,\"off\":false,\"no\":null} ";
	struct wp_json_slice type = { 0 }, skipped, number;
	struct wp_json_slice key;
	struct wp_json js;
	bool on = false, off = true;
	int numbers = 0;

	(void)state;
	wp_json_init(&js, text, sizeof(text) - 1);
	assert_true(wp_json_object_begin(&js));
	while (wp_json_object_next(&js, &key)) {
		if (wp_json_slice_is(&key, "type")) {
			assert_int_equal(wp_json_peek(&js), WP_JSON_STRING);
			assert_true(wp_json_string(&js, &type));
		} else if (wp_json_slice_is(&key, "list")) {
			assert_int_equal(wp_json_peek(&js), WP_JSON_ARRAY);
			assert_true(wp_json_array_begin(&js));
			while (wp_json_array_next(&js)) {
				assert_true(wp_json_number(&js, &number));
				numbers++;
			}
		} else if (wp_json_slice_is(&key, "on")) {
			assert_true(wp_json_bool(&js, &on));
		} else if (wp_json_slice_is(&key, "off")) {
			assert_true(wp_json_bool(&js, &off));
		} else if (wp_json_slice_is(&key, "no")) {
			assert_true(wp_json_null(&js));
		} else {
			assert_true(wp_json_slice_is(&key, "skip"));
			assert_true(wp_json_skip(&js, &skipped));
		}
	}
	assert_true(wp_json_end(&js));
	assert_true(type.has_escapes);
	assert_true(wp_json_slice_is(&type, "ab"));
	assert_int_equal(skipped.len, 14);
	assert_memory_equal(skipped.data, "[ {\"type\":0} ]", 14);
	assert_int_equal(numbers, 2);
	assert_int_equal(number.len, 4);
	assert_memory_equal(number.data, "-2.5", 4);
	assert_true(on);
	assert_false(off);
}

static void peek_names_every_type_and_consumes_nothing(void **state)
{
	static const struct {
		const char *text;
		enum wp_json_type type;
	} cases[] = {
		{ " null", WP_JSON_NULL }, { "true", WP_JSON_BOOL },
		{ "false", WP_JSON_BOOL }, { "-1", WP_JSON_NUMBER },
		{ "9", WP_JSON_NUMBER },   { "\"\"", WP_JSON_STRING },
		{ "[]", WP_JSON_ARRAY },   { "{}", WP_JSON_OBJECT },
		{ "", WP_JSON_NONE },      { "  ", WP_JSON_NONE },
		{ "x", WP_JSON_NONE },     { "]", WP_JSON_NONE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct wp_json js;

		wp_json_init(&js, cases[i].text, strlen(cases[i].text));
		assert_int_equal(wp_json_peek(&js), cases[i].type);
		assert_int_equal(wp_json_peek(&js), cases[i].type);
		assert_null(js.err);
		assert_int_equal(wp_json_skip(&js, NULL),
				 cases[i].type != WP_JSON_NONE);
	}
}

static void the_wrong_type_is_an_error_that_names_the_right_one(void **state)
{
	struct wp_json_slice slice;
	struct wp_json js;
	bool flag;

	(void)state;
	wp_json_init(&js, "1", 1);
	assert_false(wp_json_string(&js, &slice));
	assert_string_equal(js.err, "expected a string");
	wp_json_init(&js, "\"true\"", 6);
	assert_false(wp_json_bool(&js, &flag));
	assert_string_equal(js.err, "expected true or false");
	wp_json_init(&js, "false", 5);
	assert_false(wp_json_null(&js));
	assert_string_equal(js.err, "expected null");
	wp_json_init(&js, "\"1\"", 3);
	assert_false(wp_json_number(&js, &slice));
	assert_string_equal(js.err, "expected a number");
	wp_json_init(&js, "[]", 2);
	assert_false(wp_json_object_begin(&js));
	assert_string_equal(js.err, "expected an object");
	wp_json_init(&js, "{}", 2);
	assert_false(wp_json_array_begin(&js));
	assert_string_equal(js.err, "expected an array");
}

static void the_first_error_stays_and_stops_everything(void **state)
{
	struct wp_json_slice slice;
	struct wp_json_slice key;
	struct wp_json js;
	bool flag;

	(void)state;
	wp_json_init(&js, "{\"a\":1}", 7);
	assert_true(wp_json_object_begin(&js));
	wp_json_fail(&js, "first");
	wp_json_fail(&js, "second");
	assert_string_equal(js.err, "first");
	assert_int_equal(wp_json_peek(&js), WP_JSON_NONE);
	assert_false(wp_json_object_next(&js, &key));
	assert_false(wp_json_object_begin(&js));
	assert_false(wp_json_array_begin(&js));
	assert_false(wp_json_array_next(&js));
	assert_false(wp_json_string(&js, &slice));
	assert_false(wp_json_number(&js, &slice));
	assert_false(wp_json_bool(&js, &flag));
	assert_false(wp_json_null(&js));
	assert_false(wp_json_skip(&js, &slice));
	assert_false(wp_json_end(&js));
	assert_string_equal(js.err, "first");
	assert_int_equal(js.pos, 1);
}

static void an_error_says_where(void **state)
{
	struct wp_json js;

	(void)state;
	wp_json_init(&js, "[1, 2, x]", 9);
	assert_false(wp_json_skip(&js, NULL));
	assert_int_equal(js.pos, 7);
	wp_json_init(&js, "[] x", 4);
	assert_true(wp_json_skip(&js, NULL));
	assert_false(wp_json_end(&js));
	assert_int_equal(js.pos, 3);
}

static void the_end_is_refused_inside_a_container(void **state)
{
	struct wp_json js;

	(void)state;
	wp_json_init(&js, "[", 1);
	assert_true(wp_json_array_begin(&js));
	assert_false(wp_json_end(&js));
	assert_non_null(js.err);
}

static void decodes_to(const char *json, const char *want, size_t len)
{
	struct wp_json_slice slice;
	struct wp_json js;
	struct wp_buf buf;

	wp_buf_init(&buf, 0);
	wp_json_init(&js, json, strlen(json));
	assert_true(wp_json_string(&js, &slice));
	assert_int_equal(slice.has_escapes, strchr(json, '\\') != NULL);
	wp_json_decode(&slice, &buf);
	assert_int_equal(buf.len, len);
	assert_memory_equal(buf.data, want, len);
	wp_buf_release(&buf);
}

static void escapes_are_resolved(void **state)
{
	(void)state;
	decodes_to("\"\"", "", 0);
	decodes_to("\"plain \xc3\xa9\"", "plain \xc3\xa9", 8);
	decodes_to("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
	decodes_to("\"a\\u0000b\"", "a\0b", 3);
	decodes_to("\"\\u007f\\u0080\\u07fF\"", "\x7f\xc2\x80\xdf\xbf", 5);
	decodes_to("\"\\u0800\\uFFFF\"", "\xe0\xa0\x80\xef\xbf\xbf", 6);
	decodes_to("\"\\ud800\\udc00\\uDBFF\\uDFFF\"",
		   "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8);
	decodes_to("\"\\ud83d\\ude00x\"", "\xf0\x9f\x98\x80x", 5);
}

static void decoding_stops_at_the_ceiling(void **state)
{
	struct wp_json_slice slice = { "a\\nb\\nc", 7, true };
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 3);
	wp_json_decode(&slice, &buf);
	assert_true(buf.failed);
	assert_int_equal(buf.len, 3);
	wp_buf_release(&buf);
}

static bool key_is(const char *json_name, const char *text)
{
	struct wp_json_slice key;
	struct wp_json js;
	char json[64] = "{";

	strncat(json, json_name, 40);
	strncat(json, ":1}", 4);
	wp_json_init(&js, json, strlen(json));
	assert_true(wp_json_object_begin(&js));
	assert_true(wp_json_object_next(&js, &key));
	return wp_json_slice_is(&key, text);
}

static void names_are_compared_decoded(void **state)
{
	(void)state;
	assert_true(key_is("\"type\"", "type"));
	assert_true(key_is("\"\\u0074yp\\u0065\"", "type"));
	assert_true(key_is("\"\"", ""));
	assert_true(key_is("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"));
	assert_false(key_is("\"type\"", "typ"));
	assert_false(key_is("\"typ\"", "type"));
	assert_false(key_is("\"Type\"", "type"));
	assert_false(key_is("\"\\u0074yp\"", "type"));
	assert_false(key_is("\"\\u0074ypes\"", "type"));
	assert_false(key_is("\"type\\u0000\"", "type"));
	assert_false(key_is("\"\\u0000\"", ""));
}

static bool integer(const char *text, int64_t min, int64_t max, int64_t *out)
{
	struct wp_json_slice slice = { text, strlen(text),
				       strchr(text, '\\') != NULL };

	return wp_json_integer(&slice, min, max, out);
}

static void integral_forms_count_as_integers(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} cases[] = {
		{ "0", 0 },
		{ "-0", 0 },
		{ "-0.000", 0 },
		{ "0e999999999999999999999", 0 },
		{ "0.0e-99999999999999999999", 0 },
		{ "5", 5 },
		{ "5.0", 5 },
		{ "5e0", 5 },
		{ "0.5e1", 5 },
		{ "500e-2", 5 },
		{ "5000000000000000000000000e-24", 5 },
		{ "0.00000000000000000000005e+23", 5 },
		{ "-1.25E2", -125 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
		{ "9.223372036854775807e18", INT64_MAX },
		{ "\\u0035", 5 },
		{ "1\\u00302", 102 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		int64_t value = 77;

		if (!integer(cases[i].text, INT64_MIN, INT64_MAX, &value))
			fail_msg("refused: %s", cases[i].text);
		assert_true(value == cases[i].value);
	}
}

static void everything_else_is_no_integer(void **state)
{
	static const char *const texts[] = {
		"",
		"-",
		" 5",
		"5 ",
		"+5",
		"05",
		"5.",
		".5",
		"0x5",
		"5a",
		"NaN",
		"true",
		"1.5",
		"5e-1",
		"0.1",
		"1e-999999999999999999999",
		"1e19",
		"1e999999999999999999999",
		"1e9223372036854775807",
		"9223372036854775808",
		"-9223372036854775809",
		"18446744073709551616",
		"99999999999999999999999999",
		"5\\u0000",
	};
	int64_t value = 77;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++)
		if (integer(texts[i], INT64_MIN, INT64_MAX, &value))
			fail_msg("accepted: %s", texts[i]);
	assert_int_equal(value, 77);
}

static void the_range_includes_its_ends(void **state)
{
	int64_t value;

	(void)state;
	assert_true(integer("2147483647", INT32_MIN, INT32_MAX, &value));
	assert_true(integer("-2147483648", INT32_MIN, INT32_MAX, &value));
	assert_false(integer("2147483648", INT32_MIN, INT32_MAX, &value));
	assert_false(integer("-2147483649", INT32_MIN, INT32_MAX, &value));
	assert_false(integer("0", 1, 3, &value));
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Damage a document in one place: no verdict is wanted, only a clean end. */
static void damaged_documents_never_read_out_of_bounds(void **state)
{
	static const char document[] =
		"{\"a\":[1,-2.5e3,\"\\ud83d\\ude00\",{\"b\":null}],"
		"\"c\":\"\xe2\x82\xac\",\"d\":{\"e\":[[true,false]]}}";
	uint64_t seed = 8259;
	int round, refused = 0;

	(void)state;
	for (round = 0; round < 20000; round++) {
		char text[sizeof(document)];
		size_t len = sizeof(document) - 1;
		size_t at = next_random(&seed) % len;

		memcpy(text, document, sizeof(text));
		text[at] = (char)(next_random(&seed) >> 32);
		if (next_random(&seed) % 4 == 0)
			len = at + 1;
		refused += verdict(text, len) != NULL;
	}
	assert_true(refused > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_grammar_is_that_of_rfc_8259),
		cmocka_unit_test(a_nul_byte_is_never_white_space_nor_an_end),
		cmocka_unit_test(no_truncation_of_a_document_is_accepted),
		cmocka_unit_test(
			special_bytes_are_seen_at_every_offset_of_a_word),
		cmocka_unit_test(nesting_ends_at_eight),
		cmocka_unit_test(raw_value_is_cut_out_however_deep_it_is),
		cmocka_unit_test(depth_counts_again_behind_a_raw_value),
		cmocka_unit_test(
			a_caller_walks_what_it_knows_and_skips_the_rest),
		cmocka_unit_test(peek_names_every_type_and_consumes_nothing),
		cmocka_unit_test(
			the_wrong_type_is_an_error_that_names_the_right_one),
		cmocka_unit_test(the_first_error_stays_and_stops_everything),
		cmocka_unit_test(an_error_says_where),
		cmocka_unit_test(the_end_is_refused_inside_a_container),
		cmocka_unit_test(escapes_are_resolved),
		cmocka_unit_test(decoding_stops_at_the_ceiling),
		cmocka_unit_test(names_are_compared_decoded),
		cmocka_unit_test(integral_forms_count_as_integers),
		cmocka_unit_test(everything_else_is_no_integer),
		cmocka_unit_test(the_range_includes_its_ends),
		cmocka_unit_test(damaged_documents_never_read_out_of_bounds),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
