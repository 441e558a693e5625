/*
 * logout.h - what a provider says of somebody who has logged out there (OpenID
 * Connect Back-Channel Logout 1.0): of whom tokens are good no longer.
 *
 * That is a fact with a time, by the clock that has dated the tokens as well:
 * what the provider issued later is another matter, and hearing it twice
 * changes nothing. So no token of this kind is remembered
 * (docs/decisions/0032-a-logout-is-a-fact-with-a-time.md).
 *
 * Others than the files of lib/auth say wp_auth_verify_logout() (token.h).
 */
#ifndef WP_LIB_AUTH_LOGOUT_H
#define WP_LIB_AUTH_LOGOUT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/open.h"
#include "lib/auth/refused.h"
#include "lib/auth/revoked.h"
#include "lib/base/err.h"

struct wp_claim_rules;

enum {
	WP_LOGOUT_KEYS_MAX = 2,
	/* A provider says it at once, or soon again. */
	WP_LOGOUT_AGE_MAX_S = 300,
};

struct wp_logout {
	size_t issuer; /* the number in auth.issuers, from 1 */
	/*
	 * One session, and what its subject has without a session; or all of a
	 * subject.
	 */
	struct wp_revoked_key keys[WP_LOGOUT_KEYS_MAX];
	size_t n;
	int64_t until_s; /* what was issued by then, seconds since 1970 */
};

/*
 * Judge the payload of a token of an issuer.
 *
 * out:     but for the issuer, which stays
 * now_s:   wall clock, seconds since 1970
 * Errors:  WP_ERR_DENIED  *why says why
 */
enum wp_err wp_logout_read(struct wp_logout *out,
			   const struct wp_opened *opened,
			   const struct wp_claim_rules *rules, int64_t now_s,
			   struct wp_denial *why) WP_MUST_USE;

#endif /* WP_LIB_AUTH_LOGOUT_H */
