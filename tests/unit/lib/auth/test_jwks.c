/* Which keys of a stranger's set are keys, and what they verify. */
#include "tests/unit/lib/auth/jwk.h"

#include <stdio.h>

#include <openssl/rsa.h>

#include "lib/auth/jwks.h"

static EVP_PKEY *rsa, *ec, *ed; /* private halves, made once: RSA is slow */

static struct wp_jwks *read_text(const char *text)
{
	struct wp_jwks *jwks = NULL;
	struct wp_error err;

	if (wp_jwks_read(&jwks, text, strlen(text), &err) != WP_OK)
		fail_msg("%s: %s", text, err.msg);
	return jwks;
}

/* The set of one key with these further members. */
static struct wp_jwks *read_one(const EVP_PKEY *pkey, const char *more)
{
	struct wp_jwks *jwks;
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "{\"keys\":[");
	jwk_add(&text, pkey, more);
	wp_buf_add_str(&text, "]}");
	jwks = read_text(text.data);
	for (size_t i = 0; i < jwks->n; i++)
		jwks->keys[i].raw = (struct wp_json_slice){ 0 };
	wp_buf_release(&text);
	return jwks;
}

static void expect(const EVP_PKEY *pkey, const char *more, enum wp_alg alg)
{
	struct wp_jwks *jwks = read_one(pkey, more);

	if (jwks->n != 1)
		fail_msg("%s: %zu keys", more, jwks->n);
	assert_int_equal(jwks->keys[0].verifier.alg, alg);
	wp_jwks_free(&jwks);
}

static void expect_left_out(const EVP_PKEY *pkey, const char *more,
			    bool is_private)
{
	struct wp_jwks *jwks = read_one(pkey, more);

	if (jwks->n != 0 || jwks->n_private != is_private ||
	    jwks->n_ignored != !is_private)
		fail_msg("%s: %zu keys, %zu private, %zu ignored", more,
			 jwks->n, jwks->n_private, jwks->n_ignored);
	wp_jwks_free(&jwks);
}

/* Two sets of one key each. */
static bool are_same(const EVP_PKEY *key_a, const char *more_a,
		     const EVP_PKEY *key_b, const char *more_b)
{
	struct wp_jwks *a = read_one(key_a, more_a);
	struct wp_jwks *b = read_one(key_b, more_b);
	bool is_same = wp_jwks_is_same(a, b);

	wp_jwks_free(&a);
	wp_jwks_free(&b);
	return is_same;
}

static void a_set_is_the_same_while_it_verifies_the_same(void **state)
{
	static const char a[] = ",\"kid\":\"a\"", b[] = ",\"kid\":\"b\"";
	static const char ps[] = ",\"alg\":\"PS256\"";
	EVP_PKEY *other = EVP_EC_gen("P-256");

	(void)state;
	assert_true(are_same(ec, a, ec, a));
	assert_true(are_same(ec, "", ec, ",\"use\":\"sig\""));
	assert_true(are_same(rsa, a, rsa, a));
	assert_true(are_same(ed, a, ed, a));
	assert_false(are_same(ec, a, other, a));
	assert_false(are_same(ec, a, ec, b));
	assert_false(are_same(ec, a, ec, ""));
	assert_false(are_same(ec, "", ec, a));
	assert_false(are_same(ec, a, ed, a));
	assert_false(are_same(rsa, "", rsa, ps));
	/* One set is empty. */
	assert_false(are_same(ec, ",\"use\":\"enc\"", ec, ""));
	assert_false(are_same(ec, "", ec, ",\"use\":\"enc\""));
	EVP_PKEY_free(other);
}

/* The set of two keys. */
static struct wp_jwks *read_two(const EVP_PKEY *first, const char *more,
				const EVP_PKEY *second, const char *more_2)
{
	struct wp_jwks *jwks;
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "{\"keys\":[");
	jwk_add(&text, first, more);
	wp_buf_add_char(&text, ',');
	jwk_add(&text, second, more_2);
	wp_buf_add_str(&text, "]}");
	jwks = read_text(text.data);
	assert_int_equal(jwks->n, 2);
	for (size_t i = 0; i < jwks->n; i++)
		jwks->keys[i].raw = (struct wp_json_slice){ 0 };
	wp_buf_release(&text);
	return jwks;
}

/* There are providers that give their keys in another order each time. */
static void the_order_of_keys_is_no_part_of_a_set(void **state)
{
	static const char a[] = ",\"kid\":\"a\"", b[] = ",\"kid\":\"b\"";
	struct wp_jwks *one = read_two(ec, a, rsa, b);
	struct wp_jwks *turned = read_two(rsa, b, ec, a);
	struct wp_jwks *crossed = read_two(ec, b, rsa, a);
	/* Without names it counts how many there are of each. */
	struct wp_jwks *twice = read_two(ec, "", ec, "");
	struct wp_jwks *once = read_two(ec, "", rsa, "");

	(void)state;
	assert_true(wp_jwks_is_same(one, turned));
	assert_true(wp_jwks_is_same(turned, one));
	assert_false(wp_jwks_is_same(one, crossed));
	assert_false(wp_jwks_is_same(twice, once));
	assert_false(wp_jwks_is_same(once, twice));
	wp_jwks_free(&one);
	wp_jwks_free(&turned);
	wp_jwks_free(&crossed);
	wp_jwks_free(&twice);
	wp_jwks_free(&once);
}

static void a_key_has_the_algorithm_it_names_or_that_of_its_kind(void **state)
{
	(void)state;
	expect(rsa, "", WP_ALG_RS256);
	expect(rsa, ",\"alg\":\"RS256\"", WP_ALG_RS256);
	expect(rsa, ",\"alg\":\"PS256\"", WP_ALG_PS256);
	expect(ec, "", WP_ALG_ES256);
	expect(ec, ",\"alg\":\"ES256\",\"use\":\"sig\"", WP_ALG_ES256);
	expect(ed, "", WP_ALG_EDDSA);
	expect(ed, ",\"alg\":\"EdDSA\"", WP_ALG_EDDSA);
	expect(ed, ",\"alg\":\"Ed25519\"", WP_ALG_EDDSA);
	expect(ec, ",\"key_ops\":[\"x\",\"verify\"],\"x5c\":[[[[[1]]]]]",
	       WP_ALG_ES256);
}

static void a_key_for_something_else_is_left_out(void **state)
{
	static const char *const more[] = {
		",\"use\":\"enc\"",
		",\"use\":null",
		",\"key_ops\":[]",
		",\"key_ops\":[\"sign\"]",
		",\"key_ops\":\"verify\"",
		",\"key_ops\":[\"verify\",1]",
		",\"alg\":\"ES384\"",
		",\"alg\":\"HS256\"",
		",\"alg\":\"none\"",
		",\"alg\":1",
		",\"alg\":\"RS256\"",
		",\"alg\":\"EdDSA\"",
		",\"kid\":1",
		",\"kty\":\"EC\"",
		",\"x\":\"AA\"",
		",\"use\":\"sig\",\"use\":\"sig\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		expect_left_out(ec, more[i], false);
	expect_left_out(rsa, ",\"alg\":\"ES256\"", false);
	expect_left_out(ed, ",\"alg\":\"ES256\"", false);
}

static void a_key_with_its_secret_half_is_left_out(void **state)
{
	static const char *const more[] = {
		",\"d\":\"AA\"", ",\"p\":\"\"",   ",\"q\":null",
		",\"dp\":1",     ",\"dq\":[]",    ",\"qi\":{}",
		",\"oth\":[]",   ",\"k\":\"AA\"", ",\"\\u0064\":\"AA\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		expect_left_out(ec, more[i], true);
		expect_left_out(rsa, more[i], true);
	}
}

static EVP_PKEY *rsa_with_exponent(unsigned long exponent)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;
	BIGNUM *e = BN_new();

	BN_set_word(e, exponent);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
	EVP_PKEY_CTX_free(ctx);
	BN_free(e);
	return pkey;
}

static void weak_keys_and_odd_numbers_are_left_out(void **state)
{
	EVP_PKEY *short_rsa = EVP_RSA_gen(1024);
	EVP_PKEY *p384 = EVP_EC_gen("P-384");
	EVP_PKEY *three = rsa_with_exponent(3);
	static const char *const sets[] = {
		/* e = 1, and none; n even; a point that is on no curve */
		"{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQ\"}",
		"{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"\"}",
		"{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAA\"}",
		"{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAAAAE\"}",
		"{\"kty\":\"RSA\",\"n\":\"%s\"}",
		"{\"kty\":\"RSA\",\"n\":\"%sA\",\"e\":\"AQAB\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.43s\","
		"\"y\":\"%.43s\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.42s\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"%.43s\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%.42s\"}",
		"{\"kty\":\"oct\"}",
		"{}",
		"[]",
		"7",
	};
	char n[344], text[2048], key[1024];

	(void)state;
	expect_left_out(short_rsa, "", false);
	expect_left_out(p384, "", false);
	expect_left_out(three, "", false);
	EVP_PKEY_free(short_rsa);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(three);
	memset(n, '_', sizeof(n) - 2);
	n[342] = '\0';
	n[341] = 'w'; /* 2048 bits in 342 characters */
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct wp_jwks *jwks;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(key, sizeof(key), sets[i], n, n);
#pragma GCC diagnostic pop
		snprintf(text, sizeof(text), "{\"keys\":[%s]}", key);
		jwks = read_text(text);
		if (jwks->n != 0 || jwks->n_ignored != 1)
			fail_msg("%s: %zu keys", text, jwks->n);
		wp_jwks_free(&jwks);
	}
}

static const struct wp_jwk *find(const struct wp_jwks *jwks, enum wp_alg alg,
				 const char *kid)
{
	struct wp_json_slice slice = { 0 };

	if (kid == NULL)
		return wp_jwks_find(jwks, alg, NULL);
	slice.data = kid;
	slice.len = strlen(kid);
	slice.has_escapes = strchr(kid, '\\') != NULL;
	return wp_jwks_find(jwks, alg, &slice);
}

static void a_token_means_the_key_of_its_algorithm_and_kid(void **state)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct wp_jwks *jwks;
	struct wp_buf text;

	(void)state;
	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "{\"x\":{},\"keys\":[");
	jwk_add(&text, ec, ",\"kid\":\"a\"");
	wp_buf_add_char(&text, ',');
	jwk_add(&text, other, ",\"kid\":\"\\u0061\""); /* the same: left out */
	wp_buf_add_char(&text, ',');
	jwk_add(&text, other, ",\"kid\":\"b\\u0000c\"");
	wp_buf_add_char(&text, ',');
	jwk_add(&text, ed, ",\"kid\":\"a\"");
	wp_buf_add_char(&text, ',');
	jwk_add(&text, rsa, "");
	wp_buf_add_str(&text, "]}");
	jwks = read_text(text.data);

	assert_int_equal(jwks->n, 4);
	assert_int_equal(jwks->n_ignored, 1);
	assert_ptr_equal(find(jwks, WP_ALG_ES256, "a"), &jwks->keys[0]);
	assert_ptr_equal(find(jwks, WP_ALG_ES256, "\\u0061"), &jwks->keys[0]);
	assert_ptr_equal(find(jwks, WP_ALG_ES256, "b\\u0000c"), &jwks->keys[1]);
	assert_null(find(jwks, WP_ALG_ES256, "b"));
	assert_null(find(jwks, WP_ALG_ES256, ""));
	assert_null(find(jwks, WP_ALG_ES256, NULL)); /* there are two */
	assert_ptr_equal(find(jwks, WP_ALG_EDDSA, "a"), &jwks->keys[2]);
	assert_ptr_equal(find(jwks, WP_ALG_EDDSA, NULL), &jwks->keys[2]);
	assert_ptr_equal(find(jwks, WP_ALG_RS256, NULL), &jwks->keys[3]);
	assert_null(find(jwks, WP_ALG_RS256, "a"));
	assert_null(find(jwks, WP_ALG_PS256, NULL));
	assert_null(find(jwks, WP_ALG_HS256, NULL));
	assert_memory_equal(jwks->keys[0].raw.data, "{\"kty\":\"EC\"", 11);
	wp_jwks_free(&jwks);
	assert_null(jwks);
	wp_buf_release(&text);
	EVP_PKEY_free(other);
}

static void a_set_has_at_most_sixty_four_keys(void **state)
{
	struct wp_jwks *jwks;
	struct wp_buf text;
	char kid[32];

	(void)state;
	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "{\"keys\":[");
	for (int i = 0; i < 70; i++) {
		snprintf(kid, sizeof(kid), ",\"kid\":\"%d\"", i);
		if (i > 0)
			wp_buf_add_char(&text, ',');
		jwk_add(&text, ed, kid);
	}
	wp_buf_add_str(&text, "]}");
	jwks = read_text(text.data);
	assert_int_equal(jwks->n, 64);
	assert_int_equal(jwks->n_ignored, 6);
	wp_jwks_free(&jwks);
	wp_buf_release(&text);
}

static void a_long_kid_is_left_out(void **state)
{
	char more[600];

	(void)state;
	memset(more, 'k', sizeof(more));
	memcpy(more, ",\"kid\":\"", 8);
	more[8 + 512] = '"';
	more[8 + 513] = '\0';
	expect(ed, more, WP_ALG_EDDSA);
	more[8 + 512] = 'k';
	more[8 + 513] = '"';
	more[8 + 514] = '\0';
	expect_left_out(ed, more, false);
}

static void what_is_no_set_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"{\"keys\":{}}",
		"null",
		"<html>",
		"{\"keys\":[]",
		"{\"keys\":[{]}",
		"x",
		"{\"Keys\":[]}",
		"{\"keys\":[]} x",
		"{\"keys\":[],\"keys\":[]}",
	};
	struct wp_jwks *jwks = NULL;
	char *large = calloc(1, WP_JWKS_BYTES_MAX + 1);
	struct wp_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(
			wp_jwks_read(&jwks, texts[i], strlen(texts[i]), &err),
			WP_ERR_INVAL);
		assert_null(jwks);
		assert_memory_equal(err.msg, "the key set ", 12);
	}
	assert_non_null(large);
	memset(large, ' ', WP_JWKS_BYTES_MAX + 1);
	memcpy(large, "{\"keys\":[]}", 11);
	assert_int_equal(wp_jwks_read(&jwks, large, WP_JWKS_BYTES_MAX, NULL),
			 WP_OK);
	assert_int_equal(jwks->n, 0);
	wp_jwks_free(&jwks);
	assert_int_equal(
		wp_jwks_read(&jwks, large, WP_JWKS_BYTES_MAX + 1, NULL),
		WP_ERR_INVAL);
	free(large);
}

/* Sign by OpenSSL alone; PSS when salt_len is not 0. */
static size_t sign(EVP_PKEY *pkey, int salt_len, const char *text, uint8_t *sig,
		   size_t room)
{
	const EVP_MD *md = EVP_PKEY_is_a(pkey, "ED25519") ? NULL : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey_ctx = NULL;

	assert_int_equal(EVP_DigestSignInit(ctx, &pkey_ctx, md, NULL, pkey), 1);
	if (salt_len != 0) {
		EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, salt_len);
	}
	assert_int_equal(EVP_DigestSign(ctx, sig, &room, (const uint8_t *)text,
					strlen(text)),
			 1);
	EVP_MD_CTX_free(ctx);
	return room;
}

static bool check(EVP_PKEY *pkey, const char *more, int salt_len,
		  const char *text)
{
	struct wp_jwks *jwks = read_one(pkey, more);
	uint8_t sig[512];
	size_t len = sign(pkey, salt_len, "signed text", sig, sizeof(sig));
	bool is_good;

	assert_int_equal(jwks->n, 1);
	is_good = wp_verifier_check(
		&jwks->keys[0].verifier,
		&(struct wp_signed){ text, strlen(text), sig, len });
	wp_jwks_free(&jwks);
	return is_good;
}

static void a_key_verifies_with_its_own_algorithm_only(void **state)
{
	static const char text[] = "signed text", other[] = "signed texT";
	static const char ps256[] = ",\"alg\":\"PS256\"";

	(void)state;
	assert_true(check(rsa, "", 0, text));
	assert_false(check(rsa, "", 0, other));
	assert_true(check(rsa, ps256, 32, text));
	assert_false(check(rsa, ps256, 32, other));
	assert_false(check(rsa, ps256, 20, text)); /* RFC 7518 3.5 */
	assert_false(check(rsa, ps256, 0, text));
	assert_false(check(rsa, "", 32, text));
	assert_true(check(ed, "", 0, text));
	assert_false(check(ed, "", 0, other));
}

static int make_keys(void **state)
{
	(void)state;
	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return rsa != NULL && ec != NULL && ed != NULL ? 0 : -1;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_key_has_the_algorithm_it_names_or_that_of_its_kind),
		cmocka_unit_test(a_set_is_the_same_while_it_verifies_the_same),
		cmocka_unit_test(the_order_of_keys_is_no_part_of_a_set),
		cmocka_unit_test(a_key_for_something_else_is_left_out),
		cmocka_unit_test(a_key_with_its_secret_half_is_left_out),
		cmocka_unit_test(weak_keys_and_odd_numbers_are_left_out),
		cmocka_unit_test(
			a_token_means_the_key_of_its_algorithm_and_kid),
		cmocka_unit_test(a_set_has_at_most_sixty_four_keys),
		cmocka_unit_test(a_long_kid_is_left_out),
		cmocka_unit_test(what_is_no_set_is_refused),
		cmocka_unit_test(a_key_verifies_with_its_own_algorithm_only),
	};

	return cmocka_run_group_tests_name("jwks", tests, make_keys, free_keys);
}
