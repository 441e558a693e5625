/*
 * issue.h - access tokens of accounts.issuer: the claims that our own handlers,
 * and whoever has our public keys, read (RFC 7519; RFC 9068 where it fits).
 *
 * The keys are files that waypost-keys or the operator puts into auth.key_dir
 * (signing.h). They are looked at once a second at most, and read when another
 * one is to sign.
 */
#ifndef WP_LIB_AUTH_ISSUE_H
#define WP_LIB_AUTH_ISSUE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/name/urn.h"

struct wp_signer;

/* Text is borrowed for as long as the issuer lives. */
struct wp_signer_conf {
	const char *key_dir;
	const char *name;   /* iss */
	int64_t lifetime_s; /* of a token */
};

/*
 * Ownership:  the caller's; end with wp_signer_free(). NULL: out of memory
 * Threads:    of one loop
 */
struct wp_signer *wp_signer_new(const struct wp_signer_conf *conf);
/* The key in memory is overwritten. NULL-safe. */
void wp_signer_free(struct wp_signer **signer);

/* What a token says. Text is borrowed. */
struct wp_issue {
	const struct wp_urn *user; /* sub */
	const char *session;       /* sid: 32 hex digits */
	uint32_t generation;       /* gen: of the refresh token beside it */
	const char *device;        /* device_id */
};

/*
 * Would it sign now? For who must not do by halves what ends in a token.
 *
 * now_s:   as below
 * Errors:  WP_ERR_UNAVAIL, WP_ERR_NOMEM  as below
 */
enum wp_err wp_signer_look(struct wp_signer *signer, int64_t now_s,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Write a token, appended to out.
 *
 * now_s:   wall clock, seconds since 1970
 * Errors:  WP_ERR_UNAVAIL  there is no key that signs, or it cannot be read;
 *                          err.msg says which and why, for the log
 *          WP_ERR_NOMEM
 */
enum wp_err wp_signer_sign(struct wp_signer *signer, int64_t now_s,
			   const struct wp_issue *what, struct wp_buf *out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_ISSUE_H */
