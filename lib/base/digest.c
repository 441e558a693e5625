/*
 * digest.c - the three digests that protocols and keys here are made of.
 *
 * OpenSSL can only fail for want of memory or of the algorithm itself; going
 * on with a digest that is none would be worse than stopping.
 */
#include "lib/base/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { PIECE_BYTES = 1 << 16 };

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

bool wp_sha256_file(int fd, int64_t *bytes_out, uint8_t out[WP_SHA256_LEN])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t piece[PIECE_BYTES];
	ssize_t n;

	*bytes_out = 0;
	if (context == NULL || !EVP_DigestInit_ex(context, EVP_sha256(), NULL))
		abort();
	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		*bytes_out += n;
		if (!EVP_DigestUpdate(context, piece, (size_t)n))
			abort();
	}
	if (!EVP_DigestFinal_ex(context, out, NULL))
		abort();
	EVP_MD_CTX_free(context);
	return n == 0;
}

bool wp_equal_ct(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
