/*
 * claims.h - between the files of lib/auth only: the payload of a token whose
 * signature was found good, and whom it makes one.
 */
#ifndef WP_LIB_AUTH_CLAIMS_H
#define WP_LIB_AUTH_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/identity.h"
#include "lib/auth/members.h"
#include "lib/auth/refused.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

/* What a payload is held against. Borrowed texts. */
struct wp_claim_rules {
	const char *issuer;                         /* "" accepts any */
	const char *audience;                       /* "" accepts any */
	const struct wp_conf_list *identity_claims; /* 1 to 16 names */
	const char *device_claim;                   /* "" for none */
	int64_t leeway_s;
	/*
	 * Of a foreign issuer: whom it may name, urn:<ns>:…; then sub and iat
	 * have to be there. NULL: the keys are ours, and may name anybody.
	 */
	const char *ns;
	bool has_any_urn;
	/* Of accounts.issuer: sub is a URN, and sid and gen are there. */
	bool is_own;
};

/*
 * Judge the payload.
 *
 * out:     all zero
 * now_s:   wall clock, seconds since 1970
 * Errors:  WP_ERR_DENIED  *why says why
 * Source:  RFC 7519 section 4
 */
enum wp_err wp_claims_read(const char *json, size_t len,
			   const struct wp_claim_rules *rules, int64_t now_s,
			   struct wp_identity *out,
			   struct wp_denial *why) WP_MUST_USE;

/* ---- parts of that, for tokens that say something else ---- */

/* The member as a NumericDate, its fraction cut off; false when it is none. */
bool wp_claim_time(const struct wp_member *member, int64_t *out);

/* Who made it, and for whom? Errors: WP_ERR_DENIED */
enum wp_err wp_claims_parties(const struct wp_member *iss,
			      const struct wp_member *aud,
			      const struct wp_claim_rules *rules,
			      struct wp_denial *why) WP_MUST_USE;

/*
 * wp_name_hash() of iss and a claim. What is no string has no name, and out is
 * left alone. False when memory is exhausted.
 */
bool wp_claim_name(const struct wp_member *iss, const struct wp_member *claim,
		   uint8_t out[WP_NAME_HASH_LEN]);

/* "the token holds …": what wp_members_find() found. Returns: WP_ERR_DENIED */
enum wp_err wp_deny_form(enum wp_err fault, struct wp_denial *why);

/*
 * Of a payload whose signature nobody has looked at yet: who says to have made
 * it, and when. For choosing a key, and nothing else.
 */
struct wp_claimed {
	struct wp_member iss; /* may not be there, or be no string */
	int64_t issued_s;     /* 0: not said */
};

enum wp_err wp_claims_peek(const char *json, size_t len, struct wp_claimed *out,
			   struct wp_denial *why) WP_MUST_USE;

#endif /* WP_LIB_AUTH_CLAIMS_H */
