/*
 * refused.h - why a token is refused: for whoever sent it, and for metrics.
 */
#ifndef WP_LIB_AUTH_REFUSED_H
#define WP_LIB_AUTH_REFUSED_H

#include "lib/base/err.h"

/* In the order of WP_REFUSED_REASONS. */
enum wp_refused {
	WP_REFUSED_OTHER,
	WP_REFUSED_MALFORMED,
	WP_REFUSED_EXPIRED,
	WP_REFUSED_SIGNATURE,
	WP_REFUSED_UNKNOWN_KID,
	WP_REFUSED_ISSUER,
	WP_REFUSED_AUDIENCE,
	WP_REFUSED_REVOKED, /* counted by who looks that up */
	WP_REFUSED_COUNT
};

/* X(number, "name") of each. */
#define WP_REFUSED_REASONS(X)                    \
	X(WP_REFUSED_OTHER, "other")             \
	X(WP_REFUSED_MALFORMED, "malformed")     \
	X(WP_REFUSED_EXPIRED, "expired")         \
	X(WP_REFUSED_SIGNATURE, "signature")     \
	X(WP_REFUSED_UNKNOWN_KID, "unknown_kid") \
	X(WP_REFUSED_ISSUER, "issuer")           \
	X(WP_REFUSED_AUDIENCE, "audience")       \
	X(WP_REFUSED_REVOKED, "revoked")

/* As metrics and lines of the log call it. */
const char *wp_refused_name(enum wp_refused reason);

/* For the developer who sent the token, too. */
struct wp_denial {
	enum wp_refused reason;
	const char *sentence; /* a literal: repeats nothing of the token */
};

/* For `return wp_deny(…)`. Returns: WP_ERR_DENIED */
static inline enum wp_err wp_deny(struct wp_denial *why, enum wp_refused reason,
				  const char *sentence)
{
	*why = (struct wp_denial){ reason, sentence };
	return WP_ERR_DENIED;
}

#endif /* WP_LIB_AUTH_REFUSED_H */
