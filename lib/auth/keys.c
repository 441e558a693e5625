/*
 * keys.c - secrets and PEM files turned into OpenSSL keys, once; and did one of
 * them sign this?
 *
 * Decides which key is fit for which algorithm, and never uses it with another:
 * there is no way to ask for another pairing. A secret's key schedule is paid
 * for at start; each verification works on a copy of it.
 */
#include "lib/auth/keys.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "lib/base/digest.h"

enum {
	SECRET_MIN_BYTES = 32, /* RFC 7518 section 3.2 */
	RSA_MIN_BITS = 2048,   /* RFC 7518 section 3.3 */
	P256_NUMBER = 32,      /* bytes of r and of s */
	P256_DER_MAX = 72,
};

/* A secret, and the setting that it comes from. */
struct secret {
	const char *text;
	size_t len;
	const char *setting;
};

/* How many keys one deployment may have, all kinds together. */
enum { KEYS_MAX = 64 };

struct wp_key {
	enum wp_alg alg;
	EVP_MAC_CTX *mac; /* HS256; never updated, only copied */
	EVP_PKEY *pkey;   /* RS256, ES256 */
};

struct wp_keys {
	struct wp_key keys[KEYS_MAX];
	size_t n;
	EVP_MAC *hmac;
	EVP_MD *sha256;
};

static const char blanks[] = " \t\r\n";

static enum wp_err add(struct wp_keys *keys, const struct wp_key *key,
		       struct wp_error *err)
{
	if (keys->n == KEYS_MAX)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth: more than %d keys", KEYS_MAX);
	keys->keys[keys->n++] = *key;
	return WP_OK;
}

static enum wp_err check_secret(const struct wp_conf *conf,
				const struct secret *secret,
				struct wp_error *err)
{
	static const char pem[] = "-----BEGIN";

	/* Whoever knows the public key could sign with it as a secret. */
	if (secret->len >= sizeof(pem) - 1 &&
	    memcmp(secret->text, pem, sizeof(pem) - 1) == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s: this is a PEM key, no secret; name "
				    "its file in auth.public_key_files",
				    secret->setting);
	if (conf->run_mode == WP_RUN_PRODUCTION &&
	    secret->len < SECRET_MIN_BYTES)
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s: must have %d bytes or more in "
				    "production",
				    secret->setting, SECRET_MIN_BYTES);
	return WP_OK;
}

/*
 * A secret moves into the list of previous ones one day. There a comma would
 * make two of it, the second as short as chance has it, and blanks around it
 * would be lost.
 */
static enum wp_err check_can_be_listed(const char *text, struct wp_error *err)
{
	size_t len = strlen(text);

	if (strchr(text, ',') != NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth.jwt_secret: must not hold a comma, "
				    "which separates previous secrets; make "
				    "another one");
	if (strchr(blanks, text[0]) != NULL ||
	    strchr(blanks, text[len - 1]) != NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth.jwt_secret: must not begin or end "
				    "with a blank");
	return WP_OK;
}

static enum wp_err add_secret(struct wp_keys *keys, const struct wp_conf *conf,
			      const struct secret *secret, struct wp_error *err)
{
	char digest[] = "SHA256"; /* OSSL_PARAM takes no const text */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
						 0),
		OSSL_PARAM_construct_end(),
	};
	struct wp_key key = { .alg = WP_ALG_HS256 };
	enum wp_err rc = check_secret(conf, secret, err);

	if (rc != WP_OK)
		return rc;
	key.mac = EVP_MAC_CTX_new(keys->hmac);
	if (key.mac == NULL ||
	    !EVP_MAC_init(key.mac, (const unsigned char *)secret->text,
			  secret->len, params))
		rc = wp_error_set(err, WP_ERR_NOMEM,
				  "%s: the key cannot be set up",
				  secret->setting);
	if (rc == WP_OK)
		rc = add(keys, &key, err);
	if (rc != WP_OK)
		EVP_MAC_CTX_free(key.mac);
	return rc;
}

/*
 * Every non-blank element of a comma list, trimmed. A short one is a piece of
 * a secret that held a comma, in local mode as well: anybody could guess it.
 */
static enum wp_err add_secrets(struct wp_keys *keys, const struct wp_conf *conf,
			       const char *list, const char *setting,
			       struct wp_error *err)
{
	const char *p = list;

	for (;;) {
		size_t len = strcspn(p, ",");
		size_t lead = strspn(p, blanks);
		size_t end = len;
		enum wp_err rc = WP_OK;

		while (end > lead && strchr(blanks, p[end - 1]) != NULL)
			end--;
		if (lead < end && end - lead < SECRET_MIN_BYTES)
			rc = wp_error_set(err, WP_ERR_INVAL,
					  "%s: each must have %d bytes or "
					  "more; a comma separates them",
					  setting, SECRET_MIN_BYTES);
		else if (lead < end)
			rc = add_secret(keys, conf,
					&(struct secret){ p + lead, end - lead,
							  setting },
					err);
		if (rc != WP_OK || p[len] == '\0')
			return rc;
		p += len + 1;
	}
}

/* What this key may verify; WP_ALG_NONE and a sentence when nothing. */
static enum wp_alg judge(const EVP_PKEY *pkey, const char **why_out)
{
	char group[32] = "";

	if (EVP_PKEY_is_a(pkey, "RSA")) {
		if (EVP_PKEY_get_bits(pkey) >= RSA_MIN_BITS)
			return WP_ALG_RS256;
		*why_out = "holds an RSA key under 2048 bits";
		return WP_ALG_NONE;
	}
	if (EVP_PKEY_is_a(pkey, "EC")) {
		(void)EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
		if (strcmp(group, SN_X9_62_prime256v1) == 0)
			return WP_ALG_ES256;
		*why_out = "holds an EC key on another curve than P-256";
		return WP_ALG_NONE;
	}
	*why_out = "holds a key that is neither RSA nor EC";
	return WP_ALG_NONE;
}

static enum wp_err bad_file(struct wp_error *err, const char *path,
			    const char *why)
{
	return wp_error_set(err, WP_ERR_INVAL, "auth.public_key_files: %s %s",
			    path, why);
}

/* Takes pkey, whatever the result. */
static enum wp_err add_public_key(struct wp_keys *keys, const char *path,
				  EVP_PKEY *pkey, struct wp_error *err)
{
	const char *why = NULL;
	struct wp_key key = { .alg = judge(pkey, &why), .pkey = pkey };
	enum wp_err rc;

	rc = key.alg == WP_ALG_NONE ? bad_file(err, path, why)
				    : add(keys, &key, err);
	if (rc != WP_OK)
		EVP_PKEY_free(pkey);
	return rc;
}

/* Read one PEM block that is left in bio; *more_out: there was one. */
static enum wp_err add_block(struct wp_keys *keys, const char *path, BIO *bio,
			     bool *more_out, struct wp_error *err)
{
	static const char unreadable[] = "holds a PEM block that cannot be "
					 "read";
	enum wp_err rc = WP_ERR_INVAL;
	unsigned char *data = NULL;
	const unsigned char *end;
	EVP_PKEY *pkey = NULL;
	char *header = NULL;
	char *name = NULL;
	long len = 0;

	*more_out = PEM_read_bio(bio, &name, &header, &data, &len) == 1;
	if (!*more_out) {
		/* The end of the file is the one reason that is no fault. */
		if (ERR_GET_REASON(ERR_peek_last_error()) ==
		    PEM_R_NO_START_LINE)
			return WP_OK;
		return bad_file(err, path, unreadable);
	}
	if (strcmp(name, PEM_STRING_PUBLIC) != 0) {
		bad_file(err, path, "holds something else than PUBLIC KEYs");
		goto out;
	}
	end = data;
	pkey = d2i_PUBKEY(NULL, &end, len);
	if (pkey == NULL || end != data + len) {
		bad_file(err, path, unreadable);
		goto out;
	}
	rc = add_public_key(keys, path, pkey, err);
	pkey = NULL; /* taken, whatever rc is */
out:
	EVP_PKEY_free(pkey);
	OPENSSL_free(data);
	OPENSSL_free(header);
	OPENSSL_free(name);
	return rc;
}

/* All public keys of one file, so that a key can be rotated within it. */
static enum wp_err add_file(struct wp_keys *keys, const char *path,
			    struct wp_error *err)
{
	BIO *bio = BIO_new_file(path, "re");
	size_t before = keys->n;
	enum wp_err rc = WP_OK;
	bool more = true;

	if (bio == NULL)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "auth.public_key_files: %s cannot be read: "
				  "%s",
				  path, strerror(errno));
	while (rc == WP_OK && more)
		rc = add_block(keys, path, bio, &more, err);
	if (rc == WP_OK && keys->n == before)
		rc = bad_file(err, path, "holds no public key");
	BIO_free(bio);
	ERR_clear_error();
	return rc;
}

static enum wp_err add_all(struct wp_keys *keys, const struct wp_conf *conf,
			   struct wp_error *err)
{
	const struct wp_conf_list *files = &conf->auth.public_key_files;
	const char *secret = conf->auth.jwt_secret;
	const char *previous = conf->auth.jwt_secret_previous;
	enum wp_err rc = WP_OK;
	size_t i;

	if (secret != NULL && secret[0] != '\0') {
		rc = check_can_be_listed(secret, err);
		if (rc == WP_OK)
			rc = add_secret(keys, conf,
					&(struct secret){ secret,
							  strlen(secret),
							  "auth.jwt_secret" },
					err);
	}
	if (rc == WP_OK && previous != NULL)
		rc = add_secrets(keys, conf, previous,
				 "auth.jwt_secret_previous", err);
	for (i = 0; rc == WP_OK && i < files->n; i++)
		rc = add_file(keys, files->items[i], err);
	if (rc == WP_OK && keys->n == 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "auth.jwt_secret: no key verifies tokens; "
				  "set JWT_SECRET, auth.jwt_secret_file or "
				  "auth.public_key_files");
	return rc;
}

enum wp_err wp_keys_new(struct wp_keys **out, const struct wp_conf *conf,
			struct wp_error *err)
{
	struct wp_keys *keys = calloc(1, sizeof(*keys));
	enum wp_err rc = WP_ERR_NOMEM;

	if (keys != NULL) {
		keys->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
		keys->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	if (keys == NULL || keys->hmac == NULL || keys->sha256 == NULL)
		wp_error_set(err, rc, "auth: OpenSSL has no memory or no HMAC");
	else
		rc = add_all(keys, conf, err);
	if (rc == WP_OK) {
		*out = keys;
		keys = NULL;
	}
	wp_keys_free(&keys);
	return rc;
}

void wp_keys_free(struct wp_keys **keys)
{
	size_t i;

	if (keys == NULL || *keys == NULL)
		return;
	for (i = 0; i < (*keys)->n; i++) {
		EVP_MAC_CTX_free((*keys)->keys[i].mac);
		EVP_PKEY_free((*keys)->keys[i].pkey);
	}
	EVP_MAC_free((*keys)->hmac);
	EVP_MD_free((*keys)->sha256);
	free(*keys);
	*keys = NULL;
}

/* ---- verifying ---- */

bool wp_keys_have(const struct wp_keys *keys, enum wp_alg alg)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (keys->keys[i].alg == alg)
			return true;
	return false;
}

static bool verify_mac(const struct wp_key *key, const struct wp_signed *what)
{
	uint8_t mac[WP_SHA256_LEN];
	EVP_MAC_CTX *ctx;
	bool is_good;

	if (what->sig_len != sizeof(mac))
		return false;
	ctx = EVP_MAC_CTX_dup(key->mac);
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

static bool verify_public(const struct wp_keys *keys, const struct wp_key *key,
			  const struct wp_signed *what)
{
	unsigned char der[P256_DER_MAX];
	const uint8_t *sig = what->sig;
	size_t sig_len = what->sig_len;
	EVP_MD_CTX *ctx;
	bool is_good;

	if (key->alg == WP_ALG_ES256) {
		if (sig_len != (size_t)2 * P256_NUMBER)
			return false;
		sig_len = p256_to_der(sig, der);
		sig = der;
	}
	ctx = EVP_MD_CTX_new();
	is_good =
		ctx != NULL &&
		EVP_DigestVerifyInit(ctx, NULL, keys->sha256, NULL,
				     key->pkey) == 1 &&
		EVP_DigestVerify(ctx, sig, sig_len, what->data, what->len) == 1;
	EVP_MD_CTX_free(ctx);
	return is_good;
}

bool wp_keys_verify(const struct wp_keys *keys, enum wp_alg alg,
		    const struct wp_signed *what)
{
	bool is_good = false;
	size_t i;

	assert(alg != WP_ALG_NONE);
	for (i = 0; i < keys->n && !is_good; i++) {
		const struct wp_key *key = &keys->keys[i];

		if (key->alg != alg)
			continue;
		is_good = alg == WP_ALG_HS256 ? verify_mac(key, what)
					      : verify_public(keys, key, what);
	}
	/* A refused signature leaves notes behind in this thread's queue. */
	if (!is_good)
		ERR_clear_error();
	return is_good;
}
