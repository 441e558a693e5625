/*
 * open.h - what is in a token, if one of the keys that may have signed it did.
 * Others than the files of lib/auth say wp_auth_open() (token.h).
 */
#ifndef WP_LIB_AUTH_OPEN_H
#define WP_LIB_AUTH_OPEN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/refused.h"
#include "lib/base/err.h"

struct wp_keys;
struct wp_keyset;

/* A token as it came. Borrowed text. */
struct wp_token {
	const char *text; /* may be NULL: there is none */
	size_t len;
};

/* What it is for, by its typ. */
enum wp_token_type {
	WP_TOKEN_PLAIN,  /* JWT, or not said: it depends on what is in it */
	WP_TOKEN_ACCESS, /* at+jwt (RFC 9068) */
	WP_TOKEN_LOGOUT, /* logout+jwt (OpenID Connect Back-Channel Logout) */
	WP_TOKEN_OTHER,
};

/* A token whose signature is good, and nothing else known. */
struct wp_opened {
	char *room;    /* owned */
	char *payload; /* JSON, in room */
	size_t payload_len;
	size_t issuer; /* the number in auth.issuers, from 1; 0: our own keys */
	enum wp_token_type type;
};

void wp_opened_release(struct wp_opened *opened);

/* Who may have signed. */
struct wp_signers {
	struct wp_keys *keys;     /* our own */
	struct wp_keyset *keyset; /* of issuers */
	size_t max_token_bytes;
};

/*
 * As wp_auth_open(), but that *why says why when it is WP_ERR_DENIED.
 *
 * out:  end with wp_opened_release(), also after an error
 */
enum wp_err wp_open(const struct wp_signers *signers,
		    const struct wp_token *token, int64_t now_s,
		    struct wp_opened *out, struct wp_denial *why) WP_MUST_USE;

#endif /* WP_LIB_AUTH_OPEN_H */
