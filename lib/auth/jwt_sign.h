/*
 * jwt_sign.h - a signed JWT of claims that are JSON already, with a private key
 * in PEM or a secret. The one place that knows libjwt.
 */
#ifndef WP_LIB_AUTH_JWT_SIGN_H
#define WP_LIB_AUTH_JWT_SIGN_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

struct wp_jwt_sign {
	enum wp_sign_alg alg; /* that of the key */
	const char *pem;      /* read for each token: 0.4 ms */
	size_t pem_len;
	const char *kid;    /* of the header; NULL: none */
	const char *claims; /* a JSON object, NUL-terminated */
};

/*
 * Append a token; its header says "typ":"JWT".
 *
 * Errors:  WP_ERR_NOMEM  or the key is not one of the algorithm
 * Threads: any
 */
enum wp_err wp_jwt_sign(const struct wp_jwt_sign *what, struct wp_buf *out,
			struct wp_error *err) WP_MUST_USE;

/*
 * The same by HS256 (RFC 7518 section 3.2), with the bytes of a secret.
 *
 * secret:  NUL-terminated, not empty
 * claims:  a JSON object, NUL-terminated
 * Errors:  WP_ERR_NOMEM  or claims are no such object
 */
enum wp_err wp_jwt_sign_secret(const char *secret, const char *claims,
			       struct wp_buf *out,
			       struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_JWT_SIGN_H */
