/*
 * ece.c - ECDH on P-256, three steps of HKDF, AES-128-GCM, on OpenSSL.
 */
#include "lib/auth/ece.h"

#include <assert.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "lib/base/digest.h"
#include "lib/base/random.h"

enum {
	RECORD = 4096,
	UNCOMPRESSED = 4,
	LAST_RECORD = 2, /* RFC 8188 section 2 */
	KEY_LEN = 16,
	NONCE_LEN = 12,
	TAG_LEN = 16,

};

static const char group[] = "prime256v1";

static enum wp_err failed(struct wp_error *err)
{
	ERR_clear_error();
	return wp_error_set(err, WP_ERR_NOMEM, "OpenSSL refuses a message");
}

/* ---- keys ---- */

/* From numbers; what: the public half alone, whatever secret is, or both. NULL:
 * no such key, or no memory. */
static EVP_PKEY *key_of(const uint8_t point[WP_ECE_POINT_LEN],
			const uint8_t *secret, int what)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;
	BIGNUM *number = NULL;
	bool is_good = ctx != NULL && build != NULL;

	is_good =
		is_good &&
		OSSL_PARAM_BLD_push_utf8_string(
			build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
						 point, WP_ECE_POINT_LEN) == 1;
	if (is_good && what == EVP_PKEY_KEYPAIR) {
		number = BN_secure_new();
		is_good =
			number != NULL &&
			BN_bin2bn(secret, WP_ECE_SECRET_LEN, number) != NULL &&
			OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY,
					       number) == 1;
	}
	if (is_good)
		params = OSSL_PARAM_BLD_to_param(build);
	/* A point that is not on the curve is refused here. */
	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, what, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_clear_free(number);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return key;
}

bool wp_ece_is_point(const void *data, size_t len)
{
	const uint8_t *point = data;
	EVP_PKEY *key;
	bool is_point;

	if (len != WP_ECE_POINT_LEN || point[0] != UNCOMPRESSED)
		return false;
	key = key_of(point, NULL, EVP_PKEY_PUBLIC_KEY);
	is_point = key != NULL;
	EVP_PKEY_free(key);
	return is_point;
}

enum wp_err wp_ece_sender_make(struct wp_ece_sender *out, struct wp_error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIGNUM *number = NULL;
	size_t len = 0;
	bool is_good;

	is_good =
		key != NULL &&
		EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY,
						out->point, sizeof(out->point),
						&len) == 1 &&
		len == sizeof(out->point) &&
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) ==
			1 &&
		BN_bn2binpad(number, out->secret, sizeof(out->secret)) ==
			(int)sizeof(out->secret);
	BN_clear_free(number);
	EVP_PKEY_free(key);
	wp_random_bytes(out->salt, sizeof(out->salt));
	return is_good ? WP_OK : failed(err);
}

void wp_ece_sender_forget(struct wp_ece_sender *sender)
{
	OPENSSL_cleanse(sender, sizeof(*sender));
}

/* What both sides come to. WP_ERR_INVAL: the receiver's point is none. */
static enum wp_err agree(const struct wp_ece_receiver *receiver,
			 const struct wp_ece_sender *sender,
			 uint8_t out[WP_ECE_SECRET_LEN], struct wp_error *err)
{
	EVP_PKEY *ours = NULL;
	EVP_PKEY *theirs = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	size_t len = WP_ECE_SECRET_LEN;
	enum wp_err rc = WP_OK;

	if (receiver->point[0] == UNCOMPRESSED)
		theirs = key_of(receiver->point, NULL, EVP_PKEY_PUBLIC_KEY);
	if (theirs == NULL) {
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "the receiver's key is no point of P-256");
		goto out;
	}
	ours = key_of(sender->point, sender->secret, EVP_PKEY_KEYPAIR);
	if (ours != NULL)
		ctx = EVP_PKEY_CTX_new(ours, NULL);
	/* That it is on the curve was seen by key_of(), and all such points are
	 * of the group (its cofactor is 1): a multiplication to see that again
	 * would cost as much as the agreement. */
	if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer_ex(ctx, theirs, 0) != 1 ||
	    EVP_PKEY_derive(ctx, out, &len) != 1 || len != WP_ECE_SECRET_LEN)
		rc = failed(err);
out:
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	return rc;
}

/* ---- HKDF: each output is one block (RFC 5869 section 2.3) ---- */

static void expand(const uint8_t prk[WP_SHA256_LEN], const void *info,
		   size_t len, uint8_t out[WP_SHA256_LEN])
{
	uint8_t block[128 + WP_ECE_POINT_LEN];

	assert(len < sizeof(block));
	memcpy(block, info, len);
	block[len] = 1;
	wp_hmac_sha256(prk, WP_SHA256_LEN, block, len + 1, out);
}

struct keys {
	uint8_t key[WP_SHA256_LEN];   /* the first KEY_LEN bytes */
	uint8_t nonce[WP_SHA256_LEN]; /* the first NONCE_LEN bytes */
};

/* RFC 8291 section 3.4. The NUL at the end of each text is part of it. */
static void derive(const struct wp_ece_receiver *receiver,
		   const struct wp_ece_sender *sender,
		   const uint8_t shared[WP_ECE_SECRET_LEN], struct keys *out)
{
	static const char label[] = "WebPush: info";
	static const char key_label[] = "Content-Encoding: aes128gcm";
	static const char nonce_label[] = "Content-Encoding: nonce";
	uint8_t info[sizeof(label) + 2 * (size_t)WP_ECE_POINT_LEN];
	uint8_t prk[WP_SHA256_LEN];
	uint8_t input[WP_SHA256_LEN];

	memcpy(info, label, sizeof(label));
	memcpy(info + sizeof(label), receiver->point, WP_ECE_POINT_LEN);
	memcpy(info + sizeof(label) + WP_ECE_POINT_LEN, sender->point,
	       WP_ECE_POINT_LEN);
	wp_hmac_sha256(receiver->auth, WP_ECE_AUTH_LEN, shared,
		       WP_ECE_SECRET_LEN, prk);
	expand(prk, info, sizeof(info), input);
	wp_hmac_sha256(sender->salt, WP_ECE_SALT_LEN, input, sizeof(input),
		       prk);
	expand(prk, key_label, sizeof(key_label), out->key);
	expand(prk, nonce_label, sizeof(nonce_label), out->nonce);
	OPENSSL_cleanse(prk, sizeof(prk));
	OPENSSL_cleanse(input, sizeof(input));
}

/* ---- the record ---- */

/* Seal len bytes in place, and put the tag behind them. */
static bool seal(const struct keys *keys, uint8_t *data, size_t len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0;
	bool is_good;

	is_good = ctx != NULL &&
		  EVP_EncryptInit_ex2(ctx, EVP_aes_128_gcm(), keys->key,
				      keys->nonce, NULL) == 1 &&
		  EVP_EncryptUpdate(ctx, data, &n, data, (int)len) == 1 &&
		  EVP_EncryptFinal_ex(ctx, data + n, &rest) == 1 &&
		  (size_t)n + (size_t)rest == len &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN,
				      data + len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return is_good;
}

/* RFC 8188 section 2.1 */
static void add_header(const struct wp_ece_sender *sender, struct wp_buf *out)
{
	static const uint8_t size_and_id[] = { 0, 0, RECORD >> 8, RECORD & 0xff,
					       WP_ECE_POINT_LEN };

	wp_buf_add(out, sender->salt, WP_ECE_SALT_LEN);
	wp_buf_add(out, size_and_id, sizeof(size_and_id));
	wp_buf_add(out, sender->point, WP_ECE_POINT_LEN);
}

enum wp_err wp_ece_encrypt(const struct wp_ece_receiver *receiver,
			   const struct wp_ece_sender *sender,
			   const struct wp_ece_message *message,
			   struct wp_buf *out, struct wp_error *err)
{
	size_t len = message->len + 1 > message->padded ? message->len + 1
							: message->padded;
	uint8_t shared[WP_ECE_SECRET_LEN];
	struct keys keys;
	enum wp_err rc;
	char *room;

	assert(len <= WP_ECE_PLAIN_MAX + 1);
	rc = agree(receiver, sender, shared, err);
	if (rc != WP_OK)
		return rc;
	derive(receiver, sender, shared, &keys);
	add_header(sender, out);
	room = wp_buf_reserve(out, len + TAG_LEN);
	if (room == NULL) {
		rc = failed(err);
		goto out;
	}
	memset(room, 0, len);
	memcpy(room, message->data, message->len);
	room[message->len] = LAST_RECORD;
	if (seal(&keys, (uint8_t *)room, len))
		out->len += len + TAG_LEN;
	else
		rc = failed(err);
out:
	OPENSSL_cleanse(shared, sizeof(shared));
	OPENSSL_cleanse(&keys, sizeof(keys));
	return rc;
}
