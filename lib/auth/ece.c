/*
 * ece.c - ECDH on P-256, three steps of HKDF, AES-128-GCM, on OpenSSL.
 */
#include "lib/auth/ece.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

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

static enum wp_err failed(struct wp_error *err)
{
	ERR_clear_error();
	return wp_error_set(err, WP_ERR_NOMEM, "OpenSSL refuses a message");
}

/* ---- keys ---- */

/*
 * The curve: to make it takes as long as a multiplication on it, and what knows
 * keys (EVP_PKEY) makes it anew for each key, three times a message. So it is
 * made once, and only read from then on, and keys are numbers.
 */
static struct {
	pthread_once_t once;
	EC_GROUP *group; /* NULL: no memory */
} curve = { .once = PTHREAD_ONCE_INIT };

static void make_curve(void)
{
	curve.group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

static const EC_GROUP *p256(void)
{
	(void)pthread_once(&curve.once, make_curve);
	return curve.group;
}

/* NULL: no such point, or no memory. */
static EC_POINT *point_of(const uint8_t bytes[WP_ECE_POINT_LEN])
{
	const EC_GROUP *group = p256();
	EC_POINT *point = group != NULL ? EC_POINT_new(group) : NULL;

	/* One that is not on the curve is refused here; all that are belong to
	 * the group, for its cofactor is 1. */
	if (point != NULL && bytes[0] == UNCOMPRESSED &&
	    EC_POINT_oct2point(group, point, bytes, WP_ECE_POINT_LEN, NULL) ==
		    1)
		return point;
	EC_POINT_free(point);
	ERR_clear_error();
	return NULL;
}

bool wp_ece_is_point(const void *data, size_t len)
{
	EC_POINT *point = len == WP_ECE_POINT_LEN ? point_of(data) : NULL;
	bool is_point = point != NULL;

	EC_POINT_free(point);
	return is_point;
}

/* From 1 to the order of the group, the latter left out. */
static bool pick_secret(BIGNUM *secret)
{
	const BIGNUM *order = EC_GROUP_get0_order(p256());

	do
		if (BN_priv_rand_range(secret, order) != 1)
			return false;
	while (BN_is_zero(secret));
	return true;
}

enum wp_err wp_ece_sender_make(struct wp_ece_sender *out, struct wp_error *err)
{
	const EC_GROUP *group = p256();
	EC_POINT *point = group != NULL ? EC_POINT_new(group) : NULL;
	BIGNUM *secret = BN_secure_new();
	bool is_good;

	is_good =
		point != NULL && secret != NULL && pick_secret(secret) &&
		EC_POINT_mul(group, point, secret, NULL, NULL, NULL) == 1 &&
		EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
				   out->point, sizeof(out->point),
				   NULL) == sizeof(out->point) &&
		BN_bn2binpad(secret, out->secret, sizeof(out->secret)) ==
			(int)sizeof(out->secret);
	BN_clear_free(secret);
	EC_POINT_free(point);
	wp_random_bytes(out->salt, sizeof(out->salt));
	return is_good ? WP_OK : failed(err);
}

void wp_ece_sender_forget(struct wp_ece_sender *sender)
{
	OPENSSL_cleanse(sender, sizeof(*sender));
}

/* What both sides come to: ECDH of SP 800-56A, section 5.7.1.2. WP_ERR_INVAL:
 * the receiver's point is none. */
static enum wp_err agree(const struct wp_ece_receiver *receiver,
			 const struct wp_ece_sender *sender,
			 uint8_t out[WP_ECE_SECRET_LEN], struct wp_error *err)
{
	EC_POINT *theirs = point_of(receiver->point);
	EC_POINT *shared = NULL;
	BIGNUM *secret = BN_secure_new();
	BIGNUM *x = BN_secure_new();
	enum wp_err rc = WP_OK;

	if (theirs == NULL) {
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "the receiver's key is no point of P-256");
		goto out;
	}
	shared = EC_POINT_new(p256());
	if (shared == NULL || secret == NULL || x == NULL ||
	    BN_bin2bn(sender->secret, WP_ECE_SECRET_LEN, secret) == NULL ||
	    EC_POINT_mul(p256(), shared, NULL, theirs, secret, NULL) != 1 ||
	    EC_POINT_get_affine_coordinates(p256(), shared, x, NULL, NULL) !=
		    1 ||
	    BN_bn2binpad(x, out, WP_ECE_SECRET_LEN) != WP_ECE_SECRET_LEN)
		rc = failed(err);
out:
	BN_clear_free(x);
	BN_clear_free(secret);
	EC_POINT_clear_free(shared);
	EC_POINT_free(theirs);
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
