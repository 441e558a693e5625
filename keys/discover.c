/*
 * discover.c - URLs by lib/net/url.h, documents by lib/base/json.h, like all
 * bytes from outside.
 */
#include "keys/discover.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/net/url.h"

enum { SAID_MAX = 2 * WP_URL_MAX }; /* of a member, decoded */

static const char well_known[] = "/.well-known/";
static const char openid[] = "/.well-known/openid-configuration";

bool wp_url_is_plain(const char *url)
{
	return strncasecmp(url, "http:", sizeof("http:") - 1) == 0;
}

enum wp_err wp_discover_init(struct wp_discover *out, const char *issuer,
			     struct wp_error *err)
{
	struct wp_url_look look;
	const char *authority = strstr(issuer, "://");
	size_t origin;
	size_t len;

	if (authority == NULL || strlen(issuer) > WP_URL_MAX ||
	    !wp_url_look(issuer, &look) || look.has_query || look.has_fragment)
		return wp_error_set(err, WP_ERR_INVAL,
				    "%.150s is no URL of an issuer", issuer);
	authority += sizeof("://") - 1;
	origin = (size_t)(authority - issuer) + strcspn(authority, "/");
	/* Both documents say so: a slash at the end is not part of the path. */
	len = strlen(issuer);
	if (issuer[len - 1] == '/')
		len--;
	(void)snprintf(out->openid, sizeof(out->openid), "%.*s%s", (int)len,
		       issuer, openid);
	(void)snprintf(out->oauth, sizeof(out->oauth),
		       "%.*s%soauth-authorization-server%.*s", (int)origin,
		       issuer, well_known,
		       (int)(len > origin ? len - origin : 0), issuer + origin);
	return WP_OK;
}

static enum wp_err refuse(struct wp_error *err, const char *why)
{
	return wp_error_set(err, WP_ERR_PROTO, "the discovery document %s",
			    why);
}

static enum wp_err judge_keys_url(const char *url, const char *issuer,
				  struct wp_error *err)
{
	struct wp_url_look look;

	if (strlen(url) > WP_URL_MAX || !wp_url_look(url, &look) ||
	    look.has_fragment)
		return refuse(err, "has no URL that is fit as jwks_uri");
	if (wp_url_is_plain(url) && !wp_url_is_plain(issuer))
		return refuse(err, "names a jwks_uri that is not https");
	return WP_OK;
}

/* Read a text of a document that it may have once. */
static void read_member(struct wp_json *js, struct wp_buf *out)
{
	struct wp_json_slice text;

	if (out->data != NULL)
		wp_json_fail(js, "has a member twice");
	if (!wp_json_string(js, &text))
		return;
	wp_json_decode(&text, out);
	wp_buf_add_char(out, '\0');
	if (out->failed)
		wp_json_fail(js, "has a text that is too long");
}

static void read_members(struct wp_json *js, struct wp_buf *issuer,
			 struct wp_buf *keys)
{
	struct wp_json_slice name;

	(void)wp_json_object_begin(js);
	while (wp_json_object_next(js, &name)) {
		if (wp_json_slice_is(&name, "issuer"))
			read_member(js, issuer);
		else if (wp_json_slice_is(&name, "jwks_uri"))
			read_member(js, keys);
		else
			(void)wp_json_raw(js, NULL);
	}
	(void)wp_json_end(js);
}

/* Is that what it holds, and a NUL, and no other NUL? */
static bool is_text(const struct wp_buf *buf)
{
	return buf->len > 0 && strlen(buf->data) == buf->len - 1;
}

static enum wp_err judge(const struct wp_buf *said, const struct wp_buf *keys,
			 const char *issuer, struct wp_error *err)
{
	if (!is_text(said) || strcmp(said->data, issuer) != 0)
		return refuse(err, "is of another issuer");
	if (!is_text(keys))
		return refuse(err, "has no jwks_uri");
	return judge_keys_url(keys->data, issuer, err);
}

enum wp_err wp_discover_read(const char *text, size_t len, const char *issuer,
			     char keys_out[WP_URL_MAX + 1],
			     struct wp_error *err)
{
	struct wp_buf said, keys;
	struct wp_json js;
	enum wp_err rc;

	wp_buf_init(&said, SAID_MAX);
	wp_buf_init(&keys, SAID_MAX);
	wp_json_init(&js, text, len);
	read_members(&js, &said, &keys);
	if (js.err != NULL)
		rc = wp_error_set(err, WP_ERR_PROTO,
				  "the discovery document: %s", js.err);
	else
		rc = judge(&said, &keys, issuer, err);
	if (rc == WP_OK)
		memcpy(keys_out, keys.data, keys.len);
	wp_buf_release(&said);
	wp_buf_release(&keys);
	return rc;
}
