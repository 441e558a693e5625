/*
 * credential.c - carriers of tokens, one function each.
 *
 * Verifies nothing and remembers nothing: whether a token is any good is
 * lib/auth's business.
 */
#include "ws-daemon/credential.h"

#include <string.h>

#include "lib/auth/token.h"
#include "lib/http/query.h"

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
