/*
 * token.h - who is calling: verify a JWT and read the caller's identity.
 *
 * Verification is ours, on OpenSSL keys that are bound to one algorithm each
 * (HS256, RS256, ES256): the token's header only picks among keys of its own
 * algorithm and can never change what a key is used for. RFC 7515, RFC 7519,
 * RFC 8725. Keys are parsed once, at start or reload.
 */
#ifndef WP_LIB_AUTH_TOKEN_H
#define WP_LIB_AUTH_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/identity.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

struct wp_auth;

/*
 * Read secrets and PEM files named in conf.
 *
 * Ownership:  the caller's; end with wp_auth_free(). Immutable afterwards
 * Threads:    wp_auth_verify() may run in any number of threads at once
 * Errors:     WP_ERR_INVAL  no key at all, an unreadable or unfit one (RSA
 *                           under 2048 bits, a curve other than P-256, an HS256
 *                           secret under 32 bytes in production); err.msg names
 *                           the setting
 */
enum wp_err wp_auth_new(struct wp_auth **out, const struct wp_conf *conf,
			struct wp_error *err) WP_MUST_USE;
void wp_auth_free(struct wp_auth **auth);

/* A token as it came. Borrowed text. */
struct wp_token {
	const char *text; /* may be NULL: there is none */
	size_t len;
};

/*
 * Verify a compact JWS and read its claims.
 *
 * now_s:   wall clock, seconds since 1970
 * Errors:  WP_ERR_DENIED  always the same code; err.msg is a sentence for the
 *          developer ("token has expired"), never a part of the token
 */
enum wp_err wp_auth_verify(const struct wp_auth *auth,
			   const struct wp_token *token, int64_t now_s,
			   struct wp_identity *out,
			   struct wp_error *err) WP_MUST_USE;

/*
 * The token inside an Authorization header value: "Bearer <token>", scheme in
 * any case, one or more spaces (RFC 6750 section 2.1). A comma anywhere,
 * another scheme or an empty token is WP_ERR_DENIED.
 */
enum wp_err wp_auth_bearer(const char *value, struct wp_token *out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_TOKEN_H */
