/*
 * jwt_claims.h - between the files of lib/auth only: what a token's header
 * and payload say, once they are decoded JSON text.
 */
#ifndef WP_LIB_AUTH_JWT_CLAIMS_H
#define WP_LIB_AUTH_JWT_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/keys.h"
#include "lib/auth/token.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

/* What a payload is held against. */
struct wp_claim_rules {
	const char *issuer;                         /* "" accepts any */
	const char *audience;                       /* "" accepts any */
	const struct wp_conf_list *identity_claims; /* 1 to 16 names */
	int64_t leeway_s;
};

/*
 * Read the header.
 *
 * *alg_out:  WP_ALG_NONE for an algorithm that we do not know
 * Errors:    WP_ERR_DENIED  malformed, a member given twice, or crit in it
 */
enum wp_err wp_jwt_read_header(const char *json, size_t len,
			       enum wp_alg *alg_out,
			       struct wp_error *err) WP_MUST_USE;

/* Judge the payload. Errors: WP_ERR_DENIED  see wp_auth_verify() */
enum wp_err wp_jwt_read_claims(const char *json, size_t len,
			       const struct wp_claim_rules *rules,
			       int64_t now_s, struct wp_identity *out,
			       struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_JWT_CLAIMS_H */
