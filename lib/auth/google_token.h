/*
 * google_token.h - access tokens of Google for a service account: its file, the
 * request by which it asks for one, and the answer. Pure: it asks nobody.
 *
 * Source:  RFC 7523; Google, "Using OAuth 2.0 for Server to Server
 *          Applications"
 * Threads: any
 */
#ifndef WP_LIB_AUTH_GOOGLE_TOKEN_H
#define WP_LIB_AUTH_GOOGLE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
	WP_GOOGLE_FILE_MAX = 16384, /* bytes of a service account's file */
	WP_GOOGLE_TEXT_MAX = 255,   /* of each of its texts, but the key */
	WP_GOOGLE_TOKEN_MAX = 4096,
	WP_GOOGLE_LIFETIME_S = 3600, /* of what we sign: the most they take */
	WP_GOOGLE_EARLY_S = 300,     /* so long before its end another one is
				      * wanted */
};

/* Where one asks; a file may say nothing else. */
#define WP_GOOGLE_TOKEN_URI "https://oauth2.googleapis.com/token"

/* Immutable when it is read. */
struct wp_google_account {
	char email[WP_GOOGLE_TEXT_MAX + 1];
	char project[WP_GOOGLE_TEXT_MAX + 1];
	char key_id[WP_GOOGLE_TEXT_MAX + 1];
	char token_uri[WP_GOOGLE_TEXT_MAX + 1];
	struct wp_buf pem; /* owned, secret */
};

/*
 * Read the file of a service account.
 *
 * json:       not kept; the caller wipes it
 * may_loop:   its token_uri may be https on 127.0.0.1: for tests
 * out:        end with wp_google_account_release(), also after an error
 * Errors:     WP_ERR_INVAL  names the member; nothing of it is repeated
 *             WP_ERR_NOMEM
 */
enum wp_err wp_google_account_read(struct wp_google_account *out,
				   const char *json, size_t len, bool may_loop,
				   struct wp_error *err) WP_MUST_USE;
/* The key in memory is overwritten. */
void wp_google_account_release(struct wp_google_account *account);

/*
 * Append the body of a request to its token_uri
 * (application/x-www-form-urlencoded).
 *
 * scope:   of what is asked for: a URL
 * now_s:   wall clock, since 1970
 * Errors:  WP_ERR_NOMEM
 */
enum wp_err wp_google_ask(const struct wp_google_account *account,
			  const char *scope, int64_t now_s, struct wp_buf *out,
			  struct wp_error *err) WP_MUST_USE;

/* All zero: none. Secret; end with wp_google_token_forget(). */
struct wp_google_token {
	char text[WP_GOOGLE_TOKEN_MAX + 1];
	int64_t good_until_s; /* WP_GOOGLE_EARLY_S before it ends */
};

/*
 * Read the answer of status 200.
 *
 * Errors:  WP_ERR_PROTO  it has no token of use; nothing of it is repeated, and
 *                        *out is as it was
 */
enum wp_err wp_google_token_read(struct wp_google_token *out, const char *json,
				 size_t len, int64_t now_s,
				 struct wp_error *err) WP_MUST_USE;
void wp_google_token_forget(struct wp_google_token *token);

#endif /* WP_LIB_AUTH_GOOGLE_TOKEN_H */
