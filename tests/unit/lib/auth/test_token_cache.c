/* Who is known is let in again, and nobody else with him. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/token_cache.h"
#include "tests/unit/lib/auth/mint.h"

#define NOW INT64_C(1795225140)
#define SECRET "0123456789abcdef0123456789abcdef"
#define SOUND "\"sub\":\"bob\",\"exp\":1795225200"

enum { EXPIRES_IN_S = 60, LEEWAY_S = 30 };

static char secret[] = SECRET;
static char empty[] = "";
static char sub[] = "sub";
static char *claims[] = { sub, NULL };

struct stage {
	struct wp_auth *auth;
	struct wp_token_cache *cache;
};

static void begin(struct stage *stage)
{
	struct wp_conf conf = { 0 };

	conf.auth.jwt_secret = secret;
	conf.auth.jwt_secret_previous = empty;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 1;
	conf.auth.issuer = empty;
	conf.auth.audience = empty;
	conf.auth.leeway_seconds = LEEWAY_S;
	conf.auth.max_token_bytes = 8192;
	assert_int_equal(wp_auth_new(&stage->auth, &conf, NULL), WP_OK);
	assert_int_equal(wp_token_cache_new(&stage->cache, stage->auth, NULL),
			 WP_OK);
}

static void end(struct stage *stage)
{
	wp_token_cache_free(&stage->cache);
	assert_null(stage->cache);
	wp_token_cache_free(&stage->cache);
	wp_auth_free(&stage->auth);
}

static char *mint(const char *payload)
{
	return mint_hs256(MINT_HS256, payload, secret, strlen(secret));
}

static enum wp_err verify(struct stage *stage, const char *text, int64_t now_s,
			  struct wp_identity *who)
{
	const struct wp_token token = { text, strlen(text) };
	struct wp_error err;

	return wp_token_cache_verify(stage->cache, &token, now_s, who, &err);
}

/* Is it let in as this user, and was it known? */
static void expect(struct stage *stage, const char *text, int64_t now_s,
		   const char *user, uint64_t known)
{
	uint64_t before = wp_token_cache_hits(stage->cache);
	struct wp_identity who;

	memset(&who, 'x', sizeof(who));
	assert_int_equal(verify(stage, text, now_s, &who), WP_OK);
	assert_string_equal(who.user.text, user);
	assert_int_equal(who.expires_s, NOW + EXPIRES_IN_S);
	assert_int_equal(wp_token_cache_hits(stage->cache) - before, known);
}

static void who_was_let_in_is_known(void **state)
{
	char *text = mint("{" SOUND "}");
	struct stage stage;

	(void)state;
	begin(&stage);
	expect(&stage, text, NOW, "urn:sm:user:bob", 0);
	expect(&stage, text, NOW, "urn:sm:user:bob", 1);
	expect(&stage, text, NOW + 1, "urn:sm:user:bob", 1);
	end(&stage);
	free(text);
}

/* A byte of it is another, or it is shorter, or longer. */
static void who_is_nearly_him_is_not(void **state)
{
	char *text = mint("{" SOUND "}");
	size_t len = strlen(text);
	struct wp_identity who;
	struct stage stage;

	(void)state;
	begin(&stage);
	expect(&stage, text, NOW, "urn:sm:user:bob", 0);
	for (size_t i = 0; i < len; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(verify(&stage, text, NOW, &who),
				 WP_ERR_DENIED);
		text[i] = was;
	}
	for (size_t n = 0; n < len; n++) {
		const struct wp_token part = { text + n, len - n };
		const struct wp_token begun = { text, n };
		struct wp_error err;

		if (n > 0)
			assert_int_equal(wp_token_cache_verify(stage.cache,
							       &part, NOW, &who,
							       &err),
					 WP_ERR_DENIED);
		assert_int_equal(wp_token_cache_verify(stage.cache, &begun, NOW,
						       &who, &err),
				 WP_ERR_DENIED);
	}
	assert_int_equal(wp_token_cache_hits(stage.cache), 0);
	expect(&stage, text, NOW, "urn:sm:user:bob", 1);
	end(&stage);
	free(text);
}

static void time_is_looked_at_each_time(void **state)
{
	char *text = mint("{" SOUND ",\"nbf\":1795225140}");
	struct wp_identity who;
	struct stage stage;

	(void)state;
	begin(&stage);
	expect(&stage, text, NOW, "urn:sm:user:bob", 0);
	expect(&stage, text, NOW + EXPIRES_IN_S - 1, "urn:sm:user:bob", 1);
	/* Leeway is for who verifies to give. */
	expect(&stage, text, NOW + EXPIRES_IN_S, "urn:sm:user:bob", 0);
	assert_int_equal(
		verify(&stage, text, NOW + EXPIRES_IN_S + LEEWAY_S, &who),
		WP_ERR_DENIED);
	/* The clock was set back: it is not valid yet. */
	expect(&stage, text, NOW, "urn:sm:user:bob", 0);
	assert_int_equal(verify(&stage, text, NOW - LEEWAY_S - 1, &who),
			 WP_ERR_DENIED);
	expect(&stage, text, NOW - 1, "urn:sm:user:bob", 0);
	expect(&stage, text, NOW, "urn:sm:user:bob", 1);
	end(&stage);
	free(text);
}

static void who_is_refused_is_not_kept(void **state)
{
	char *text = mint_hs256(MINT_HS256, "{" SOUND "}", SECRET "x",
				strlen(SECRET) + 1);
	struct wp_identity who;
	struct stage stage;

	(void)state;
	begin(&stage);
	for (int i = 0; i < 3; i++)
		assert_int_equal(verify(&stage, text, NOW, &who),
				 WP_ERR_DENIED);
	assert_int_equal(wp_token_cache_hits(stage.cache), 0);
	end(&stage);
	free(text);
}

static char *mint_for(int number)
{
	char payload[80];

	(void)snprintf(payload, sizeof(payload),
		       "{\"sub\":\"u%d\",\"exp\":1795225200}", number);
	return mint(payload);
}

/* Is the token of this user good, and his? Returns: it was known */
static bool is_known(struct stage *stage, const char *text, int number)
{
	uint64_t before = wp_token_cache_hits(stage->cache);
	struct wp_identity who;
	char user[40];

	(void)snprintf(user, sizeof(user), "urn:sm:user:u%d", number);
	assert_int_equal(verify(stage, text, NOW, &who), WP_OK);
	assert_string_equal(who.user.text, user);
	return wp_token_cache_hits(stage->cache) > before;
}

enum { CROWD = 3 * WP_TOKEN_CACHE_PLACES };

/* All places are taken, none by two, and nobody is taken for another. */
static void more_than_there_are_places_for(void **state)
{
	static char *texts[CROWD];
	struct stage stage;
	int known = 0;

	(void)state;
	begin(&stage);
	for (int i = 0; i < CROWD; i++) {
		texts[i] = mint_for(i);
		assert_false(is_known(&stage, texts[i], i));
	}
	/* From the last to the first: who came last to a set is in it still. */
	for (int i = CROWD - 1; i >= 0; i--)
		known += is_known(&stage, texts[i], i);
	assert_true(known <= WP_TOKEN_CACHE_PLACES);
	/* But for sets of which chance has made too little. */
	assert_true(known > WP_TOKEN_CACHE_PLACES * 9 / 10);
	for (int i = 0; i < CROWD; i++) {
		(void)is_known(&stage, texts[i], i);
		assert_true(is_known(&stage, texts[i], i));
		free(texts[i]);
	}
	end(&stage);
}

/*
 * Three who ask all the time, and a crowd of whom each comes once: even if all
 * of them share a set, there is a place for three and the one.
 */
static void who_asks_often_stays_known(void **state)
{
	enum { REGULARS = 3 };
	char *regulars[REGULARS];
	struct stage stage;

	(void)state;
	begin(&stage);
	for (int i = 0; i < REGULARS; i++) {
		regulars[i] = mint_for(i);
		assert_false(is_known(&stage, regulars[i], i));
	}
	for (int n = REGULARS; n < CROWD; n++) {
		char *text = mint_for(n);

		assert_false(is_known(&stage, text, n));
		free(text);
		for (int i = 0; i < REGULARS; i++)
			assert_true(is_known(&stage, regulars[i], i));
	}
	for (int i = 0; i < REGULARS; i++)
		free(regulars[i]);
	end(&stage);
}

/*
 * Half as many users as there are places: with sets of four one in seven shares
 * his with four others or more, with sets of two it would be one in four. That
 * is by chance, so several caches are asked, each with a secret of its own.
 */
static void few_share_a_set_with_too_many(void **state)
{
	enum { USERS = WP_TOKEN_CACHE_PLACES / 2, CACHES = 8 };
	static char *texts[USERS];
	struct stage stage;
	int known = 0;

	(void)state;
	for (int i = 0; i < USERS; i++)
		texts[i] = mint_for(i);
	for (int n = 0; n < CACHES; n++) {
		begin(&stage);
		for (int i = 0; i < USERS; i++)
			assert_false(is_known(&stage, texts[i], i));
		for (int i = 0; i < USERS; i++)
			known += is_known(&stage, texts[i], i);
		end(&stage);
	}
	assert_true(known > CACHES * USERS * 4 / 5);
	for (int i = 0; i < USERS; i++)
		free(texts[i]);
}

static void what_is_too_long_is_verified_each_time(void **state)
{
	static char payload[2 * WP_TOKEN_CACHE_BYTES];
	struct stage stage;
	char *text;

	(void)state;
	begin(&stage);
	(void)snprintf(payload, sizeof(payload), "{" SOUND ",\"x\":\"%0*d\"}",
		       WP_TOKEN_CACHE_BYTES, 0);
	text = mint(payload);
	expect(&stage, text, NOW, "urn:sm:user:bob", 0);
	expect(&stage, text, NOW, "urn:sm:user:bob", 0);
	end(&stage);
	free(text);
}

static void nothing_is_no_token(void **state)
{
	const struct wp_token none = { NULL, 0 };
	struct wp_identity who;
	struct wp_error err;
	struct stage stage;

	(void)state;
	begin(&stage);
	assert_int_equal(
		wp_token_cache_verify(stage.cache, &none, NOW, &who, &err),
		WP_ERR_DENIED);
	assert_string_equal(err.msg, "a token is required");
	end(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_was_let_in_is_known),
		cmocka_unit_test(who_is_nearly_him_is_not),
		cmocka_unit_test(time_is_looked_at_each_time),
		cmocka_unit_test(who_is_refused_is_not_kept),
		cmocka_unit_test(more_than_there_are_places_for),
		cmocka_unit_test(who_asks_often_stays_known),
		cmocka_unit_test(few_share_a_set_with_too_many),
		cmocka_unit_test(what_is_too_long_is_verified_each_time),
		cmocka_unit_test(nothing_is_no_token),
	};

	return cmocka_run_group_tests_name("token_cache", tests, NULL, NULL);
}
