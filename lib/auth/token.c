/*
 * token.c - whose keys verify a token, and what it is held against then: the
 * rules of its issuer, or those of our own keys.
 */
#include "lib/auth/token.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/auth/claims.h"
#include "lib/auth/keys.h"
#include "lib/auth/keyset.h"
#include "lib/auth/logout.h"
#include "lib/auth/open.h"
#include "lib/base/clock.h"

enum { MS_PER_S = 1000 };

struct wp_auth {
	struct wp_signers signers; /* its members are owned */
	char *issuer;
	char *audience;
	char *device_claim;
	struct wp_conf_list identity_claims;
	struct wp_claim_rules rules; /* borrows the four above */
	/* Of each issuer; borrow from it, and from device_claim. */
	struct wp_claim_rules issuer_rules[WP_ISSUERS_ALL];
	struct wp_auth_counts counts;
};

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

static void set_rules(struct wp_auth *auth, const struct wp_conf *conf)
{
	const struct wp_issuers *issuers =
		wp_keyset_issuers(auth->signers.keyset);

	auth->rules = (struct wp_claim_rules){
		.issuer = auth->issuer,
		.audience = auth->audience,
		.identity_claims = &auth->identity_claims,
		.device_claim = auth->device_claim,
		.leeway_s = conf->auth.leeway_seconds,
	};
	for (size_t i = 0; i < issuers->n; i++) {
		const struct wp_issuer *issuer = &issuers->items[i];

		auth->issuer_rules[i] = auth->rules;
		auth->issuer_rules[i].issuer = issuer->text;
		auth->issuer_rules[i].audience =
			issuer->audience == NULL ? "" : issuer->audience;
		auth->issuer_rules[i].identity_claims = &issuer->claims;
		auth->issuer_rules[i].ns = issuer->ns;
		auth->issuer_rules[i].has_any_urn = issuer->has_any_urn;
		auth->issuer_rules[i].is_own = issuer->is_own;
		/* As we write it, whatever others call theirs. */
		if (issuer->is_own)
			auth->issuer_rules[i].device_claim = "device_id";
	}
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
	auth->signers.max_token_bytes = (size_t)conf->auth.max_token_bytes;
	rc = wp_keyset_new(&auth->signers.keyset, conf, err);
	if (rc == WP_OK)
		rc = wp_keys_new(&auth->signers.keys, conf, err);
	if (rc != WP_OK)
		goto out;
	set_rules(auth, conf);
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
	wp_keys_free(&(*auth)->signers.keys);
	wp_keyset_free(&(*auth)->signers.keyset);
	for (i = 0; i < (*auth)->identity_claims.n; i++)
		free((*auth)->identity_claims.items[i]);
	free((*auth)->identity_claims.items);
	free((*auth)->issuer);
	free((*auth)->audience);
	free((*auth)->device_claim);
	free(*auth);
	*auth = NULL;
}

void wp_auth_count(struct wp_auth *auth, const struct wp_auth_counts *counts)
{
	auth->counts = *counts;
}

/* ---- the keys of issuers ---- */

size_t wp_auth_issuers(const struct wp_auth *auth)
{
	return wp_keyset_issuers(auth->signers.keyset)->n;
}

void wp_auth_look(struct wp_auth *auth, uint64_t now_ms)
{
	if (wp_auth_issuers(auth) > 0)
		wp_keyset_look(auth->signers.keyset, now_ms, wp_wall_ms());
}

bool wp_auth_look_again(struct wp_auth *auth, size_t issuer)
{
	assert(issuer > 0 && issuer <= wp_auth_issuers(auth));
	return wp_keyset_look_at(auth->signers.keyset, issuer - 1,
				 wp_wall_ms());
}

void wp_auth_ask(struct wp_auth *auth, size_t issuer)
{
	assert(issuer > 0 && issuer <= wp_auth_issuers(auth));
	wp_keyset_ask(auth->signers.keyset, issuer - 1);
}

uint32_t wp_auth_generation(const struct wp_auth *auth)
{
	return wp_keyset_generation(auth->signers.keyset);
}

bool wp_auth_has_keys(const struct wp_auth *auth)
{
	bool found = wp_keys_count(auth->signers.keys) > 0;

	for (size_t i = 0; !found && i < wp_auth_issuers(auth); i++) {
		struct wp_keyset_state state =
			wp_keyset_state(auth->signers.keyset, i);

		found = state.jwks != NULL && !state.is_too_old;
	}
	return found;
}

void wp_auth_write_ages(const struct wp_auth *auth, const char *name,
			struct wp_buf *out)
{
	int64_t now_ms = wp_wall_ms();

	if (wp_auth_issuers(auth) > 0)
		wp_buf_printf(out,
			      "# HELP %s Since when the keys of an issuer are "
			      "what they are here, by its number in "
			      "auth.issuers; own: of accounts.issuer.\n"
			      "# TYPE %s gauge\n",
			      name, name);
	for (size_t i = 0; i < wp_auth_issuers(auth); i++) {
		struct wp_keyset_state state =
			wp_keyset_state(auth->signers.keyset, i);

		if (state.jwks == NULL)
			continue;
		wp_buf_printf(out, "%s{issuer=\"", name);
		if (auth->issuer_rules[i].is_own)
			wp_buf_add_str(out, "own");
		else
			wp_buf_add_int(out, (int64_t)i + 1);
		wp_buf_printf(out, "\"} %" PRId64 "\n",
			      (now_ms - state.fetched_ms) / MS_PER_S);
	}
}

/* ---- whether it is good ---- */

/* Say so, and count it. */
static enum wp_err conclude(const struct wp_auth *auth, enum wp_err rc,
			    const struct wp_denial *why, struct wp_error *err)
{
	const struct wp_auth_counts *counts = &auth->counts;

	switch (rc) {
	case WP_OK:
		return rc;
	case WP_ERR_DENIED:
		wp_metric_add(counts->metrics, counts->refused + why->reason,
			      1);
		return wp_error_set(err, rc, "%s", why->sentence);
	default:
		return wp_error_set(err, rc,
				    "the keys of the token's issuer are not "
				    "known now; repeat later");
	}
}

enum wp_err wp_auth_open(const struct wp_auth *auth,
			 const struct wp_token *token, int64_t now_s,
			 struct wp_opened *out, struct wp_error *err)
{
	struct wp_denial why;
	enum wp_err rc = wp_open(&auth->signers, token, now_s, out, &why);

	return conclude(auth, rc, &why, err);
}

enum wp_err wp_auth_verify(const struct wp_auth *auth,
			   const struct wp_token *token, int64_t now_s,
			   struct wp_identity *out, struct wp_error *err)
{
	struct wp_opened opened;
	struct wp_denial why;
	enum wp_err rc;

	memset(out, 0, sizeof(*out));
	rc = wp_open(&auth->signers, token, now_s, &opened, &why);
	out->issuer = (uint8_t)opened.issuer;
	if (rc == WP_OK && opened.type != WP_TOKEN_ACCESS &&
	    opened.type != WP_TOKEN_PLAIN)
		rc = wp_deny(&why, WP_REFUSED_OTHER,
			     "the token is of another type");
	if (rc == WP_OK)
		rc = wp_claims_read(
			opened.payload, opened.payload_len,
			opened.issuer > 0
				? &auth->issuer_rules[opened.issuer - 1]
				: &auth->rules,
			now_s, out, &why);
	if (rc == WP_ERR_DENIED)
		out->refused = why.reason;
	wp_opened_release(&opened);
	return conclude(auth, rc, &why, err);
}

/* What logout tokens of an issuer are held against. */
static struct wp_claim_rules logout_rules(const struct wp_auth *auth,
					  size_t issuer)
{
	const char *audience = wp_keyset_issuers(auth->signers.keyset)
				       ->items[issuer - 1]
				       .logout_audience;
	struct wp_claim_rules rules = auth->issuer_rules[issuer - 1];

	if (audience != NULL)
		rules.audience = audience;
	return rules;
}

enum wp_err wp_auth_verify_logout(const struct wp_auth *auth,
				  const struct wp_token *token, int64_t now_s,
				  struct wp_logout *out, struct wp_error *err)
{
	struct wp_claim_rules rules;
	struct wp_opened opened;
	struct wp_denial why;
	enum wp_err rc;

	*out = (struct wp_logout){ 0 };
	rc = wp_open(&auth->signers, token, now_s, &opened, &why);
	out->issuer = opened.issuer;
	/* Whose keys are ours ends sessions here, and tells nobody. */
	if (rc == WP_OK && (opened.issuer == 0 ||
			    auth->issuer_rules[opened.issuer - 1].is_own))
		rc = wp_deny(&why, WP_REFUSED_ISSUER,
			     "the token is of no issuer that is known here");
	if (rc == WP_OK && opened.type != WP_TOKEN_LOGOUT &&
	    opened.type != WP_TOKEN_PLAIN)
		rc = wp_deny(&why, WP_REFUSED_OTHER,
			     "the token is of another type");
	if (rc == WP_OK) {
		rules = logout_rules(auth, opened.issuer);
		rc = wp_logout_read(out, &opened, &rules, now_s, &why);
	}
	wp_opened_release(&opened);
	return conclude(auth, rc, &why, err);
}

static enum wp_err deny(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_DENIED, "%s", sentence);
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
