/*
 * jwk.h - public keys of OpenSSL as JSON Web Keys, without any of the code
 * under test but base64.
 */
#ifndef WP_TESTS_UNIT_LIB_AUTH_JWK_H
#define WP_TESTS_UNIT_LIB_AUTH_JWK_H

#include "tests/unit/lib/auth/mint.h"

#include <openssl/core_names.h>

static inline void jwk_number(struct wp_buf *out, const char *name,
			      const EVP_PKEY *pkey, const char *param, int len)
{
	BIGNUM *number = NULL;
	uint8_t bytes[2048];

	assert_int_equal(EVP_PKEY_get_bn_param(pkey, param, &number), 1);
	if (len == 0)
		len = BN_num_bytes(number);
	assert_int_equal(BN_bn2binpad(number, bytes, len), len);
	wp_buf_printf(out, ",\"%s\":\"", name);
	mint_part(out, bytes, (size_t)len);
	wp_buf_add_char(out, '"');
	BN_free(number);
}

/* Append the object; more: further members, ",\"kid\":\"a\"", or "". */
static inline void jwk_add(struct wp_buf *out, const EVP_PKEY *pkey,
			   const char *more)
{
	uint8_t bytes[32];
	size_t len = sizeof(bytes);

	if (EVP_PKEY_is_a(pkey, "RSA")) {
		wp_buf_add_str(out, "{\"kty\":\"RSA\"");
		jwk_number(out, "n", pkey, OSSL_PKEY_PARAM_RSA_N, 0);
		jwk_number(out, "e", pkey, OSSL_PKEY_PARAM_RSA_E, 0);
	} else if (EVP_PKEY_is_a(pkey, "EC")) {
		int bits = EVP_PKEY_get_bits(pkey);

		wp_buf_printf(out, "{\"kty\":\"EC\",\"crv\":\"P-%d\"", bits);
		jwk_number(out, "x", pkey, OSSL_PKEY_PARAM_EC_PUB_X, bits / 8);
		jwk_number(out, "y", pkey, OSSL_PKEY_PARAM_EC_PUB_Y, bits / 8);
	} else {
		wp_buf_add_str(out, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
				    "\"x\":\"");
		assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, bytes, &len),
				 1);
		mint_part(out, bytes, len);
		wp_buf_add_char(out, '"');
	}
	wp_buf_printf(out, "%s}", more);
}

#endif /* WP_TESTS_UNIT_LIB_AUTH_JWK_H */
