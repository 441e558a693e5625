/* A URN becomes part of a Redis key: nothing odd may get through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/name/urn.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void accepts(const char *text, const char *canonical)
{
	struct wp_urn urn;
	struct wp_error err = { .msg = "" };

	if (wp_urn_parse(&urn, text, strlen(text), &err) != WP_OK)
		fail_msg("%s: %s", err.msg, text);
	assert_string_equal(urn.text, canonical);
	assert_int_equal(urn.len, strlen(canonical));
}

static void refuses(const char *text, size_t len)
{
	struct wp_error err = { .msg = "" };
	struct wp_urn urn;

	if (wp_urn_parse(&urn, text, len, &err) != WP_ERR_INVAL)
		fail_msg("accepted: %.*s", (int)len, text);
	assert_int_equal(err.code, WP_ERR_INVAL);
	assert_true(strlen(err.msg) > 0);
}

static void four_parts_stay_as_they_are(void **state)
{
	(void)state;
	accepts("urn:sm:user:bob", "urn:sm:user:bob");
	accepts("urn:lookup:email:ana@example.org",
		"urn:lookup:email:ana@example.org");
	accepts("urn:auth:google:123", "urn:auth:google:123");
	accepts("urn:a:b:C-_.~!#$%&'()+/;<=>@^`|", /* case is kept */
		"urn:a:b:C-_.~!#$%&'()+/;<=>@^`|");
	accepts("urn:urn:urn:urn", "urn:urn:urn:urn");
}

static void a_text_without_colon_is_a_legacy_id(void **state)
{
	(void)state;
	accepts("bob", "urn:sm:user:bob");
	accepts("urn", "urn:sm:user:urn");
	accepts("x", "urn:sm:user:x");
	accepts("a@b.c", "urn:sm:user:a@b.c");
}

static void other_shapes_are_refused(void **state)
{
	static const char *const shapes[] = {
		"",           ":",           ":::",           "a:b",
		"urn:sm",     "urn:sm:user", "urn:sm:user:",  "urn::user:bob",
		"urn:sm::b",  ":sm:user:b",  "URN:sm:user:b", "Urn:sm:user:b",
		"urm:a:b:c",  "uri:a:b:c",   "urn:a:b:c:d",   "urn:a:b:c:",
		":urn:a:b:c", "ur:a:b:cd",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(shapes); i++)
		refuses(shapes[i], strlen(shapes[i]));
	refuses(NULL, 0);
}

static void exactly_the_listed_bytes_are_refused(void **state)
{
	static const char excluded[] = ",*?[]\\{}\"";
	unsigned c;

	(void)state;
	for (c = 0; c < 256; c++) {
		char full[] = "urn:sm:user:a_b", legacy[] = "a_b";
		bool is_good = c > 0x20 && c < 0x7f &&
			       strchr(excluded, (int)c) == NULL && c != ':';
		struct wp_urn urn;

		full[13] = (char)c;
		legacy[1] = (char)c;
		assert_int_equal(wp_urn_parse(&urn, full, 15, NULL) == WP_OK,
				 is_good);
		assert_int_equal(wp_urn_parse(&urn, legacy, 3, NULL) == WP_OK,
				 is_good);
	}
}

static void the_bound_counts_canonical_bytes(void **state)
{
	char text[300];
	struct wp_urn urn;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(wp_urn_parse(&urn, text, 243, NULL), WP_OK);
	assert_int_equal(urn.len, 255);
	assert_int_equal(strlen(urn.text), 255);
	refuses(text, 244);
	refuses(text, sizeof(text));
	memcpy(text, "urn:sm:user:", 12);
	assert_int_equal(wp_urn_parse(&urn, text, 255, NULL), WP_OK);
	assert_int_equal(urn.len, 255);
	refuses(text, 256);
}

static void the_sentence_never_quotes_the_input(void **state)
{
	static const char *const texts[] = { "urn:sm:user:se cret",
					     "sec,ret:x:y:z", "secret:x",
					     "secret\n" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		struct wp_error err;
		struct wp_urn urn;

		assert_int_equal(
			wp_urn_parse(&urn, texts[i], strlen(texts[i]), &err),
			WP_ERR_INVAL);
		assert_null(strstr(err.msg, "sec"));
		assert_null(strstr(err.msg, "ret"));
	}
}

static void canonical_text_reads_back_even_onto_itself(void **state)
{
	struct wp_urn urn, copy;

	(void)state;
	memset(&urn, 0xaa, sizeof(urn));
	memset(&copy, 0x55, sizeof(copy));
	assert_int_equal(wp_urn_parse(&urn, "bob", 3, NULL), WP_OK);
	assert_int_equal(wp_urn_parse(&copy, urn.text, urn.len, NULL), WP_OK);
	assert_int_equal(wp_urn_parse(&urn, urn.text, urn.len, NULL), WP_OK);
	assert_memory_equal(&urn, &copy, sizeof(urn));
}

static void only_urn_sm_user_has_a_legacy_id(void **state)
{
	static const char *const others[] = { "urn:contacts:user:bob",
					      "urn:sm:service:bob",
					      "urn:sm:user" };
	size_t len = strlen("urn:sm:user:bob");
	const char *id = wp_urn_legacy("urn:sm:user:bobby", &len);

	(void)state;
	assert_int_equal(len, 3);
	assert_memory_equal(id, "bob", 3);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		len = strlen(others[i]);
		assert_null(wp_urn_legacy(others[i], &len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_parts_stay_as_they_are),
		cmocka_unit_test(a_text_without_colon_is_a_legacy_id),
		cmocka_unit_test(other_shapes_are_refused),
		cmocka_unit_test(exactly_the_listed_bytes_are_refused),
		cmocka_unit_test(the_bound_counts_canonical_bytes),
		cmocka_unit_test(the_sentence_never_quotes_the_input),
		cmocka_unit_test(canonical_text_reads_back_even_onto_itself),
		cmocka_unit_test(only_urn_sm_user_has_a_legacy_id),
	};

	return cmocka_run_group_tests_name("urn", tests, NULL, NULL);
}
