/* Public keys: each verifies its own algorithm and can be used for no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jwt.h>
#include <openssl/pem.h>

#include "lib/auth/token.h"
#include "tests/unit/lib/auth/mint.h"

#define NOW INT64_C(1795225140)
#define PAYLOAD "{\"sub\":\"bob\",\"exp\":1795225200}"
#define RS256 "{\"alg\":\"RS256\",\"kid\":\"x\"}"
#define BROKEN                               \
	"-----BEGIN PUBLIC KEY-----\nAAAA\n" \
	"-----END PUBLIC KEY-----\n"
#define ES256 "{\"alg\":\"ES256\"}"

static const char mismatch[] = "the token's signature does not match";
static char dir[64];
static char rsa_path[96], ec_path[96], odd_path[96];
static EVP_PKEY *rsa, *ec; /* private halves, made once: RSA is slow */

static void write_public(const char *path, const char *mode, EVP_PKEY *pkey)
{
	FILE *file = fopen(path, mode);

	assert_non_null(file);
	assert_int_equal(PEM_write_PUBKEY(file, pkey), 1);
	fclose(file);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static enum wp_err new_auth(struct wp_auth **out, char *one, char *two,
			    struct wp_error *err)
{
	static char sub[] = "sub";
	static char *claims[] = { sub, NULL };
	char *files[] = { one, two, NULL };
	struct wp_conf conf = { 0 };

	conf.auth.public_key_files.items = files;
	conf.auth.public_key_files.n = two != NULL ? 2 : 1;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 1;
	conf.auth.max_token_bytes = 8192;
	*out = NULL;
	return wp_auth_new(out, &conf, err);
}

static struct wp_auth *make_auth(char *one, char *two)
{
	struct wp_auth *auth;
	struct wp_error err;

	if (new_auth(&auth, one, two, &err) != WP_OK)
		fail_msg("%s", err.msg);
	return auth;
}

/* NULL when the token is sound, else the sentence. Takes the token. */
static const char *verdict(const struct wp_auth *auth, char *token)
{
	static struct wp_error err;
	struct wp_identity id;
	enum wp_err rc;

	rc = wp_auth_verify(auth, &(struct wp_token){ token, strlen(token) },
			    NOW, &id, &err);
	free(token);
	if (rc != WP_OK)
		return err.msg;
	assert_string_equal(id.user.text, "urn:sm:user:bob");
	return NULL;
}

static void rsa_and_ec_tokens_verify(void **state)
{
	struct wp_auth *auth = make_auth(rsa_path, ec_path);

	(void)state;
	assert_null(verdict(auth, mint_public(RS256, PAYLOAD, rsa)));
	assert_null(verdict(auth, mint_public(ES256, PAYLOAD, ec)));
	wp_auth_free(&auth);
}

static void a_key_is_never_used_with_another_algorithm(void **state)
{
	struct wp_auth *auth = make_auth(rsa_path, ec_path);
	char *token = mint_public(ES256, PAYLOAD, rsa);

	(void)state;
	assert_string_equal(verdict(auth, token), mismatch);
	token = mint_public(RS256, PAYLOAD, ec);
	assert_string_equal(verdict(auth, token), mismatch);
	wp_auth_free(&auth);
}

static void the_public_key_is_no_hmac_secret(void **state)
{
	static const char refused[] = "the token's algorithm is not accepted "
				      "here";
	struct wp_auth *auth = make_auth(rsa_path, ec_path);
	char pem[4096];
	FILE *file = fopen(rsa_path, "re");
	size_t len;

	(void)state;
	assert_non_null(file);
	len = fread(pem, 1, sizeof(pem), file);
	fclose(file);

	assert_string_equal(
		verdict(auth, mint_hs256(MINT_HS256, PAYLOAD, pem, len)),
		refused);
	assert_string_equal(
		verdict(auth, mint_hs256("{\"alg\":\"none\"}", PAYLOAD, "", 0)),
		refused);
	wp_auth_free(&auth);
}

static void odd_ec_signatures_are_refused(void **state)
{
	struct wp_auth *auth = make_auth(ec_path, NULL);
	uint8_t raw[72] = { 0 };

	(void)state;
	for (size_t len = 1; len <= sizeof(raw); len++) {
		struct wp_buf token = mint_signed(ES256, PAYLOAD);

		wp_buf_add_char(&token, '.');
		mint_part(&token, raw, len); /* zeros: r and s must not be 0 */
		assert_string_equal(verdict(auth, token.data), mismatch);
	}
	memset(raw, 0xff, sizeof(raw)); /* beyond the order of the curve */
	for (size_t len = 63; len <= 65; len++) {
		struct wp_buf token = mint_signed(ES256, PAYLOAD);

		wp_buf_add_char(&token, '.');
		mint_part(&token, raw, len);
		assert_string_equal(verdict(auth, token.data), mismatch);
	}
	wp_auth_free(&auth);
}

static void a_signature_of_any_length_is_refused(void **state)
{
	struct wp_auth *auth = make_auth(rsa_path, NULL);
	uint8_t raw[4096] = { 1 };

	(void)state;
	for (size_t len = 255; len <= 257; len++) {
		struct wp_buf token = mint_signed(RS256, PAYLOAD);

		wp_buf_add_char(&token, '.');
		mint_part(&token, raw, len);
		assert_string_equal(verdict(auth, token.data), mismatch);
	}
	for (size_t len = 2049; len <= 4096; len += 2047) {
		struct wp_buf token = mint_signed(RS256, PAYLOAD);

		wp_buf_add_char(&token, '.');
		mint_part(&token, raw, len);
		assert_string_equal(verdict(auth, token.data),
				    "the token's signature is no base64url");
	}
	wp_auth_free(&auth);
}

static void one_file_may_hold_several_keys(void **state)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct wp_auth *auth;

	(void)state;
	write_public(odd_path, "we", other);
	write_public(odd_path, "ae", ec);
	auth = make_auth(odd_path, NULL);

	assert_null(verdict(auth, mint_public(ES256, PAYLOAD, ec)));
	assert_null(verdict(auth, mint_public(ES256, PAYLOAD, other)));
	wp_auth_free(&auth);
	EVP_PKEY_free(other);
}

static void an_ed25519_key_verifies_eddsa(void **state)
{
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct wp_auth *auth;

	(void)state;
	write_public(odd_path, "we", ed);
	auth = make_auth(odd_path, NULL);
	assert_null(
		verdict(auth, mint_public("{\"alg\":\"EdDSA\"}", PAYLOAD, ed)));
	assert_null(verdict(auth,
			    mint_public("{\"alg\":\"Ed25519\"}", PAYLOAD, ed)));
	assert_string_equal(verdict(auth, mint_public("{\"alg\":\"EdDSA\"}",
						      PAYLOAD, other)),
			    mismatch);
	assert_string_equal(verdict(auth, mint_public(ES256, PAYLOAD, ed)),
			    "the token's algorithm is not accepted here");
	wp_auth_free(&auth);
	EVP_PKEY_free(ed);
	EVP_PKEY_free(other);
}

static void expect_unfit(const char *why)
{
	char sentence[256];
	struct wp_auth *auth;
	struct wp_error err;

	snprintf(sentence, sizeof(sentence), "auth.public_key_files: %s %s",
		 odd_path, why);
	assert_int_equal(new_auth(&auth, odd_path, NULL, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg, sentence);
	assert_null(auth);
}

static EVP_PKEY *make_rsa_pss(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *pkey = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static void unfit_keys_stop_the_start(void **state)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024);
	EVP_PKEY *p384 = EVP_EC_gen("P-384");
	EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	EVP_PKEY *rsa_pss = make_rsa_pss();
	FILE *file;

	(void)state;
	write_public(odd_path, "we", weak);
	expect_unfit("holds an RSA key under 2048 bits");
	write_public(odd_path, "we", p384);
	expect_unfit("holds an EC key on another curve than P-256");
	write_public(odd_path, "we", x25519);
	expect_unfit("holds a key that is neither RSA, EC nor Ed25519");
	write_public(odd_path, "we", rsa_pss);
	expect_unfit("holds a key that is neither RSA, EC nor Ed25519");
	write_text(odd_path, "");
	expect_unfit("holds no public key");
	write_text(odd_path, BROKEN);
	expect_unfit("holds a PEM block that cannot be read");
	write_text(odd_path, "-----BEGIN PUBLIC KEY-----\nAAAA\n");
	expect_unfit("holds a PEM block that cannot be read");
	/* A sound key does not excuse a broken one behind it. */
	write_public(odd_path, "we", ec);
	file = fopen(odd_path, "ae");
	fputs(BROKEN, file);
	fclose(file);
	expect_unfit("holds a PEM block that cannot be read");
	/* A private key has no business on this machine. */
	file = fopen(odd_path, "we");
	PEM_write_PrivateKey(file, ec, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	expect_unfit("holds something else than PUBLIC KEYs");
	unlink(odd_path);
	expect_unfit("cannot be read: No such file or directory");
	EVP_PKEY_free(weak);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(x25519);
	EVP_PKEY_free(rsa_pss);
}

/* Issue with libjwt, which wants the private key as PEM. */
static char *libjwt_token(jwt_alg_t alg, EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem, *token;
	jwt_t *jwt = NULL;
	long len;

	PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(bio, &pem);
	assert_int_equal(jwt_new(&jwt), 0);
	jwt_add_grant(jwt, "sub", "bob");
	jwt_add_grant_int(jwt, "exp", NOW + 60);
	assert_int_equal(
		jwt_set_alg(jwt, alg, (const unsigned char *)pem, (int)len), 0);
	token = jwt_encode_str(jwt);
	assert_non_null(token);
	jwt_free(jwt);
	BIO_free(bio);
	return token;
}

static void tokens_of_libjwt_verify_here(void **state)
{
	struct wp_auth *auth = make_auth(rsa_path, ec_path);

	(void)state;
	assert_null(verdict(auth, libjwt_token(JWT_ALG_RS256, rsa)));
	assert_null(verdict(auth, libjwt_token(JWT_ALG_ES256, ec)));
	assert_string_equal(verdict(auth, libjwt_token(JWT_ALG_RS512, rsa)),
			    "the token's algorithm is not accepted here");
	wp_auth_free(&auth);
}

struct crowd {
	const struct wp_auth *auth;
	const char *sound;
	const char *rotten;
	int wrong;
};

static void *verify_often(void *ctx)
{
	struct crowd *crowd = ctx;
	struct wp_identity id;

	for (int i = 0; i < 50; i++) {
		if (wp_auth_verify(crowd->auth,
				   &(struct wp_token){ crowd->sound,
						       strlen(crowd->sound) },
				   NOW, &id, NULL) != WP_OK)
			crowd->wrong++;
		if (wp_auth_verify(crowd->auth,
				   &(struct wp_token){ crowd->rotten,
						       strlen(crowd->rotten) },
				   NOW, &id, NULL) != WP_ERR_DENIED)
			crowd->wrong++;
	}
	return NULL;
}

static void many_threads_verify_with_one_key(void **state)
{
	struct wp_auth *auth = make_auth(rsa_path, ec_path);
	char *sound = mint_public(ES256, PAYLOAD, ec);
	char *rotten = mint_public(ES256, PAYLOAD " ", ec);
	struct crowd crowds[4];
	pthread_t threads[4];

	(void)state;
	strrchr(rotten, '.')[1] ^= 1;
	for (int i = 0; i < 4; i++) {
		crowds[i] = (struct crowd){ auth, sound, rotten, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, verify_often,
						&crowds[i]),
				 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(crowds[i].wrong, 0);
	}
	free(sound);
	free(rotten);
	wp_auth_free(&auth);
}

static int make_keys(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/waypost-test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(rsa_path, sizeof(rsa_path), "%s/rsa.pem", dir);
	snprintf(ec_path, sizeof(ec_path), "%s/ec.pem", dir);
	snprintf(odd_path, sizeof(odd_path), "%s/odd.pem", dir);
	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	write_public(rsa_path, "we", rsa);
	write_public(ec_path, "we", ec);
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	unlink(rsa_path);
	unlink(ec_path);
	unlink(odd_path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsa_and_ec_tokens_verify),
		cmocka_unit_test(a_key_is_never_used_with_another_algorithm),
		cmocka_unit_test(the_public_key_is_no_hmac_secret),
		cmocka_unit_test(odd_ec_signatures_are_refused),
		cmocka_unit_test(a_signature_of_any_length_is_refused),
		cmocka_unit_test(one_file_may_hold_several_keys),
		cmocka_unit_test(an_ed25519_key_verifies_eddsa),
		cmocka_unit_test(unfit_keys_stop_the_start),
		cmocka_unit_test(tokens_of_libjwt_verify_here),
		cmocka_unit_test(many_threads_verify_with_one_key),
	};

	return cmocka_run_group_tests_name("keys", tests, make_keys, free_keys);
}
