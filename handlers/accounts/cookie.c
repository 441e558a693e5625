/*
 * cookie.c - see cookie.h.
 */
#include "handlers/accounts/cookie.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/http/origin.h"

enum { COOKIE_MAX = 256, ORIGIN_MAX = 300 };

/* Only over https, but in local mode, where there may be none. */
static bool is_secure(const struct wp_call *call)
{
	return call->ctx->conf->run_mode == WP_RUN_PRODUCTION;
}

static const char *name_of(const struct wp_call *call)
{
	return is_secure(call) ? "__Secure-wp_refresh" : "wp_refresh";
}

/* Is it the page of the host that was asked? */
static bool is_own(const struct wp_call *call, const char *origin,
		   const char *scheme)
{
	size_t count;
	const char *host = wp_req_param(&call->req, "HTTP_HOST", &count);
	char own[ORIGIN_MAX];
	int len;

	if (count != 1)
		return false;
	len = snprintf(own, sizeof(own), "%s://%s", scheme, host);
	return len > 0 && (size_t)len < sizeof(own) &&
	       wp_origin_is(origin, strlen(origin), own);
}

static bool is_origin_ok(const struct wp_call *call)
{
	size_t count;
	const char *origin = wp_req_param(&call->req, "HTTP_ORIGIN", &count);

	if (count != 1)
		return false;
	/* A page that anybody may read is not a page that may do this. */
	return wp_origin_find(&call->ctx->conf->cors.allowed_origins, origin,
			      strlen(origin)) == WP_ORIGIN_BY_NAME ||
	       is_own(call, origin, "https") ||
	       (!is_secure(call) && is_own(call, origin, "http"));
}

enum wp_cookie_status wp_cookie_read(struct wp_call *call, struct wp_text *out)
{
	size_t count;
	const char *header = wp_req_param(&call->req, "HTTP_COOKIE", &count);

	*out = (struct wp_text){ 0 };
	/* Browsers send one; whoever sends several is none. */
	if (count == 1)
		*out = wp_text_cookie(
			&(struct wp_text){ header, strlen(header) },
			name_of(call));
	if (out->data == NULL)
		return WP_COOKIE_NONE;
	return is_origin_ok(call) ? WP_COOKIE_OK : WP_COOKIE_FOREIGN;
}

void wp_cookie_set(struct wp_call *call, const char *token, int64_t max_age_s)
{
	char value[COOKIE_MAX];

	(void)snprintf(value, sizeof(value),
		       "%s=%s; Max-Age=%" PRId64
		       "; Path=/api/auth; HttpOnly; SameSite=Strict%s",
		       name_of(call), token, max_age_s,
		       is_secure(call) ? "; Secure" : "");
	wp_resp_header(&call->resp, "Set-Cookie", value);
	explicit_bzero(value, sizeof(value));
}
