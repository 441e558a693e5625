/*
 * token.c - a compact JWS from a stranger: take it apart, check the signature,
 * then judge the JSON inside (RFC 7515 section 4, RFC 7519 section 4).
 *
 * Work is bounded by auth.max_token_bytes. Every refusal has the same code and
 * a sentence that repeats nothing of the token.
 *
 * A first walk over the JSON notes where each member of interest is and refuses
 * one that is given twice: whoever reads the other one would see another
 * caller. Only then is any of them interpreted.
 */
#include "lib/auth/token.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/auth/keys.h"
#include "lib/base/encode.h"
#include "lib/base/json.h"

enum {
	SIGNATURE_MAX = 2048, /* of RSA with 16384 bits */
	MEMBERS_MAX = 32,
	NUMBER_MAX = 32,
};

/* The end of year 9999; also catches times given in milliseconds. */
#define TIME_MAX_S INT64_C(253402300799)

/* What a payload is held against. */
struct claim_rules {
	const char *issuer;                         /* "" accepts any */
	const char *audience;                       /* "" accepts any */
	const struct wp_conf_list *identity_claims; /* 1 to 16 names */
	int64_t leeway_s;
	int64_t now_s;
};

struct wp_auth {
	struct wp_keys *keys;
	char *issuer;
	char *audience;
	struct wp_conf_list identity_claims;
	struct claim_rules rules; /* borrows the three above; now_s is unset */
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
	if (auth->issuer == NULL || auth->audience == NULL ||
	    !copy_list(&auth->identity_claims, &conf->auth.identity_claims))
		goto out;
	auth->rules = (struct claim_rules){
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

/* ---- what a token says ---- */

/* One member that we read, and its exact text once it has been found. */
struct member {
	const char *name;
	struct wp_json_slice raw;
	bool is_there;
};

/* Note where the members are. A name may be in the list twice. */
static enum wp_err find_members(const char *json, size_t len,
				struct member *members, size_t n,
				struct wp_error *err)
{
	struct wp_json_slice raw;
	struct wp_json_slice key;
	struct wp_json js;
	size_t i;

	wp_json_init(&js, json, len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (!wp_json_skip(&js, &raw))
			break;
		for (i = 0; i < n; i++) {
			if (!wp_json_slice_is(&key, members[i].name))
				continue;
			if (members[i].is_there)
				return deny(err, "the token has a member "
						 "twice");
			members[i].raw = raw;
			members[i].is_there = true;
		}
	}
	wp_json_end(&js);
	if (js.err != NULL)
		return deny(err, "the token holds malformed JSON");
	return WP_OK;
}

/* The member as a string; false when it is something else. */
static bool read_string(const struct member *member, struct wp_json_slice *out)
{
	struct wp_json js;

	wp_json_init(&js, member->raw.data, member->raw.len);
	return wp_json_string(&js, out);
}

/* The member as a NumericDate, its fraction cut off. */
static bool read_time(const struct member *member, int64_t *out)
{
	struct wp_json_slice number;
	char text[NUMBER_MAX + 1];
	struct wp_json js;
	double value;

	wp_json_init(&js, member->raw.data, member->raw.len);
	if (!wp_json_number(&js, &number) || number.len > NUMBER_MAX)
		return false;
	memcpy(text, number.data, number.len);
	text[number.len] = '\0';
	value = strtod(text, NULL);
	if (!(value >= 0 && value <= (double)TIME_MAX_S))
		return false;
	*out = (int64_t)value;
	return true;
}

/*
 * Read the header. *alg_out is WP_ALG_NONE for an algorithm that we do not
 * know.
 */
static enum wp_err read_header(const char *json, size_t len,
			       enum wp_alg *alg_out, struct wp_error *err)
{
	static const struct {
		const char *name;
		enum wp_alg alg;
	} algs[] = {
		{ "HS256", WP_ALG_HS256 },
		{ "RS256", WP_ALG_RS256 },
		{ "ES256", WP_ALG_ES256 },
	};
	enum { ALG, KID, CRIT };
	struct member members[] = {
		[ALG] = { .name = "alg" },
		[KID] = { .name = "kid" },
		[CRIT] = { .name = "crit" },
	};
	struct wp_json_slice text;
	enum wp_err rc;
	size_t i;

	rc = find_members(json, len, members,
			  sizeof(members) / sizeof(members[0]), err);
	if (rc != WP_OK)
		return rc;
	/* We understand no extension, so each is critical (section 4.1.11). */
	if (members[CRIT].is_there)
		return deny(err, "the token demands extensions");
	if (members[KID].is_there && !read_string(&members[KID], &text))
		return deny(err, "the token's kid is no string");
	if (!members[ALG].is_there || !read_string(&members[ALG], &text))
		return deny(err, "the token names no algorithm");
	*alg_out = WP_ALG_NONE;
	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (wp_json_slice_is(&text, algs[i].name))
			*alg_out = algs[i].alg;
	return WP_OK;
}

/* Is want the audience, or one of them? An odd aud is nobody's. */
static bool has_audience(const struct member *aud, const char *want)
{
	struct wp_json_slice text;
	struct wp_json js;
	bool found = false;

	if (!aud->is_there)
		return false;
	if (read_string(aud, &text))
		return wp_json_slice_is(&text, want);
	wp_json_init(&js, aud->raw.data, aud->raw.len);
	if (!wp_json_array_begin(&js))
		return false;
	while (wp_json_array_next(&js))
		if (wp_json_string(&js, &text) && wp_json_slice_is(&text, want))
			found = true;
	return found && js.err == NULL;
}

static enum wp_err check_times(const struct member *exp,
			       const struct member *nbf,
			       const struct claim_rules *rules,
			       int64_t *expires_out, struct wp_error *err)
{
	int64_t from;

	if (!exp->is_there)
		return deny(err, "the token has no exp");
	if (!read_time(exp, expires_out))
		return deny(err, "the token's exp is no time in seconds");
	if (rules->now_s >= *expires_out + rules->leeway_s)
		return deny(err, "the token has expired");
	if (!nbf->is_there)
		return WP_OK;
	if (!read_time(nbf, &from))
		return deny(err, "the token's nbf is no time in seconds");
	if (rules->now_s + rules->leeway_s < from)
		return deny(err, "the token is not valid yet");
	return WP_OK;
}

/* The first claim that is there decides, fit or not. */
static enum wp_err read_user(const struct member *claims, size_t n,
			     struct wp_urn *out, struct wp_error *err)
{
	char memory[WP_URN_MAX + 2];
	/* Borrowed memory and a ceiling below it: see the head of buf.c. */
	struct wp_buf text = { .data = memory,
			       .cap = sizeof(memory),
			       .max_bytes = WP_URN_MAX };
	struct wp_json_slice raw;
	size_t i = 0;

	while (i < n && !claims[i].is_there)
		i++;
	if (i == n)
		return deny(err, "the token names no caller");
	if (!read_string(&claims[i], &raw))
		return deny(err, "the token's caller is no string");
	wp_json_decode(&raw, &text);
	if (text.failed || wp_urn_parse(out, memory, text.len, NULL) != WP_OK)
		return deny(err, "the token's caller is neither a URN nor an "
				 "id");
	return WP_OK;
}

/* Judge the payload. */
static enum wp_err read_claims(const char *json, size_t len,
			       const struct claim_rules *rules,
			       struct wp_identity *out, struct wp_error *err)
{
	enum { EXP, NBF, ISS, AUD, FIXED };
	struct member members[MEMBERS_MAX] = {
		[EXP] = { .name = "exp" },
		[NBF] = { .name = "nbf" },
		[ISS] = { .name = "iss" },
		[AUD] = { .name = "aud" },
	};
	size_t n = rules->identity_claims->n;
	struct wp_json_slice text;
	enum wp_err rc;
	size_t i;

	if (n > MEMBERS_MAX - FIXED)
		n = MEMBERS_MAX - FIXED;
	for (i = 0; i < n; i++)
		members[FIXED + i].name = rules->identity_claims->items[i];
	rc = find_members(json, len, members, FIXED + n, err);
	if (rc == WP_OK)
		rc = check_times(&members[EXP], &members[NBF], rules,
				 &out->expires_s, err);
	if (rc != WP_OK)
		return rc;
	if (rules->issuer[0] != '\0' &&
	    (!members[ISS].is_there || !read_string(&members[ISS], &text) ||
	     !wp_json_slice_is(&text, rules->issuer)))
		return deny(err, "the token is from another issuer");
	if (rules->audience[0] != '\0' &&
	    !has_audience(&members[AUD], rules->audience))
		return deny(err, "the token is for another audience");
	return read_user(members + FIXED, n, &out->user, err);
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
	struct claim_rules rules = auth->rules;
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
	rules.now_s = now_s;
	return read_claims(room, len, &rules, out, err);
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
