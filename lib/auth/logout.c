/*
 * logout.c - the payload of a Logout Token: whether it is one, when it was
 * made, by whom for whom, and only then whom it is about.
 *
 * Its jti is not looked at: see logout.h. Its exp is, where there is one; older
 * providers do not say it.
 */
#include "lib/auth/logout.h"

#include <stdbool.h>

#include "lib/auth/claims.h"
#include "lib/auth/members.h"
#include "lib/base/json.h"

enum { ISS, AUD, IAT, EXP, SUB, SID, EVENTS, NONCE, MEMBERS };

/* OpenID Connect Back-Channel Logout 1.0 section 2.4 */
static const char event[] = "http://schemas.openid.net/event/"
			    "backchannel-logout";

static enum wp_err deny(struct wp_denial *why, const char *sentence)
{
	return wp_deny(why, WP_REFUSED_OTHER, sentence);
}

/* Is one of the events that? Its value has no meaning, but is an object. */
static bool is_logout(const struct wp_member *events)
{
	struct wp_member wanted = { .name = event };

	return events->is_there &&
	       wp_members_find(events->raw.data, events->raw.len, &wanted, 1) ==
		       WP_OK &&
	       wanted.is_there && wanted.raw.data[0] == '{';
}

/* A nonce is in what lets somebody in, and never in this. */
static enum wp_err check_kind(const struct wp_member *claims,
			      struct wp_denial *why)
{
	if (!is_logout(&claims[EVENTS]))
		return deny(why, "the token says nothing of a logout");
	if (claims[NONCE].is_there)
		return deny(why, "the token has a nonce, which no logout "
				 "token has");
	return WP_OK;
}

static enum wp_err check_times(const struct wp_member *claims,
			       const struct wp_claim_rules *rules,
			       int64_t now_s, int64_t *issued_s,
			       struct wp_denial *why)
{
	int64_t leeway_s = rules->leeway_s, expires_s;

	if (!wp_claim_time(&claims[IAT], issued_s))
		return deny(why, "the token has no iat, or one that is no "
				 "time in seconds");
	if (now_s + leeway_s < *issued_s)
		return deny(why, "the token is not valid yet");
	if (now_s > *issued_s + WP_LOGOUT_AGE_MAX_S + leeway_s)
		return wp_deny(why, WP_REFUSED_EXPIRED,
			       "the token is older than five minutes");
	if (!claims[EXP].is_there)
		return WP_OK;
	if (!wp_claim_time(&claims[EXP], &expires_s))
		return deny(why, "the token's exp is no time in seconds");
	if (now_s >= expires_s + leeway_s)
		return wp_deny(why, WP_REFUSED_EXPIRED,
			       "the token has expired");
	return WP_OK;
}

/* One that is there is a text: else it would mean less than it says. */
static bool is_name(const struct wp_member *claim)
{
	struct wp_json_slice text;

	return !claim->is_there ||
	       (wp_member_string(claim, &text) && text.len > 0);
}

/* Section 2.4: sub, sid, or both; with both, the session of the subject. */
static enum wp_err read_whom(const struct wp_member *claims,
			     struct wp_logout *out, struct wp_denial *why)
{
	uint8_t subject[WP_NAME_HASH_LEN], session[WP_NAME_HASH_LEN];
	bool has_sub = claims[SUB].is_there, has_sid = claims[SID].is_there;

	if ((!has_sub && !has_sid) || !is_name(&claims[SUB]) ||
	    !is_name(&claims[SID]))
		return deny(why, "the token has neither a sub nor a sid, or "
				 "one that is no text");
	if (!wp_claim_name(&claims[ISS], &claims[SUB], subject) ||
	    !wp_claim_name(&claims[ISS], &claims[SID], session))
		return deny(why, "the token could not be read");
	if (has_sid)
		wp_revoked_key_session(&out->keys[out->n++], session);
	if (has_sid && has_sub)
		wp_revoked_key_bare(&out->keys[out->n++], subject);
	else if (has_sub)
		wp_revoked_key_subject(&out->keys[out->n++], subject);
	return WP_OK;
}

enum wp_err wp_logout_read(struct wp_logout *out,
			   const struct wp_opened *opened,
			   const struct wp_claim_rules *rules, int64_t now_s,
			   struct wp_denial *why)
{
	struct wp_member members[MEMBERS] = {
		[ISS] = { .name = "iss" },       [AUD] = { .name = "aud" },
		[IAT] = { .name = "iat" },       [EXP] = { .name = "exp" },
		[SUB] = { .name = "sub" },       [SID] = { .name = "sid" },
		[EVENTS] = { .name = "events" }, [NONCE] = { .name = "nonce" },
	};
	enum wp_err rc = wp_members_find(opened->payload, opened->payload_len,
					 members, MEMBERS);

	out->n = 0;
	if (rc != WP_OK)
		return wp_deny_form(rc, why);
	rc = check_kind(members, why);
	if (rc == WP_OK)
		rc = check_times(members, rules, now_s, &out->until_s, why);
	if (rc == WP_OK)
		rc = wp_claims_parties(&members[ISS], &members[AUD], rules,
				       why);
	if (rc == WP_OK)
		rc = read_whom(members, out, why);
	return rc;
}
