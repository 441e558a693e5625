/*
 * claims.h - between the files of lib/auth only: the payload of a token whose
 * signature was found good, and whom it makes one.
 */
#ifndef WP_LIB_AUTH_CLAIMS_H
#define WP_LIB_AUTH_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/identity.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

/* What a payload is held against. Borrowed texts. */
struct wp_claim_rules {
	const char *issuer;                         /* "" accepts any */
	const char *audience;                       /* "" accepts any */
	const struct wp_conf_list *identity_claims; /* 1 to 16 names */
	const char *device_claim;                   /* "" for none */
	int64_t leeway_s;
};

/*
 * Judge the payload.
 *
 * out:     all zero
 * now_s:   wall clock, seconds since 1970
 * Errors:  WP_ERR_DENIED  err.msg is a sentence for the developer, and repeats
 *                         nothing of the token
 * Source:  RFC 7519 section 4
 */
enum wp_err wp_claims_read(const char *json, size_t len,
			   const struct wp_claim_rules *rules, int64_t now_s,
			   struct wp_identity *out,
			   struct wp_error *err) WP_MUST_USE;

/* "the token holds …": what wp_members_find() found. Returns: WP_ERR_DENIED */
enum wp_err wp_claims_deny_form(enum wp_err fault, struct wp_error *err);

#endif /* WP_LIB_AUTH_CLAIMS_H */
