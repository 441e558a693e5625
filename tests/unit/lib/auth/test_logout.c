/* What a provider says of somebody who has logged out, and what is no word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/auth/claims.h"
#include "lib/auth/logout.h"

#define NOW INT64_C(1795225140)
#define EVENT "http://schemas.openid.net/event/backchannel-logout"
#define ISS "\"iss\":\"https://id.example\",\"aud\":[\"x\",\"app\"]"
#define EVENTS "\"events\":{\"" EVENT "\":{}}"
#define AT "\"iat\":1795225100"
#define SUB "\"sub\":\"ann\""
#define SID "\"sid\":\"s-1\""

static enum wp_err hear(const char *payload, struct wp_logout *out)
{
	static const struct wp_claim_rules rules = {
		.issuer = "https://id.example",
		.audience = "app",
		.leeway_s = 30,
	};
	char text[1000];
	const struct wp_opened opened = { .payload = text,
					  .payload_len = strlen(payload),
					  .issuer = 1 };
	struct wp_denial why = { 0 };
	enum wp_err rc;

	memcpy(text, payload, strlen(payload) + 1);
	*out = (struct wp_logout){ .issuer = 1 };
	rc = wp_logout_read(out, &opened, &rules, NOW, &why);
	if (rc != WP_OK)
		assert_non_null(why.sentence);
	return rc;
}

/* Somebody whose token was issued then; sid: NULL for none. */
static bool is_out(const struct wp_logout *says, const char *sub,
		   const char *sid, int64_t issued_s)
{
	struct wp_identity who = { .issued_s = issued_s };
	struct wp_revoked *table = NULL;
	bool is_out;

	assert_int_equal(wp_revoked_new(&table, NULL), WP_OK);
	for (size_t i = 0; i < says->n; i++)
		wp_revoked_add(table,
			       &(struct wp_revocation){
				       .key = says->keys[i],
				       .at_s = says->until_s,
				       .forget_s = NOW + 3600,
			       },
			       NOW);
	assert_int_equal(wp_name_hash("https://id.example", sub, strlen(sub),
				      who.subject),
			 WP_OK);
	if (sid != NULL)
		assert_int_equal(wp_name_hash("https://id.example", sid,
					      strlen(sid), who.session),
				 WP_OK);
	is_out = wp_revoked_has(table, &who, NOW);
	wp_revoked_free(&table);
	return is_out;
}

static void a_subject_is_out_up_to_then(void **state)
{
	struct wp_logout says;

	(void)state;
	assert_int_equal(hear("{" ISS "," EVENTS "," AT "," SUB "}", &says),
			 WP_OK);
	assert_int_equal(says.until_s, 1795225100);
	assert_true(is_out(&says, "ann", NULL, 1795225100));
	assert_true(is_out(&says, "ann", "s-1", 1));
	assert_false(is_out(&says, "ann", "s-1", 1795225101));
	assert_false(is_out(&says, "bob", "s-1", 1));
}

static void a_session_is_out_for_good_and_no_other(void **state)
{
	struct wp_logout says;

	(void)state;
	assert_int_equal(hear("{" ISS "," EVENTS "," AT "," SID "}", &says),
			 WP_OK);
	assert_true(is_out(&says, "ann", "s-1", NOW + 1));
	assert_false(is_out(&says, "ann", "s-2", 1));
	assert_false(is_out(&says, "ann", NULL, 1));
}

/* Which of them was meant cannot be told where tokens do not name it. */
static void with_both_it_is_the_session_and_what_has_none(void **state)
{
	struct wp_logout says;

	(void)state;
	assert_int_equal(
		hear("{" ISS "," EVENTS "," AT "," SUB "," SID "}", &says),
		WP_OK);
	assert_true(is_out(&says, "ann", "s-1", NOW));
	assert_false(is_out(&says, "ann", "s-2", 1));
	assert_true(is_out(&says, "ann", NULL, 1795225100));
	assert_false(is_out(&says, "ann", NULL, 1795225101));
	assert_false(is_out(&says, "bob", NULL, 1));
}

static void what_is_more_does_not_matter(void **state)
{
	static const char *const good[] = {
		"{" ISS "," EVENTS "," AT "," SUB ",\"jti\":\"x\"}",
		"{" ISS "," EVENTS "," AT "," SUB ",\"jti\":7,\"x\":[{}]}",
		"{" ISS "," EVENTS "," AT "," SUB ",\"exp\":1795225141}",
		"{" ISS "," AT "," SUB ",\"events\": { \"x\":{},\"" EVENT
		"\" : {\"y\":1}}}",
		/* As old, and as far ahead, as it may be. */
		"{" ISS "," EVENTS "," SUB ",\"iat\":1795224810}",
		"{" ISS "," EVENTS "," SUB ",\"iat\":1795225170.5}",
	};
	struct wp_logout says;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (hear(good[i], &says) != WP_OK)
			fail_msg("%s", good[i]);
}

static void what_says_something_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{" ISS "," EVENTS "," AT "}",
		"{" ISS "," EVENTS "," SUB "}",
		"{" ISS "," AT "," SUB "}",
		"{" EVENTS "," AT "," SUB "}",
		"{\"iss\":\"https://id.example\"," EVENTS "," AT "," SUB "}",
		"{\"iss\":\"https://id.example\",\"aud\":\"x\"," EVENTS "," AT
		"," SUB "}",
		"{\"iss\":\"https://id.exampl\",\"aud\":\"app\"," EVENTS "," AT
		"," SUB "}",
		"{" ISS "," EVENTS "," AT "," SUB ",\"nonce\":\"n\"}",
		"{" ISS "," EVENTS "," AT "," SUB ",\"nonce\":null}",
		"{" ISS "," EVENTS "," AT "," SUB "," SUB "}",
		"{" ISS "," EVENTS "," AT "," SUB ",\"exp\":1795225110}",
		"{" ISS "," EVENTS "," AT "," SUB ",\"exp\":\"x\"}",
		"{" ISS "," EVENTS "," SUB ",\"iat\":1795224809}",
		"{" ISS "," EVENTS "," SUB ",\"iat\":1795225171}",
		"{" ISS "," EVENTS "," SUB ",\"iat\":\"1795225100\"}",
		"{" ISS "," EVENTS "," AT ",\"sub\":\"\"}",
		"{" ISS "," EVENTS "," AT ",\"sub\":7}",
		"{" ISS "," EVENTS "," AT "," SUB ",\"sid\":7}",
		"{" ISS "," EVENTS "," AT ",\"sub\":null," SID "}",
		"{" ISS "," AT "," SUB ",\"events\":{}}",
		"{" ISS "," AT "," SUB ",\"events\":[]}",
		"{" ISS "," AT "," SUB ",\"events\":\"" EVENT "\"}",
		"{" ISS "," AT "," SUB ",\"events\":{\"" EVENT "\":1}}",
		"{" ISS "," AT "," SUB ",\"events\":{\"" EVENT "\":{},\"" EVENT
		"\":{}}}",
		"{" ISS "," AT "," SUB ",\"events\":{\"x\":{\"" EVENT
		"\":{}}}}",
	};
	struct wp_logout says;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (hear(bad[i], &says) != WP_ERR_DENIED || says.n != 0)
			fail_msg("%s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_subject_is_out_up_to_then),
		cmocka_unit_test(a_session_is_out_for_good_and_no_other),
		cmocka_unit_test(with_both_it_is_the_session_and_what_has_none),
		cmocka_unit_test(what_is_more_does_not_matter),
		cmocka_unit_test(what_says_something_else_is_refused),
	};

	return cmocka_run_group_tests_name("logout", tests, NULL, NULL);
}
