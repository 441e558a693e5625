/*
 * verify.c - did one of our keys sign this?
 *
 * A key is only ever used with the algorithm that keys.c bound it to: there is
 * no way to ask for another pairing. A secret's key schedule was paid for at
 * start; each verification works on a copy of it.
 */
#include "lib/auth/keys.h"

#include <assert.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "lib/base/digest.h"

enum {
	P256_NUMBER = 32, /* bytes of r and of s */
	P256_DER_MAX = 72,
};

bool wp_keys_have(const struct wp_keys *keys, enum wp_alg alg)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (keys->keys[i].alg == alg)
			return true;
	return false;
}

static bool verify_mac(const struct wp_key *key, const void *data, size_t len,
		       const uint8_t *sig, size_t sig_len)
{
	uint8_t mac[WP_SHA256_LEN];
	EVP_MAC_CTX *ctx;
	bool is_good;

	if (sig_len != sizeof(mac))
		return false;
	ctx = EVP_MAC_CTX_dup(key->mac);
	is_good = ctx != NULL && EVP_MAC_update(ctx, data, len) &&
		  EVP_MAC_final(ctx, mac, NULL, sizeof(mac)) &&
		  wp_equal_ct(mac, sig, sizeof(mac));
	EVP_MAC_CTX_free(ctx);
	return is_good;
}

/* The two numbers of a JWS as the DER that OpenSSL reads; 0 on failure. */
static size_t p256_to_der(const uint8_t *sig, unsigned char *out)
{
	ECDSA_SIG *both = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, P256_NUMBER, NULL);
	BIGNUM *s = BN_bin2bn(sig + P256_NUMBER, P256_NUMBER, NULL);
	int len = 0;

	if (both != NULL && r != NULL && s != NULL &&
	    ECDSA_SIG_set0(both, r, s)) {
		r = NULL; /* both owns them now */
		s = NULL;
		len = i2d_ECDSA_SIG(both, &out);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(both);
	return len > 0 ? (size_t)len : 0;
}

static bool verify_public(const struct wp_keys *keys, const struct wp_key *key,
			  const void *data, size_t len, const uint8_t *sig,
			  size_t sig_len)
{
	unsigned char der[P256_DER_MAX];
	EVP_MD_CTX *ctx;
	bool is_good;

	if (key->alg == WP_ALG_ES256) {
		if (sig_len != (size_t)2 * P256_NUMBER)
			return false;
		sig_len = p256_to_der(sig, der);
		sig = der;
	}
	ctx = EVP_MD_CTX_new();
	is_good = ctx != NULL &&
		  EVP_DigestVerifyInit(ctx, NULL, keys->sha256, NULL,
				       key->pkey) == 1 &&
		  EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;
	EVP_MD_CTX_free(ctx);
	return is_good;
}

bool wp_keys_verify(const struct wp_keys *keys, enum wp_alg alg,
		    const void *data, size_t len, const uint8_t *sig,
		    size_t sig_len)
{
	bool is_good = false;
	size_t i;

	assert(alg != WP_ALG_NONE);
	for (i = 0; i < keys->n && !is_good; i++) {
		const struct wp_key *key = &keys->keys[i];

		if (key->alg != alg)
			continue;
		is_good = alg == WP_ALG_HS256
				  ? verify_mac(key, data, len, sig, sig_len)
				  : verify_public(keys, key, data, len, sig,
						  sig_len);
	}
	/* A refused signature leaves notes behind in this thread's queue. */
	if (!is_good)
		ERR_clear_error();
	return is_good;
}
