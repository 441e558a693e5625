/*
 * refresh_token.h - what a client keeps of its session: "wpr_" and base64url of
 * partition, session, generation and a MAC (RFC 6749 section 1.5).
 *
 * A token is computed and stored nowhere, so nothing that is stored can be used
 * as one, and a forged one is refused without Redis or disk. Whether a token is
 * still good is lib/mailbox/session.h's.
 */
#ifndef WP_LIB_AUTH_REFRESH_TOKEN_H
#define WP_LIB_AUTH_REFRESH_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/own_key.h"
#include "lib/base/err.h"

/* For wp_own_key_make(). */
#define WP_REFRESH_TOKEN_PURPOSE "refresh token, version 1"

enum {
	WP_REFRESH_TOKEN_LEN = 55, /* characters */
	WP_REFRESH_SESSION_LEN = 16,
};

struct wp_refresh_token {
	uint16_t partition; /* of the user */
	uint8_t session[WP_REFRESH_SESSION_LEN];
	uint32_t generation;
};

/* Write it and a NUL. */
void wp_refresh_token_write(const struct wp_own_key *key,
			    const struct wp_refresh_token *token,
			    char out[WP_REFRESH_TOKEN_LEN + 1]);

/*
 * Read what somebody presents.
 *
 * Errors:  WP_ERR_DENIED  we never gave that
 */
enum wp_err wp_refresh_token_read(const struct wp_own_key *key,
				  const char *text, size_t len,
				  struct wp_refresh_token *out) WP_MUST_USE;

#endif /* WP_LIB_AUTH_REFRESH_TOKEN_H */
