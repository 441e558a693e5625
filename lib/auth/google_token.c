/* google_token.c - JSON in, a signed assertion out, and JSON in. */
#include "lib/auth/google_token.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lib/auth/jwt_sign.h"
#include "lib/auth/signing_key.h"
#include "lib/base/json.h"

enum { LIFETIME_LEAST_S = WP_GOOGLE_EARLY_S + 1, LIFETIME_MOST_S = 86400 };

static const char loopback[] = "https://127.0.0.1:";

/* ---- the file ---- */

static enum wp_err unfit(struct wp_error *err, const char *why)
{
	return wp_error_set(err, WP_ERR_INVAL, "service account: %s", why);
}

static bool is_visible(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return len > 0;
}

/* A text of visible characters, NUL-terminated. */
static void read_text(struct wp_json *js, char out[WP_GOOGLE_TEXT_MAX + 1],
		      const char *why)
{
	struct wp_json_slice text;
	struct wp_buf buf;

	if (!wp_json_string(js, &text))
		return;
	wp_buf_init(&buf, WP_GOOGLE_TEXT_MAX);
	wp_json_decode(&text, &buf);
	if (buf.failed || !is_visible(buf.data, buf.len))
		wp_json_fail(js, why);
	else
		memcpy(out, buf.data, buf.len + 1);
	wp_buf_release(&buf);
}

/* Decoded it is never longer, so no copy of it is left where it was. */
static void read_key(struct wp_json *js, struct wp_buf *out)
{
	struct wp_json_slice text;

	if (!wp_json_string(js, &text))
		return;
	if (out->len > 0 || wp_buf_reserve(out, text.len + 1) == NULL)
		wp_json_fail(js, "private_key is not to be had");
	else
		wp_json_decode(&text, out);
}

static void read_members(struct wp_json *js, struct wp_google_account *out)
{
	struct wp_json_slice name;

	(void)wp_json_object_begin(js);
	while (wp_json_object_next(js, &name)) {
		if (wp_json_slice_is(&name, "client_email"))
			read_text(js, out->email, "client_email is none");
		else if (wp_json_slice_is(&name, "project_id"))
			read_text(js, out->project, "project_id is none");
		else if (wp_json_slice_is(&name, "private_key_id"))
			read_text(js, out->key_id, "private_key_id is none");
		else if (wp_json_slice_is(&name, "token_uri"))
			read_text(js, out->token_uri, "token_uri is none");
		else if (wp_json_slice_is(&name, "private_key"))
			read_key(js, &out->pem);
		else
			(void)wp_json_raw(js, NULL);
	}
	(void)wp_json_end(js);
}

/* It becomes part of a path. */
static bool is_project(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
						    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
						    "0123456789-_:.")] == '\0';
}

enum wp_err wp_google_account_read(struct wp_google_account *out,
				   const char *json, size_t len, bool may_loop,
				   struct wp_error *err)
{
	struct wp_signing_public about;
	struct wp_error why = { 0 };
	struct wp_json js;
	enum wp_err rc;

	*out = (struct wp_google_account){ .email = "" };
	wp_buf_init(&out->pem, 0);
	if (len > WP_GOOGLE_FILE_MAX)
		return unfit(err, "the file is too long");
	wp_json_init(&js, json, len);
	read_members(&js, out);
	if (js.err != NULL)
		return unfit(err, js.err);
	if (out->email[0] == '\0')
		return unfit(err, "client_email is missing");
	if (!is_project(out->project))
		return unfit(err, "project_id is missing, or none");
	if (strcmp(out->token_uri, WP_GOOGLE_TOKEN_URI) != 0 &&
	    !(may_loop &&
	      strncmp(out->token_uri, loopback, sizeof(loopback) - 1) == 0))
		return unfit(err, "token_uri is not " WP_GOOGLE_TOKEN_URI);
	if (out->pem.len == 0)
		return unfit(err, "private_key is missing");
	rc = wp_signing_open(out->pem.data, out->pem.len, &about, NULL, &why);
	if (rc == WP_ERR_NOMEM)
		return wp_error_set(err, rc, "%s", why.msg);
	if (rc != WP_OK || about.alg != WP_SIGN_RS256)
		return unfit(err, "private_key is no RSA key");
	return WP_OK;
}

void wp_google_account_release(struct wp_google_account *account)
{
	wp_signing_forget(&account->pem);
}

/* ---- asking ---- */

static void write_claims(const struct wp_google_account *account,
			 const char *scope, int64_t now_s, struct wp_buf *out)
{
	wp_buf_add_str(out, "{\"iss\":");
	wp_buf_add_json(out, account->email, strlen(account->email));
	wp_buf_add_str(out, ",\"scope\":");
	wp_buf_add_json(out, scope, strlen(scope));
	wp_buf_add_str(out, ",\"aud\":");
	wp_buf_add_json(out, account->token_uri, strlen(account->token_uri));
	wp_buf_printf(out, ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", now_s,
		      now_s + WP_GOOGLE_LIFETIME_S);
}

enum wp_err wp_google_ask(const struct wp_google_account *account,
			  const char *scope, int64_t now_s, struct wp_buf *out,
			  struct wp_error *err)
{
	struct wp_jwt_sign sign = {
		.alg = WP_SIGN_RS256,
		.pem = account->pem.data,
		.pem_len = account->pem.len,
		.kid = account->key_id[0] != '\0' ? account->key_id : NULL,
	};
	struct wp_buf claims;
	enum wp_err rc;

	wp_buf_init(&claims, 0);
	write_claims(account, scope, now_s, &claims);
	sign.claims = claims.data;
	wp_buf_add_str(out, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-"
			    "type%3Ajwt-bearer&assertion=");
	if (claims.failed || out->failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else
		rc = wp_jwt_sign(&sign, out, err);
	wp_buf_release(&claims);
	return rc;
}

/* ---- the answer ---- */

static void read_answer(struct wp_json *js, struct wp_json_slice *text,
			int64_t *seconds)
{
	struct wp_json_slice name, number;

	(void)wp_json_object_begin(js);
	while (wp_json_object_next(js, &name)) {
		if (wp_json_slice_is(&name, "access_token")) {
			(void)wp_json_string(js, text);
		} else if (wp_json_slice_is(&name, "expires_in")) {
			if (wp_json_number(js, &number) &&
			    !wp_json_integer(&number, LIFETIME_LEAST_S,
					     LIFETIME_MOST_S, seconds))
				wp_json_fail(js, "expires_in is of no use");
		} else {
			(void)wp_json_raw(js, NULL);
		}
	}
	(void)wp_json_end(js);
}

enum wp_err wp_google_token_read(struct wp_google_token *out, const char *json,
				 size_t len, int64_t now_s,
				 struct wp_error *err)
{
	struct wp_json_slice text = { .data = "" };
	int64_t seconds = 0;
	struct wp_json js;

	wp_json_init(&js, json, len);
	read_answer(&js, &text, &seconds);
	if (js.err != NULL)
		return wp_error_set(err, WP_ERR_PROTO,
				    "the answer of Google: %s", js.err);
	if (seconds == 0 || text.has_escapes ||
	    text.len > WP_GOOGLE_TOKEN_MAX || !is_visible(text.data, text.len))
		return wp_error_set(err, WP_ERR_PROTO,
				    "the answer of Google has no token");
	wp_google_token_forget(out);
	memcpy(out->text, text.data, text.len);
	out->good_until_s = now_s + seconds - WP_GOOGLE_EARLY_S;
	return WP_OK;
}

void wp_google_token_forget(struct wp_google_token *token)
{
	OPENSSL_cleanse(token, sizeof(*token));
}
