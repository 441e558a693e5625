/* Whom a back end means, or what it has left open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/auth/revoke_order.h"

static void expect(const char *text, const struct wp_revoked_key *wanted)
{
	struct wp_revoked_key key = { { 0 } };
	struct wp_error err = { 0 };

	if (wp_revoke_order_read(&key, NULL, text, strlen(text), &err) != WP_OK)
		fail_msg("%s: %s", text, err.msg);
	assert_true(wp_revoked_key_is_sound(&key));
	assert_memory_equal(&key, wanted, sizeof(key));
}

static void expect_bad(const char *text, const char *sentence)
{
	struct wp_revoked_key key;
	struct wp_error err = { 0 };

	assert_int_equal(
		wp_revoke_order_read(&key, NULL, text, strlen(text), &err),
		WP_ERR_INVAL);
	if (strstr(err.msg, sentence) == NULL)
		fail_msg("%s: '%s' lacks '%s'", text, err.msg, sentence);
}

static void a_user_is_a_urn_or_a_legacy_id(void **state)
{
	struct wp_revoked_key bob;
	struct wp_urn user;

	(void)state;
	assert_int_equal(wp_urn_parse(&user, "bob", 3, NULL), WP_OK);
	wp_revoked_key_user(&bob, &user);
	expect("{\"user\":\"bob\"}", &bob);
	expect("{\"user\":\"urn:sm:user:bob\"}", &bob);
	expect(" { \"us\\u0065r\" : \"b\\u006fb\" } ", &bob);
}

static void a_subject_and_a_session_are_an_issuers(void **state)
{
	uint8_t hash[WP_NAME_HASH_LEN];
	struct wp_revoked_key key;

	(void)state;
	assert_int_equal(wp_name_hash("https://id.example", "7", 1, hash),
			 WP_OK);
	wp_revoked_key_subject(&key, hash);
	expect("{\"issuer\":\"https://id.example\",\"subject\":\"7\"}", &key);
	wp_revoked_key_session(&key, hash);
	expect("{\"session\":\"7\",\"issuer\":\"https:\\/\\/id.example\"}",
	       &key);
	assert_int_equal(wp_name_hash("", "a b", 3, hash), WP_OK);
	wp_revoked_key_subject(&key, hash);
	expect("{\"issuer\":\"\",\"subject\":\"a b\"}", &key);
}

static void what_is_open_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
		{ "", "" },
		{ "[]", "" },
		{ "{", "" },
		{ "{}", "say user" },
		{ "{\"issuer\":\"i\"}", "say user" },
		{ "{\"subject\":\"s\"}", "say user" },
		{ "{\"session\":\"s\"}", "say user" },
		{ "{\"issuer\":\"i\",\"subject\":\"s\",\"session\":\"t\"}",
		  "say user" },
		{ "{\"user\":\"bob\",\"issuer\":\"i\"}", "say user" },
		{ "{\"user\":\"bob\",\"issuer\":\"i\",\"subject\":\"s\"}",
		  "say user" },
		{ "{\"user\":\"bob\",\"session\":\"s\"}", "say user" },
		{ "{\"user\":\"bob\",\"all\":true}", "there may be" },
		{ "{\"user\":\"bob\",\"user\":\"bob\"}", "given twice" },
		{ "{\"user\":null}", "" },
		{ "{\"user\":[\"bob\"]}", "" },
		{ "{\"user\":\"\"}", "user: " },
		{ "{\"user\":\"a:b\"}", "user: " },
		{ "{\"user\":\"bob\\u0000\"}", "255 bytes" },
		{ "{\"issuer\":\"i\",\"subject\":\"\"}", "1 to 255" },
		{ "{\"issuer\":\"i\",\"subject\":\"a\\u0000b\"}", "1 to 255" },
		{ "{\"issuer\":\"i\\u0000\",\"subject\":\"a\"}", "issuer has" },
		{ "{\"user\":\"bob\"} x", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_bad(cases[i].text, cases[i].sentence);
}

static void names_have_a_longest(void **state)
{
	char text[2048];
	struct wp_revoked_key key;

	(void)state;
	for (int more = 0; more < 2; more++) {
		(void)snprintf(text, sizeof(text),
			       "{\"issuer\":\"i\",\"subject\":\"%0*d\"}",
			       WP_REVOKE_NAME_MAX + more, 0);
		assert_int_equal(wp_revoke_order_read(&key, NULL, text,
						      strlen(text), NULL),
				 more == 0 ? WP_OK : WP_ERR_INVAL);
		(void)snprintf(text, sizeof(text),
			       "{\"issuer\":\"%0*d\",\"session\":\"s\"}",
			       WP_REVOKE_ISSUER_MAX + more, 0);
		assert_int_equal(wp_revoke_order_read(&key, NULL, text,
						      strlen(text), NULL),
				 more == 0 ? WP_OK : WP_ERR_INVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_is_a_urn_or_a_legacy_id),
		cmocka_unit_test(a_subject_and_a_session_are_an_issuers),
		cmocka_unit_test(what_is_open_is_refused),
		cmocka_unit_test(names_have_a_longest),
	};

	return cmocka_run_group_tests_name("revoke_order", tests, NULL, NULL);
}
