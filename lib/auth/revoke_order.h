/*
 * revoke_order.h - whose tokens a back end wants to be good no longer:
 * {"user"}, {"issuer","subject"} or {"issuer","session"}.
 */
#ifndef WP_LIB_AUTH_REVOKE_ORDER_H
#define WP_LIB_AUTH_REVOKE_ORDER_H

#include <stddef.h>

#include "lib/auth/revoked.h"
#include "lib/base/err.h"
#include "lib/name/urn.h"

enum {
	WP_REVOKE_ISSUER_MAX = 1024, /* bytes, decoded */
	WP_REVOKE_NAME_MAX = 255,    /* of sub or sid; OpenID Connect Core 2 */
};

/* Whom it names; what is not said is empty. */
struct wp_revoke_names {
	struct wp_urn user; /* len 0: none */
	char issuer[WP_REVOKE_ISSUER_MAX + 2];
	char subject[WP_REVOKE_NAME_MAX + 2];
	char session[WP_REVOKE_NAME_MAX + 2];
};

/*
 * Read an order. A user is a URN or a legacy id, whoever issued his tokens; an
 * issuer is what iss says, "" for tokens without one, and subject and session
 * are what its sub and sid say. Other members are refused: what was meant by
 * them would not be done.
 *
 * names:   or NULL
 * json:    len bytes of any kind
 * Errors:  WP_ERR_INVAL  it is no such object; err.msg says why, and quotes
 *                        nothing of it
 *          WP_ERR_NOMEM
 */
enum wp_err wp_revoke_order_read(struct wp_revoked_key *out,
				 struct wp_revoke_names *names,
				 const char *json, size_t len,
				 struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_REVOKE_ORDER_H */
