/*
 * claims.c - what a payload says, judged in an order: its form, its times, who
 * made it for whom, and only then who it is.
 */
#include "lib/auth/claims.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/base/json.h"

enum { MEMBERS_MAX = 32, NUMBER_MAX = 32 };

/* The end of year 9999; also catches times given in milliseconds. */
#define TIME_MAX_S INT64_C(253402300799)

enum wp_err wp_deny_form(enum wp_err fault, struct wp_denial *why)
{
	return wp_deny(why, WP_REFUSED_MALFORMED,
		       fault == WP_ERR_CONFLICT
			       ? "the token has a member twice"
			       : "the token holds malformed JSON");
}

/* ---- times ---- */

bool wp_claim_time(const struct wp_member *member, int64_t *out)
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

/* The claims that have a meaning of their own (RFC 7519 section 4.1). */
enum claim { EXP, NBF, ISS, AUD, IAT, SUB, SID, GEN, EVENTS, DEVICE, FIXED };

static enum wp_err check_times(const struct wp_member *claims,
			       const struct wp_claim_rules *rules,
			       int64_t now_s, struct wp_identity *out,
			       struct wp_denial *why)
{
	int64_t from;

	if (!claims[EXP].is_there)
		return wp_deny(why, WP_REFUSED_OTHER, "the token has no exp");
	if (!wp_claim_time(&claims[EXP], &out->expires_s))
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token's exp is no time in seconds");
	if (now_s >= out->expires_s + rules->leeway_s)
		return wp_deny(why, WP_REFUSED_EXPIRED,
			       "the token has expired");
	if (claims[IAT].is_there &&
	    !wp_claim_time(&claims[IAT], &out->issued_s))
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token's iat is no time in seconds");
	/* Nobody revokes what is still to come. */
	if (rules->ns != NULL && now_s + rules->leeway_s < out->issued_s)
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token is not valid yet");
	if (!claims[NBF].is_there)
		return WP_OK;
	if (!wp_claim_time(&claims[NBF], &from))
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token's nbf is no time in seconds");
	if (now_s + rules->leeway_s < from)
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token is not valid yet");
	return WP_OK;
}

/* ---- who made it, and for whom ---- */

/* Is want the audience, or one of them? An odd aud is nobody's. */
static bool has_audience(const struct wp_member *aud, const char *want)
{
	struct wp_json_slice text;
	struct wp_json js;
	bool found = false;

	if (!aud->is_there)
		return false;
	if (wp_member_string(aud, &text))
		return wp_json_slice_is(&text, want);
	wp_json_init(&js, aud->raw.data, aud->raw.len);
	if (!wp_json_array_begin(&js))
		return false;
	while (wp_json_array_next(&js))
		if (wp_json_string(&js, &text) && wp_json_slice_is(&text, want))
			found = true;
	return found && js.err == NULL;
}

enum wp_err wp_claims_parties(const struct wp_member *iss,
			      const struct wp_member *aud,
			      const struct wp_claim_rules *rules,
			      struct wp_denial *why)
{
	if (rules->issuer[0] != '\0' && !wp_member_is(iss, rules->issuer))
		return wp_deny(why, WP_REFUSED_ISSUER,
			       "the token is from another issuer");
	if (rules->audience[0] != '\0' && !has_audience(aud, rules->audience))
		return wp_deny(why, WP_REFUSED_AUDIENCE,
			       "the token is for another audience");
	return WP_OK;
}

/* ---- who it is ---- */

/* Is urn in the namespace? */
static bool is_in(const struct wp_urn *urn, const char *ns)
{
	static const char scheme[] = "urn:";
	const char *at = urn->text + sizeof(scheme) - 1;
	size_t len = strlen(ns);

	return strncmp(at, ns, len) == 0 && at[len] == ':';
}

/*
 * Who that is: a URN, or what makes one in the issuer's namespace.
 *
 * text:  changed
 */
static bool name_user(struct wp_buf *text, const struct wp_claim_rules *rules,
		      struct wp_urn *out)
{
	char whole[WP_URN_MAX + 2];
	struct wp_buf urn = { .data = whole,
			      .cap = sizeof(whole),
			      .max_bytes = WP_URN_MAX };

	if (rules->ns == NULL)
		return wp_urn_parse(out, text->data, text->len, NULL) == WP_OK;
	if (text->len == 0)
		return false;
	if (memchr(text->data, ':', text->len) != NULL)
		return wp_urn_parse(out, text->data, text->len, NULL) ==
			       WP_OK &&
		       (rules->has_any_urn || is_in(out, rules->ns));
	if (rules->is_own)
		return false;
	wp_buf_add_str(&urn, "urn:");
	wp_buf_add_str(&urn, rules->ns);
	wp_buf_add_str(&urn, ":user:");
	wp_buf_add(&urn, text->data, text->len);
	return !urn.failed &&
	       wp_urn_parse(out, urn.data, urn.len, NULL) == WP_OK;
}

/* The first claim that is there decides, fit or not. */
static enum wp_err read_user(const struct wp_member *claims, size_t n,
			     const struct wp_claim_rules *rules,
			     struct wp_urn *out, struct wp_denial *why)
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
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token names no caller");
	if (!wp_member_string(&claims[i], &raw))
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token's caller is no string");
	wp_json_decode(&raw, &text);
	if (text.failed || !name_user(&text, rules, out))
		return wp_deny(why, WP_REFUSED_OTHER,
			       rules->ns == NULL
				       ? "the token's caller is neither a "
					 "URN nor an id"
				       : "the token's caller is neither an "
					 "id nor a URN that its issuer may "
					 "name");
	return WP_OK;
}

static bool is_device(const struct wp_json_slice *text)
{
	static const char fit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789._-";

	if (text->has_escapes || text->len == 0 || text->len > WP_DEVICE_MAX)
		return false;
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == '\0' || strchr(fit, text->data[i]) == NULL)
			return false;
	return true;
}

static enum wp_err read_device(const struct wp_member *claim,
			       struct wp_identity *out, struct wp_denial *why)
{
	struct wp_json_slice text;

	if (!claim->is_there)
		return WP_OK;
	if (!wp_member_string(claim, &text) || !is_device(&text))
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token's device is not 1 to 64 of A-Z a-z "
			       "0-9 . _ -");
	memcpy(out->device, text.data, text.len);
	return WP_OK;
}

/* Of issuer, NUL and name, which are in text. */
static void hash_names(const struct wp_buf *text, uint8_t out[WP_NAME_HASH_LEN])
{
	uint8_t digest[WP_SHA256_LEN];

	wp_sha256(text->data, text->len, digest);
	memcpy(out, digest, WP_NAME_HASH_LEN);
}

enum wp_err wp_name_hash(const char *issuer, const char *name, size_t name_len,
			 uint8_t out[WP_NAME_HASH_LEN])
{
	enum wp_err rc = WP_ERR_NOMEM;
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, issuer);
	wp_buf_add_char(&text, '\0');
	wp_buf_add(&text, name, name_len);
	if (!text.failed) {
		hash_names(&text, out);
		rc = WP_OK;
	}
	wp_buf_release(&text);
	return rc;
}

bool wp_claim_name(const struct wp_member *iss, const struct wp_member *claim,
		   uint8_t out[WP_NAME_HASH_LEN])
{
	struct wp_json_slice slice;
	struct wp_buf text;
	bool is_done;

	if (!wp_member_string(claim, &slice))
		return true;
	wp_buf_init(&text, 0);
	if (wp_member_string(iss, &slice))
		wp_json_decode(&slice, &text);
	wp_buf_add_char(&text, '\0');
	(void)wp_member_string(claim, &slice);
	wp_json_decode(&slice, &text);
	is_done = !text.failed;
	if (is_done)
		hash_names(&text, out);
	wp_buf_release(&text);
	return is_done;
}

static enum wp_err read_names(const struct wp_member *claims,
			      const struct wp_claim_rules *rules,
			      struct wp_identity *out, struct wp_denial *why)
{
	struct wp_json_slice text;

	/* A word about somebody, such as that he logged out (RFC 8417 4.6). */
	if (rules->ns != NULL && claims[EVENTS].is_there)
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token is of another type");
	/* Without them nothing could be revoked. */
	if (rules->ns != NULL && (!wp_member_string(&claims[SUB], &text) ||
				  text.len == 0 || !claims[IAT].is_there))
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token lacks sub or iat");
	if (!wp_claim_name(&claims[ISS], &claims[SUB], out->subject) ||
	    !wp_claim_name(&claims[ISS], &claims[SID], out->session))
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token could not be read");
	return read_device(&claims[DEVICE], out, why);
}

/* The member as a whole number of 32 bits. */
static bool read_number(const struct wp_member *member, uint32_t *out)
{
	struct wp_json_slice number;
	struct wp_json js;
	uint64_t value = 0;

	wp_json_init(&js, member->raw.data, member->raw.len);
	if (!wp_json_number(&js, &number) || number.len > NUMBER_MAX)
		return false;
	for (size_t i = 0; i < number.len; i++) {
		char digit = number.data[i];

		if (digit < '0' || digit > '9')
			return false;
		value = 10 * value + (uint64_t)(digit - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*out = (uint32_t)value;
	return true;
}

/* The session that we gave it in. Only with keys that nobody else has. */
static enum wp_err read_own(const struct wp_member *claims,
			    struct wp_identity *out, struct wp_denial *why)
{
	struct wp_json_slice sid;

	if (!wp_member_string(&claims[SID], &sid) ||
	    !wp_hex_read(sid.data, sid.len, out->own.sid, WP_SID_LEN) ||
	    !claims[GEN].is_there ||
	    !read_number(&claims[GEN], &out->own.generation))
		return wp_deny(why, WP_REFUSED_OTHER,
			       "the token names no session");
	out->own.is_set = true;
	return WP_OK;
}

enum wp_err wp_claims_read(const char *json, size_t len,
			   const struct wp_claim_rules *rules, int64_t now_s,
			   struct wp_identity *out, struct wp_denial *why)
{
	struct wp_member members[MEMBERS_MAX] = {
		[EXP] = { .name = "exp" },       [NBF] = { .name = "nbf" },
		[ISS] = { .name = "iss" },       [AUD] = { .name = "aud" },
		[IAT] = { .name = "iat" },       [SUB] = { .name = "sub" },
		[SID] = { .name = "sid" },       [GEN] = { .name = "gen" },
		[EVENTS] = { .name = "events" },
	};
	size_t n = rules->identity_claims->n;
	enum wp_err rc;

	if (n > MEMBERS_MAX - FIXED)
		n = MEMBERS_MAX - FIXED;
	for (size_t i = 0; i < n; i++)
		members[FIXED + i].name = rules->identity_claims->items[i];
	if (rules->device_claim[0] != '\0')
		members[DEVICE].name = rules->device_claim;
	rc = wp_members_find(json, len, members, FIXED + n);
	if (rc != WP_OK)
		return wp_deny_form(rc, why);
	rc = check_times(members, rules, now_s, out, why);
	if (rc == WP_OK)
		rc = wp_claims_parties(&members[ISS], &members[AUD], rules,
				       why);
	if (rc == WP_OK)
		rc = read_names(members, rules, out, why);
	if (rc == WP_OK)
		rc = read_user(members + FIXED, n, rules, &out->user, why);
	if (rc == WP_OK && rules->is_own)
		rc = read_own(members, out, why);
	return rc;
}

enum wp_err wp_claims_peek(const char *json, size_t len, struct wp_claimed *out,
			   struct wp_denial *why)
{
	struct wp_member members[] = { { .name = "iss" }, { .name = "iat" } };
	enum wp_err rc = wp_members_find(json, len, members, 2);

	*out = (struct wp_claimed){ .iss = members[0] };
	if (rc != WP_OK)
		return wp_deny_form(rc, why);
	if (members[1].is_there && !wp_claim_time(&members[1], &out->issued_s))
		out->issued_s = 0;
	return WP_OK;
}
