/*
 * signing_key.h - what is in a file of a signing key: made anew, or read for
 * its public half. When it signs is signing.h's.
 */
#ifndef WP_LIB_AUTH_SIGNING_KEY_H
#define WP_LIB_AUTH_SIGNING_KEY_H

#include "lib/auth/signing.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

/* What a token's header says of the key. */
struct wp_signing_public {
	enum wp_sign_alg alg;
	/* The first digits of the SHA-256 of its SubjectPublicKeyInfo in DER */
	char kid[WP_SIGNING_KID_LEN + 1];
};

/*
 * Make a private key: EC on P-256, or RSA of 2048 bits.
 *
 * pem:        gets PKCS #8 in PEM, appended; wp_signing_forget() it
 * Errors:     WP_ERR_NOMEM
 * Threads:    any; RSA takes a tenth of a second
 */
enum wp_err wp_signing_make(enum wp_sign_alg alg, struct wp_buf *pem,
			    struct wp_signing_public *out,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Read a private key for its public half.
 *
 * pem:     unencrypted; up to a few KiB
 * jwk:     gets a JSON object, appended (RFC 7517): kty, use, alg, kid and what
 *          verifies; NULL when nobody wants it
 * Errors:  WP_ERR_INVAL  it is no private key, or neither EC on P-256 nor
 *                        RSA of 2048 bits or more; nothing of it is repeated
 *          WP_ERR_NOMEM
 */
enum wp_err wp_signing_open(const char *pem, size_t len,
			    struct wp_signing_public *out, struct wp_buf *jwk,
			    struct wp_error *err) WP_MUST_USE;

/* Overwrite and free what held a private key. NULL-safe, idempotent. */
void wp_signing_forget(struct wp_buf *pem);

/* "ES256", "RS256" */
const char *wp_signing_alg_name(enum wp_sign_alg alg);

#endif /* WP_LIB_AUTH_SIGNING_KEY_H */
