/* Our own signing keys: their names, whose turn it is, and what is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "lib/auth/signing.h"
#include "lib/auth/signing_key.h"

#define KID_A "00112233445566aa"
#define KID_B "00112233445566bb"
#define KID_C "00112233445566cc"

enum { HOUR_S = 3600, DAY_S = 86400 };

static const int64_t start_s = INT64_C(1795225140);

static struct wp_signing_key key(int64_t created_s, const char *kid)
{
	struct wp_signing_key made = { .created_s = created_s };

	memcpy(made.kid, kid, sizeof(made.kid));
	return made;
}

static void add(struct wp_signing_ring *ring, int64_t created_s,
		const char *kid)
{
	const struct wp_signing_key one = key(created_s, kid);

	assert_true(wp_signing_add(ring, &one));
}

static void a_name_says_all_that_decides(void **state)
{
	struct wp_signing_key found = key(1795225140, KID_A);
	char name[WP_SIGNING_NAME_MAX];

	(void)state;
	wp_signing_name(&found, name);
	assert_string_equal(name, "sign-1795225140-" KID_A ".pem");
	assert_true(wp_signing_parse("sign-7-" KID_B ".pem", &found));
	assert_int_equal(found.created_s, 7);
	assert_string_equal(found.kid, KID_B);
	found = key(INT64_MAX, KID_A);
	wp_signing_name(&found, name);
	assert_true(wp_signing_parse(name, &found));
	assert_int_equal(found.created_s, INT64_MAX);
}

static void other_names_are_not_ours(void **state)
{
	static const char *const names[] = {
		"",
		"sign-",
		"sign-7-" KID_A,
		"sign-7-" KID_A ".pem~",
		"sign-7-" KID_A "0.pem",
		"sign-7-0011.pem",
		"sign-7-00112233445566AA.pem",
		"sign--7-" KID_A ".pem",
		"sign-07-" KID_A ".pem",
		"sign-0-" KID_A ".pem",
		"sign-+7-" KID_A ".pem",
		"sign-99999999999999999999-" KID_A ".pem",
		".new-sign-7-" KID_A ".pem",
		"issuer-" KID_A KID_B ".json",
	};
	struct wp_signing_key found;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (wp_signing_parse(names[i], &found))
			fail_msg("%s is taken for one of ours", names[i]);
}

static void the_first_key_signs_at_once_others_an_hour_later(void **state)
{
	struct wp_signing_ring ring = { 0 };

	(void)state;
	assert_int_equal(wp_signing_current(&ring, start_s), 0);
	add(&ring, start_s, KID_A);
	assert_int_equal(wp_signing_current(&ring, start_s), 0);
	/* Whatever the clock does. */
	assert_int_equal(wp_signing_current(&ring, start_s - DAY_S), 0);

	add(&ring, start_s + DAY_S, KID_B);
	assert_int_equal(wp_signing_current(&ring, start_s + DAY_S), 0);
	assert_int_equal(
		wp_signing_current(&ring, start_s + DAY_S + HOUR_S - 1), 0);
	assert_int_equal(wp_signing_current(&ring, start_s + DAY_S + HOUR_S),
			 1);
}

static void a_key_stays_two_days_after_its_successor_signs(void **state)
{
	struct wp_signing_ring ring = { 0 };

	(void)state;
	/* Not in order. */
	add(&ring, start_s + 30 * DAY_S, KID_B);
	add(&ring, start_s, KID_A);
	add(&ring, start_s + 60 * DAY_S, KID_C);
	assert_string_equal(ring.keys[0].kid, KID_A);
	assert_string_equal(ring.keys[2].kid, KID_C);
	assert_int_equal(wp_signing_ends_s(&ring, 0),
			 start_s + 32 * DAY_S + HOUR_S);
	assert_int_equal(wp_signing_ends_s(&ring, 1),
			 start_s + 62 * DAY_S + HOUR_S);
	assert_int_equal(wp_signing_ends_s(&ring, 2), INT64_MAX);
	ring.keys[2].created_s = INT64_MAX;
	assert_int_equal(wp_signing_ends_s(&ring, 1), INT64_MAX);
}

static void a_ring_has_an_end(void **state)
{
	struct wp_signing_ring ring = { 0 };
	const struct wp_signing_key more = key(1, KID_B);

	(void)state;
	for (int64_t i = 0; i < WP_SIGNING_MAX; i++)
		add(&ring, i + 1, KID_A);
	assert_false(wp_signing_add(&ring, &more));
}

static void a_folder_is_read_by_names(void **state)
{
	char dir[] = "/tmp/wp-signing-XXXXXX";
	static const char *const names[] = { "sign-9-" KID_B ".pem",
					     "sign-7-" KID_A ".pem", "other",
					     "sign-x.pem" };
	struct wp_signing_ring ring;
	struct wp_error err = { 0 };
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		close(openat(fd, names[i], O_WRONLY | O_CREAT | O_CLOEXEC,
			     0600));
	for (int i = 0; i < 2; i++) { /* and again from the beginning */
		assert_int_equal(wp_signing_read(&ring, fd, &err), WP_OK);
		assert_int_equal(ring.n, 2);
		assert_string_equal(ring.keys[0].kid, KID_A);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(fd, names[i], 0);
	close(fd);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- what is in a file ---- */

static void expect_member(struct json_object *jwk, const char *name,
			  const char *text, size_t len)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(jwk, name, &value));
	if (text != NULL)
		assert_string_equal(json_object_get_string(value), text);
	assert_int_equal(json_object_get_string_len(value), len);
}

/* Make one, read it again, and let libjwt sign with it. */
static void make_and_open(enum wp_sign_alg alg, jwt_alg_t theirs)
{
	struct wp_signing_public made, opened;
	struct wp_error err = { 0 };
	struct wp_buf pem, jwk;
	struct json_object *object;
	jwt_t *token = NULL;
	char *text;

	wp_buf_init(&pem, 0);
	wp_buf_init(&jwk, 0);
	assert_int_equal(wp_signing_make(alg, &pem, &made, &err), WP_OK);
	assert_int_equal(
		wp_signing_open(pem.data, pem.len, &opened, &jwk, &err), WP_OK);
	assert_int_equal(opened.alg, alg);
	assert_string_equal(opened.kid, made.kid);
	assert_int_equal(strlen(made.kid), WP_SIGNING_KID_LEN);

	object = json_tokener_parse(jwk.data);
	assert_non_null(object);
	expect_member(object, "kid", made.kid, WP_SIGNING_KID_LEN);
	expect_member(object, "use", "sig", 3);
	expect_member(object, "alg", wp_signing_alg_name(alg), 5);
	if (alg == WP_SIGN_RS256) {
		expect_member(object, "kty", "RSA", 3);
		expect_member(object, "n", NULL, 342);
		expect_member(object, "e", "AQAB", 4);
	} else {
		expect_member(object, "kty", "EC", 2);
		expect_member(object, "crv", "P-256", 5);
		expect_member(object, "x", NULL, 43);
		expect_member(object, "y", NULL, 43);
	}
	assert_false(json_object_object_get_ex(object, "d", NULL));
	json_object_put(object);

	assert_int_equal(jwt_new(&token), 0);
	assert_int_equal(jwt_set_alg(token, theirs,
				     (const unsigned char *)pem.data,
				     (int)pem.len),
			 0);
	text = jwt_encode_str(token);
	assert_non_null(text);
	free(text);
	jwt_free(token);
	wp_buf_release(&jwk);
	wp_signing_forget(&pem);
	assert_null(pem.data);
	wp_signing_forget(&pem);
}

static void keys_are_made_for_both_algorithms(void **state)
{
	(void)state;
	make_and_open(WP_SIGN_ES256, JWT_ALG_ES256);
	make_and_open(WP_SIGN_RS256, JWT_ALG_RS256);
}

static void two_keys_have_two_names(void **state)
{
	struct wp_signing_public one, two;
	struct wp_error err = { 0 };
	struct wp_buf pem;

	(void)state;
	wp_buf_init(&pem, 0);
	assert_int_equal(wp_signing_make(WP_SIGN_ES256, &pem, &one, &err),
			 WP_OK);
	assert_int_equal(wp_signing_make(WP_SIGN_ES256, &pem, &two, &err),
			 WP_OK);
	assert_string_not_equal(one.kid, two.kid);
	wp_signing_forget(&pem);
}

static enum wp_err open_text(const char *text, size_t len)
{
	struct wp_signing_public about;
	struct wp_error err = { 0 };

	return wp_signing_open(text, len, &about, NULL, &err);
}

/* As PEM, under a password unless that is NULL. */
static enum wp_err open_pkey(EVP_PKEY *pkey, char *password)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum wp_err rc;
	char *text;
	long len;

	assert_non_null(pkey);
	assert_int_equal(
		PEM_write_bio_PKCS8PrivateKey(
			bio, pkey, password != NULL ? EVP_aes_128_cbc() : NULL,
			password, password != NULL ? (int)strlen(password) : 0,
			NULL, NULL),
		1);
	len = BIO_get_mem_data(bio, &text);
	rc = open_text(text, (size_t)len);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return rc;
}

static void what_is_no_key_of_use_is_refused(void **state)
{
	static const char broken[] = "-----BEGIN PRIVATE KEY-----\nAAAA\n"
				     "-----END PRIVATE KEY-----\n";
	static char password[] = "password";
	static char too_long[20000];

	(void)state;
	assert_int_equal(open_text("", 0), WP_ERR_INVAL);
	assert_int_equal(open_text(broken, sizeof(broken) - 1), WP_ERR_INVAL);
	memset(too_long, '\n', sizeof(too_long));
	assert_int_equal(open_text(too_long, sizeof(too_long)), WP_ERR_INVAL);
	assert_int_equal(open_pkey(EVP_EC_gen("P-384"), NULL), WP_ERR_INVAL);
	assert_int_equal(open_pkey(EVP_RSA_gen(1024), NULL), WP_ERR_INVAL);
	assert_int_equal(
		open_pkey(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL),
		WP_ERR_INVAL);
	assert_int_equal(open_pkey(EVP_EC_gen("P-256"), password),
			 WP_ERR_INVAL);
	assert_int_equal(open_pkey(EVP_EC_gen("P-256"), NULL), WP_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_says_all_that_decides),
		cmocka_unit_test(other_names_are_not_ours),
		cmocka_unit_test(
			the_first_key_signs_at_once_others_an_hour_later),
		cmocka_unit_test(
			a_key_stays_two_days_after_its_successor_signs),
		cmocka_unit_test(a_ring_has_an_end),
		cmocka_unit_test(a_folder_is_read_by_names),
		cmocka_unit_test(keys_are_made_for_both_algorithms),
		cmocka_unit_test(two_keys_have_two_names),
		cmocka_unit_test(what_is_no_key_of_use_is_refused),
	};

	return cmocka_run_group_tests_name("auth/signing", tests, NULL, NULL);
}
