/*
 * sign.h - a token for anybody, made by who may read the secret or the key that
 * tokens of this deployment are signed with.
 */
#ifndef WP_TOOLS_WAYPOST_KEYS_SIGN_H
#define WP_TOOLS_WAYPOST_KEYS_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

struct wp_cli_sign {
	const char *sub; /* a URN or a user name */
	int64_t for_s;   /* how long it is good */
	/* More of its claims, each "name=value", as texts. */
	const char *const *claims;
	size_t n_claims;
};

/*
 * Append a token that handlers and the daemon take.
 *
 * With auth.jwt_secret it is signed by HS256; its iss and aud are those that
 * the settings ask for. Else with the key of accounts.issuer, and then of a
 * session that nobody has begun: nothing refreshes it.
 *
 * out:     should be secret
 * Errors:  WP_ERR_INVAL    sub is nobody, or a claim is one that is set here
 *          WP_ERR_NOTFOUND nothing here signs: tokens are other people's
 *          WP_ERR_UNAVAIL  there is no key that signs, or it cannot be read
 *          WP_ERR_NOMEM
 */
enum wp_err wp_cli_sign(const struct wp_conf *conf,
			const struct wp_cli_sign *what, struct wp_buf *out,
			struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_KEYS_SIGN_H */
