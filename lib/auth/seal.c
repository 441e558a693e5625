/*
 * seal.c - see seal.h.
 */
#include "lib/auth/seal.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "lib/base/random.h"

enum {
	VERSION = 1,
	NONCE_AT = 1,
	NONCE_LEN = 12,
	TEXT_AT = NONCE_AT + NONCE_LEN,
	TAG_LEN = 16,
};

_Static_assert(TEXT_AT + TAG_LEN == WP_SEAL_EXTRA, "its length");

enum wp_err wp_seal(const struct wp_own_key *key,
		    const struct wp_seal_place *place, const void *text,
		    size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool is_done;
	int n = 0;

	assert(len <= WP_SEAL_TEXT_MAX && place->len <= WP_SEAL_TEXT_MAX);
	out[0] = VERSION;
	wp_random_bytes(out + NONCE_AT, NONCE_LEN);
	is_done = ctx != NULL &&
		  EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes,
				     out + NONCE_AT) == 1 &&
		  EVP_EncryptUpdate(ctx, NULL, &n, out, 1) == 1 &&
		  EVP_EncryptUpdate(ctx, NULL, &n, place->data,
				    (int)place->len) == 1 &&
		  EVP_EncryptUpdate(ctx, out + TEXT_AT, &n, text, (int)len) ==
			  1 &&
		  EVP_EncryptFinal_ex(ctx, out + TEXT_AT + len, &n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN,
				      out + TEXT_AT + len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (is_done)
		return WP_OK;
	ERR_clear_error();
	return WP_ERR_NOMEM;
}

enum wp_err wp_seal_open(const struct wp_own_key *key,
			 const struct wp_seal_place *place, const void *sealed,
			 size_t sealed_len, uint8_t *out, size_t *len_out)
{
	const uint8_t *in = sealed;
	uint8_t tag[TAG_LEN];
	EVP_CIPHER_CTX *ctx;
	enum wp_err rc = WP_ERR_NOMEM;
	size_t len;
	int n = 0;

	*len_out = 0;
	if (sealed_len < WP_SEAL_EXTRA ||
	    sealed_len > WP_SEAL_TEXT_MAX + WP_SEAL_EXTRA || in[0] != VERSION)
		return WP_ERR_DENIED;
	len = sealed_len - WP_SEAL_EXTRA;
	memcpy(tag, in + TEXT_AT + len, TAG_LEN);
	ctx = EVP_CIPHER_CTX_new();
	if (ctx != NULL &&
	    EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes,
			       in + NONCE_AT) == 1 &&
	    EVP_DecryptUpdate(ctx, NULL, &n, in, 1) == 1 &&
	    EVP_DecryptUpdate(ctx, NULL, &n, place->data, (int)place->len) ==
		    1 &&
	    EVP_DecryptUpdate(ctx, out, &n, in + TEXT_AT, (int)len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1)
		rc = EVP_DecryptFinal_ex(ctx, out + len, &n) == 1
			     ? WP_OK
			     : WP_ERR_DENIED;
	EVP_CIPHER_CTX_free(ctx);
	if (rc == WP_OK)
		*len_out = len;
	else
		OPENSSL_cleanse(out, len);
	ERR_clear_error();
	return rc;
}
