/*
 * jwt_claims.c - judge the JSON inside a token: RFC 7515 section 4, RFC 7519
 * section 4.
 *
 * A first walk notes where each member of interest is and refuses one that is
 * given twice: whoever reads the other one would see another caller. Only then
 * is any of them interpreted. Signatures are checked before this, elsewhere.
 */
#include "lib/auth/jwt_claims.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"

enum { MEMBERS_MAX = 32, NUMBER_MAX = 32 };

/* The end of year 9999; also catches times given in milliseconds. */
#define TIME_MAX_S INT64_C(253402300799)

/* One member that we read, and its exact text once it has been found. */
struct member {
	const char *name;
	struct wp_json_slice raw;
	bool is_there;
};

static enum wp_err deny(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_DENIED, "%s", sentence);
}

/* Note where the members are. A name may be in the list twice. */
static enum wp_err find_members(const char *json, size_t len,
				struct member *members, size_t n,
				struct wp_error *err)
{
	struct wp_json_slice raw;
	struct wp_json_key key;
	struct wp_json js;
	size_t i;

	wp_json_init(&js, json, len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (!wp_json_skip(&js, &raw))
			break;
		for (i = 0; i < n; i++) {
			if (!wp_json_key_is(&key, members[i].name))
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

enum wp_err wp_jwt_read_header(const char *json, size_t len,
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
			       const struct wp_claim_rules *rules,
			       int64_t now_s, int64_t *expires_out,
			       struct wp_error *err)
{
	int64_t from;

	if (!exp->is_there)
		return deny(err, "the token has no exp");
	if (!read_time(exp, expires_out))
		return deny(err, "the token's exp is no time in seconds");
	if (now_s >= *expires_out + rules->leeway_s)
		return deny(err, "the token has expired");
	if (!nbf->is_there)
		return WP_OK;
	if (!read_time(nbf, &from))
		return deny(err, "the token's nbf is no time in seconds");
	if (now_s + rules->leeway_s < from)
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

enum wp_err wp_jwt_read_claims(const char *json, size_t len,
			       const struct wp_claim_rules *rules,
			       int64_t now_s, struct wp_identity *out,
			       struct wp_error *err)
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
		rc = check_times(&members[EXP], &members[NBF], rules, now_s,
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
