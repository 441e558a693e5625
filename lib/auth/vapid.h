/*
 * vapid.h - who we are, for a push service of browsers: a key on P-256, whose
 * public half a browser subscribes with, and tokens signed with it.
 *
 * Source:  RFC 8292
 */
#ifndef WP_LIB_AUTH_VAPID_H
#define WP_LIB_AUTH_VAPID_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
	WP_VAPID_PUBLIC_LEN = 87, /* base64url of the point */
	WP_VAPID_PRINT_LEN = 8,
	WP_VAPID_LIFETIME_S = 12 * 3600, /* of a token; 24 hours at most */
};

/* Immutable: any number of threads may use it. */
struct wp_vapid {
	struct wp_buf pem; /* owned, secret */
	char public[WP_VAPID_PUBLIC_LEN + 1];
	/* What is kept of it beside a subscription: the first bytes of the
	 * SHA-256 of the point. */
	uint8_t print[WP_VAPID_PRINT_LEN];
};

/*
 * Take a private key.
 *
 * pem:     not kept; the caller wipes it
 * out:     end with wp_vapid_release(), also after an error
 * Errors:  WP_ERR_INVAL  it is none on P-256; nothing of it is repeated
 *          WP_ERR_NOMEM
 */
enum wp_err wp_vapid_open(struct wp_vapid *out, const char *pem, size_t len,
			  struct wp_error *err) WP_MUST_USE;
/* The key in memory is overwritten. */
void wp_vapid_release(struct wp_vapid *vapid);

struct wp_vapid_claims {
	const char *origin;  /* of the endpoint: "https://push.example:8443" */
	const char *subject; /* mailto: or https: of the operator */
	int64_t now_s;       /* wall clock, since 1970 */
};

/*
 * Append the value of an Authorization header, good for that origin and for
 * WP_VAPID_LIFETIME_S.
 *
 * Errors:  WP_ERR_NOMEM
 */
enum wp_err wp_vapid_sign(const struct wp_vapid *vapid,
			  const struct wp_vapid_claims *claims,
			  struct wp_buf *out, struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_VAPID_H */
