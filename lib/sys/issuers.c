/*
 * issuers.c - elements of auth.issuers to struct wp_issuer, and whether they
 * can stand beside each other.
 *
 * Sentences count the elements and repeat nothing of them.
 */
#include "lib/sys/issuers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/name/urn.h"

enum { TEXT_MAX = 512, NS_MAX = 64 };

static const char blanks[] = " \t";
/* What users of our own are named in, and others where nothing is said. */
static const char own_ns[] = "sm";
/* Whom our own tokens are for, as lib/auth/issue.c writes it. */
static const char own_audience[] = "waypost";

/* A piece of the setting. */
struct piece {
	const char *at;
	size_t len;
};

/* ---- addresses ---- */

static bool starts_with(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

static bool is_piece(const struct piece *piece, const char *text)
{
	return piece->len == strlen(text) &&
	       memcmp(piece->at, text, piece->len) == 0;
}

/* The host of an authority, its port left out; empty when it is odd. */
static struct piece host_of(const char *authority, size_t len)
{
	const char *end = authority + len;
	const char *stop;

	if (len > 0 && authority[0] == '[') {
		stop = memchr(authority, ']', len);
		stop = stop == NULL ? authority : stop + 1;
	} else {
		stop = memchr(authority, ':', len);
		stop = stop == NULL ? end : stop;
	}
	if (stop < end && *stop != ':')
		stop = authority;
	return (struct piece){ authority, (size_t)(stop - authority) };
}

static bool is_port(const char *text, size_t len)
{
	return len == 0 || (len > 1 && len <= 6 &&
			    strspn(text + 1, "0123456789") >= len - 1);
}

/* By what it is called, for that is all that is known here. */
static bool is_loopback(const struct piece *host)
{
	return is_piece(host, "localhost") || is_piece(host, "[::1]") ||
	       (host->len > 4 && memcmp(host->at, "127.", 4) == 0 &&
		strspn(host->at, "0123456789.") >= host->len);
}

const char *wp_issuer_url_fault(const char *url, enum wp_run_mode run_mode)
{
	bool is_plain = starts_with(url, "http://");
	struct piece host;
	const char *rest;
	size_t len;

	if (!is_plain && !starts_with(url, "https://"))
		return "must begin with https://";
	for (rest = url; *rest != '\0'; rest++)
		if (*rest <= 0x20 || *rest >= 0x7f ||
		    strchr("\"<>\\^`{|}#", *rest) != NULL)
			return "must be a URL, without blanks and without #";
	if (strlen(url) > TEXT_MAX)
		return "must not be over 512 bytes";
	rest = strchr(url, ':') + 3;
	len = strcspn(rest, "/?");
	if (memchr(rest, '@', len) != NULL)
		return "must not name a user";
	host = host_of(rest, len);
	if (host.len == 0 || !is_port(rest + host.len, len - host.len))
		return "must name a host";
	if (is_plain && run_mode == WP_RUN_PRODUCTION && !is_loopback(&host))
		return "must be https, unless its host is a loopback address";
	return NULL;
}

void wp_issuer_id(const char *text, char out[WP_ISSUER_ID_LEN + 1])
{
	uint8_t digest[WP_SHA256_LEN];

	wp_sha256(text, strlen(text), digest);
	wp_hex_write(out, digest, WP_ISSUER_ID_LEN / 2);
}

/* ---- one element ---- */

/* The setting while it is taken apart. */
struct reading {
	const struct wp_conf *conf;
	struct wp_issuer *issuer;
	size_t number; /* from 1 on */
	struct wp_error *err;
};

static enum wp_err bad(const struct reading *reading, const char *sentence)
{
	return wp_error_set(reading->err, WP_ERR_INVAL,
			    "auth.issuers: number %zu %s", reading->number,
			    sentence);
}

static enum wp_err no_memory(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

static enum wp_err keep(const struct reading *reading, char **out,
			const struct piece *value)
{
	*out = strndup(value->at, value->len);
	return *out == NULL ? no_memory(reading->err) : WP_OK;
}

static enum wp_err add_claim(const struct reading *reading,
			     const struct piece *name)
{
	struct wp_conf_list *claims = &reading->issuer->claims;
	enum wp_err rc;

	if (name->len == 0 || claims->n == WP_ISSUER_CLAIMS_MAX)
		return bad(reading, "must have 1 to 16 names in claims=, with "
				    "a + between them");
	if (claims->items == NULL)
		claims->items = calloc(WP_ISSUER_CLAIMS_MAX + 1,
				       sizeof(*claims->items));
	if (claims->items == NULL)
		return no_memory(reading->err);
	rc = keep(reading, &claims->items[claims->n], name);
	claims->n += rc == WP_OK;
	return rc;
}

static enum wp_err read_claims(const struct reading *reading,
			       const struct piece *value)
{
	const char *at = value->at, *end = at + value->len;

	if (reading->issuer->claims.n > 0)
		return bad(reading, "has an option twice");
	for (;;) {
		const char *plus = memchr(at, '+', (size_t)(end - at));
		const char *stop = plus == NULL ? end : plus;
		const struct piece name = { at, (size_t)(stop - at) };
		enum wp_err rc = add_claim(reading, &name);

		if (rc != WP_OK || plus == NULL)
			return rc;
		at = plus + 1;
	}
}

/* Would a URN have it as its namespace? */
static bool is_namespace(const char *ns)
{
	char text[NS_MAX + 16];
	struct wp_urn urn;
	size_t len = strlen(ns);

	if (len == 0 || len > NS_MAX || strchr(ns, ':') != NULL)
		return false;
	len = (size_t)snprintf(text, sizeof(text), "urn:%s:user:x", ns);
	return wp_urn_parse(&urn, text, len, NULL) == WP_OK;
}

static enum wp_err read_option(const struct reading *reading,
			       const struct piece *option)
{
	static const char *const names[] = { "aud", "logout_aud", "ns",
					     "jwks" };
	struct wp_issuer *issuer = reading->issuer;
	char **const places[] = { &issuer->audience, &issuer->logout_audience,
				  &issuer->ns, &issuer->jwks_url };
	const char *equals = memchr(option->at, '=', option->len);
	struct piece name, value;

	if (equals == NULL)
		return bad(reading, "must be a URL, then options such as "
				    "aud=…, with blanks between them");
	name = (struct piece){ option->at, (size_t)(equals - option->at) };
	value = (struct piece){ equals + 1, option->len - name.len - 1 };
	if (value.len == 0 || value.len > TEXT_MAX)
		return bad(reading, "has an option without a value, or with "
				    "one over 512 bytes");
	if (is_piece(&name, "claims"))
		return read_claims(reading, &value);
	if (is_piece(&name, "urns") && is_piece(&value, "any")) {
		issuer->has_any_urn = true;
		return WP_OK;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!is_piece(&name, names[i]))
			continue;
		if (*places[i] != NULL)
			return bad(reading, "has an option twice");
		return keep(reading, places[i], &value);
	}
	return bad(reading, "has an option that is none of aud=, "
			    "logout_aud=, ns=, urns=any, claims=, jwks=");
}

static enum wp_err judge_url(const struct reading *reading, const char *url,
			     const char *what)
{
	const char *fault = wp_issuer_url_fault(url, reading->conf->run_mode);

	if (fault == NULL)
		return WP_OK;
	return wp_error_set(reading->err, WP_ERR_INVAL,
			    "auth.issuers: number %zu: %s %s", reading->number,
			    what, fault);
}

static enum wp_err judge(const struct reading *reading)
{
	struct wp_issuer *issuer = reading->issuer;
	bool is_production = reading->conf->run_mode == WP_RUN_PRODUCTION;
	enum wp_err rc = judge_url(reading, issuer->text, "the issuer");

	if (rc == WP_OK && issuer->jwks_url != NULL)
		rc = judge_url(reading, issuer->jwks_url, "jwks=");
	if (rc != WP_OK)
		return rc;
	/* OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2. */
	if (strchr(issuer->text, '?') != NULL)
		return bad(reading, "must not have a query in the issuer");
	if (is_production && !starts_with(issuer->text, "https://"))
		return bad(reading, "must be an https issuer in production");
	/* Else a token made for any other service would do (RFC 8725 3.9). */
	if (is_production && issuer->audience == NULL)
		return bad(reading, "needs aud=… in production: whom tokens "
				    "must be made for; aud=* for anybody");
	if (!is_namespace(issuer->ns))
		return bad(reading, "has an ns= that can be no part of a URN");
	return WP_OK;
}

/* What an element leaves out. */
static enum wp_err fill_in(const struct reading *reading)
{
	const struct wp_conf_list *claims =
		&reading->conf->auth.identity_claims;
	struct wp_issuer *issuer = reading->issuer;
	static const struct piece ns = { own_ns, sizeof(own_ns) - 1 };
	enum wp_err rc = WP_OK;

	if (issuer->ns == NULL)
		rc = keep(reading, &issuer->ns, &ns);
	for (size_t i = 0, have = issuer->claims.n;
	     rc == WP_OK && have == 0 && i < claims->n; i++) {
		const struct piece name = { claims->items[i],
					    strlen(claims->items[i]) };

		rc = add_claim(reading, &name);
	}
	return rc;
}

static enum wp_err read_element(const struct reading *reading,
				const char *element)
{
	const char *at = element;
	enum wp_err rc = WP_OK;

	for (at += strspn(at, blanks); rc == WP_OK && *at != '\0';
	     at += strspn(at, blanks)) {
		const struct piece piece = { at, strcspn(at, blanks) };

		at += piece.len;
		if (reading->issuer->text == NULL)
			rc = keep(reading, &reading->issuer->text, &piece);
		else
			rc = read_option(reading, &piece);
	}
	if (rc == WP_OK && reading->issuer->text == NULL)
		rc = bad(reading, "must not be empty");
	if (rc == WP_OK)
		rc = fill_in(reading);
	if (rc != WP_OK)
		return rc;
	rc = judge(reading);
	if (rc == WP_OK && reading->issuer->audience != NULL &&
	    strcmp(reading->issuer->audience, "*") == 0) {
		free(reading->issuer->audience);
		reading->issuer->audience = NULL;
	}
	return rc;
}

/* ---- all of them ---- */

/* Against users of our own: nobody else may name them, or be us. */
static enum wp_err judge_beside_own(const struct reading *reading,
				    const struct wp_issuer *issuer)
{
	const struct wp_conf *conf = reading->conf;

	if (!conf->accounts.enabled)
		return WP_OK;
	if (strcmp(issuer->text, conf->accounts.issuer) == 0)
		return bad(reading, "is accounts.issuer, which is us; call us "
				    "something else there");
	if (issuer->has_any_urn)
		return bad(reading,
			   "may name users of our own with urns=any; take it "
			   "away, or set accounts.enabled to false");
	if (strcmp(issuer->ns, own_ns) == 0)
		return bad(reading,
			   "has the namespace of our own accounts: both could "
			   "name the same mailbox; give it an ns= of its own, "
			   "or set accounts.enabled to false");
	return WP_OK;
}

/* Each against those before it. */
static enum wp_err judge_together(const struct wp_issuers *issuers,
				  const struct wp_conf *conf,
				  struct wp_error *err)
{
	/* Keys of ours that sign for others are no keys of the accounts. */
	if (conf->accounts.enabled && conf->auth.issuer != NULL &&
	    strcmp(conf->auth.issuer, conf->accounts.issuer) == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth.issuer: must not be accounts.issuer, "
				    "whose tokens are verified with keys of "
				    "their own; call one of them something "
				    "else, or set accounts.enabled to false");
	for (size_t i = 0; i < issuers->n; i++) {
		const struct wp_issuer *one = &issuers->items[i];
		const struct reading reading = { .conf = conf,
						 .number = i + 1,
						 .err = err };
		enum wp_err rc;

		if (one->has_any_urn && issuers->n > 1)
			return bad(&reading, "may have urns=any only as the "
					     "one issuer that there is");
		/* Its keys alone would be asked: no key of ours ever again. */
		if (conf->auth.issuer != NULL &&
		    strcmp(one->text, conf->auth.issuer) == 0)
			return bad(&reading,
				   "is auth.issuer too, which is of "
				   "our own keys; take it away there");
		rc = judge_beside_own(&reading, one);
		if (rc != WP_OK)
			return rc;
		for (size_t k = 0; k < i; k++) {
			if (strcmp(one->text, issuers->items[k].text) == 0)
				return bad(&reading, "is there twice");
			if (strcmp(one->ns, issuers->items[k].ns) == 0)
				return bad(&reading,
					   "has the namespace of another one: "
					   "both could name the same mailbox; "
					   "give it an ns= of its own");
		}
	}
	return WP_OK;
}

enum wp_err wp_issuers_new(struct wp_issuers **out, const struct wp_conf *conf,
			   struct wp_error *err)
{
	const struct wp_conf_list *list = &conf->auth.issuers;
	struct wp_issuers *issuers = calloc(1, sizeof(*issuers));
	enum wp_err rc = WP_OK;

	if (issuers == NULL)
		return no_memory(err);
	if (list->n > WP_ISSUERS_MAX)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "auth.issuers: must not hold more than %d "
				  "texts",
				  WP_ISSUERS_MAX);
	while (rc == WP_OK && issuers->n < list->n) {
		const struct reading reading = {
			.conf = conf,
			.issuer = &issuers->items[issuers->n],
			.number = issuers->n + 1,
			.err = err,
		};

		/* Counted first, so that what it has is freed. */
		issuers->n++;
		rc = read_element(&reading, list->items[issuers->n - 1]);
	}
	if (rc == WP_OK)
		rc = judge_together(issuers, conf, err);
	if (rc == WP_OK) {
		*out = issuers;
		issuers = NULL;
	}
	wp_issuers_free(&issuers);
	return rc;
}

enum wp_err wp_issuers_add_own(struct wp_issuers *issuers,
			       const struct wp_conf *conf, struct wp_error *err)
{
	static const struct piece sub = { "sub", 3 };
	struct wp_issuer *own = &issuers->items[issuers->n];
	const struct reading reading = { .issuer = own, .err = err };

	if (!conf->accounts.enabled)
		return WP_OK;
	assert(issuers->n < WP_ISSUERS_ALL);
	issuers->n++;
	own->is_own = true;
	own->text = strdup(conf->accounts.issuer);
	own->audience = strdup(own_audience);
	own->ns = strdup(own_ns);
	if (own->text == NULL || own->audience == NULL || own->ns == NULL)
		return no_memory(err);
	return add_claim(&reading, &sub);
}

void wp_issuers_free(struct wp_issuers **issuers)
{
	if (issuers == NULL || *issuers == NULL)
		return;
	for (size_t i = 0; i < (*issuers)->n; i++) {
		struct wp_issuer *issuer = &(*issuers)->items[i];

		free(issuer->text);
		free(issuer->audience);
		free(issuer->logout_audience);
		free(issuer->ns);
		free(issuer->jwks_url);
		for (size_t k = 0; k < issuer->claims.n; k++)
			free(issuer->claims.items[k]);
		free(issuer->claims.items);
	}
	free(*issuers);
	*issuers = NULL;
}
