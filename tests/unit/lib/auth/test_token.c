/* Whom a token makes one, and the many that make one nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>

#include "lib/auth/token.h"
#include "lib/base/buf.h"
#include "lib/base/encode.h"
#include "tests/unit/lib/auth/mint.h"

#define NOW INT64_C(1795225140)
#define SECRET "0123456789abcdef0123456789abcdef"
#define OLD_SECRET "an older secret of thirty-two b."
#define OLDER_SECRET "the oldest secret of thirty-two."
#define SOUND "\"sub\":\"bob\",\"exp\":1795225200"

static char secret[] = SECRET;
static char previous[] = " " OLDER_SECRET " , " OLD_SECRET " ,";
static char empty[] = "";
static char handle[] = "handle", sub[] = "sub", device[] = "device_id";
static char *claims[] = { handle, sub, NULL };

static struct wp_conf sound_conf(void)
{
	struct wp_conf conf = { 0 };

	conf.auth.jwt_secret = secret;
	conf.auth.jwt_secret_previous = previous;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 2;
	conf.auth.issuer = empty;
	conf.auth.audience = empty;
	conf.auth.device_claim = device;
	conf.auth.leeway_seconds = 30;
	conf.auth.max_token_bytes = 8192;
	return conf;
}

static struct wp_auth *make_auth(const struct wp_conf *conf)
{
	struct wp_auth *auth = NULL;
	struct wp_error err;

	if (wp_auth_new(&auth, conf, &err) != WP_OK)
		fail_msg("%s", err.msg);
	return auth;
}

static int make_sound_auth(void **state)
{
	struct wp_conf conf = sound_conf();

	*state = make_auth(&conf);
	return 0;
}

static int free_sound_auth(void **state)
{
	struct wp_auth *auth = *state;

	wp_auth_free(&auth);
	assert_null(auth);
	return 0;
}

static void expect_denied(const struct wp_auth *auth, const char *token,
			  size_t len, const char *sentence)
{
	struct wp_identity id;
	struct wp_error err = { 0 };

	assert_int_equal(wp_auth_verify(auth, &(struct wp_token){ token, len },
					NOW, &id, &err),
			 WP_ERR_DENIED);
	assert_int_equal(err.code, WP_ERR_DENIED);
	assert_string_equal(err.msg, sentence);
}

/* Sign header and payload with the secret and expect this sentence. */
static void refuse(const struct wp_auth *auth, const char *header,
		   const char *payload, const char *sentence)
{
	char *token = mint_hs256(header, payload, secret, strlen(secret));

	expect_denied(auth, token, strlen(token), sentence);
	free(token);
}

/* Sign the payload with the secret and return who it is. */
static struct wp_identity accept(const struct wp_auth *auth,
				 const char *payload)
{
	char *token = mint_hs256(MINT_HS256, payload, secret, strlen(secret));
	struct wp_identity id = { 0 };
	struct wp_error err;

	if (wp_auth_verify(auth, &(struct wp_token){ token, strlen(token) },
			   NOW, &id, &err) != WP_OK)
		fail_msg("%s: %s", payload, err.msg);
	free(token);
	return id;
}

static void a_sound_token_names_its_caller(void **state)
{
	struct wp_identity id = accept(*state, "{" SOUND "}");

	assert_string_equal(id.user.text, "urn:sm:user:bob");
	assert_int_equal(id.user.len, strlen("urn:sm:user:bob"));
	assert_int_equal(id.expires_s, NOW + 60);
}

static void the_first_identity_claim_that_is_there_decides(void **state)
{
	static const char unfit[] = "the token's caller is neither a URN nor "
				    "an id";
	static const char no_string[] = "the token's caller is no string";
	struct wp_identity id;

	id = accept(*state, "{" SOUND ",\"handle\":\"urn:a:user:x\"}");
	assert_string_equal(id.user.text, "urn:a:user:x");
	id = accept(*state, "{" SOUND ",\"h\\u0061ndle\":\"\\u0061l\"}");
	assert_string_equal(id.user.text, "urn:sm:user:al");

	refuse(*state, MINT_HS256, "{" SOUND ",\"handle\":\"\"}", unfit);
	refuse(*state, MINT_HS256, "{" SOUND ",\"handle\":\"a:b\"}", unfit);
	refuse(*state, MINT_HS256, "{" SOUND ",\"handle\":\"a\\u0000\"}",
	       unfit);
	refuse(*state, MINT_HS256, "{" SOUND ",\"handle\":null}", no_string);
	refuse(*state, MINT_HS256, "{" SOUND ",\"handle\":7}", no_string);
	refuse(*state, MINT_HS256, "{" SOUND ",\"handle\":[\"a\"]}", no_string);
	refuse(*state, MINT_HS256, "{\"exp\":1795225200}",
	       "the token names no caller");
}

/* printf 'iss\0sub' | sha256sum */
static void names_of_the_issuer_are_kept_as_digests(void **state)
{
	static const uint8_t none[WP_NAME_HASH_LEN] = { 0 };
	uint8_t want[WP_NAME_HASH_LEN];
	struct wp_identity id;
	char hex[2 * WP_NAME_HASH_LEN + 1];

	id = accept(*state, "{" SOUND ",\"iss\":\"https://\\u0069d\","
			    "\"sid\":\"s\",\"iat\":1795225000.9}");
	wp_hex_write(hex, id.subject, WP_NAME_HASH_LEN);
	assert_string_equal(hex, "970172a347494795f7af22bffd2e4b62");
	wp_hex_write(hex, id.session, WP_NAME_HASH_LEN);
	assert_string_equal(hex, "b2833492e7c1c73aab7e75516babea60");
	assert_int_equal(wp_name_hash("https://id", "bob", 3, want), WP_OK);
	assert_memory_equal(id.subject, want, sizeof(want));
	assert_int_equal(id.issued_s, 1795225000);
	assert_string_equal(id.device, "");
	assert_false(id.own.is_set);

	id = accept(*state, "{" SOUND ",\"sid\":7}");
	assert_int_equal(wp_name_hash("", "bob", 3, want), WP_OK);
	assert_memory_equal(id.subject, want, sizeof(want));
	assert_memory_equal(id.session, none, sizeof(none));
	assert_int_equal(id.issued_s, 0);
	id = accept(*state, "{\"exp\":1795225200,\"handle\":\"bob\","
			    "\"sub\":1}");
	assert_memory_equal(id.subject, none, sizeof(none));
	refuse(*state, MINT_HS256, "{" SOUND ",\"iat\":\"1\"}",
	       "the token's iat is no time in seconds");
	refuse(*state, MINT_HS256, "{" SOUND ",\"iat\":1795225000000}",
	       "the token's iat is no time in seconds");
}

static void a_device_has_a_sound_name_or_none(void **state)
{
	static const char unfit[] = "the token's device is not 1 to 64 of A-Z "
				    "a-z 0-9 . _ -";
	static const char *const odd[] = {
		"\"\"",         "\"a b\"",     "\"a/b\"", "\"a\\u0000\"",
		"\"\xc3\xa4\"", "\"\\u0061\"", "7",       "null",
		"[\"a\"]",
	};
	char payload[200];
	struct wp_auth *auth;
	struct wp_conf conf;
	struct wp_identity id;

	id = accept(*state, "{" SOUND ",\"device_id\":\"a-Z_0.9\"}");
	assert_string_equal(id.device, "a-Z_0.9");
	snprintf(payload, sizeof(payload), "{" SOUND ",\"device_id\":\"%0*d\"}",
		 WP_DEVICE_MAX, 1);
	assert_int_equal(strlen(accept(*state, payload).device), WP_DEVICE_MAX);
	snprintf(payload, sizeof(payload), "{" SOUND ",\"device_id\":\"%0*d\"}",
		 WP_DEVICE_MAX + 1, 1);
	refuse(*state, MINT_HS256, payload, unfit);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(payload, sizeof(payload),
			 "{" SOUND ",\"device_id\":%s}", odd[i]);
		refuse(*state, MINT_HS256, payload, unfit);
	}
	refuse(*state, MINT_HS256,
	       "{" SOUND ",\"device_id\":\"a\",\"device_id\":\"a\"}",
	       "the token has a member twice");

	conf = sound_conf();
	conf.auth.device_claim = empty;
	auth = make_auth(&conf);
	id = accept(auth, "{" SOUND ",\"\":\"x y\",\"device_id\":7}");
	assert_string_equal(id.device, "");
	wp_auth_free(&auth);
}

static void a_caller_of_any_length_is_refused_not_cut(void **state)
{
	char payload[600];

	snprintf(payload, sizeof(payload),
		 "{\"exp\":1795225200,\"sub\":\"%0*d"
		 "\"}",
		 300, 1);
	refuse(*state, MINT_HS256, payload,
	       "the token's caller is neither a URN nor an id");
	snprintf(payload, sizeof(payload),
		 "{\"exp\":1795225200,\"sub\":\"%0*d\"}", 243, 1);
	assert_int_equal(accept(*state, payload).user.len, 255);
}

static void time_is_judged_with_leeway(void **state)
{
	static const struct {
		const char *times;
		const char *sentence; /* NULL: fine */
	} rows[] = {
		{ "\"exp\":1795225111", NULL }, /* 29 s ago */
		{ "\"exp\":1795225110", "the token has expired" },
		{ "\"exp\":1.795225111e9", NULL },
		{ "\"exp\":1795225111.9", NULL },
		{ "\"exp\":0", "the token has expired" },
		{ "\"iat\":1", "the token has no exp" },
		{ "\"exp\":\"1795225200\"",
		  "the token's exp is no time in seconds" },
		{ "\"exp\":null", "the token's exp is no time in seconds" },
		{ "\"exp\":-1", "the token's exp is no time in seconds" },
		{ "\"exp\":1795225200000",
		  "the token's exp is no time in seconds" },
		{ "\"exp\":1e999", "the token's exp is no time in seconds" },
		{ "\"exp\":1795225200.00000000000000000000000000",
		  "the token's exp is no time in seconds" },
		{ "\"exp\":1795225200,\"nbf\":1795225170", NULL },
		{ "\"exp\":1795225200,\"nbf\":1795225171",
		  "the token is not valid yet" },
		{ "\"exp\":1795225200,\"nbf\":true",
		  "the token's nbf is no time in seconds" },
		{ "\"exp\":1795225200,\"iat\":9999999999", NULL },
	};
	char payload[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(payload, sizeof(payload), "{\"sub\":\"bob\",%s}",
			 rows[i].times);
		if (rows[i].sentence == NULL)
			(void)accept(*state, payload);
		else
			refuse(*state, MINT_HS256, payload, rows[i].sentence);
	}
}

static void issuer_and_audience_count_when_configured(void **state)
{
	static const char other_iss[] = "the token is from another issuer";
	static const char other_aud[] = "the token is for another audience";
	char issuer[] = "https://id", audience[] = "waypost";
	struct wp_conf conf = sound_conf();
	struct wp_auth *auth;

	(void)state;
	conf.auth.issuer = issuer;
	conf.auth.audience = audience;
	auth = make_auth(&conf);

	accept(auth, "{" SOUND ",\"iss\":\"https://id\",\"aud\":\"waypost\"}");
	accept(auth, "{" SOUND ",\"iss\":\"https:\\/\\/id\","
		     "\"aud\":[\"a\",\"waypost\"]}");
	refuse(auth, MINT_HS256, "{" SOUND ",\"aud\":\"waypost\"}", other_iss);
	refuse(auth, MINT_HS256,
	       "{" SOUND ",\"iss\":\"https://id2\",\"aud\":\"waypost\"}",
	       other_iss);
	refuse(auth, MINT_HS256,
	       "{" SOUND ",\"iss\":[\"https://id\"],\"aud\":\"waypost\"}",
	       other_iss);
	refuse(auth, MINT_HS256, "{" SOUND ",\"iss\":\"https://id\"}",
	       other_aud);
	refuse(auth, MINT_HS256,
	       "{" SOUND ",\"iss\":\"https://id\",\"aud\":\"waypos\"}",
	       other_aud);
	refuse(auth, MINT_HS256,
	       "{" SOUND ",\"iss\":\"https://id\",\"aud\":[\"waypost\",1]}",
	       other_aud);
	refuse(auth, MINT_HS256,
	       "{" SOUND ",\"iss\":\"https://id\",\"aud\":{}}", other_aud);
	wp_auth_free(&auth);
}

static void a_member_given_twice_is_refused(void **state)
{
	static const char twice[] = "the token has a member twice";

	refuse(*state, MINT_HS256, "{" SOUND ",\"sub\":\"al\"}", twice);
	refuse(*state, MINT_HS256, "{" SOUND ",\"s\\u0075b\":\"bob\"}", twice);
	refuse(*state, MINT_HS256, "{" SOUND ",\"exp\":1}", twice);
	refuse(*state, MINT_HS256, "{" SOUND ",\"aud\":1,\"aud\":1}", twice);
	refuse(*state, "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "{" SOUND "}",
	       twice);
	accept(*state, "{" SOUND ",\"x\":1,\"x\":2}");
}

static void only_known_algorithms_with_a_key_are_tried(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\"}",  "{\"alg\":\"None\"}",
		"{\"alg\":\"\"}",      "{\"alg\":\"hs256\"}",
		"{\"alg\":\"HS384\"}", "{\"alg\":\"RS256\"}",
		"{\"alg\":\"ES256\"}", "{\"alg\":\"HS256\\u0000\"}",
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		refuse(*state, headers[i], "{" SOUND "}",
		       "the token's algorithm is not accepted here");
}

static void an_odd_header_is_refused(void **state)
{
	static const char no_alg[] = "the token names no algorithm";
	static const char malformed[] = "the token holds malformed JSON";

	refuse(*state, "{}", "{" SOUND "}", no_alg);
	refuse(*state, "{\"alg\":1}", "{" SOUND "}", no_alg);
	refuse(*state, "{\"alg\":null}", "{" SOUND "}", no_alg);
	refuse(*state, "{\"alg\":\"HS256\",\"kid\":1}", "{" SOUND "}",
	       "the token's kid is no string");
	refuse(*state, "{\"alg\":\"HS256\",\"crit\":[]}", "{" SOUND "}",
	       "the token demands extensions");
	refuse(*state, "[]", "{" SOUND "}", malformed);
	refuse(*state, "{\"alg\":\"HS256\"", "{" SOUND "}", malformed);
	refuse(*state, "{\"alg\":\"HS256\"}x", "{" SOUND "}", malformed);
	refuse(*state, "{'alg':'HS256'}", "{" SOUND "}", malformed);
}

static void an_odd_payload_is_refused(void **state)
{
	static const char *const payloads[] = {
		"[]",
		"\"bob\"",
		"{" SOUND,
		"{" SOUND ",}",
		"{" SOUND "} {}",
		"{" SOUND ",\"a\":[[[[[[[[[[1]]]]]]]]]]}",
		"{" SOUND ",\"a\":\"\xff\"}",
	};

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		refuse(*state, MINT_HS256, payloads[i],
		       "the token holds malformed JSON");
}

static void every_changed_character_is_noticed(void **state)
{
	char *token =
		mint_hs256(MINT_HS256, "{" SOUND "}", SECRET, strlen(SECRET));
	size_t len = strlen(token);
	struct wp_identity id;

	for (size_t i = 0; i < len; i++) {
		char was = token[i];

		token[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(
			wp_auth_verify(*state, &(struct wp_token){ token, len },
				       NOW, &id, NULL),
			WP_ERR_DENIED);
		token[i] = was;
	}
	for (size_t i = 0; i < len; i++)
		assert_int_equal(wp_auth_verify(*state,
						&(struct wp_token){ token, i },
						NOW, &id, NULL),
				 WP_ERR_DENIED);
	assert_int_equal(wp_auth_verify(*state,
					&(struct wp_token){ token, len }, NOW,
					&id, NULL),
			 WP_OK);
	free(token);
}

static void base64_has_one_spelling_only(void **state)
{
	char *sound =
		mint_hs256(MINT_HS256, "{" SOUND "}", SECRET, strlen(SECRET));
	size_t len = strlen(sound);
	char token[512];

	/* 43 characters hold 258 bits: the last one has two to spare. */
	snprintf(token, sizeof(token), "%s", sound);
	token[len - 1]++;
	expect_denied(*state, token, len,
		      "the token's signature is no base64url");
	snprintf(token, sizeof(token), "%s=", sound);
	expect_denied(*state, token, len + 1,
		      "the token's signature is no base64url");
	snprintf(token, sizeof(token), "%s\n", sound);
	expect_denied(*state, token, len + 1,
		      "the token's signature is no base64url");
	snprintf(token, sizeof(token), "=%s", sound);
	expect_denied(*state, token, len + 1,
		      "the token's header is no base64url");
	free(sound);
}

static void a_token_has_three_parts(void **state)
{
	static const char *const tokens[] = {
		".",    "..",   "a",       "a.b",    "a..b",
		".a.b", "a.b.", "a.b.c.d", "a.b.c.",
	};
	char many[512];

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		expect_denied(*state, tokens[i], strlen(tokens[i]),
			      "the token is not made of three parts");
	memset(many, '.', sizeof(many));
	expect_denied(*state, many, sizeof(many),
		      "the token is not made of three parts");
	expect_denied(*state, "", 0, "a token is required");
	expect_denied(*state, NULL, 0, "a token is required");
}

static void a_long_token_is_refused_unread(void **state)
{
	struct wp_conf conf = sound_conf();
	char *token =
		mint_hs256(MINT_HS256, "{" SOUND "}", SECRET, strlen(SECRET));
	size_t len = strlen(token);
	struct wp_identity id;
	struct wp_auth *auth;

	(void)state;
	conf.auth.max_token_bytes = (int64_t)len;
	auth = make_auth(&conf);
	assert_int_equal(wp_auth_verify(auth, &(struct wp_token){ token, len },
					NOW, &id, NULL),
			 WP_OK);
	wp_auth_free(&auth);

	conf.auth.max_token_bytes = (int64_t)len - 1;
	auth = make_auth(&conf);
	expect_denied(auth, token, len, "the token is too long");
	wp_auth_free(&auth);
	free(token);
}

static void previous_secrets_still_verify_and_others_do_not(void **state)
{
	static const struct {
		const char *secret;
		enum wp_err expected;
	} rows[] = {
		{ OLD_SECRET, WP_OK },
		{ OLDER_SECRET, WP_OK },
		{ "", WP_ERR_DENIED },
		{ " " OLD_SECRET, WP_ERR_DENIED },
		{ "another secret of thirty-two by.", WP_ERR_DENIED },
	};
	struct wp_identity id;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *token =
			mint_hs256(MINT_HS256, "{" SOUND "}", rows[i].secret,
				   strlen(rows[i].secret));

		assert_int_equal(wp_auth_verify(*state,
						&(struct wp_token){
							token, strlen(token) },
						NOW, &id, NULL),
				 rows[i].expected);
		free(token);
	}
}

/* What libjwt makes of a token with our secret: 0 when it verifies. */
static int libjwt_verdict(const char *token)
{
	jwt_t *jwt = NULL;
	int rc = jwt_decode(&jwt, token, (const unsigned char *)SECRET,
			    (int)strlen(SECRET));

	if (rc == 0 && jwt_get_alg(jwt) != JWT_ALG_HS256)
		rc = -1; /* libjwt takes the algorithm from the token */
	jwt_free(jwt);
	return rc;
}

static void tokens_of_libjwt_verify_here(void **state)
{
	struct wp_identity id;
	struct wp_error err;
	jwt_t *jwt = NULL;
	char *token;

	assert_int_equal(jwt_new(&jwt), 0);
	jwt_add_grant(jwt, "sub", "urn:lib:jwt:bob");
	jwt_add_grant(jwt, "name",
		      "B\xc3\xb6"
		      "b \"the\" \\ builder");
	jwt_add_grant_int(jwt, "exp", NOW + 60);
	assert_int_equal(jwt_set_alg(jwt, JWT_ALG_HS256,
				     (const unsigned char *)SECRET,
				     (int)strlen(SECRET)),
			 0);
	token = jwt_encode_str(jwt);

	if (wp_auth_verify(*state, &(struct wp_token){ token, strlen(token) },
			   NOW, &id, &err) != WP_OK)
		fail_msg("%s", err.msg);

	assert_string_equal(id.user.text, "urn:lib:jwt:bob");
	free(token);
	jwt_free(jwt);
}

static void libjwt_agrees_about_our_tokens_and_their_forgeries(void **state)
{
	char *token =
		mint_hs256(MINT_HS256, "{" SOUND "}", SECRET, strlen(SECRET));
	char *dot = strchr(token, '.');
	struct wp_identity id;

	assert_int_equal(libjwt_verdict(token), 0);
	dot[5]++; /* in the payload */
	assert_int_not_equal(libjwt_verdict(token), 0);
	assert_int_equal(
		wp_auth_verify(*state,
			       &(struct wp_token){ token, strlen(token) }, NOW,
			       &id, NULL),
		WP_ERR_DENIED);
	dot[5]--;
	strrchr(token, '.')[3] ^= 1;
	assert_int_not_equal(libjwt_verdict(token), 0);
	assert_int_equal(
		wp_auth_verify(*state,
			       &(struct wp_token){ token, strlen(token) }, NOW,
			       &id, NULL),
		WP_ERR_DENIED);
	free(token);
}

/* The secret SECRET ",x" signed for nobody; its piece "x" must not either. */
static void a_comma_makes_no_second_secret(void **state)
{
	static const char *const secrets[] = {
		SECRET ",x", "x," SECRET, ",", SECRET ",", SECRET "," SECRET,
	};
	static const char *const lists[] = {
		SECRET ",x", "x," SECRET, "x", SECRET ",, x ,", OLD_SECRET ",x",
	};
	struct wp_conf conf = sound_conf();
	struct wp_auth *auth = NULL;
	struct wp_error err;
	char text[128];

	(void)state;
	conf.auth.jwt_secret = text;
	conf.auth.jwt_secret_previous = empty;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		snprintf(text, sizeof(text), "%s", secrets[i]);
		assert_int_equal(wp_auth_new(&auth, &conf, &err), WP_ERR_INVAL);
		assert_string_equal(err.msg,
				    "auth.jwt_secret: must not hold a comma, "
				    "which separates previous secrets; make "
				    "another one");
	}
	conf.auth.jwt_secret = secret;
	conf.auth.jwt_secret_previous = text;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		snprintf(text, sizeof(text), "%s", lists[i]);
		assert_int_equal(wp_auth_new(&auth, &conf, &err), WP_ERR_INVAL);
		assert_string_equal(err.msg,
				    "auth.jwt_secret_previous: each must have "
				    "32 bytes or more; a comma separates them");
	}
}

static void blanks_around_a_secret_would_be_lost_in_the_list(void **state)
{
	static const char *const secrets[] = {
		" " SECRET, SECRET " ", SECRET "\n", "\t" SECRET, " ",
	};
	struct wp_conf conf = sound_conf();
	struct wp_auth *auth = NULL;
	struct wp_error err;
	char text[128];

	(void)state;
	conf.auth.jwt_secret = text;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		snprintf(text, sizeof(text), "%s", secrets[i]);
		assert_int_equal(wp_auth_new(&auth, &conf, &err), WP_ERR_INVAL);
		assert_string_equal(err.msg, "auth.jwt_secret: must not begin "
					     "or end with a blank");
	}
}

static void unfit_secrets_stop_the_start(void **state)
{
	struct wp_conf conf = sound_conf();
	struct wp_auth *auth = NULL;
	struct wp_error err;
	char pem[] = "-----BEGIN PUBLIC KEY-----";
	char weak[] = "weak";

	(void)state;
	conf.run_mode = WP_RUN_PRODUCTION;
	conf.auth.jwt_secret = weak;
	assert_int_equal(wp_auth_new(&auth, &conf, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg, "auth.jwt_secret: must have 32 bytes or "
				     "more in production");
	conf.run_mode = WP_RUN_LOCAL;
	conf.auth.jwt_secret = pem;
	assert_int_equal(wp_auth_new(&auth, &conf, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg, "auth.jwt_secret: this is a PEM key, no "
				     "secret; name its file in "
				     "auth.public_key_files");
	conf.auth.jwt_secret = empty;
	conf.auth.jwt_secret_previous = NULL;
	assert_int_equal(wp_auth_new(&auth, &conf, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg,
			    "auth.jwt_secret: no key verifies tokens; set "
			    "JWT_SECRET, auth.jwt_secret_file, "
			    "auth.public_key_files, auth.issuers or "
			    "accounts.enabled");
	conf = sound_conf();
	conf.auth.identity_claims.n = 0;
	assert_int_equal(wp_auth_new(&auth, &conf, &err), WP_ERR_INVAL);
	assert_null(auth);
}

static void bearer_finds_the_token_of_one_header(void **state)
{
	static const char form[] = "Authorization must be: Bearer <token>";
	static const struct {
		const char *value, *token, *sentence;
	} rows[] = {
		{ "Bearer a.b.c", "a.b.c", NULL },
		{ "bEARER   a.b.c", "a.b.c", NULL },
		{ "Bearer a.b.c \t", "a.b.c", NULL },
		{ "Bearer", NULL, form },
		{ "Bearer ", NULL, form },
		{ "Bearer   ", NULL, form },
		{ "Bearer\ta", NULL, form },
		{ "Bearera", NULL, form },
		{ "Bearer a b", NULL, form },
		{ " Bearer a", NULL, form },
		{ "Basic a", NULL, form },
		{ "Bearer a, Bearer b", NULL,
		  "there must be one Authorization header" },
		{ "", NULL, "an Authorization header is required" },
		{ NULL, NULL, "an Authorization header is required" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wp_error err = { 0 };
		struct wp_token token = { 0 };
		enum wp_err rc = wp_auth_bearer(rows[i].value, &token, &err);

		if (rows[i].token != NULL) {
			assert_int_equal(rc, WP_OK);
			assert_int_equal(token.len, strlen(rows[i].token));
			assert_memory_equal(token.text, rows[i].token,
					    token.len);
		} else {
			assert_int_equal(rc, WP_ERR_DENIED);
			assert_string_equal(err.msg, rows[i].sentence);
		}
	}
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_sound_auth, free_sound_auth)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sound_token_names_its_caller),
		TEST(the_first_identity_claim_that_is_there_decides),
		TEST(names_of_the_issuer_are_kept_as_digests),
		TEST(a_device_has_a_sound_name_or_none),
		TEST(a_caller_of_any_length_is_refused_not_cut),
		TEST(time_is_judged_with_leeway),
		TEST(issuer_and_audience_count_when_configured),
		TEST(a_member_given_twice_is_refused),
		TEST(only_known_algorithms_with_a_key_are_tried),
		TEST(an_odd_header_is_refused),
		TEST(an_odd_payload_is_refused),
		TEST(every_changed_character_is_noticed),
		TEST(base64_has_one_spelling_only),
		TEST(a_token_has_three_parts),
		TEST(a_long_token_is_refused_unread),
		TEST(previous_secrets_still_verify_and_others_do_not),
		TEST(tokens_of_libjwt_verify_here),
		TEST(libjwt_agrees_about_our_tokens_and_their_forgeries),
		cmocka_unit_test(a_comma_makes_no_second_secret),
		cmocka_unit_test(
			blanks_around_a_secret_would_be_lost_in_the_list),
		cmocka_unit_test(unfit_secrets_stop_the_start),
		cmocka_unit_test(bearer_finds_the_token_of_one_header),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
