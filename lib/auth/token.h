/*
 * token.h - who is calling: verify a JWT and read the caller's identity.
 *
 * Verification is ours, on OpenSSL keys that are bound to one algorithm each:
 * the token's header only picks among keys of its own algorithm and can never
 * change what a key is used for. RFC 7515, RFC 7519, RFC 8725.
 *
 * There are keys of our own, read at start or reload, and those of issuers,
 * which lie in files that change while we run (keyset.h). A token whose iss is
 * one of auth.issuers is verified with the keys of that issuer and with no
 * others, every other token with our own. With accounts, accounts.issuer is one
 * more issuer, behind those: its keys sign what our own logins get.
 */
#ifndef WP_LIB_AUTH_TOKEN_H
#define WP_LIB_AUTH_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/identity.h"
#include "lib/auth/logout.h"
#include "lib/auth/open.h"
#include "lib/auth/refused.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"

struct wp_auth;

/*
 * Read secrets and PEM files named in conf. Of issuers nothing is known before
 * wp_auth_look().
 *
 * Ownership:  the caller's; end with wp_auth_free(). Borrows nothing
 * Threads:    one at a time
 * Errors:     WP_ERR_INVAL  no key and no issuer at all, an unreadable or unfit
 *                           key (RSA under 2048 bits, a curve other than P-256,
 *                           an HS256 secret under 32 bytes in production);
 *                           err.msg names the setting
 */
enum wp_err wp_auth_new(struct wp_auth **out, const struct wp_conf *conf,
			struct wp_error *err) WP_MUST_USE;
void wp_auth_free(struct wp_auth **auth);

/* Where to count, from now on. */
struct wp_auth_counts {
	struct wp_metrics *metrics; /* borrowed; NULL: nowhere */
	size_t refused;             /* the first of WP_REFUSED_COUNT */
};

void wp_auth_count(struct wp_auth *auth, const struct wp_auth_counts *counts);

/* ---- the keys of issuers, each by its number in auth.issuers, from 1 ---- */

/* How many; the last is accounts.issuer, with accounts. */
size_t wp_auth_issuers(const struct wp_auth *auth);

/*
 * See whether files have changed, at most once a second; to be called before
 * tokens are verified.
 *
 * now_ms:  of wp_mono_ms()
 */
void wp_auth_look(struct wp_auth *auth, uint64_t now_ms);
/* At once, for one of them. Returns: its file has changed */
bool wp_auth_look_again(struct wp_auth *auth, size_t issuer);

/* Let waypost-keys fetch them, if it thinks it right. Waits for nothing. */
void wp_auth_ask(struct wp_auth *auth, size_t issuer);

/* Another number once anything verifies that did not, or the other way. */
uint32_t wp_auth_generation(const struct wp_auth *auth);

/* Is there any key, of ours or of an issuer, that verifies now? */
bool wp_auth_has_keys(const struct wp_auth *auth);

#define WP_AUTH_KEYS_AGE "waypost_auth_keys_age_seconds"

/* Append, as Prometheus text, how old the keys of each issuer are. */
void wp_auth_write_ages(const struct wp_auth *auth, const char *name,
			struct wp_buf *out);

/* ---- tokens ---- */

/*
 * Verify a compact JWS and read its claims.
 *
 * The keys of an issuer that were got a moment ago are looked at again before
 * the last word.
 *
 * out:     also after an error it has the issuer, and why it was refused
 * now_s:   wall clock, seconds since 1970
 * Errors:  WP_ERR_DENIED    it is no good; err.msg is a sentence for the
 *                           developer ("token has expired"), never a part of
 *                           the token
 *          WP_ERR_NOTFOUND  no key of its issuer fits, and there may be another
 *                           one: wp_auth_ask() for it, and try again when
 *                           wp_auth_look_again() says so
 *          WP_ERR_UNAVAIL   nor is there any use in asking now
 */
enum wp_err wp_auth_verify(const struct wp_auth *auth,
			   const struct wp_token *token, int64_t now_s,
			   struct wp_identity *out,
			   struct wp_error *err) WP_MUST_USE;

/*
 * The same without judging what is in it, nor its type.
 *
 * out:     end with wp_opened_release(), also after an error
 * Errors:  as wp_auth_verify()
 */
enum wp_err wp_auth_open(const struct wp_auth *auth,
			 const struct wp_token *token, int64_t now_s,
			 struct wp_opened *out,
			 struct wp_error *err) WP_MUST_USE;

/*
 * Verify what a provider says about somebody who has logged out: a Logout
 * Token, which lets nobody in.
 *
 * out:     also after an error it has the issuer
 * Errors:  as wp_auth_verify()
 * Source:  OpenID Connect Back-Channel Logout 1.0 section 2.6
 */
enum wp_err wp_auth_verify_logout(const struct wp_auth *auth,
				  const struct wp_token *token, int64_t now_s,
				  struct wp_logout *out,
				  struct wp_error *err) WP_MUST_USE;

/*
 * The token inside an Authorization header value: "Bearer <token>", scheme in
 * any case, one or more spaces (RFC 6750 section 2.1). A comma anywhere,
 * another scheme or an empty token is WP_ERR_DENIED.
 */
enum wp_err wp_auth_bearer(const char *value, struct wp_token *out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_TOKEN_H */
