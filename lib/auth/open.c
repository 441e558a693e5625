/*
 * open.c - a compact JWS from a stranger: take it apart, find the key that it
 * means, check the signature (RFC 7515 sections 4 and 5.2).
 *
 * Work is bounded by auth.max_token_bytes. A token's jku, x5u, x5c and jwk are
 * never looked at: a key that comes with a token proves nothing.
 */
#include "lib/auth/open.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/auth/claims.h"
#include "lib/auth/keys.h"
#include "lib/auth/keyset.h"
#include "lib/base/encode.h"
#include "lib/base/json.h"

enum {
	SIGNATURE_MAX = 2048, /* of RSA with 16384 bits */
	MS_PER_S = 1000,
	/* After so long waypost-keys may fetch the same keys again. */
	FRESH_MS = 10 * MS_PER_S,
	/* iat is in seconds, and of another clock. */
	SKEW_MS = 5 * MS_PER_S,
};

/* ---- taking it apart ---- */

/* Where the three parts of a token are. */
struct parts {
	const char *header;
	size_t header_len;
	const char *payload;
	size_t payload_len;
	const char *signature;
	size_t signature_len;
};

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

struct header {
	enum wp_alg alg; /* WP_ALG_NONE: none that we know */
	struct wp_json_slice kid;
	bool has_kid;
	enum wp_token_type type;
};

/* A media type; its "application/" may be left out (RFC 7515 4.1.9). */
static enum wp_token_type type_of(const struct wp_json_slice *typ)
{
	static const struct {
		const char *name;
		enum wp_token_type type;
	} types[] = {
		{ "JWT", WP_TOKEN_PLAIN },
		{ "at+jwt", WP_TOKEN_ACCESS }, /* RFC 9068 section 2.1 */
		{ "application/at+jwt", WP_TOKEN_ACCESS },
		{ "logout+jwt", WP_TOKEN_LOGOUT },
		{ "application/logout+jwt", WP_TOKEN_LOGOUT },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (typ->len == strlen(types[i].name) &&
		    strncasecmp(typ->data, types[i].name, typ->len) == 0)
			return types[i].type;
	return WP_TOKEN_OTHER;
}

static enum wp_err malformed(struct wp_denial *why, const char *sentence)
{
	return wp_deny(why, WP_REFUSED_MALFORMED, sentence);
}

static enum wp_err read_header(const char *json, size_t len, struct header *out,
			       struct wp_denial *why)
{
	enum { ALG, KID, TYP, CRIT };
	struct wp_member members[] = {
		[ALG] = { .name = "alg" },
		[KID] = { .name = "kid" },
		[TYP] = { .name = "typ" },
		[CRIT] = { .name = "crit" },
	};
	struct wp_json_slice text;
	enum wp_err rc;

	rc = wp_members_find(json, len, members,
			     sizeof(members) / sizeof(members[0]));
	if (rc != WP_OK)
		return wp_deny_form(rc, why);
	/* We understand no extension, so each is critical (section 4.1.11). */
	if (members[CRIT].is_there)
		return malformed(why, "the token demands extensions");
	out->has_kid = members[KID].is_there;
	if (out->has_kid && !wp_member_string(&members[KID], &out->kid))
		return malformed(why, "the token's kid is no string");
	if (members[TYP].is_there && !wp_member_string(&members[TYP], &text))
		return malformed(why, "the token's typ is no string");
	out->type = members[TYP].is_there ? type_of(&text) : WP_TOKEN_PLAIN;
	if (!wp_member_string(&members[ALG], &text))
		return malformed(why, "the token names no algorithm");
	out->alg = wp_alg_named(&text);
	return WP_OK;
}

/* ---- whose it is ---- */

/* A token on its way. */
struct opening {
	const struct wp_signers *signers;
	struct parts parts;
	struct header header;
	int64_t now_s;
	struct wp_denial *why;
};

/* The number of the issuer that a payload says; 0 when it is none of them. */
static size_t find_issuer(const struct wp_keyset *keyset,
			  const struct wp_claimed *claimed)
{
	const struct wp_issuers *issuers = wp_keyset_issuers(keyset);
	struct wp_json_slice text;

	if (!wp_member_string(&claimed->iss, &text))
		return 0;
	for (size_t i = 0; i < issuers->n; i++)
		if (wp_json_slice_is(&text, issuers->items[i].text))
			return i + 1;
	return 0;
}

/* Were the keys that are known got a moment ago? */
static bool is_fresh(const struct opening *opening,
		     const struct wp_keyset_state *state)
{
	int64_t age_ms = opening->now_s * MS_PER_S - state->fetched_ms;

	return state->jwks != NULL && age_ms <= FRESH_MS && age_ms >= -FRESH_MS;
}

/*
 * No key fits. Is that the last word? It is when the issuer was asked a moment
 * ago, after it made the token; if the token says so itself, a lie of it costs
 * nobody but who shows it.
 *
 * Errors:  WP_ERR_DENIED
 *          WP_ERR_UNAVAIL   it cannot be asked again so soon
 *          WP_ERR_NOTFOUND  it can
 */
static enum wp_err judge_unknown(const struct opening *opening,
				 const struct wp_keyset_state *state,
				 int64_t issued_s)
{
	if (!is_fresh(opening, state))
		return WP_ERR_NOTFOUND;
	if (issued_s * MS_PER_S + SKEW_MS > state->fetched_ms)
		return WP_ERR_UNAVAIL;
	return wp_deny(opening->why, WP_REFUSED_UNKNOWN_KID,
		       "no key of the token's issuer has its algorithm and "
		       "kid");
}

/* Read what is signed, and how. sig: room for SIGNATURE_MAX bytes */
static enum wp_err read_signature(const struct opening *opening, uint8_t *sig,
				  struct wp_signed *out)
{
	const struct parts *parts = &opening->parts;

	/* What is signed is the text up to the second dot. */
	*out = (struct wp_signed){
		.data = parts->header,
		.len = parts->header_len + 1 + parts->payload_len,
		.sig = sig,
	};
	if (wp_base64_decoded_max(parts->signature_len) > SIGNATURE_MAX ||
	    !wp_base64url_decode(parts->signature, parts->signature_len, sig,
				 &out->sig_len))
		return malformed(opening->why, "the token's signature is no "
					       "base64url");
	return WP_OK;
}

static enum wp_err no_algorithm(const struct opening *opening)
{
	return wp_deny(opening->why, WP_REFUSED_SIGNATURE,
		       "the token's algorithm is not accepted here");
}

static enum wp_err mismatch(const struct opening *opening)
{
	return wp_deny(opening->why, WP_REFUSED_SIGNATURE,
		       "the token's signature does not match");
}

/* Of ours are only such keys as waypost-keys makes. */
static bool may_sign(const struct opening *opening, size_t issuer)
{
	const struct wp_issuers *issuers =
		wp_keyset_issuers(opening->signers->keyset);
	enum wp_alg alg = opening->header.alg;

	if (issuers->items[issuer - 1].is_own)
		return alg == WP_ALG_ES256 || alg == WP_ALG_RS256;
	return alg != WP_ALG_NONE && alg != WP_ALG_HS256;
}

/*
 * The key that this token means, of those that are known now; NULL: none of
 * them.
 */
static const struct wp_jwk *find_key(const struct opening *opening,
				     size_t issuer,
				     struct wp_keyset_state *state_out)
{
	const struct header *header = &opening->header;

	*state_out = wp_keyset_state(opening->signers->keyset, issuer - 1);
	if (state_out->is_too_old || state_out->jwks == NULL)
		return NULL;
	return wp_jwks_find(state_out->jwks, header->alg,
			    header->has_kid ? &header->kid : NULL);
}

/* By the keys of this issuer, and no others. */
static enum wp_err check_by_issuer(const struct opening *opening, size_t issuer,
				   const struct wp_claimed *claimed)
{
	struct wp_keyset *keyset = opening->signers->keyset;
	struct wp_keyset_state state;
	const struct wp_jwk *key;
	uint8_t sig[SIGNATURE_MAX];
	struct wp_signed what;
	enum wp_err rc;

	if (!may_sign(opening, issuer))
		return no_algorithm(opening);
	rc = read_signature(opening, sig, &what);
	if (rc != WP_OK)
		return rc;
	key = find_key(opening, issuer, &state);
	/* The last word is not said while a newer file lies there: what was
	 * got a moment ago may have been got again since. */
	if (key == NULL && is_fresh(opening, &state) &&
	    wp_keyset_look_at(keyset, issuer - 1, opening->now_s * MS_PER_S))
		key = find_key(opening, issuer, &state);
	if (state.is_too_old)
		return WP_ERR_UNAVAIL;
	if (key == NULL)
		return judge_unknown(opening, &state, claimed->issued_s);
	return wp_verifier_check(&key->verifier, &what) ? WP_OK
							: mismatch(opening);
}

/* By the keys of our own, whatever the token's kid. */
static enum wp_err check_by_ours(const struct opening *opening)
{
	const struct wp_keys *keys = opening->signers->keys;
	enum wp_alg alg = opening->header.alg;
	uint8_t sig[SIGNATURE_MAX];
	struct wp_signed what;
	enum wp_err rc;

	if (alg == WP_ALG_NONE || !wp_keys_have(keys, alg))
		return wp_keys_count(keys) == 0
			       ? wp_deny(opening->why, WP_REFUSED_ISSUER,
					 "the token is from another issuer")
			       : no_algorithm(opening);
	rc = read_signature(opening, sig, &what);
	if (rc != WP_OK)
		return rc;
	return wp_keys_verify(keys, alg, &what) ? WP_OK : mismatch(opening);
}

/*
 * The header goes to the start of out->room, the payload behind it.
 *
 * Errors:  WP_ERR_DENIED, WP_ERR_UNAVAIL, WP_ERR_NOTFOUND
 */
static enum wp_err open_parts(struct opening *opening, struct wp_opened *out)
{
	const struct wp_signers *signers = opening->signers;
	const struct parts *parts = &opening->parts;
	struct wp_claimed claimed = { 0 };
	char *room = out->room;
	enum wp_err rc;
	size_t len;

	if (!wp_base64url_decode(parts->header, parts->header_len, room, &len))
		return malformed(opening->why, "the token's header is no "
					       "base64url");
	rc = read_header(room, len, &opening->header, opening->why);
	if (rc != WP_OK)
		return rc;
	out->type = opening->header.type;
	out->payload = room + len;
	if (!wp_base64url_decode(parts->payload, parts->payload_len,
				 out->payload, &out->payload_len))
		return malformed(opening->why, "the token's payload is no "
					       "base64url");
	/* Without issuers there is nothing to choose: the signature first. */
	if (wp_keyset_issuers(signers->keyset)->n > 0) {
		rc = wp_claims_peek(out->payload, out->payload_len, &claimed,
				    opening->why);
		if (rc != WP_OK)
			return rc;
		out->issuer = find_issuer(signers->keyset, &claimed);
	}
	return out->issuer > 0 ? check_by_issuer(opening, out->issuer, &claimed)
			       : check_by_ours(opening);
}

enum wp_err wp_open(const struct wp_signers *signers,
		    const struct wp_token *token, int64_t now_s,
		    struct wp_opened *out, struct wp_denial *why)
{
	struct opening opening = { .signers = signers,
				   .now_s = now_s,
				   .why = why };

	*out = (struct wp_opened){ 0 };
	if (token->text == NULL || token->len == 0)
		return malformed(why, "a token is required");
	if (token->len > signers->max_token_bytes)
		return malformed(why, "the token is too long");
	if (!split(token->text, token->len, &opening.parts))
		return malformed(why, "the token is not made of three parts");
	out->room = malloc(wp_base64_decoded_max(token->len) + 1);
	if (out->room == NULL)
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token could not be read");
	return open_parts(&opening, out);
}

void wp_opened_release(struct wp_opened *opened)
{
	free(opened->room);
	*opened = (struct wp_opened){ 0 };
}
