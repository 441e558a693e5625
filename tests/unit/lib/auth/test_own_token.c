/* Tokens of accounts.issuer, and all that looks like one. */
#include "tests/unit/lib/auth/jwk.h"

#include <stdio.h>
#include <unistd.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/auth/token.h"
#include "lib/base/clock.h"
#include "tests/support/key_files.h"

#define US "waypost"
#define THEM "https://id.example"
#define SECRET "0123456789abcdef0123456789abcdef"
#define SID "00112233445566778899aabbccddeeff"

#define ES256 "{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"JWT\"}"
#define NAME "\"sub\":\"urn:sm:user:bob\",\"iat\":1000"
#define OF_US "\"iss\":\"" US "\",\"aud\":[\"waypost\"],"
#define SESSION ",\"sid\":\"" SID "\",\"gen\":7"
#define SOUND OF_US NAME SESSION

static char dir[] = "/tmp/wp-test-own-token-XXXXXX";
static char empty[] = "", secret[] = SECRET, sub[] = "sub", us[] = US;
static char them[] = THEM " ns=corp", device[] = "dev";
static char *claims[] = { sub, NULL };
static char *issuers[] = { them, NULL };
static EVP_PKEY *ours, *theirs, *nobodys;

static struct wp_conf sound_conf(void)
{
	struct wp_conf conf = { 0 };

	conf.auth.jwt_secret = secret;
	conf.auth.jwt_secret_previous = empty;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 1;
	conf.auth.issuer = empty;
	conf.auth.audience = empty;
	conf.auth.device_claim = device;
	conf.auth.leeway_seconds = 30;
	conf.auth.max_token_bytes = 8192;
	conf.auth.issuers.items = issuers;
	conf.auth.issuers.n = 1;
	conf.auth.key_dir = dir;
	conf.auth.key_max_age_hours = 24;
	conf.accounts.enabled = true;
	conf.accounts.issuer = us;
	return conf;
}

/* What waypost-keys would write. */
static void put(const char *issuer, EVP_PKEY *pkey)
{
	char path[PATH_MAX];
	struct wp_buf text;

	wp_buf_init(&text, 0);
	jwk_add(&text, pkey, ",\"kid\":\"a\"");
	key_files_path(path, dir, issuer);
	key_files_put(path, issuer, wp_wall_ms(), text.data, 0640);
	wp_buf_release(&text);
}

static int begin(void **state)
{
	struct wp_conf conf = sound_conf();
	struct wp_auth *auth = NULL;
	struct wp_error err;

	put(US, ours);
	put(THEM, theirs);
	if (wp_auth_new(&auth, &conf, &err) != WP_OK)
		fail_msg("%s", err.msg);
	wp_auth_look(auth, 1000);
	*state = auth;
	return 0;
}

static int end(void **state)
{
	wp_auth_free((struct wp_auth **)state);
	return 0;
}

/* Of a token with these claims besides exp; pkey NULL: by our secret. */
static enum wp_err verdict(struct wp_auth *auth, EVP_PKEY *pkey,
			   const char *header, const char *says,
			   struct wp_identity *out)
{
	int64_t now_s = wp_wall_ms() / 1000;
	struct wp_error err;
	char payload[600], *text;
	enum wp_err rc;

	snprintf(payload, sizeof(payload), "{\"exp\":%lld,%s}",
		 (long long)now_s + 60, says);
	text = pkey == NULL
		       ? mint_hs256(header, payload, secret, strlen(secret))
		       : mint_public(header, payload, pkey);
	rc = wp_auth_verify(auth, &(struct wp_token){ text, strlen(text) },
			    now_s, out, &err);
	free(text);
	return rc;
}

static void it_says_which_session_it_is_of(void **state)
{
	struct wp_identity id, other;
	uint8_t sid[WP_SID_LEN];

	assert_true(wp_hex_read(SID, strlen(SID), sid, sizeof(sid)));
	assert_int_equal(verdict(*state, ours, ES256,
				 SOUND ",\"device_id\":\"phone\"", &id),
			 WP_OK);
	assert_string_equal(id.user.text, "urn:sm:user:bob");
	assert_int_equal(id.kind, WP_KIND_USER);
	assert_int_equal(id.issuer, 2);
	assert_true(id.own.is_set);
	assert_memory_equal(id.own.sid, sid, sizeof(sid));
	assert_int_equal(id.own.generation, 7);
	assert_string_equal(id.device, "phone");
	/* As it is revoked. */
	assert_int_equal(wp_name_hash(US, SID, strlen(SID), other.session),
			 WP_OK);
	assert_memory_equal(id.session, other.session, sizeof(id.session));
	assert_int_equal(verdict(*state, ours, ES256,
				 OF_US NAME ",\"sid\":\"" SID "\","
					    "\"gen\":4294967295",
				 &id),
			 WP_OK);
	assert_int_equal(id.own.generation, UINT32_MAX);
}

static void what_we_would_not_write_is_refused(void **state)
{
	static const char *const bad[] = {
		OF_US NAME,
		OF_US NAME ",\"sid\":\"" SID "\"",
		OF_US NAME ",\"gen\":7",
		OF_US NAME ",\"sid\":\"" SID "0\",\"gen\":7",
		OF_US NAME ",\"sid\":\"0011\",\"gen\":7",
		OF_US NAME ",\"sid\":\"\",\"gen\":7",
		OF_US NAME ",\"sid\":7,\"gen\":7",
		OF_US NAME ",\"sid\":null,\"gen\":7",
		OF_US NAME ",\"sid\":\"0011223344556677889\\u0039aabbccd"
			   "deef\",\"gen\":7",
		OF_US NAME ",\"sid\":\"" SID "\",\"gen\":-1",
		OF_US NAME ",\"sid\":\"" SID "\",\"gen\":4294967296",
		OF_US NAME ",\"sid\":\"" SID
			   "\",\"gen\":99999999999999999999999",
		OF_US NAME ",\"sid\":\"" SID "\",\"gen\":7.5",
		OF_US NAME ",\"sid\":\"" SID "\",\"gen\":1e1",
		OF_US NAME ",\"sid\":\"" SID "\",\"gen\":\"7\"",
		OF_US NAME ",\"sid\":\"" SID "\",\"gen\":null",
		SOUND ",\"gen\":7",
		SOUND ",\"sid\":\"" SID "\"",
		SOUND ",\"events\":{}",
		SOUND ",\"device_id\":\"a b\"",
		OF_US "\"sub\":\"bob\",\"iat\":1" SESSION,
		OF_US "\"sub\":\"urn:corp:user:bob\",\"iat\":1" SESSION,
		OF_US "\"sub\":\"\",\"iat\":1" SESSION,
		OF_US "\"handle\":\"urn:sm:user:bob\",\"iat\":1" SESSION,
		OF_US "\"sub\":\"urn:sm:user:bob\"" SESSION,
		OF_US "\"sub\":\"urn:sm:user:bob\",\"iat\":99999999999" SESSION,
		"\"iss\":\"" US "\"," NAME SESSION,
		"\"iss\":\"" US "\",\"aud\":\"app\"," NAME SESSION,
		"\"iss\":\"" US "\",\"aud\":[]," NAME SESSION,
	};
	struct wp_identity id;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (verdict(*state, ours, ES256, bad[i], &id) !=
			    WP_ERR_DENIED ||
		    id.own.is_set)
			fail_msg("%s", bad[i]);
	assert_int_equal(verdict(*state, ours, ES256, SOUND, &id), WP_OK);
}

static void nobody_else_signs_in_our_name(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"HS256\",\"kid\":\"a\"}",
		"{\"alg\":\"none\",\"kid\":\"a\"}",
		"{\"alg\":\"RS256\",\"kid\":\"a\"}",
		"{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"logout+jwt\"}",
		"{\"alg\":\"ES256\",\"kid\":\"a\",\"crit\":[]}",
	};
	static const struct {
		EVP_PKEY **key;
		const char *says;
	} liars[] = {
		{ &theirs, SOUND },  /* their key, our name */
		{ &nobodys, SOUND }, /* a key of nobody's */
		{ &ours, "\"iss\":\"" THEM "\",\"aud\":[\"waypost\"]," NAME
				 SESSION }, /* our key, their name */
		{ &ours, "\"aud\":[\"waypost\"]," NAME SESSION },
		{ &ours,
		  "\"iss\":\"WAYPOST\",\"aud\":[\"waypost\"]," NAME SESSION },
	};
	struct wp_identity id;

	for (size_t i = 0; i < sizeof(liars) / sizeof(liars[0]); i++)
		if (verdict(*state, *liars[i].key, ES256, liars[i].says, &id) !=
			    WP_ERR_DENIED ||
		    id.own.is_set)
			fail_msg("%s", liars[i].says);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (verdict(*state, ours, headers[i], SOUND, &id) == WP_OK)
			fail_msg("%s", headers[i]);
	/* Nor does the operator's secret, which may name anybody else. */
	assert_int_equal(verdict(*state, NULL, MINT_HS256, SOUND, &id),
			 WP_ERR_DENIED);
}

/* HS256 with what everybody knows of our key. */
static void our_public_key_is_no_secret(void **state)
{
	uint8_t point[65], *der = NULL;
	int64_t now_s = wp_wall_ms() / 1000;
	int der_len = i2d_PUBKEY(ours, &der);
	struct wp_identity id;
	struct wp_error err;
	char payload[600];
	size_t len;

	assert_true(der_len > (int)sizeof(point));
	memcpy(point, der + der_len - (int)sizeof(point), sizeof(point));
	snprintf(payload, sizeof(payload), "{\"exp\":%lld," SOUND "}",
		 (long long)now_s + 60);
	for (int i = 0; i < 2; i++) {
		const uint8_t *bytes = i == 0 ? der : point;
		char *text;

		len = i == 0 ? (size_t)der_len : sizeof(point);
		text = mint_hs256("{\"alg\":\"HS256\",\"kid\":\"a\"}", payload,
				  bytes, len);
		assert_int_equal(
			wp_auth_verify(*state,
				       &(struct wp_token){ text, strlen(text) },
				       now_s, &id, &err),
			WP_ERR_DENIED);
		free(text);
	}
	OPENSSL_free(der);
}

static void only_we_say_which_session(void **state)
{
	struct wp_identity id;

	assert_int_equal(verdict(*state, theirs, ES256,
				 "\"iss\":\"" THEM "\",\"sub\":\"ann\","
				 "\"iat\":1" SESSION,
				 &id),
			 WP_OK);
	assert_string_equal(id.user.text, "urn:corp:user:ann");
	assert_false(id.own.is_set);
	assert_int_equal(verdict(*state, NULL, MINT_HS256, NAME SESSION, &id),
			 WP_OK);
	assert_int_equal(id.issuer, 0);
	assert_false(id.own.is_set);
	/* Nor does a provider name whom we do. */
	assert_int_equal(verdict(*state, theirs, ES256,
				 "\"iss\":\"" THEM "\"," NAME SESSION, &id),
			 WP_ERR_DENIED);
}

static void only_such_keys_as_we_make_verify(void **state)
{
	static const struct {
		const char *type, *header;
		enum wp_err verdict;
	} rows[] = {
		{ "ED25519", "{\"alg\":\"EdDSA\",\"kid\":\"a\"}",
		  WP_ERR_DENIED },
		{ "RSA", "{\"alg\":\"RS256\",\"kid\":\"a\"}", WP_OK },
	};
	struct wp_identity id;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EVP_PKEY *other =
			strcmp(rows[i].type, "RSA") == 0
				? EVP_RSA_gen(2048)
				: EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type);

		put(US, other);
		assert_true(wp_auth_look_again(*state, 2));
		assert_int_equal(
			verdict(*state, other, rows[i].header, SOUND, &id),
			rows[i].verdict);
		EVP_PKEY_free(other);
	}
}

static void without_accounts_we_are_nobody(void **state)
{
	struct wp_conf conf = sound_conf();
	struct wp_auth *auth = NULL;
	struct wp_identity id;

	(void)state;
	conf.accounts.enabled = false;
	assert_int_equal(wp_auth_new(&auth, &conf, NULL), WP_OK);
	wp_auth_look(auth, 1000);
	assert_int_equal(wp_auth_issuers(auth), 1);
	assert_int_equal(verdict(auth, ours, ES256, SOUND, &id), WP_ERR_DENIED);
	wp_auth_free(&auth);
}

static void with_accounts_no_other_key_is_needed(void **state)
{
	struct wp_conf conf = sound_conf();
	struct wp_auth *auth = NULL;
	struct wp_identity id;
	struct wp_buf text;

	(void)state;
	conf.auth.jwt_secret = empty;
	conf.auth.issuers.n = 0;
	assert_int_equal(wp_auth_new(&auth, &conf, NULL), WP_OK);
	assert_false(wp_auth_has_keys(auth)); /* it has not looked yet */
	wp_auth_look(auth, 1000);
	assert_true(wp_auth_has_keys(auth));
	assert_int_equal(verdict(auth, ours, ES256, SOUND, &id), WP_OK);
	assert_int_equal(id.issuer, 1);
	wp_buf_init(&text, 0);
	wp_auth_write_ages(auth, "x", &text);
	assert_non_null(strstr(text.data, "\nx{issuer=\"own\"} 0\n"));
	wp_buf_release(&text);
	wp_auth_free(&auth);
}

static int make_all(void **state)
{
	(void)state;
	ours = EVP_EC_gen("P-256");
	theirs = EVP_EC_gen("P-256");
	nobodys = EVP_EC_gen("P-256");
	return mkdtemp(dir) == NULL;
}

static int remove_all(void **state)
{
	static const char *const names[] = { US, THEM };
	char path[PATH_MAX];

	(void)state;
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(nobodys);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		key_files_path(path, dir, names[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

/* Whoever may sign for us is told of no logout by us. */
static void we_tell_of_no_logouts(void **state)
{
	static const char event[] = "\"events\":{\"http://schemas.openid.net/"
				    "event/backchannel-logout\":{}}";
	static const struct {
		const char *iss;
		EVP_PKEY **key;
		enum wp_err rc;
	} rows[] = { { US, &ours, WP_ERR_DENIED }, { THEM, &theirs, WP_OK } };
	int64_t now_s = wp_wall_ms() / 1000;
	struct wp_logout says;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char payload[300], *text;

		snprintf(payload, sizeof(payload),
			 "{\"iss\":\"%s\",\"aud\":\"waypost\",\"iat\":%lld,"
			 "\"sid\":\"" SID "\",%s}",
			 rows[i].iss, (long long)now_s, event);
		text = mint_public(ES256, payload, *rows[i].key);
		assert_int_equal(
			wp_auth_verify_logout(
				*state,
				&(struct wp_token){ text, strlen(text) }, now_s,
				&says, NULL),
			rows[i].rc);
		free(text);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(it_says_which_session_it_is_of),
		TEST(what_we_would_not_write_is_refused),
		TEST(nobody_else_signs_in_our_name),
		TEST(our_public_key_is_no_secret),
		TEST(only_we_say_which_session),
		TEST(only_such_keys_as_we_make_verify),
		TEST(we_tell_of_no_logouts),
		TEST(without_accounts_we_are_nobody),
		TEST(with_accounts_no_other_key_is_needed),
	};

	return cmocka_run_group_tests_name("own tokens", tests, make_all,
					   remove_all);
}
