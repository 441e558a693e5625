/*
 * handle_well_known.c - GET /.well-known/jwks.json: the keys that verify our
 * access tokens, as waypost-keys has published them, and
 * /.well-known/oauth-authorization-server: where they are (RFC 8414).
 *
 * Anybody may ask, so the file is read once a second at most.
 */
#include "handlers/request/call.h"

#include <string.h>

#include "lib/auth/key_file.h"
#include "lib/base/clock.h"
#include "lib/sys/folder.h"

#include "handlers/accounts/session.h"

enum { FRESH_MS = 1000 };

static void write_keys(const struct wp_jwks *jwks, struct wp_buf *out)
{
	wp_buf_clear(out);
	wp_buf_add_str(out, "{\"keys\":[");
	for (size_t i = 0; i < jwks->n; i++) {
		if (i > 0)
			wp_buf_add_char(out, ',');
		wp_buf_add(out, jwks->keys[i].raw.data, jwks->keys[i].raw.len);
	}
	wp_buf_add_str(out, "]}");
}

/* False, and a line in the log: there are none that can be read. */
static bool read_keys(struct wp_call *call, struct wp_buf *out)
{
	const struct wp_conf *conf = call->ctx->conf;
	char name[WP_KEY_FILE_NAME_MAX + 1];
	const struct wp_folder_read what = {
		.name = name,
		.max_bytes = WP_KEY_FILE_BYTES_MAX,
	};
	struct wp_folder folder = WP_FOLDER_NONE;
	struct wp_key_file file = { 0 };
	struct wp_buf text;
	struct wp_error err;
	enum wp_err rc;

	wp_buf_init(&text, WP_KEY_FILE_BYTES_MAX);
	wp_key_file_name(conf->accounts.issuer, name);
	rc = wp_folder_open(&folder, conf->auth.key_dir, &err);
	if (rc == WP_OK)
		rc = wp_folder_read(&folder, &what, &text, &err);
	if (rc == WP_OK)
		rc = wp_key_file_parse(&file, text.data, text.len, &err);
	if (rc == WP_OK)
		write_keys(file.jwks, out);
	else
		wp_ctx_log_failure(call->ctx, "published keys", err.msg);
	wp_key_file_release(&file);
	wp_folder_close(&folder);
	wp_buf_release(&text);
	return rc == WP_OK;
}

bool wp_handle_jwks(struct wp_call *call)
{
	struct wp_sessions *sessions = &call->ctx->sessions;
	uint64_t now_ms = wp_mono_ms();

	if (!wp_accounts_are_on(call))
		return true;
	/* Also when there were none: that costs the same to find out. */
	if (sessions->published_ms == 0 ||
	    now_ms - sessions->published_ms >= FRESH_MS) {
		sessions->published_ms = now_ms;
		if (!read_keys(call, &sessions->published))
			wp_buf_clear(&sessions->published);
	}
	if (sessions->published.len == 0) {
		wp_resp_error(&call->resp, 503, "identity_unavailable",
			      "there are no keys now; repeat later");
		return true;
	}
	wp_resp_json(&call->resp, 200);
	wp_resp_header(&call->resp, "Cache-Control", "public, max-age=900");
	wp_buf_add(&call->resp.body, sessions->published.data,
		   sessions->published.len);
	return true;
}

/* Of issuers that are no URL nobody can ask. */
static bool is_url(const char *issuer)
{
	return strncmp(issuer, "https://", 8) == 0 ||
	       strncmp(issuer, "http://", 7) == 0;
}

bool wp_handle_oauth_server(struct wp_call *call)
{
	const char *issuer = call->ctx->conf->accounts.issuer;
	struct wp_buf *body = &call->resp.body;
	struct wp_buf uri;

	if (!wp_accounts_are_on(call))
		return true;
	if (!is_url(issuer)) {
		wp_resp_error(&call->resp, 404, "not_found",
			      "accounts.issuer is no URL");
		return true;
	}
	wp_buf_init(&uri, 0);
	wp_buf_add_str(&uri, issuer);
	while (uri.len > 0 && uri.data[uri.len - 1] == '/')
		uri.len--;
	wp_buf_add_str(&uri, "/.well-known/jwks.json");
	wp_resp_json(&call->resp, 200);
	wp_resp_header(&call->resp, "Cache-Control", "public, max-age=900");
	wp_buf_add_str(body, "{\"issuer\":");
	wp_buf_add_json(body, issuer, strlen(issuer));
	wp_buf_add_str(body, ",\"jwks_uri\":");
	wp_buf_add_json(body, uri.data, uri.len);
	/* RFC 8414 section 2 wants it; there is no authorization endpoint. */
	wp_buf_add_str(body, ",\"response_types_supported\":[]}");
	body->failed |= uri.failed;
	wp_buf_release(&uri);
	return true;
}
