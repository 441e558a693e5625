/*
 * identity.h - whom a token, or a key, makes one.
 */
#ifndef WP_LIB_AUTH_IDENTITY_H
#define WP_LIB_AUTH_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/refused.h"
#include "lib/base/err.h"
#include "lib/name/session.h"
#include "lib/name/urn.h"

enum { WP_NAME_HASH_LEN = 16 };

enum wp_kind {
	WP_KIND_USER, /* who has a mailbox, and shows a token */
	WP_KIND_KEY,  /* a back end, with a key (lib/auth/apikey.h) */
};

/* Plain data: copy it by value. */
struct wp_identity {
	struct wp_urn user;
	enum wp_kind kind;
	unsigned int scopes; /* of a key: enum wp_scope */
	/*
	 * Whose token: the number in auth.issuers, from 1; one more than there
	 * are: accounts.issuer; 0: by auth.jwt_secret and the like.
	 */
	uint8_t issuer;
	enum wp_refused refused; /* why, after WP_ERR_DENIED for a token */
	int64_t expires_s;       /* exp of the token, seconds since 1970 */
	int64_t issued_s;        /* iat; 0: the token does not say */
	/*
	 * What its issuer calls the caller and the session, the same for each
	 * token of it: wp_name_hash() of iss and sub, or sid. Zero when the
	 * token has none.
	 */
	uint8_t subject[WP_NAME_HASH_LEN];
	uint8_t session[WP_NAME_HASH_LEN];
	char device[WP_DEVICE_MAX + 1]; /* [A-Za-z0-9._-]; "": not said */
	/*
	 * Of a token of accounts.issuer, and of no other: which session, and of
	 * which of its refresh tokens.
	 */
	struct {
		bool is_set;
		uint8_t sid[WP_SID_LEN];
		uint32_t generation;
	} own;
};

/*
 * The name of a subject or a session, where it must have a fixed size: the
 * first half of the SHA-256 of issuer, a NUL and name.
 *
 * issuer:  "" for tokens without iss
 * Errors:  WP_ERR_NOMEM
 */
enum wp_err wp_name_hash(const char *issuer, const char *name, size_t name_len,
			 uint8_t out[WP_NAME_HASH_LEN]) WP_MUST_USE;

#endif /* WP_LIB_AUTH_IDENTITY_H */
