/*
 * token.c - a compact JWS from a stranger: take it apart, check the signature,
 * then judge the JSON inside (RFC 7515 section 4).
 *
 * Work is bounded by auth.max_token_bytes. Every refusal has the same code and
 * a sentence that repeats nothing of the token.
 */
#include "lib/auth/token.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/auth/claims.h"
#include "lib/auth/keys.h"
#include "lib/auth/members.h"
#include "lib/base/encode.h"
#include "lib/base/json.h"

enum { SIGNATURE_MAX = 2048 }; /* of RSA with 16384 bits */

struct wp_auth {
	struct wp_keys *keys;
	char *issuer;
	char *audience;
	char *device_claim;
	struct wp_conf_list identity_claims;
	struct wp_claim_rules rules; /* borrows the four above */
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
	char *room; /* for header or payload, decoded */
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
	auth->device_claim = copy_text(conf->auth.device_claim);
	if (auth->issuer == NULL || auth->audience == NULL ||
	    auth->device_claim == NULL ||
	    !copy_list(&auth->identity_claims, &conf->auth.identity_claims))
		goto out;
	auth->rules = (struct wp_claim_rules){
		.issuer = auth->issuer,
		.audience = auth->audience,
		.identity_claims = &auth->identity_claims,
		.device_claim = auth->device_claim,
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
	free((*auth)->device_claim);
	free(*auth);
	*auth = NULL;
}

/* ---- what a token says ---- */

/*
 * Read the header. *alg_out is WP_ALG_NONE for an algorithm that we do not
 * know.
 */
static enum wp_err read_header(const char *json, size_t len,
			       enum wp_alg *alg_out, struct wp_error *err)
{
	enum { ALG, KID, CRIT };
	struct wp_member members[] = {
		[ALG] = { .name = "alg" },
		[KID] = { .name = "kid" },
		[CRIT] = { .name = "crit" },
	};
	struct wp_json_slice text;
	enum wp_err rc;

	rc = wp_members_find(json, len, members,
			     sizeof(members) / sizeof(members[0]));
	if (rc != WP_OK)
		return wp_claims_deny_form(rc, err);
	/* We understand no extension, so each is critical (section 4.1.11). */
	if (members[CRIT].is_there)
		return deny(err, "the token demands extensions");
	if (members[KID].is_there && !wp_member_string(&members[KID], &text))
		return deny(err, "the token's kid is no string");
	if (!wp_member_string(&members[ALG], &text))
		return deny(err, "the token names no algorithm");
	*alg_out = wp_alg_named(&text);
	return WP_OK;
}

/* ---- whether it is ours ---- */

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
	if (!wp_keys_verify(
		    auth->keys, alg,
		    &(struct wp_signed){
			    .data = parts->header,
			    .len = parts->header_len + 1 + parts->payload_len,
			    .sig = sig,
			    .sig_len = sig_len,
		    }))
		return deny(err, "the token's signature does not match");
	return WP_OK;
}

static enum wp_err verify(const struct wp_auth *auth, const struct parts *parts,
			  int64_t now_s, struct wp_identity *out,
			  struct wp_error *err)
{
	enum wp_alg alg = WP_ALG_NONE;
	char *room = parts->room;
	enum wp_err rc;
	size_t len;

	if (!wp_base64url_decode(parts->header, parts->header_len, room, &len))
		return deny(err, "the token's header is no base64url");
	rc = read_header(room, len, &alg, err);
	if (rc == WP_OK)
		rc = check_signature(auth, parts, alg, err);
	if (rc != WP_OK)
		return rc;
	if (!wp_base64url_decode(parts->payload, parts->payload_len, room,
				 &len))
		return deny(err, "the token's payload is no base64url");
	return wp_claims_read(room, len, &auth->rules, now_s, out, err);
}

enum wp_err wp_auth_verify(const struct wp_auth *auth,
			   const struct wp_token *token, int64_t now_s,
			   struct wp_identity *out, struct wp_error *err)
{
	struct parts parts;
	enum wp_err rc;

	if (token->text == NULL || token->len == 0)
		return deny(err, "a token is required");
	if (token->len > auth->max_token_bytes)
		return deny(err, "the token is too long");
	if (!split(token->text, token->len, &parts))
		return deny(err, "the token is not made of three parts");
	parts.room = malloc(wp_base64_decoded_max(token->len) + 1);
	if (parts.room == NULL)
		return deny(err, "the token could not be read");
	memset(out, 0, sizeof(*out));
	rc = verify(auth, &parts, now_s, out, err);
	free(parts.room);
	return rc;
}

enum wp_err wp_auth_bearer(const char *value, struct wp_token *out,
			   struct wp_error *err)
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
	*out = (struct wp_token){ .text = token, .len = len };
	return WP_OK;
}
