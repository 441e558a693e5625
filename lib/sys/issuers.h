/*
 * issuers.h - auth.issuers, taken apart: whose tokens are believed besides
 * those of our own keys, for whom, and as whom.
 *
 * An element is "<issuer URL> [option=value …]". That what several of them say
 * goes together is judged here as well: two issuers that may name the same
 * caller would each read the other's mailboxes.
 */
#ifndef WP_LIB_SYS_ISSUERS_H
#define WP_LIB_SYS_ISSUERS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/sys/conf.h"

enum {
	WP_ISSUERS_MAX = 16,                 /* of auth.issuers */
	WP_ISSUERS_ALL = WP_ISSUERS_MAX + 1, /* and us */
	WP_ISSUER_CLAIMS_MAX = 16,
	WP_ISSUER_ID_LEN = 32, /* characters of wp_issuer_id() */
};

struct wp_issuer {
	char *text;     /* what iss is, byte for byte */
	char *audience; /* what aud must contain; NULL: anything will do */
	/* What aud of a logout token must contain; NULL: what that of others
	 * must. */
	char *logout_audience;
	char *ns;       /* urn:<ns>:… is what its tokens may name; "sm" */
	char *jwks_url; /* NULL: by discovery */
	/* The first of these that a token has is the caller; 1 to 16 names. */
	struct wp_conf_list claims;
	bool has_any_urn; /* a claim that is a URN may have any namespace */
	bool is_own;      /* accounts.issuer: its keys are ours, and sign */
};

struct wp_issuers {
	struct wp_issuer items[WP_ISSUERS_ALL];
	size_t n;
};

/*
 * Take apart conf->auth.issuers, and judge it by conf->run_mode, and by what
 * accounts and auth.issuer say.
 *
 * Ownership:  *out is the caller's; end with wp_issuers_free(). Borrows nothing
 * Errors:     WP_ERR_INVAL  err.msg is "auth.issuers: …", or "auth.issuer: …",
 *                           without any text of the setting; WP_ERR_NOMEM
 */
enum wp_err wp_issuers_new(struct wp_issuers **out, const struct wp_conf *conf,
			   struct wp_error *err) WP_MUST_USE;
void wp_issuers_free(struct wp_issuers **issuers);

/*
 * Who verifies tokens believes us as well: with accounts, accounts.issuer is
 * one more at the end. Once at most.
 *
 * Errors:  WP_ERR_NOMEM
 */
enum wp_err wp_issuers_add_own(struct wp_issuers *issuers,
			       const struct wp_conf *conf,
			       struct wp_error *err) WP_MUST_USE;

/*
 * What an issuer is called where its text cannot stand: in the name of a file,
 * and in a datagram. The first half of the SHA-256 of its text, as hex digits.
 */
void wp_issuer_id(const char *text, char out[WP_ISSUER_ID_LEN + 1]);

/*
 * May keys be fetched from this address? https, or http where the host is a
 * loopback address (localhost, 127.0.0.0/8, [::1]), or anywhere in local mode.
 * A host must be there; neither a user, blanks, nor a fragment.
 *
 * Returns:  NULL, or why not: a sentence that begins "must …"
 */
const char *wp_issuer_url_fault(const char *url, enum wp_run_mode run_mode);

#endif /* WP_LIB_SYS_ISSUERS_H */
