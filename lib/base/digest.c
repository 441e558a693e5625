/*
 * digest.c - the three digests that protocols and keys here are made of.
 *
 * OpenSSL can only fail for want of memory or of the algorithm itself; going
 * on with a digest that is none would be worse than stopping.
 */
#include "lib/base/digest.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

static void digest(const char *name, const void *data, size_t len, uint8_t *out)
{
	if (!EVP_Q_digest(NULL, name, NULL, data, len, out, NULL))
		abort();
}

void wp_sha1(const void *data, size_t len, uint8_t out[WP_SHA1_LEN])
{
	digest("SHA1", data, len, out);
}

void wp_sha256(const void *data, size_t len, uint8_t out[WP_SHA256_LEN])
{
	digest("SHA256", data, len, out);
}

void wp_hmac_sha256(const void *key, size_t key_len, const void *data,
		    size_t len, uint8_t out[WP_SHA256_LEN])
{
	/* A NULL key would mean "the one set before" to OpenSSL. */
	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL,
		      key_len == 0 ? "" : key, key_len, data, len, out,
		      WP_SHA256_LEN, NULL) == NULL)
		abort();
}

bool wp_equal_ct(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
