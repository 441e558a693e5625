/*
 * mint.h - make tokens for tests, sound ones and rotten ones, without any of
 * the code under test but base64.
 */
#ifndef WP_TESTS_UNIT_LIB_AUTH_MINT_H
#define WP_TESTS_UNIT_LIB_AUTH_MINT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/base/buf.h"
#include "lib/base/encode.h"

#define MINT_HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static inline void mint_part(struct wp_buf *out, const void *data, size_t len)
{
	char *room = wp_buf_reserve(out, wp_base64_encoded_len(len));

	assert_non_null(room);
	out->len += wp_base64url_encode(data, len, room);
	out->data[out->len] = '\0';
}

/* "<header>.<payload>" of both texts */
static inline struct wp_buf mint_signed(const char *header, const char *payload)
{
	struct wp_buf out;

	wp_buf_init(&out, 0);
	mint_part(&out, header, strlen(header));
	wp_buf_add_char(&out, '.');
	mint_part(&out, payload, strlen(payload));
	return out;
}

/* A whole token; the caller frees it. */
static inline char *mint_hs256(const char *header, const char *payload,
			       const void *secret, size_t secret_len)
{
	struct wp_buf out = mint_signed(header, payload);
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	assert_non_null(HMAC(EVP_sha256(), secret, (int)secret_len,
			     (const unsigned char *)out.data, out.len, mac,
			     &len));
	wp_buf_add_char(&out, '.');
	mint_part(&out, mac, len);
	return out.data;
}

/* Sign with SHA-256 and a private key; EC signatures become r and s. */
static inline char *mint_public(const char *header, const char *payload,
				EVP_PKEY *pkey)
{
	struct wp_buf out = mint_signed(header, payload);
	const EVP_MD *md = EVP_PKEY_is_a(pkey, "ED25519") ? NULL : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[1024], raw[64];
	size_t len = sizeof(sig);

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, pkey), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len,
					(const unsigned char *)out.data,
					out.len),
			 1);
	EVP_MD_CTX_free(ctx);
	wp_buf_add_char(&out, '.');
	if (EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_bits(pkey) == 256) {
		const unsigned char *der = sig;
		ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &der, (long)len);

		assert_non_null(both);
		BN_bn2binpad(ECDSA_SIG_get0_r(both), raw, 32);
		BN_bn2binpad(ECDSA_SIG_get0_s(both), raw + 32, 32);
		ECDSA_SIG_free(both);
		mint_part(&out, raw, sizeof(raw));
	} else {
		mint_part(&out, sig, len);
	}
	return out.data;
}

#endif /* WP_TESTS_UNIT_LIB_AUTH_MINT_H */
