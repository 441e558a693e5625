/* jwt_sign.c - tokens by libjwt. */
#include "lib/auth/jwt_sign.h"

#include <stdlib.h>

#include <jwt.h>

enum wp_err wp_jwt_sign(const struct wp_jwt_sign *what, struct wp_buf *out,
			struct wp_error *err)
{
	jwt_alg_t alg =
		what->alg == WP_SIGN_RS256 ? JWT_ALG_RS256 : JWT_ALG_ES256;
	enum wp_err rc = WP_ERR_NOMEM;
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (jwt_new(&jwt) == 0 &&
	    (what->kid == NULL || jwt_add_header(jwt, "kid", what->kid) == 0) &&
	    jwt_add_grants_json(jwt, what->claims) == 0 &&
	    jwt_set_alg(jwt, alg, (const unsigned char *)what->pem,
			(int)what->pem_len) == 0)
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
