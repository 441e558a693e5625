/* Our own access tokens: which key signs them, and what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/pem.h>

#include "lib/auth/issue.h"
#include "lib/auth/signing.h"
#include "lib/auth/signing_key.h"
#include "lib/auth/token.h"
#include "tests/support/key_files.h"

#define SID "00112233445566778899aabbccddeeff"

enum { NOW = 1795225140, LIFETIME_S = 600, PATH_LEN = 256, PEM_LEN = 8192 };

static char issuer_name[] = "https://waypost.example";

struct fixture {
	char dir[64];
	char path[PATH_LEN];  /* of the key that was made last */
	char public[PEM_LEN]; /* its public half */
	struct wp_signer *signer;
	struct wp_buf token;
	struct wp_error err;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* The public half of a private key, both in PEM. */
static void public_of(const char *pem, size_t len, char out[PEM_LEN])
{
	BIO *in = BIO_new_mem_buf(pem, (int)len);
	BIO *bio = BIO_new(BIO_s_mem());
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	int n;

	assert_non_null(key);
	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	n = BIO_read(bio, out, PEM_LEN - 1);
	assert_true(n > 0);
	out[n] = '\0';
	EVP_PKEY_free(key);
	BIO_free(bio);
	BIO_free(in);
}

/* A key in the folder, made at that time; kid: NULL for its own. */
static void add_key(struct fixture *f, enum wp_sign_alg alg, int64_t created_s,
		    const char *kid)
{
	struct wp_signing_key key = { .created_s = created_s };
	char name[WP_SIGNING_NAME_MAX];
	struct wp_signing_public about;
	struct wp_buf pem;

	wp_buf_init(&pem, 0);
	assert_int_equal(wp_signing_make(alg, &pem, &about, NULL), WP_OK);
	(void)snprintf(key.kid, sizeof(key.kid), "%s",
		       kid == NULL ? about.kid : kid);
	wp_signing_name(&key, name);
	(void)snprintf(f->path, sizeof(f->path), "%s/%s", f->dir, name);
	write_file(f->path, pem.data, 0600);
	public_of(pem.data, pem.len, f->public);
	wp_signing_forget(&pem);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct wp_signer_conf conf = { .name = issuer_name,
				       .lifetime_s = LIFETIME_S };

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_issue.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	conf.key_dir = f->dir;
	f->signer = wp_signer_new(&conf);
	assert_non_null(f->signer);
	wp_buf_init(&f->token, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
	wp_signer_free(&f->signer);
	wp_buf_release(&f->token);
	free(f);
	return 0;
}

static enum wp_err sign_at(struct fixture *f, int64_t now_s)
{
	struct wp_urn user;
	const struct wp_issue what = {
		.user = &user,
		.session = SID,
		.generation = 7,
		.device = "phone-1",
	};

	assert_int_equal(wp_urn_parse(&user, "bob", 3, NULL), WP_OK);
	wp_buf_clear(&f->token);
	return wp_signer_sign(f->signer, now_s, &what, &f->token, &f->err);
}

/* The claims, if the key that was made last has signed; free with jwt_free. */
static jwt_t *decode(struct fixture *f)
{
	jwt_t *jwt = NULL;

	return jwt_decode(&jwt, f->token.data, (const unsigned char *)f->public,
			  (int)strlen(f->public)) == 0
		       ? jwt
		       : NULL;
}

static bool is_signed_by_last(struct fixture *f)
{
	jwt_t *jwt = decode(f);
	bool is_signed = jwt != NULL;

	jwt_free(jwt);
	return is_signed;
}

/* Publish the key that was made last, as waypost-keys would. */
static void publish(const struct fixture *f, int64_t now_s)
{
	struct wp_signing_public about;
	char path[PATH_MAX], pem[PEM_LEN] = "";
	struct wp_buf text;
	FILE *file = fopen(f->path, "r");

	assert_non_null(file);
	assert_true(fread(pem, 1, sizeof(pem) - 1, file) > 0);
	assert_int_equal(fclose(file), 0);
	wp_buf_init(&text, 0);
	assert_int_equal(wp_signing_open(pem, strlen(pem), &about, &text, NULL),
			 WP_OK);
	key_files_path(path, f->dir, issuer_name);
	key_files_put(path, issuer_name, now_s * 1000, text.data, 0640);
	wp_buf_release(&text);
}

/* What lib/auth says to it, with the key that was made last. */
static enum wp_err verify(struct fixture *f, int64_t now_s,
			  struct wp_identity *out)
{
	static char empty[] = "", sub[] = "sub";
	static char *claims[] = { sub, NULL };
	struct wp_conf conf = { 0 };
	struct wp_auth *auth = NULL;
	enum wp_err rc;

	conf.auth.jwt_secret = empty;
	conf.auth.jwt_secret_previous = empty;
	conf.auth.issuer = empty;
	conf.auth.audience = empty;
	conf.auth.device_claim = empty;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 1;
	conf.auth.max_token_bytes = 8192;
	conf.auth.key_dir = f->dir;
	conf.auth.key_max_age_hours = INT32_MAX; /* of keys of any time */
	conf.accounts.enabled = true;
	conf.accounts.issuer = issuer_name;
	publish(f, now_s);
	assert_int_equal(wp_auth_new(&auth, &conf, &f->err), WP_OK);
	wp_auth_look(auth, 1000);
	rc = wp_auth_verify(auth,
			    &(struct wp_token){ f->token.data, f->token.len },
			    now_s, out, &f->err);
	wp_auth_free(&auth);
	return rc;
}

/* ---- what a token says ---- */

static void our_own_verifier_lets_it_in_as_long_as_it_lives(void **state)
{
	static const enum wp_sign_alg algs[] = { WP_SIGN_ES256, WP_SIGN_RS256 };
	struct fixture *f = *state;
	struct wp_identity who;

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		add_key(f, algs[i], 1000 + (int64_t)i, NULL);
		assert_int_equal(sign_at(f, NOW + (int64_t)i), WP_OK);
		assert_int_equal(verify(f, NOW + (int64_t)i, &who), WP_OK);
		assert_string_equal(who.user.text, "urn:sm:user:bob");
		assert_true(who.own.is_set);
		assert_int_equal(who.own.sid[1], 0x11);
		assert_int_equal(who.own.sid[15], 0xff);
		assert_int_equal(who.own.generation, 7);
		assert_string_equal(who.device, "phone-1");
		assert_int_equal(who.expires_s, NOW + (int64_t)i + LIFETIME_S);
		assert_int_equal(verify(f, NOW + LIFETIME_S + 2, &who),
				 WP_ERR_DENIED);
	}
}

static void it_says_whose_it_is_and_of_which_session(void **state)
{
	struct fixture *f = *state;
	char *audience;
	char *first;
	jwt_t *jwt;

	add_key(f, WP_SIGN_ES256, 1000, NULL);
	assert_int_equal(sign_at(f, NOW), WP_OK);
	jwt = decode(f);
	assert_non_null(jwt);
	assert_int_equal(jwt_get_alg(jwt), JWT_ALG_ES256);
	assert_non_null(strstr(f->path, jwt_get_header(jwt, "kid")));
	assert_string_equal(jwt_get_grant(jwt, "iss"), issuer_name);
	assert_string_equal(jwt_get_grant(jwt, "sub"), "urn:sm:user:bob");
	assert_string_equal(jwt_get_grant(jwt, "sid"), SID);
	assert_string_equal(jwt_get_grant(jwt, "device_id"), "phone-1");
	assert_int_equal(jwt_get_grant_int(jwt, "gen"), 7);
	assert_int_equal(jwt_get_grant_int(jwt, "iat"), NOW);
	assert_int_equal(jwt_get_grant_int(jwt, "exp"), NOW + LIFETIME_S);
	audience = jwt_get_grants_json(jwt, "aud");
	assert_string_equal(audience, "[\"waypost\"]");
	free(audience);

	/* No two have one id. */
	first = strdup(jwt_get_grant(jwt, "jti"));
	assert_int_equal(strlen(first), 32);
	jwt_free(jwt);
	assert_int_equal(sign_at(f, NOW), WP_OK);
	jwt = decode(f);
	assert_string_not_equal(jwt_get_grant(jwt, "jti"), first);
	jwt_free(jwt);
	free(first);
}

/* ---- which key signs ---- */

static void the_newest_that_everybody_knows_signs(void **state)
{
	struct fixture *f = *state;

	add_key(f, WP_SIGN_ES256, NOW, NULL);
	assert_int_equal(sign_at(f, NOW), WP_OK); /* it is the only one */
	assert_true(is_signed_by_last(f));
	add_key(f, WP_SIGN_ES256, NOW + 100, NULL);
	assert_int_equal(sign_at(f, NOW + 101), WP_OK);
	assert_false(is_signed_by_last(f));
	assert_int_equal(sign_at(f, NOW + 100 + WP_SIGNING_LEAD_S - 1), WP_OK);
	assert_false(is_signed_by_last(f));
	assert_int_equal(sign_at(f, NOW + 100 + WP_SIGNING_LEAD_S), WP_OK);
	assert_true(is_signed_by_last(f));
}

static void without_a_key_there_is_no_token(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(wp_signer_look(f->signer, NOW, &f->err),
			 WP_ERR_UNAVAIL);
	assert_non_null(strstr(f->err.msg, "no signing key"));
	assert_int_equal(sign_at(f, NOW), WP_ERR_UNAVAIL);
	assert_non_null(strstr(f->err.msg, "no signing key"));
	assert_int_equal(f->token.len, 0);
	/* Within the second nobody looks again. */
	add_key(f, WP_SIGN_ES256, NOW, NULL);
	assert_int_equal(sign_at(f, NOW), WP_ERR_UNAVAIL);
	assert_int_equal(wp_signer_look(f->signer, NOW + 1, &f->err), WP_OK);
	assert_int_equal(sign_at(f, NOW + 1), WP_OK);
	/* What was taken away signs no more. */
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(sign_at(f, NOW + 1), WP_OK);
	assert_int_equal(sign_at(f, NOW + 2), WP_ERR_UNAVAIL);
}

static void a_key_that_others_may_read_is_not_used(void **state)
{
	struct fixture *f = *state;

	add_key(f, WP_SIGN_ES256, NOW, NULL);
	assert_int_equal(chmod(f->path, 0644), 0);
	assert_int_equal(sign_at(f, NOW), WP_ERR_UNAVAIL);
	assert_int_equal(chmod(f->path, 0600), 0);
	assert_int_equal(sign_at(f, NOW + 1), WP_OK);
}

static void nor_one_under_a_name_of_another_or_that_is_none(void **state)
{
	struct fixture *f = *state;

	add_key(f, WP_SIGN_ES256, NOW, "0011223344556677");
	assert_int_equal(sign_at(f, NOW), WP_ERR_UNAVAIL);
	write_file(f->path, "-----BEGIN PRIVATE KEY-----\nnonsense\n", 0600);
	assert_int_equal(sign_at(f, NOW + 1), WP_ERR_UNAVAIL);
	assert_null(strstr(f->err.msg, "nonsense"));
}

static void without_a_folder_there_is_no_token(void **state)
{
	const struct wp_signer_conf conf = {
		.key_dir = "/nonexistent/folder",
		.name = issuer_name,
		.lifetime_s = LIFETIME_S,
	};
	struct fixture *f = *state;

	wp_signer_free(&f->signer);
	f->signer = wp_signer_new(&conf);
	assert_int_equal(sign_at(f, NOW), WP_ERR_UNAVAIL);
	wp_signer_free(&f->signer);
	wp_signer_free(&f->signer); /* harmless */
}

#define FIXTURE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(our_own_verifier_lets_it_in_as_long_as_it_lives),
		FIXTURE_TEST(it_says_whose_it_is_and_of_which_session),
		FIXTURE_TEST(the_newest_that_everybody_knows_signs),
		FIXTURE_TEST(without_a_key_there_is_no_token),
		FIXTURE_TEST(a_key_that_others_may_read_is_not_used),
		FIXTURE_TEST(nor_one_under_a_name_of_another_or_that_is_none),
		FIXTURE_TEST(without_a_folder_there_is_no_token),
	};

	return cmocka_run_group_tests_name("issue", tests, NULL, NULL);
}
