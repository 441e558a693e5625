/*
 * token.c - a compact JWS from a stranger: take it apart, check the signature,
 * then let jwt_claims.c judge what it says.
 *
 * Work is bounded by auth.max_token_bytes. Every refusal has the same code and
 * a sentence that repeats nothing of the token.
 */
#include "lib/auth/token.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/auth/jwt_claims.h"
#include "lib/auth/keys.h"
#include "lib/base/base64.h"

enum { SIGNATURE_MAX = 2048 }; /* of RSA with 16384 bits */

struct wp_auth {
	struct wp_keys *keys;
	char *issuer;
	char *audience;
	struct wp_conf_list identity_claims;
	struct wp_claim_rules rules; /* borrows the three above */
	size_t max_token_bytes;
};

/* Where the three parts of a token are. */
struct parts {
	const char *header;
	size_t header_len;
	const char *payload;
	size_t payload_len;
	const char *signature;
	size_t signature_len;
};

static enum wp_err deny(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_DENIED, "%s", sentence);
}

static char *copy_text(const char *text)
{
	return strdup(text != NULL ? text : "");
}

/* Copy the names; false when memory is exhausted. */
static bool copy_list(struct wp_conf_list *out, const struct wp_conf_list *list)
{
	out->items = calloc(list->n + 1, sizeof(*out->items));
	if (out->items == NULL)
		return false;
	for (; out->n < list->n; out->n++) {
		out->items[out->n] = strdup(list->items[out->n]);
		if (out->items[out->n] == NULL)
			return false;
	}
	return true;
}

enum wp_err wp_auth_new(struct wp_auth **out, const struct wp_conf *conf,
			struct wp_error *err)
{
	struct wp_auth *auth = NULL;
	enum wp_err rc = WP_ERR_NOMEM;

	if (conf->auth.identity_claims.n == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth.identity_claims: must name a claim");
	auth = calloc(1, sizeof(*auth));
	if (auth == NULL)
		goto out;
	auth->issuer = copy_text(conf->auth.issuer);
	auth->audience = copy_text(conf->auth.audience);
	if (auth->issuer == NULL || auth->audience == NULL ||
	    !copy_list(&auth->identity_claims, &conf->auth.identity_claims))
		goto out;
	auth->rules = (struct wp_claim_rules){
		.issuer = auth->issuer,
		.audience = auth->audience,
		.identity_claims = &auth->identity_claims,
		.leeway_s = conf->auth.leeway_seconds,
	};
	auth->max_token_bytes = (size_t)conf->auth.max_token_bytes;
	rc = wp_keys_new(&auth->keys, conf, err);
	if (rc != WP_OK)
		goto out;
	*out = auth;
	auth = NULL;
out:
	if (rc == WP_ERR_NOMEM)
		wp_error_set(err, rc, "out of memory");
	wp_auth_free(&auth);
	return rc;
}

void wp_auth_free(struct wp_auth **auth)
{
	size_t i;

	if (auth == NULL || *auth == NULL)
		return;
	wp_keys_free(&(*auth)->keys);
	for (i = 0; i < (*auth)->identity_claims.n; i++)
		free((*auth)->identity_claims.items[i]);
	free((*auth)->identity_claims.items);
	free((*auth)->issuer);
	free((*auth)->audience);
	free(*auth);
	*auth = NULL;
}

/* Exactly three parts, none of them empty. */
static bool split(const char *token, size_t len, struct parts *out)
{
	const char *end = token + len;
	const char *first = memchr(token, '.', len);
	const char *second;

	if (first == NULL)
		return false;
	second = memchr(first + 1, '.', (size_t)(end - first - 1));
	if (second == NULL ||
	    memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
		return false;
	*out = (struct parts){
		.header = token,
		.header_len = (size_t)(first - token),
		.payload = first + 1,
		.payload_len = (size_t)(second - first - 1),
		.signature = second + 1,
		.signature_len = (size_t)(end - second - 1),
	};
	return out->header_len > 0 && out->payload_len > 0 &&
	       out->signature_len > 0;
}

static enum wp_err check_signature(const struct wp_auth *auth,
				   const struct parts *parts, enum wp_alg alg,
				   struct wp_error *err)
{
	uint8_t sig[SIGNATURE_MAX];
	size_t sig_len;

	if (alg == WP_ALG_NONE || !wp_keys_have(auth->keys, alg))
		return deny(err, "the token's algorithm is not accepted here");
	if (wp_base64_decoded_max(parts->signature_len) > sizeof(sig) ||
	    !wp_base64url_decode(parts->signature, parts->signature_len, sig,
				 &sig_len))
		return deny(err, "the token's signature is no base64url");
	/* What is signed is the text up to the second dot. */
	if (!wp_keys_verify(auth->keys, alg, parts->header,
			    parts->header_len + 1 + parts->payload_len, sig,
			    sig_len))
		return deny(err, "the token's signature does not match");
	return WP_OK;
}

/* room: as long as the longer one of header and payload, decoded */
static enum wp_err verify(const struct wp_auth *auth, const struct parts *parts,
			  char *room, int64_t now_s, struct wp_identity *out,
			  struct wp_error *err)
{
	enum wp_alg alg = WP_ALG_NONE;
	enum wp_err rc;
	size_t len;

	if (!wp_base64url_decode(parts->header, parts->header_len, room, &len))
		return deny(err, "the token's header is no base64url");
	rc = wp_jwt_read_header(room, len, &alg, err);
	if (rc == WP_OK)
		rc = check_signature(auth, parts, alg, err);
	if (rc != WP_OK)
		return rc;
	if (!wp_base64url_decode(parts->payload, parts->payload_len, room,
				 &len))
		return deny(err, "the token's payload is no base64url");
	return wp_jwt_read_claims(room, len, &auth->rules, now_s, out, err);
}

enum wp_err wp_auth_verify(const struct wp_auth *auth, const char *token,
			   size_t len, int64_t now_s, struct wp_identity *out,
			   struct wp_error *err)
{
	struct parts parts;
	enum wp_err rc;
	char *room;

	if (token == NULL || len == 0)
		return deny(err, "a token is required");
	if (len > auth->max_token_bytes)
		return deny(err, "the token is too long");
	if (!split(token, len, &parts))
		return deny(err, "the token is not made of three parts");
	room = malloc(wp_base64_decoded_max(len) + 1);
	if (room == NULL)
		return deny(err, "the token could not be read");
	memset(out, 0, sizeof(*out));
	rc = verify(auth, &parts, room, now_s, out, err);
	free(room);
	return rc;
}

enum wp_err wp_auth_bearer(const char *value, const char **token_out,
			   size_t *len_out, struct wp_error *err)
{
	static const char scheme[] = "Bearer ";
	const char *token;
	size_t len;

	if (value == NULL || value[0] == '\0')
		return deny(err, "an Authorization header is required");
	/* A server joins repeated headers with commas; we take one only. */
	if (strchr(value, ',') != NULL)
		return deny(err, "there must be one Authorization header");
	if (strncasecmp(value, scheme, sizeof(scheme) - 1) != 0)
		return deny(err, "Authorization must be: Bearer <token>");
	token = value + sizeof(scheme) - 1;
	token += strspn(token, " ");
	len = strlen(token);
	while (len > 0 && (token[len - 1] == ' ' || token[len - 1] == '\t'))
		len--;
	if (len == 0 || memchr(token, ' ', len) != NULL ||
	    memchr(token, '\t', len) != NULL)
		return deny(err, "Authorization must be: Bearer <token>");
	*token_out = token;
	*len_out = len;
	return WP_OK;
}
