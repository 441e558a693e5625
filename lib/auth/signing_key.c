/*
 * signing_key.c - private keys of ours, by OpenSSL: made, read, and their
 * public halves as JWK. Knows no file and no clock.
 */
#include "lib/auth/signing_key.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"

enum {
	RSA_BITS = 2048,     /* RFC 7518 section 3.3 */
	RSA_MAX_BITS = 8192, /* what lib/auth accepts of anybody */
	NUMBER_MAX = RSA_MAX_BITS / 8,
	P256_NUMBER = 32, /* RFC 7518 section 6.2.1.2 */
	PEM_MAX = 16384,
};

static enum wp_err failed(struct wp_error *err)
{
	ERR_clear_error();
	return wp_error_set(err, WP_ERR_NOMEM, "OpenSSL refuses a signing key");
}

static enum wp_err unfit(struct wp_error *err, const char *why)
{
	ERR_clear_error();
	return wp_error_set(err, WP_ERR_INVAL, "%s", why);
}

const char *wp_signing_alg_name(enum wp_sign_alg alg)
{
	return alg == WP_SIGN_RS256 ? "RS256" : "ES256";
}

void wp_signing_forget(struct wp_buf *pem)
{
	if (pem == NULL)
		return;
	if (pem->data != NULL)
		OPENSSL_cleanse(pem->data, pem->cap);
	wp_buf_release(pem);
}

/* Which algorithm is it for? */
static enum wp_err judge(const EVP_PKEY *key, enum wp_sign_alg *out,
			 struct wp_error *err)
{
	char group[sizeof("prime256v1")] = "";
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_is_a(key, "RSA")) {
		*out = WP_SIGN_RS256;
		if (bits < RSA_BITS || bits > RSA_MAX_BITS)
			return unfit(err, "an RSA key must have 2048 to 8192 "
					  "bits");
		return WP_OK;
	}
	*out = WP_SIGN_ES256;
	if (!EVP_PKEY_is_a(key, "EC") ||
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
					   group, sizeof(group), NULL) != 1 ||
	    strcmp(group, "prime256v1") != 0)
		return unfit(err, "it is neither EC on P-256 nor RSA");
	return WP_OK;
}

static enum wp_err name_key(EVP_PKEY *key, char kid[WP_SIGNING_KID_LEN + 1],
			    struct wp_error *err)
{
	uint8_t digest[WP_SHA256_LEN];
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	if (len <= 0)
		return failed(err);
	wp_sha256(der, (size_t)len, digest);
	OPENSSL_free(der);
	wp_hex_write(kid, digest, WP_SIGNING_KID_LEN / 2);
	return WP_OK;
}

/* Append ,"name":"<number>": as wide as width bytes, or as it is when 0. */
static bool add_number(struct wp_buf *out, const EVP_PKEY *key,
		       const char *param, const char *name, size_t width)
{
	unsigned char bytes[NUMBER_MAX];
	BIGNUM *number = NULL;
	size_t len = width;
	char *text;
	bool is_good;

	is_good = EVP_PKEY_get_bn_param(key, param, &number) == 1;
	if (is_good && len == 0)
		len = (size_t)BN_num_bytes(number);
	is_good = is_good && len <= sizeof(bytes) &&
		  BN_bn2binpad(number, bytes, (int)len) == (int)len;
	BN_free(number);
	if (!is_good)
		return false;
	wp_buf_printf(out, ",\"%s\":\"", name);
	text = wp_buf_reserve(out, wp_base64_encoded_len(len) + 1);
	if (text != NULL)
		out->len += wp_base64url_encode(bytes, len, text);
	wp_buf_add_char(out, '"');
	return !out->failed;
}

static enum wp_err write_jwk(const EVP_PKEY *key,
			     const struct wp_signing_public *about,
			     struct wp_buf *out, struct wp_error *err)
{
	bool is_good;

	wp_buf_printf(out, "{\"kid\":\"%s\",\"use\":\"sig\",\"alg\":\"%s\"",
		      about->kid, wp_signing_alg_name(about->alg));
	if (about->alg == WP_SIGN_RS256) {
		wp_buf_add_str(out, ",\"kty\":\"RSA\"");
		is_good = add_number(out, key, OSSL_PKEY_PARAM_RSA_N, "n", 0) &&
			  add_number(out, key, OSSL_PKEY_PARAM_RSA_E, "e", 0);
	} else {
		wp_buf_add_str(out, ",\"kty\":\"EC\",\"crv\":\"P-256\"");
		is_good = add_number(out, key, OSSL_PKEY_PARAM_EC_PUB_X, "x",
				     P256_NUMBER) &&
			  add_number(out, key, OSSL_PKEY_PARAM_EC_PUB_Y, "y",
				     P256_NUMBER);
	}
	wp_buf_add_char(out, '}');
	return is_good && !out->failed ? WP_OK : failed(err);
}

static enum wp_err write_pem(EVP_PKEY *key, struct wp_buf *pem,
			     struct wp_error *err)
{
	/* OpenSSL clears what such a BIO held when it frees it. */
	BIO *bio = BIO_new(BIO_s_mem());
	enum wp_err rc = WP_OK;
	char *text = NULL;
	long len;

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL,
							 0, NULL, NULL) != 1)
		rc = failed(err);
	if (rc == WP_OK) {
		len = BIO_get_mem_data(bio, &text);
		wp_buf_add(pem, text, (size_t)len);
		if (pem->failed)
			rc = failed(err);
	}
	BIO_free(bio);
	return rc;
}

enum wp_err wp_signing_make(enum wp_sign_alg alg, struct wp_buf *pem,
			    struct wp_signing_public *out, struct wp_error *err)
{
	EVP_PKEY *key = alg == WP_SIGN_RS256
				? EVP_RSA_gen((unsigned int)RSA_BITS)
				: EVP_EC_gen("P-256");
	enum wp_err rc;

	out->alg = alg;
	rc = key == NULL ? failed(err) : name_key(key, out->kid, err);
	if (rc == WP_OK)
		rc = write_pem(key, pem, err);
	EVP_PKEY_free(key);
	return rc;
}

/* An encrypted file asks for a password: nobody is there to be asked. */
static int no_password(char *buf, int size, int is_writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)is_writing;
	(void)ctx;
	return 0;
}

enum wp_err wp_signing_open(const char *pem, size_t len,
			    struct wp_signing_public *out, struct wp_buf *jwk,
			    struct wp_error *err)
{
	EVP_PKEY *key = NULL;
	enum wp_err rc;
	BIO *bio;

	if (len > PEM_MAX)
		return unfit(err, "it is too long for a key");
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio == NULL)
		return failed(err);
	key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	rc = key == NULL ? unfit(err, "it is no private key in PEM")
			 : judge(key, &out->alg, err);
	if (rc == WP_OK)
		rc = name_key(key, out->kid, err);
	if (rc == WP_OK && jwk != NULL)
		rc = write_jwk(key, out, jwk, err);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return rc;
}
