/*
 * jwks.c - each key of a set on its own: what it is, what it may do, and the
 * numbers that it is made of.
 *
 * A member that is there twice makes a key unusable: whoever reads the other
 * one sees another key.
 */
#include "lib/auth/jwks.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "lib/base/buf.h"
#include "lib/base/encode.h"

enum {
	RSA_MODULUS_MAX = 1024, /* 8192 bits: more costs too much to verify */
	RSA_EXPONENT_MAX = 4,
	RSA_EXPONENT_LEAST = 65537,
	P256_COORDINATE = 32,
	ED25519_KEY = 32,
};

/* Where the members of one key are. */
enum member_id { KTY, USE, OPS, ALG, KID, CRV, N, E, X, Y, MEMBERS };

static const char *const names[MEMBERS] = {
	[KTY] = "kty", [USE] = "use", [OPS] = "key_ops", [ALG] = "alg",
	[KID] = "kid", [CRV] = "crv", [N] = "n",         [E] = "e",
	[X] = "x",     [Y] = "y",
};

/* RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1: whoever has one of these signs. */
static const char *const secret_names[] = { "d",  "p",  "q",   "dp",
					    "dq", "qi", "oth", "k" };

struct reading {
	struct wp_json_slice members[MEMBERS];
	bool is_there[MEMBERS];
	bool has_secret;
	bool is_twice;
};

/* ---- members ---- */

static void note(struct reading *key, const struct wp_json_slice *name,
		 const struct wp_json_slice *raw)
{
	for (size_t i = 0; i < sizeof(secret_names) / sizeof(secret_names[0]);
	     i++)
		if (wp_json_slice_is(name, secret_names[i]))
			key->has_secret = true;
	for (size_t i = 0; i < MEMBERS; i++) {
		if (!wp_json_slice_is(name, names[i]))
			continue;
		key->is_twice = key->is_twice || key->is_there[i];
		key->is_there[i] = true;
		key->members[i] = *raw;
	}
}

/* False when raw is no object. */
static bool find_members(struct reading *key, const struct wp_json_slice *raw)
{
	struct wp_json_slice name, value;
	struct wp_json js;

	*key = (struct reading){ 0 };
	wp_json_init(&js, raw->data, raw->len);
	if (!wp_json_object_begin(&js))
		return false;
	while (wp_json_object_next(&js, &name))
		if (wp_json_raw(&js, &value))
			note(key, &name, &value);
	return js.err == NULL;
}

static bool read_string(const struct wp_json_slice *raw,
			struct wp_json_slice *out)
{
	struct wp_json js;

	wp_json_init(&js, raw->data, raw->len);
	return wp_json_string(&js, out);
}

static bool is_text(const struct reading *key, enum member_id id,
		    const char *text)
{
	struct wp_json_slice value;

	return key->is_there[id] && read_string(&key->members[id], &value) &&
	       wp_json_slice_is(&value, text);
}

/*
 * A member that is base64url, its leading zeros left out when it is a number.
 *
 * out:      room for max bytes
 * Returns:  how many it has; 0 when it is unfit
 */
static size_t read_bytes(const struct reading *key, enum member_id id,
			 bool is_number, uint8_t *out, size_t max)
{
	uint8_t bytes[RSA_MODULUS_MAX + 4]; /* some leading zeros */
	struct wp_json_slice text;
	size_t len, zeros = 0;

	/* Who writes digits as escapes is not understood, and need not be. */
	if (!key->is_there[id] || !read_string(&key->members[id], &text) ||
	    wp_base64_decoded_max(text.len) > sizeof(bytes) ||
	    !wp_base64url_decode(text.data, text.len, bytes, &len))
		return 0;
	while (is_number && zeros < len && bytes[zeros] == 0)
		zeros++;
	if (len - zeros > max)
		return 0;
	memcpy(out, bytes + zeros, len - zeros);
	return len - zeros;
}

/* May it verify? (RFC 7517 sections 4.2 and 4.3.) */
static bool is_for_signatures(const struct reading *key)
{
	struct wp_json_slice text;
	bool found = false;
	struct wp_json js;

	if (key->is_there[USE] && !is_text(key, USE, "sig"))
		return false;
	if (!key->is_there[OPS])
		return true;
	wp_json_init(&js, key->members[OPS].data, key->members[OPS].len);
	wp_json_array_begin(&js);
	while (wp_json_array_next(&js))
		if (wp_json_string(&js, &text) &&
		    wp_json_slice_is(&text, "verify"))
			found = true;
	return found && js.err == NULL;
}

/* False when it names one that is not ours. */
static bool read_alg(const struct reading *key, enum wp_alg *out)
{
	struct wp_json_slice text;

	*out = WP_ALG_NONE;
	if (!key->is_there[ALG])
		return true;
	if (!read_string(&key->members[ALG], &text))
		return false;
	*out = wp_alg_named(&text);
	return *out != WP_ALG_NONE && *out != WP_ALG_HS256;
}

/* ---- the key itself ---- */

static EVP_PKEY *make_key(const char *kind, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx != NULL && params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY,
					params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

static EVP_PKEY *make_rsa(const struct reading *key)
{
	uint8_t modulus[RSA_MODULUS_MAX], exponent[RSA_EXPONENT_MAX];
	size_t n_len = read_bytes(key, N, true, modulus, sizeof(modulus));
	size_t e_len = read_bytes(key, E, true, exponent, sizeof(exponent));
	OSSL_PARAM_BLD *build = NULL;
	BIGNUM *n = NULL, *e = NULL;
	EVP_PKEY *pkey = NULL;

	/* An even number is no product of two primes. */
	if (n_len == 0 || e_len == 0 || modulus[n_len - 1] % 2 == 0 ||
	    exponent[e_len - 1] % 2 == 0)
		return NULL;
	n = BN_bin2bn(modulus, (int)n_len, NULL);
	e = BN_bin2bn(exponent, (int)e_len, NULL);
	build = OSSL_PARAM_BLD_new();
	if (n != NULL && e != NULL && build != NULL &&
	    BN_get_word(e) >= RSA_EXPONENT_LEAST &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
		pkey = make_key("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	return pkey;
}

/* Both coordinates have all their bytes (RFC 7518 section 6.2.1.2). */
static EVP_PKEY *make_p256(const struct reading *key)
{
	uint8_t point[1 + 2 * P256_COORDINATE] = { 0x04 }; /* uncompressed */
	OSSL_PARAM_BLD *build = NULL;
	EVP_PKEY *pkey = NULL;

	if (!is_text(key, CRV, "P-256") ||
	    read_bytes(key, X, false, point + 1, P256_COORDINATE) !=
		    P256_COORDINATE ||
	    read_bytes(key, Y, false, point + 1 + P256_COORDINATE,
		       P256_COORDINATE) != P256_COORDINATE)
		return NULL;
	build = OSSL_PARAM_BLD_new();
	/* A point that is not on the curve makes no key. */
	if (build != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
					    "prime256v1", 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
					     point, sizeof(point)))
		pkey = make_key("EC", build);
	OSSL_PARAM_BLD_free(build);
	return pkey;
}

static EVP_PKEY *make_ed25519(const struct reading *key)
{
	uint8_t bytes[ED25519_KEY];

	if (!is_text(key, CRV, "Ed25519") ||
	    read_bytes(key, X, false, bytes, sizeof(bytes)) != sizeof(bytes))
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes,
					   sizeof(bytes));
}

/* NULL when it has no form that we know. */
static EVP_PKEY *make(const struct reading *key)
{
	if (is_text(key, KTY, "RSA"))
		return make_rsa(key);
	if (is_text(key, KTY, "EC"))
		return make_p256(key);
	if (is_text(key, KTY, "OKP"))
		return make_ed25519(key);
	return NULL;
}

/* ---- the set ---- */

static bool same_kid(const struct wp_jwk *a, const struct wp_jwk *b)
{
	return a->kid != NULL && b->kid != NULL && a->kid_len == b->kid_len &&
	       memcmp(a->kid, b->kid, a->kid_len) == 0;
}

static bool is_known(const struct wp_jwks *jwks, const struct wp_jwk *key)
{
	for (size_t i = 0; i < jwks->n; i++)
		if (jwks->keys[i].verifier.alg == key->verifier.alg &&
		    same_kid(&jwks->keys[i], key))
			return true;
	return false;
}

/* Errors: WP_ERR_INVAL  it is too long, or no string; WP_ERR_NOMEM */
static enum wp_err read_kid(const struct reading *reading, struct wp_jwk *key)
{
	struct wp_json_slice text;
	struct wp_buf kid;

	if (!reading->is_there[KID])
		return WP_OK;
	if (!read_string(&reading->members[KID], &text))
		return WP_ERR_INVAL;
	if (text.len > (size_t)6 * WP_KID_MAX) /* nothing but escapes */
		return WP_ERR_INVAL;
	wp_buf_init(&kid, 0);
	wp_buf_add_str(&kid, ""); /* an empty one has memory, too */
	wp_json_decode(&text, &kid);
	if (kid.failed || kid.len > WP_KID_MAX) {
		enum wp_err rc = kid.failed ? WP_ERR_NOMEM : WP_ERR_INVAL;

		wp_buf_release(&kid);
		return rc;
	}
	key->kid = kid.data;
	key->kid_len = kid.len;
	return WP_OK;
}

static void release(struct wp_jwk *key)
{
	wp_verifier_release(&key->verifier);
	free(key->kid);
}

/*
 * Take one element of the array into the set, or count it.
 *
 * Errors:  WP_ERR_NOMEM
 */
static enum wp_err add(struct wp_jwks *jwks, const struct wp_json_slice *raw)
{
	struct wp_jwk key = { .raw = *raw };
	struct reading reading;
	EVP_PKEY *pkey = NULL;
	enum wp_err rc = WP_ERR_INVAL;
	enum wp_alg alg;

	if (!find_members(&reading, raw))
		goto out;
	if (reading.has_secret) {
		jwks->n_private++;
		return WP_OK;
	}
	if (reading.is_twice || jwks->n == WP_JWKS_KEYS_MAX ||
	    !is_for_signatures(&reading) || !read_alg(&reading, &alg))
		goto out;
	pkey = make(&reading);
	if (pkey == NULL ||
	    wp_verifier_of_key(&key.verifier, alg, pkey, NULL) != WP_OK)
		goto out;
	pkey = NULL; /* the verifier's */
	rc = read_kid(&reading, &key);
	if (rc == WP_OK && is_known(jwks, &key))
		rc = WP_ERR_CONFLICT;
	if (rc != WP_OK)
		goto out;
	jwks->keys[jwks->n++] = key;
	return WP_OK;
out:
	EVP_PKEY_free(pkey);
	release(&key);
	ERR_clear_error();
	if (rc == WP_ERR_NOMEM)
		return rc;
	jwks->n_ignored++;
	return WP_OK;
}

static enum wp_err read_keys(struct wp_jwks *jwks, struct wp_json *js)
{
	struct wp_json_slice raw;
	enum wp_err rc = WP_OK;

	wp_json_array_begin(js);
	while (rc == WP_OK && wp_json_array_next(js))
		if (wp_json_raw(js, &raw))
			rc = add(jwks, &raw);
	return rc;
}

static enum wp_err refuse(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_INVAL, "the key set %s", sentence);
}

static enum wp_err read_set(struct wp_jwks *jwks, const char *json, size_t len,
			    struct wp_error *err)
{
	struct wp_json_slice name;
	bool has_keys = false;
	enum wp_err rc = WP_OK;
	struct wp_json js;

	wp_json_init(&js, json, len);
	wp_json_object_begin(&js);
	while (rc == WP_OK && wp_json_object_next(&js, &name)) {
		if (!wp_json_slice_is(&name, "keys")) {
			wp_json_raw(&js, NULL);
			continue;
		}
		if (has_keys)
			return refuse(err, "has its keys twice");
		has_keys = true;
		rc = read_keys(jwks, &js);
	}
	if (rc != WP_OK)
		return wp_error_set(err, rc, "out of memory");
	wp_json_end(&js);
	if (js.err != NULL)
		return refuse(err, "is no JSON object with an array of keys");
	return has_keys ? WP_OK : refuse(err, "has no keys");
}

static bool is_same_key(const struct wp_jwk *a, const struct wp_jwk *b)
{
	return a->verifier.alg == b->verifier.alg &&
	       (same_kid(a, b) || (a->kid == NULL && b->kid == NULL)) &&
	       EVP_PKEY_eq(a->verifier.pkey, b->verifier.pkey) == 1;
}

/* How many of a set are this key? More than one when it has no name. */
static size_t count_of(const struct wp_jwks *jwks, const struct wp_jwk *key)
{
	size_t n = 0;

	for (size_t i = 0; i < jwks->n; i++)
		n += is_same_key(&jwks->keys[i], key);
	return n;
}

bool wp_jwks_is_same(const struct wp_jwks *a, const struct wp_jwks *b)
{
	bool is_same = a->n == b->n;

	for (size_t i = 0; is_same && i < a->n; i++)
		is_same = count_of(a, &a->keys[i]) == count_of(b, &a->keys[i]);
	/* Of keys of two kinds OpenSSL notes that they cannot be compared. */
	ERR_clear_error();
	return is_same;
}

enum wp_err wp_jwks_read(struct wp_jwks **out, const char *json, size_t len,
			 struct wp_error *err)
{
	struct wp_jwks *jwks;
	enum wp_err rc;

	if (len > WP_JWKS_BYTES_MAX)
		return refuse(err, "is over 256 KiB");
	jwks = calloc(1, sizeof(*jwks));
	if (jwks == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = read_set(jwks, json, len, err);
	if (rc == WP_OK) {
		*out = jwks;
		jwks = NULL;
	}
	wp_jwks_free(&jwks);
	return rc;
}

void wp_jwks_free(struct wp_jwks **jwks)
{
	if (jwks == NULL || *jwks == NULL)
		return;
	for (size_t i = 0; i < (*jwks)->n; i++)
		release(&(*jwks)->keys[i]);
	free(*jwks);
	*jwks = NULL;
}

/* Does it decode to these bytes, NULs included? */
static bool is_kid(const struct wp_jwk *key, const struct wp_json_slice *kid)
{
	char memory[WP_KID_MAX + 2];
	/* Borrowed memory and a ceiling below it: see the head of buf.c. */
	struct wp_buf text = { .data = memory,
			       .cap = sizeof(memory),
			       .max_bytes = WP_KID_MAX };

	if (key->kid == NULL)
		return false;
	if (!kid->has_escapes)
		return kid->len == key->kid_len &&
		       memcmp(kid->data, key->kid, kid->len) == 0;
	wp_json_decode(kid, &text);
	return !text.failed && text.len == key->kid_len &&
	       memcmp(text.data, key->kid, text.len) == 0;
}

const struct wp_jwk *wp_jwks_find(const struct wp_jwks *jwks, enum wp_alg alg,
				  const struct wp_json_slice *kid)
{
	const struct wp_jwk *found = NULL;

	for (size_t i = 0; i < jwks->n; i++) {
		const struct wp_jwk *key = &jwks->keys[i];

		if (key->verifier.alg != alg)
			continue;
		if (kid != NULL && is_kid(key, kid))
			return key;
		if (kid == NULL && found != NULL)
			return NULL; /* which of them? */
		if (kid == NULL)
			found = key;
	}
	return found;
}
