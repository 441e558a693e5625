/* Whose tokens are believed: what an operator may write, and what not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/sys/issuers.h"

static char sub[] = "sub", handle[] = "handle", empty[] = "";
static char *claims[] = { handle, sub, NULL };

/* A configuration with these issuers; borrows them. */
static struct wp_conf conf_of(char **items, enum wp_run_mode run_mode)
{
	struct wp_conf conf = { .run_mode = run_mode };

	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 2;
	conf.auth.issuer = empty;
	conf.auth.issuers.items = items;
	while (items[conf.auth.issuers.n] != NULL)
		conf.auth.issuers.n++;
	return conf;
}

static struct wp_issuers *read_in(enum wp_run_mode run_mode, const char *one,
				  const char *two)
{
	char texts[2][700];
	char *items[] = { texts[0], two == NULL ? NULL : texts[1], NULL };
	struct wp_conf conf;
	struct wp_issuers *issuers = NULL;
	struct wp_error err;

	snprintf(texts[0], sizeof(texts[0]), "%s", one);
	snprintf(texts[1], sizeof(texts[1]), "%s", two == NULL ? "" : two);
	conf = conf_of(items, run_mode);
	if (wp_issuers_new(&issuers, &conf, &err) != WP_OK)
		fail_msg("%s: %s", one, err.msg);
	return issuers;
}

static void refuse(enum wp_run_mode run_mode, const char *one, const char *two,
		   const char *sentence)
{
	char texts[2][700];
	char *items[] = { texts[0], two == NULL ? NULL : texts[1], NULL };
	struct wp_conf conf;
	struct wp_issuers *issuers = NULL;
	struct wp_error err = { 0 };
	char want[256];

	snprintf(texts[0], sizeof(texts[0]), "%s", one);
	snprintf(texts[1], sizeof(texts[1]), "%s", two == NULL ? "" : two);
	snprintf(want, sizeof(want), "auth.issuers: %s", sentence);
	conf = conf_of(items, run_mode);
	assert_int_equal(wp_issuers_new(&issuers, &conf, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg, want);
	assert_null(issuers);
}

static void an_issuer_alone_has_the_defaults(void **state)
{
	struct wp_issuers *issuers =
		read_in(WP_RUN_LOCAL, "https://id.example/realms/a", NULL);
	const struct wp_issuer *one = &issuers->items[0];

	(void)state;
	assert_int_equal(issuers->n, 1);
	assert_string_equal(one->text, "https://id.example/realms/a");
	assert_null(one->audience);
	assert_null(one->jwks_url);
	assert_string_equal(one->ns, "sm");
	assert_false(one->has_any_urn);
	assert_int_equal(one->claims.n, 2);
	assert_string_equal(one->claims.items[0], "handle");
	wp_issuers_free(&issuers);
	assert_null(issuers);
}

static void every_option_is_read(void **state)
{
	struct wp_issuers *issuers = read_in(
		WP_RUN_PRODUCTION,
		"https://id.example/ \taud=my=app ns=corp logout_aud=me "
		"claims=email+sub jwks=https://keys.example/set?v=1 urns=any",
		NULL);
	const struct wp_issuer *one = &issuers->items[0];

	(void)state;
	assert_string_equal(one->text, "https://id.example/");
	assert_string_equal(one->audience, "my=app");
	assert_string_equal(one->ns, "corp");
	assert_string_equal(one->logout_audience, "me");
	assert_string_equal(one->jwks_url, "https://keys.example/set?v=1");
	assert_true(one->has_any_urn);
	assert_int_equal(one->claims.n, 2);
	assert_string_equal(one->claims.items[0], "email");
	assert_string_equal(one->claims.items[1], "sub");
	assert_null(one->claims.items[2]);
	wp_issuers_free(&issuers);
	issuers = read_in(WP_RUN_PRODUCTION, "https://a aud=*", NULL);
	assert_null(issuers->items[0].audience);
	wp_issuers_free(&issuers);
}

static void odd_elements_are_refused(void **state)
{
	static const struct {
		const char *element, *sentence;
	} rows[] = {
		{ "id.example", "number 1: the issuer must begin with "
				"https://" },
		{ "HTTPS://id", "number 1: the issuer must begin with "
				"https://" },
		{ "https://", "number 1: the issuer must name a host" },
		{ "https:///x", "number 1: the issuer must name a host" },
		{ "https://:80", "number 1: the issuer must name a host" },
		{ "https://a:x", "number 1: the issuer must name a host" },
		{ "https://[::1", "number 1: the issuer must name a host" },
		{ "https://[::1]x", "number 1: the issuer must name a host" },
		{ "https://a@b", "number 1: the issuer must not name a user" },
		{ "https://a#b", "number 1: the issuer must be a URL, without "
				 "blanks and without #" },
		{ "https://\xc3\xa4", "number 1: the issuer must be a URL, "
				      "without blanks and without #" },
		{ "https://a?b", "number 1 must not have a query in the "
				 "issuer" },
		{ "https://a b", "number 1 must be a URL, then options such "
				 "as aud=…, with blanks between them" },
		{ "https://a aud=", "number 1 has an option without a value, "
				    "or with one over 512 bytes" },
		{ "https://a aud=b aud=b", "number 1 has an option twice" },
		{ "https://a claims=b claims=b",
		  "number 1 has an option twice" },
		{ "https://a AUD=b",
		  "number 1 has an option that is none of "
		  "aud=, logout_aud=, ns=, urns=any, claims=, "
		  "jwks=" },
		{ "https://a urns=all",
		  "number 1 has an option that is none "
		  "of aud=, logout_aud=, ns=, urns=any, claims=, "
		  "jwks=" },
		{ "https://a claims=b++c", "number 1 must have 1 to 16 names "
					   "in claims=, with a + between "
					   "them" },
		{ "https://a claims=a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a",
		  "number 1 must have 1 to 16 names in claims=, with a + "
		  "between them" },
		{ "https://a ns=a:b", "number 1 has an ns= that can be no "
				      "part of a URN" },
		{ "https://a ns=a{b", "number 1 has an ns= that can be no "
				      "part of a URN" },
		{ "https://a jwks=ftp://b", "number 1: jwks= must begin with "
					    "https://" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuse(WP_RUN_LOCAL, rows[i].element, NULL, rows[i].sentence);
}

static void production_wants_https_and_an_audience(void **state)
{
	struct wp_issuers *issuers;

	(void)state;
	refuse(WP_RUN_PRODUCTION, "https://a", NULL,
	       "number 1 needs aud=… in production: whom tokens must be made "
	       "for; aud=* for anybody");
	refuse(WP_RUN_PRODUCTION, "http://127.0.0.1:1 aud=b", NULL,
	       "number 1 must be an https issuer in production");
	refuse(WP_RUN_PRODUCTION, "https://a aud=b jwks=http://c/d", NULL,
	       "number 1: jwks= must be https, unless its host is a loopback "
	       "address");
	refuse(WP_RUN_PRODUCTION, "https://a aud=b jwks=http://127.evil.com/d",
	       NULL,
	       "number 1: jwks= must be https, unless its host is a loopback "
	       "address");
	issuers = read_in(WP_RUN_PRODUCTION,
			  "https://a aud=b jwks=http://127.0.0.1:8/d", NULL);
	wp_issuers_free(&issuers);
	issuers = read_in(WP_RUN_LOCAL, "http://a jwks=http://b", NULL);
	wp_issuers_free(&issuers);
}

static void loopback_is_told_by_the_host_alone(void **state)
{
	static const char *const good[] = {
		"http://localhost",
		"http://localhost:80/x",
		"http://[::1]:1/",
		"http://127.1.2.3?x",
	};
	static const char *const bad[] = {
		"http://localhost.evil.com",
		"http://127.0.0.1.evil.com",
		"http://[::2]/",
		"http://10.0.0.1/",
		"http://evil/localhost",
		"http://127.",
		"http://evil?localhost",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_null(wp_issuer_url_fault(good[i], WP_RUN_PRODUCTION));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(wp_issuer_url_fault(bad[i], WP_RUN_PRODUCTION));
}

static void two_that_could_name_one_mailbox_are_refused(void **state)
{
	struct wp_issuers *issuers;

	(void)state;
	refuse(WP_RUN_LOCAL, "https://a", "https://b",
	       "number 2 has the namespace of another one: both could name "
	       "the same mailbox; give it an ns= of its own");
	refuse(WP_RUN_LOCAL, "https://a ns=x", "https://a ns=y",
	       "number 2 is there twice");
	refuse(WP_RUN_LOCAL, "https://a", "https://b ns=y urns=any",
	       "number 2 may have urns=any only as the one issuer that there "
	       "is");
	issuers = read_in(WP_RUN_LOCAL, "https://a", "https://a/ ns=y");
	assert_int_equal(issuers->n, 2);
	wp_issuers_free(&issuers);
}

static void the_issuer_of_our_own_keys_is_no_other(void **state)
{
	char text[] = "https://a";
	char *items[] = { text, NULL };
	struct wp_conf conf = conf_of(items, WP_RUN_LOCAL);
	struct wp_issuers *issuers = NULL;
	struct wp_error err;

	(void)state;
	conf.auth.issuer = text;
	assert_int_equal(wp_issuers_new(&issuers, &conf, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg,
			    "auth.issuers: number 1 is auth.issuer too, which "
			    "is of our own keys; take it away there");
}

static void who_could_name_users_of_our_own_is_refused(void **state)
{
	char text[] = "https://a";
	char apart[] = "https://a ns=x", any[] = "https://a ns=x urns=any";
	char *items[] = { text, NULL };
	struct wp_conf conf = conf_of(items, WP_RUN_LOCAL);
	struct wp_issuers *issuers = NULL;
	struct wp_error err;

	(void)state;
	conf.accounts.enabled = true;
	conf.accounts.issuer = apart;
	assert_int_equal(wp_issuers_new(&issuers, &conf, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg,
			    "auth.issuers: number 1 has the namespace of our "
			    "own accounts: both could name the same mailbox; "
			    "give it an ns= of its own, or set "
			    "accounts.enabled to false");
	items[0] = apart;
	assert_int_equal(wp_issuers_new(&issuers, &conf, &err), WP_OK);
	wp_issuers_free(&issuers);

	conf.accounts.issuer = text;
	assert_int_equal(wp_issuers_new(&issuers, &conf, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg, "auth.issuers: number 1 is "
				     "accounts.issuer, which is us; call us "
				     "something else there");
	items[0] = any;
	conf.accounts.issuer = apart;
	assert_int_equal(wp_issuers_new(&issuers, &conf, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg, "auth.issuers: number 1 may name users of "
				     "our own with urns=any; take it away, or "
				     "set accounts.enabled to false");
	items[0] = text;
	conf.accounts.issuer = text;
	conf.accounts.enabled = false;
	assert_int_equal(wp_issuers_new(&issuers, &conf, &err), WP_OK);
	wp_issuers_free(&issuers);
}

static void keys_of_others_do_not_sign_for_accounts(void **state)
{
	char *items[] = { NULL };
	char name[] = "waypost";
	struct wp_conf conf = conf_of(items, WP_RUN_LOCAL);
	struct wp_issuers *issuers = NULL;
	struct wp_error err;

	(void)state;
	conf.auth.issuer = name;
	conf.accounts.issuer = name;
	assert_int_equal(wp_issuers_new(&issuers, &conf, &err), WP_OK);
	wp_issuers_free(&issuers);
	conf.accounts.enabled = true;
	assert_int_equal(wp_issuers_new(&issuers, &conf, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg,
			    "auth.issuer: must not be accounts.issuer, whose "
			    "tokens are verified with keys of their own; call "
			    "one of them something else, or set "
			    "accounts.enabled to false");
}

static void we_are_one_more_behind_all_others(void **state)
{
	char text[] = "https://a ns=x", name[] = "waypost";
	char *items[] = { text, NULL };
	struct wp_conf conf = conf_of(items, WP_RUN_LOCAL);
	struct wp_issuers *issuers = NULL;

	(void)state;
	conf.accounts.issuer = name;
	assert_int_equal(wp_issuers_new(&issuers, &conf, NULL), WP_OK);
	assert_int_equal(wp_issuers_add_own(issuers, &conf, NULL), WP_OK);
	assert_int_equal(issuers->n, 1);
	conf.accounts.enabled = true;
	assert_int_equal(wp_issuers_add_own(issuers, &conf, NULL), WP_OK);
	assert_int_equal(issuers->n, 2);
	assert_false(issuers->items[0].is_own);
	assert_true(issuers->items[1].is_own);
	assert_string_equal(issuers->items[1].text, "waypost");
	assert_string_equal(issuers->items[1].audience, "waypost");
	assert_string_equal(issuers->items[1].ns, "sm");
	assert_false(issuers->items[1].has_any_urn);
	assert_int_equal(issuers->items[1].claims.n, 1);
	assert_string_equal(issuers->items[1].claims.items[0], "sub");
	wp_issuers_free(&issuers);
}

static void more_than_sixteen_are_refused(void **state)
{
	char texts[WP_ISSUERS_MAX + 1][32];
	char *items[WP_ISSUERS_MAX + 2] = { NULL };
	struct wp_issuers *issuers = NULL;
	struct wp_conf conf;

	(void)state;
	for (int i = 0; i < WP_ISSUERS_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "https://a ns=n%d", i);
		texts[i][8] = (char)('a' + i);
		items[i] = texts[i];
	}
	conf = conf_of(items, WP_RUN_LOCAL);
	assert_int_equal(wp_issuers_new(&issuers, &conf, NULL), WP_OK);
	assert_int_equal(issuers->n, WP_ISSUERS_MAX);
	wp_issuers_free(&issuers);
	snprintf(texts[WP_ISSUERS_MAX], sizeof(texts[0]), "https://z ns=z");
	items[WP_ISSUERS_MAX] = texts[WP_ISSUERS_MAX];
	conf = conf_of(items, WP_RUN_LOCAL);
	assert_int_equal(wp_issuers_new(&issuers, &conf, NULL), WP_ERR_INVAL);
}

/* printf %s https://id.example | sha256sum */
static void an_id_is_half_of_a_sha256(void **state)
{
	char id[WP_ISSUER_ID_LEN + 1];

	(void)state;
	wp_issuer_id("https://id.example", id);
	assert_string_equal(id, "20a69b77c18109782ebd19432534d036");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_issuer_alone_has_the_defaults),
		cmocka_unit_test(every_option_is_read),
		cmocka_unit_test(odd_elements_are_refused),
		cmocka_unit_test(production_wants_https_and_an_audience),
		cmocka_unit_test(loopback_is_told_by_the_host_alone),
		cmocka_unit_test(two_that_could_name_one_mailbox_are_refused),
		cmocka_unit_test(the_issuer_of_our_own_keys_is_no_other),
		cmocka_unit_test(who_could_name_users_of_our_own_is_refused),
		cmocka_unit_test(keys_of_others_do_not_sign_for_accounts),
		cmocka_unit_test(we_are_one_more_behind_all_others),
		cmocka_unit_test(more_than_sixteen_are_refused),
		cmocka_unit_test(an_id_is_half_of_a_sha256),
	};

	return cmocka_run_group_tests_name("issuers", tests, NULL, NULL);
}
