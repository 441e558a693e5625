/*
 * signature.h - did this key sign that? A key is bound to the one algorithm it
 * may be used with (RFC 8725 section 3.1): there is no way to ask for another
 * pairing.
 */
#ifndef WP_LIB_AUTH_SIGNATURE_H
#define WP_LIB_AUTH_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/json.h"

/* RFC 7518 section 3.1; EdDSA with Ed25519 only (RFC 8037, RFC 9864). */
enum wp_alg {
	WP_ALG_NONE,
	WP_ALG_HS256,
	WP_ALG_RS256,
	WP_ALG_PS256,
	WP_ALG_ES256,
	WP_ALG_EDDSA,
};

/* The algorithm that a JOSE header calls so; WP_ALG_NONE: none of ours. */
enum wp_alg wp_alg_named(const struct wp_json_slice *name);

struct evp_mac_ctx_st;
struct evp_md_st;
struct evp_pkey_st;

/* A key ready to verify. Immutable: any number of threads may use it. */
struct wp_verifier {
	enum wp_alg alg;
	struct evp_mac_ctx_st *mac; /* owned; HS256: never updated, copied */
	struct evp_pkey_st *pkey;   /* owned; all others */
	struct evp_md_st *digest;   /* owned; NULL: none of its own */
};

/*
 * secret:   not kept; the caller wipes it
 * Errors:   WP_ERR_NOMEM
 */
enum wp_err wp_verifier_of_secret(struct wp_verifier *out, const char *secret,
				  size_t len, struct wp_error *err) WP_MUST_USE;

/*
 * Bind a public key to the algorithm.
 *
 * wanted:   WP_ALG_NONE for that of its kind: RS256, ES256, EdDSA
 * pkey:     taken when WP_OK is returned
 * Errors:   WP_ERR_INVAL  the key is unfit, or of another kind than wanted;
 *                         err.msg says what it is: "an RSA key under 2048 bits"
 *           WP_ERR_NOMEM
 */
enum wp_err wp_verifier_of_key(struct wp_verifier *out, enum wp_alg wanted,
			       struct evp_pkey_st *pkey,
			       struct wp_error *err) WP_MUST_USE;
void wp_verifier_release(struct wp_verifier *verifier);

/* What is signed, and how. Borrowed. */
struct wp_signed {
	const void *data;
	size_t len;
	/*
	 * What the token carries: for ES256 both numbers, 32 bytes each (RFC
	 * 7518 section 3.4).
	 */
	const uint8_t *sig;
	size_t sig_len;
};

bool wp_verifier_check(const struct wp_verifier *verifier,
		       const struct wp_signed *what);

#endif /* WP_LIB_AUTH_SIGNATURE_H */
