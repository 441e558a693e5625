/*
 * auth.h - who sent this request.
 */
#ifndef WP_HANDLERS_AUTH_H
#define WP_HANDLERS_AUTH_H

#include "lib/auth/token.h"
#include "lib/base/err.h"

#include "handlers/req.h"

/*
 * Read the caller from the one Authorization header.
 *
 * Errors:  WP_ERR_DENIED  always; err.msg is for the developer and quotes
 *          nothing of the header
 */
enum wp_err wp_authenticate(const struct wp_auth *auth,
			    const struct wp_req *req, struct wp_identity *out,
			    struct wp_error *err) WP_MUST_USE;

#endif /* WP_HANDLERS_AUTH_H */
