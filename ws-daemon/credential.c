/*
 * credential.c - an Origin against a list and against where the request went;
 * carriers of tokens, one function each.
 *
 * Verifies nothing and remembers nothing: whether a token is any good is
 * lib/auth's business.
 */
#include "ws-daemon/credential.h"

#include <stdio.h>
#include <string.h>

#include "lib/auth/token.h"
#include "lib/http/origin.h"
#include "lib/http/query.h"

/* ---- origin ---- */

enum { ORIGIN_MAX = 512 };

static bool is_secure(const struct wp_head *head)
{
	struct wp_text proto = wp_head_field(head, "X-Forwarded-Proto");
	const char *comma;

	if (proto.data == NULL)
		return false;
	/* The first of a list is what the client spoke. */
	comma = memchr(proto.data, ',', proto.len);
	if (comma != NULL)
		proto.len = (size_t)(comma - proto.data);
	return wp_text_is_word(&proto, "https") ||
	       wp_text_is_word(&proto, "wss");
}

static bool ends_with(const struct wp_text *text, const char *tail)
{
	size_t len = strlen(tail);

	return text->len > len &&
	       memcmp(text->data + text->len - len, tail, len) == 0;
}

/* The request's own origin is its scheme, which only the web server in front
 * knows (X-Forwarded-Proto), and its Host. A page cannot set either. */
static bool is_own(const struct wp_head *head, const struct wp_text *origin)
{
	struct wp_text host = wp_head_field(head, "Host");
	bool secure = is_secure(head);
	const char *port = secure ? ":443" : ":80";
	char own[ORIGIN_MAX];
	int n;

	if (host.data == NULL || host.len == 0 || host.len > ORIGIN_MAX / 2)
		return false;
	/* An origin leaves out the port that its scheme implies. */
	if (ends_with(&host, port))
		host.len -= strlen(port);
	n = snprintf(own, sizeof(own), "%s://%.*s", secure ? "https" : "http",
		     (int)host.len, host.data);
	return n > 0 && wp_origin_is(origin->data, origin->len, own);
}

enum wp_origin wp_origin_judge(const struct wp_head *head,
			       const struct wp_text *origin,
			       const struct wp_conf_list *allowed)
{
	enum wp_origin_match match;

	if (origin->data == NULL)
		return WP_ORIGIN_ABSENT;
	if (wp_head_count(head, "Origin") > 1)
		return WP_ORIGIN_FOREIGN;
	match = wp_origin_find(allowed, origin->data, origin->len);
	if (match == WP_ORIGIN_BY_NAME || is_own(head, origin))
		return WP_ORIGIN_TRUSTED;
	return match == WP_ORIGIN_BY_STAR ? WP_ORIGIN_ANY : WP_ORIGIN_FOREIGN;
}

/* ---- carriers ---- */

static void set_jwt(struct wp_credential *found, const char *data, size_t len)
{
	found->source = WP_CREDENTIAL_JWT;
	found->text = (struct wp_text){ .data = data, .len = len };
}

static void set_bad(struct wp_credential *found, const char *sentence)
{
	found->source = WP_CREDENTIAL_BAD;
	found->sentence = sentence;
}

static void from_authorization(const struct wp_head *head,
			       struct wp_credential *found)
{
	struct wp_text field = wp_head_field(head, "Authorization");
	char value[WP_HEAD_MAX];
	struct wp_token token;

	if (field.data == NULL)
		return;
	if (wp_head_count(head, "Authorization") > 1 ||
	    field.len >= sizeof(value)) {
		set_bad(found, "send one Authorization header");
		return;
	}
	memcpy(value, field.data, field.len);
	value[field.len] = '\0';
	if (wp_auth_bearer(value, &token, NULL) != WP_OK)
		set_bad(found, "the Authorization header must be "
			       "\"Bearer <token>\"");
	else
		set_jwt(found, field.data + (token.text - value), token.len);
}

static void from_query(const struct wp_head *head, const char *name,
		       enum wp_credential_source source,
		       struct wp_credential *found)
{
	int len = wp_query_copy(&head->query, name, found->buffer,
				sizeof(found->buffer));

	if (len == -1)
		return;
	if (len < 0) {
		set_bad(found, "the query parameter is malformed");
		return;
	}
	set_jwt(found, found->buffer, (size_t)len);
	found->source = source;
}

static void from_cookie(const struct wp_head *head, const struct wp_conf *conf,
			enum wp_origin origin, struct wp_credential *found)
{
	struct wp_text value;

	if (conf->websocket.cookie_name == NULL ||
	    conf->websocket.cookie_name[0] == '\0' ||
	    origin != WP_ORIGIN_TRUSTED)
		return;
	value = wp_head_cookie(head, conf->websocket.cookie_name);
	if (value.data != NULL)
		set_jwt(found, value.data, value.len);
}

void wp_credential_find(struct wp_credential *out, const struct wp_head *head,
			const struct wp_upgrade *upgrade, enum wp_origin origin,
			const struct wp_conf *conf)
{
	out->source = WP_CREDENTIAL_NONE;
	out->sentence = "a token is required";
	from_authorization(head, out);
	if (out->source == WP_CREDENTIAL_NONE &&
	    upgrade->subprotocol_token.data != NULL)
		set_jwt(out, upgrade->subprotocol_token.data,
			upgrade->subprotocol_token.len);
	if (out->source == WP_CREDENTIAL_NONE)
		from_query(head, "ticket", WP_CREDENTIAL_TICKET, out);
	if (out->source == WP_CREDENTIAL_NONE)
		from_cookie(head, conf, origin, out);
	if (out->source == WP_CREDENTIAL_NONE && conf->websocket.query_token)
		from_query(head, "token", WP_CREDENTIAL_JWT, out);
}
