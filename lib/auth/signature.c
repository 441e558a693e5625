/*
 * signature.c - keys of OpenSSL, each with the one algorithm it may be used
 * for; and did it sign this?
 *
 * A secret's key schedule is paid for once; each verification works on a copy
 * of it.
 */
#include "lib/auth/signature.h"

#include <assert.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "lib/base/digest.h"

enum {
	RSA_MIN_BITS = 2048, /* RFC 7518 section 3.3 */
	P256_NUMBER = 32,    /* bytes of r and of s */
	P256_DER_MAX = 72,
};

enum wp_alg wp_alg_named(const struct wp_json_slice *name)
{
	static const struct {
		const char *name;
		enum wp_alg alg;
	} algs[] = {
		{ "HS256", WP_ALG_HS256 },
		{ "RS256", WP_ALG_RS256 },
		{ "PS256", WP_ALG_PS256 },
		{ "ES256", WP_ALG_ES256 },
		{ "EdDSA", WP_ALG_EDDSA },
		{ "Ed25519", WP_ALG_EDDSA }, /* RFC 9864 section 2.2 */
	};

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (wp_json_slice_is(name, algs[i].name))
			return algs[i].alg;
	return WP_ALG_NONE;
}

/* ---- making ---- */

enum wp_err wp_verifier_of_secret(struct wp_verifier *out, const char *secret,
				  size_t len, struct wp_error *err)
{
	char digest[] = "SHA256"; /* OSSL_PARAM takes no const text */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
						 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	*out = (struct wp_verifier){ .alg = WP_ALG_HS256 };
	out->mac = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac); /* the context has a hold on it */
	if (out->mac != NULL &&
	    EVP_MAC_init(out->mac, (const unsigned char *)secret, len, params))
		return WP_OK;
	wp_verifier_release(out);
	return wp_error_set(err, WP_ERR_NOMEM, "the key cannot be set up");
}

static enum wp_err unfit(struct wp_error *err, const char *why)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s", why);
}

static enum wp_err judge_rsa(const EVP_PKEY *pkey, struct wp_error *err)
{
	if (EVP_PKEY_get_bits(pkey) < RSA_MIN_BITS)
		return unfit(err, "an RSA key under 2048 bits");
	return WP_OK;
}

static enum wp_err judge_ec(const EVP_PKEY *pkey, struct wp_error *err)
{
	char group[32] = "";

	(void)EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
	if (strcmp(group, SN_X9_62_prime256v1) == 0)
		return WP_OK;
	return unfit(err, "an EC key on another curve than P-256");
}

/* Looking the digest up each time would cost a lock. */
static enum wp_err bind(struct wp_verifier *out, enum wp_alg alg,
			EVP_PKEY *pkey, struct wp_error *err)
{
	EVP_MD *digest = NULL;

	/* Ed25519 has one of its own. */
	if (alg != WP_ALG_EDDSA) {
		digest = EVP_MD_fetch(NULL, "SHA256", NULL);
		if (digest == NULL)
			return wp_error_set(
				err, WP_ERR_NOMEM,
				"a key, and there is no memory or no SHA-256");
	}
	*out = (struct wp_verifier){
		.alg = alg,
		.pkey = pkey,
		.digest = digest,
	};
	return WP_OK;
}

enum wp_err wp_verifier_of_key(struct wp_verifier *out, enum wp_alg wanted,
			       EVP_PKEY *pkey, struct wp_error *err)
{
	enum wp_alg alg = wanted;
	enum wp_err rc = WP_OK;
	bool is_of_kind;

	if (EVP_PKEY_is_a(pkey, "RSA")) {
		alg = wanted == WP_ALG_NONE ? WP_ALG_RS256 : wanted;
		is_of_kind = alg == WP_ALG_RS256 || alg == WP_ALG_PS256;
		rc = judge_rsa(pkey, err);
	} else if (EVP_PKEY_is_a(pkey, "EC")) {
		alg = wanted == WP_ALG_NONE ? WP_ALG_ES256 : wanted;
		is_of_kind = alg == WP_ALG_ES256;
		rc = judge_ec(pkey, err);
	} else if (EVP_PKEY_is_a(pkey, "ED25519")) {
		alg = wanted == WP_ALG_NONE ? WP_ALG_EDDSA : wanted;
		is_of_kind = alg == WP_ALG_EDDSA;
	} else {
		return unfit(err, "a key that is neither RSA, EC nor Ed25519");
	}
	if (rc == WP_OK && !is_of_kind)
		rc = unfit(err, "a key of another kind than its algorithm");
	if (rc == WP_OK)
		rc = bind(out, alg, pkey, err);
	return rc;
}

void wp_verifier_release(struct wp_verifier *verifier)
{
	EVP_MAC_CTX_free(verifier->mac);
	EVP_PKEY_free(verifier->pkey);
	EVP_MD_free(verifier->digest);
	*verifier = (struct wp_verifier){ 0 };
}

/* ---- verifying ---- */

static bool check_mac(const struct wp_verifier *verifier,
		      const struct wp_signed *what)
{
	uint8_t mac[WP_SHA256_LEN];
	EVP_MAC_CTX *ctx;
	bool is_good;

	if (what->sig_len != sizeof(mac))
		return false;
	ctx = EVP_MAC_CTX_dup(verifier->mac);
	is_good = ctx != NULL && EVP_MAC_update(ctx, what->data, what->len) &&
		  EVP_MAC_final(ctx, mac, NULL, sizeof(mac)) &&
		  wp_equal_ct(mac, what->sig, sizeof(mac));
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

/* RFC 7518 section 3.5: MGF1 with the same digest, and a salt as long. */
static bool use_pss(EVP_PKEY_CTX *ctx, const EVP_MD *digest)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) >
		       0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest) > 0;
}

static bool check_public(const struct wp_verifier *verifier,
			 const struct wp_signed *what)
{
	unsigned char der[P256_DER_MAX];
	const uint8_t *sig = what->sig;
	size_t sig_len = what->sig_len;
	EVP_PKEY_CTX *pkey_ctx = NULL; /* of ctx */
	EVP_MD_CTX *ctx;
	bool is_good;

	if (verifier->alg == WP_ALG_ES256) {
		if (sig_len != (size_t)2 * P256_NUMBER)
			return false;
		sig_len = p256_to_der(sig, der);
		sig = der;
	}
	ctx = EVP_MD_CTX_new();
	is_good =
		ctx != NULL &&
		EVP_DigestVerifyInit(ctx, &pkey_ctx, verifier->digest, NULL,
				     verifier->pkey) == 1 &&
		(verifier->alg != WP_ALG_PS256 ||
		 use_pss(pkey_ctx, verifier->digest)) &&
		EVP_DigestVerify(ctx, sig, sig_len, what->data, what->len) == 1;
	EVP_MD_CTX_free(ctx);
	return is_good;
}

bool wp_verifier_check(const struct wp_verifier *verifier,
		       const struct wp_signed *what)
{
	bool is_good;

	assert(verifier->alg != WP_ALG_NONE);
	is_good = verifier->alg == WP_ALG_HS256 ? check_mac(verifier, what)
						: check_public(verifier, what);
	/* A refused signature leaves notes behind in this thread's queue. */
	if (!is_good)
		ERR_clear_error();
	return is_good;
}
