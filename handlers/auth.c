/*
 * auth.c - exactly one Authorization header, and what lib/auth says of it.
 *
 * Several headers are refused, because the web server, a proxy before it and
 * we might each believe another one. nginx hands them over one by one,
 * lighttpd joined by a comma, which wp_auth_bearer() refuses.
 */
#include "handlers/auth.h"

#include "lib/base/clock.h"

enum wp_err wp_authenticate(const struct wp_auth *auth,
			    const struct wp_req *req, struct wp_identity *out,
			    struct wp_error *err)
{
	const char *value, *token;
	size_t count, len;
	enum wp_err rc;

	value = wp_req_param(req, "HTTP_AUTHORIZATION", &count);
	if (count == 0)
		return wp_error_set(err, WP_ERR_DENIED,
				    "the header Authorization: Bearer <token> "
				    "is missing");
	if (count > 1)
		return wp_error_set(err, WP_ERR_DENIED,
				    "the Authorization header is given more "
				    "than once");
	rc = wp_auth_bearer(value, &token, &len, err);
	if (rc != WP_OK)
		return rc;
	return wp_auth_verify(auth, token, len, wp_wall_ms() / 1000, out, err);
}
