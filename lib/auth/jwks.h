/*
 * jwks.h - a JSON Web Key Set from a stranger (RFC 7517 section 5), and which
 * of its keys may verify tokens here.
 *
 * Usable are RSA keys of 2048 to 8192 bits, EC keys on P-256 and Ed25519 keys,
 * if they are for signatures and for one of our algorithms. A set with a key
 * that is not usable is still a set: such keys are left out and counted.
 */
#ifndef WP_LIB_AUTH_JWKS_H
#define WP_LIB_AUTH_JWKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/signature.h"
#include "lib/base/err.h"
#include "lib/base/json.h"

enum {
	WP_JWKS_KEYS_MAX = 64,          /* usable ones; more are left out */
	WP_JWKS_BYTES_MAX = 256 * 1024, /* of the text of a set */
	WP_KID_MAX = 512,               /* bytes, once decoded */
};

struct wp_jwk {
	struct wp_verifier verifier; /* owned */
	char *kid;                   /* owned, NUL behind it; NULL: none */
	size_t kid_len;              /* there may be NULs in it */
	/* The object as it was given. Borrowed from what was read. */
	struct wp_json_slice raw;
};

struct wp_jwks {
	struct wp_jwk keys[WP_JWKS_KEYS_MAX];
	size_t n;
	/* Left out: */
	size_t n_private; /* a secret half, or a secret, is in it */
	size_t n_ignored; /* all others */
};

/*
 * Read the object that has the member "keys". Other members are skipped.
 *
 * Ownership:  *out is the caller's; end with wp_jwks_free()
 * Errors:     WP_ERR_INVAL  no JSON, no such object, or over WP_JWKS_BYTES_MAX;
 *                           a sentence that quotes nothing of it. A set without
 *                           a usable key is none: out->n is 0
 *             WP_ERR_NOMEM
 * Source:     RFC 7517 sections 4 and 5, RFC 7518 section 6, RFC 8037, RFC 9864
 */
enum wp_err wp_jwks_read(struct wp_jwks **out, const char *json, size_t len,
			 struct wp_error *err) WP_MUST_USE;
void wp_jwks_free(struct wp_jwks **jwks);

/* Have both the same keys, in whatever order? Then they verify the same. */
bool wp_jwks_is_same(const struct wp_jwks *a, const struct wp_jwks *b);

/*
 * The key that a token means: that of this algorithm and kid; without a kid the
 * only one of the algorithm.
 *
 * kid:      NULL when the token has none
 * Returns:  borrowed; NULL when there is none, or it is not clear which
 */
const struct wp_jwk *wp_jwks_find(const struct wp_jwks *jwks, enum wp_alg alg,
				  const struct wp_json_slice *kid);

#endif /* WP_LIB_AUTH_JWKS_H */
