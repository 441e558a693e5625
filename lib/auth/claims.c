/*
 * claims.c - what a payload says, judged in an order: its form, its times, who
 * made it for whom, and only then who it is.
 */
#include "lib/auth/claims.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/members.h"
#include "lib/base/buf.h"
#include "lib/base/digest.h"
#include "lib/base/json.h"

enum { MEMBERS_MAX = 32, NUMBER_MAX = 32 };

/* The end of year 9999; also catches times given in milliseconds. */
#define TIME_MAX_S INT64_C(253402300799)

static enum wp_err deny(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_DENIED, "%s", sentence);
}

enum wp_err wp_claims_deny_form(enum wp_err fault, struct wp_error *err)
{
	return deny(err, fault == WP_ERR_CONFLICT
				 ? "the token has a member twice"
				 : "the token holds malformed JSON");
}

/* ---- times ---- */

/* The member as a NumericDate, its fraction cut off. */
static bool read_time(const struct wp_member *member, int64_t *out)
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
enum claim { EXP, NBF, ISS, AUD, IAT, SUB, SID, DEVICE, FIXED };

static enum wp_err check_times(const struct wp_member *claims,
			       const struct wp_claim_rules *rules,
			       int64_t now_s, struct wp_identity *out,
			       struct wp_error *err)
{
	int64_t from;

	if (!claims[EXP].is_there)
		return deny(err, "the token has no exp");
	if (!read_time(&claims[EXP], &out->expires_s))
		return deny(err, "the token's exp is no time in seconds");
	if (now_s >= out->expires_s + rules->leeway_s)
		return deny(err, "the token has expired");
	if (claims[IAT].is_there && !read_time(&claims[IAT], &out->issued_s))
		return deny(err, "the token's iat is no time in seconds");
	if (!claims[NBF].is_there)
		return WP_OK;
	if (!read_time(&claims[NBF], &from))
		return deny(err, "the token's nbf is no time in seconds");
	if (now_s + rules->leeway_s < from)
		return deny(err, "the token is not valid yet");
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

static enum wp_err check_parties(const struct wp_member *claims,
				 const struct wp_claim_rules *rules,
				 struct wp_error *err)
{
	if (rules->issuer[0] != '\0' &&
	    !wp_member_is(&claims[ISS], rules->issuer))
		return deny(err, "the token is from another issuer");
	if (rules->audience[0] != '\0' &&
	    !has_audience(&claims[AUD], rules->audience))
		return deny(err, "the token is for another audience");
	return WP_OK;
}

/* ---- who it is ---- */

/* The first claim that is there decides, fit or not. */
static enum wp_err read_user(const struct wp_member *claims, size_t n,
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
	if (!wp_member_string(&claims[i], &raw))
		return deny(err, "the token's caller is no string");
	wp_json_decode(&raw, &text);
	if (text.failed || wp_urn_parse(out, memory, text.len, NULL) != WP_OK)
		return deny(err, "the token's caller is neither a URN nor an "
				 "id");
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
			       struct wp_identity *out, struct wp_error *err)
{
	struct wp_json_slice text;

	if (!claim->is_there)
		return WP_OK;
	if (!wp_member_string(claim, &text) || !is_device(&text))
		return deny(err, "the token's device is not 1 to 64 of A-Z a-z "
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

/* What is no string has no name. False when memory is exhausted. */
static bool read_name(const struct wp_member *iss,
		      const struct wp_member *claim,
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
			      struct wp_identity *out, struct wp_error *err)
{
	if (!read_name(&claims[ISS], &claims[SUB], out->subject) ||
	    !read_name(&claims[ISS], &claims[SID], out->session))
		return deny(err, "the token could not be read");
	return read_device(&claims[DEVICE], out, err);
}

enum wp_err wp_claims_read(const char *json, size_t len,
			   const struct wp_claim_rules *rules, int64_t now_s,
			   struct wp_identity *out, struct wp_error *err)
{
	struct wp_member members[MEMBERS_MAX] = {
		[EXP] = { .name = "exp" }, [NBF] = { .name = "nbf" },
		[ISS] = { .name = "iss" }, [AUD] = { .name = "aud" },
		[IAT] = { .name = "iat" }, [SUB] = { .name = "sub" },
		[SID] = { .name = "sid" },
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
		return wp_claims_deny_form(rc, err);
	rc = check_times(members, rules, now_s, out, err);
	if (rc == WP_OK)
		rc = check_parties(members, rules, err);
	if (rc == WP_OK)
		rc = read_names(members, out, err);
	if (rc == WP_OK)
		rc = read_user(members + FIXED, n, &out->user, err);
	return rc;
}
