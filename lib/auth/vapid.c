/* vapid.c - the public half of a key, and tokens by lib/auth/jwt_sign.h. */
#include "lib/auth/vapid.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "lib/auth/jwt_sign.h"
#include "lib/auth/signing_key.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"

enum { POINT_LEN = 65 };

/* The point of a key that wp_signing_open() has found good. */
static bool point_of(const char *pem, size_t len, uint8_t out[POINT_LEN])
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *key = NULL;
	size_t n = 0;
	bool is_good;

	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	is_good = key != NULL &&
		  EVP_PKEY_get_octet_string_param(
			  key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, out,
			  POINT_LEN, &n) == 1 &&
		  n == POINT_LEN;
	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return is_good;
}

enum wp_err wp_vapid_open(struct wp_vapid *out, const char *pem, size_t len,
			  struct wp_error *err)
{
	struct wp_signing_public about;
	uint8_t point[POINT_LEN];
	uint8_t digest[WP_SHA256_LEN];
	enum wp_err rc;

	*out = (struct wp_vapid){ .public = "" };
	wp_buf_init(&out->pem, 0);
	rc = wp_signing_open(pem, len, &about, NULL, err);
	if (rc != WP_OK)
		return rc;
	if (about.alg != WP_SIGN_ES256)
		return wp_error_set(err, WP_ERR_INVAL, "it is no key on P-256");
	wp_buf_add(&out->pem, pem, len);
	if (out->pem.failed || !point_of(pem, len, point))
		return wp_error_set(err, WP_ERR_NOMEM, "OpenSSL refuses a key");
	wp_base64url_encode(point, sizeof(point), out->public);
	wp_sha256(point, sizeof(point), digest);
	memcpy(out->print, digest, sizeof(out->print));
	return WP_OK;
}

void wp_vapid_release(struct wp_vapid *vapid)
{
	wp_signing_forget(&vapid->pem);
}

enum wp_err wp_vapid_sign(const struct wp_vapid *vapid,
			  const struct wp_vapid_claims *claims,
			  struct wp_buf *out, struct wp_error *err)
{
	struct wp_jwt_sign sign = {
		.alg = WP_SIGN_ES256,
		.pem = vapid->pem.data,
		.pem_len = vapid->pem.len,
	};
	struct wp_buf text;
	enum wp_err rc;

	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "{\"aud\":");
	wp_buf_add_json(&text, claims->origin, strlen(claims->origin));
	wp_buf_printf(&text, ",\"exp\":%" PRId64 ",\"sub\":",
		      claims->now_s + WP_VAPID_LIFETIME_S);
	wp_buf_add_json(&text, claims->subject, strlen(claims->subject));
	wp_buf_add_char(&text, '}');
	sign.claims = text.data;
	wp_buf_add_str(out, "vapid t=");
	if (text.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else
		rc = wp_jwt_sign(&sign, out, err);
	wp_buf_printf(out, ", k=%s", vapid->public);
	if (rc == WP_OK && out->failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	wp_buf_release(&text);
	return rc;
}
