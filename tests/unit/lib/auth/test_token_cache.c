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

/* Several have one place, and nobody is taken for another. */
static void more_than_there_are_places_for(void **state)
{
	enum { USERS = 3 * WP_TOKEN_CACHE_SLOTS };
	static char *texts[USERS];
	struct stage stage;
	uint64_t known;

	(void)state;
	begin(&stage);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < USERS; i++) {
			char text[80], user[40];
			struct wp_identity who;

			(void)snprintf(text, sizeof(text),
				       "{\"sub\":\"u%d\",\"exp\":1795225200}",
				       i);
			if (round == 0)
				texts[i] = mint(text);
			(void)snprintf(user, sizeof(user), "urn:sm:user:u%d",
				       i);
			assert_int_equal(verify(&stage, texts[i], NOW, &who),
					 WP_OK);
			assert_string_equal(who.user.text, user);
		}
	/* Few are alone in their place; but twice at once all are known. */
	known = wp_token_cache_hits(stage.cache);
	assert_true(known < USERS);
	for (int i = 0; i < USERS; i++) {
		struct wp_identity who;

		assert_int_equal(verify(&stage, texts[i], NOW, &who), WP_OK);
		assert_int_equal(verify(&stage, texts[i], NOW, &who), WP_OK);
		free(texts[i]);
	}
	assert_true(wp_token_cache_hits(stage.cache) - known >= USERS);
	end(&stage);
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
		cmocka_unit_test(what_is_too_long_is_verified_each_time),
		cmocka_unit_test(nothing_is_no_token),
	};

	return cmocka_run_group_tests_name("token_cache", tests, NULL, NULL);
}
