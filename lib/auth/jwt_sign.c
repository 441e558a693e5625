/* jwt_sign.c - tokens by libjwt. */
#include "lib/auth/jwt_sign.h"

#include <stdlib.h>
#include <string.h>

#include <jwt.h>

/* What libjwt is told. */
struct order {
	jwt_alg_t alg;
	const char *key;
	size_t key_len;
	const char *kid; /* NULL: none */
	const char *claims;
};

static enum wp_err sign(const struct order *order, struct wp_buf *out,
			struct wp_error *err)
{
	enum wp_err rc = WP_ERR_NOMEM;
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (jwt_new(&jwt) == 0 &&
	    (order->kid == NULL ||
	     jwt_add_header(jwt, "kid", order->kid) == 0) &&
	    jwt_add_grants_json(jwt, order->claims) == 0 &&
	    jwt_set_alg(jwt, order->alg, (const unsigned char *)order->key,
			(int)order->key_len) == 0)
		text = jwt_encode_str(jwt);
	if (text != NULL) {
		wp_buf_add_str(out, text);
		rc = out->failed ? WP_ERR_NOMEM : WP_OK;
		free(text);
	}
	if (rc != WP_OK)
		wp_error_set(err, rc, "a token could not be signed");
	jwt_free(jwt);
	return rc;
}

enum wp_err wp_jwt_sign(const struct wp_jwt_sign *what, struct wp_buf *out,
			struct wp_error *err)
{
	const struct order order = {
		.alg = what->alg == WP_SIGN_RS256 ? JWT_ALG_RS256
						  : JWT_ALG_ES256,
		.key = what->pem,
		.key_len = what->pem_len,
		.kid = what->kid,
		.claims = what->claims,
	};

	return sign(&order, out, err);
}

enum wp_err wp_jwt_sign_secret(const char *secret, const char *claims,
			       struct wp_buf *out, struct wp_error *err)
{
	const struct order order = {
		.alg = JWT_ALG_HS256,
		.key = secret,
		.key_len = strlen(secret),
		.claims = claims,
	};

	return sign(&order, out, err);
}
