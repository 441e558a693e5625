/*
 * refresh_in.c - see refresh_in.h.
 */
#include "handlers/accounts/refresh_in.h"

#include <string.h>

#include "lib/auth/refresh_token.h"
#include "lib/base/encode.h"
#include "lib/base/json.h"

#include "handlers/accounts/cookie.h"
#include "handlers/accounts/session.h"

/* Into call->scratch, which stays empty when there is none. */
static const char *read_body(struct wp_call *call)
{
	struct wp_json_slice key;
	struct wp_json_slice value;
	bool has_token = false;
	struct wp_json js;

	wp_buf_clear(&call->scratch);
	wp_json_init(&js, call->body.data, call->body.len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (!wp_json_slice_is(&key, "refreshToken")) {
			wp_json_skip(&js, NULL);
			continue;
		}
		if (has_token)
			wp_json_fail(&js, "refreshToken is given twice");
		has_token = true;
		if (wp_json_string(&js, &value))
			wp_json_decode(&value, &call->scratch);
	}
	wp_json_end(&js);
	return js.err;
}

bool wp_refresh_in_ended(struct wp_call *call, const struct wp_refresh_in *in)
{
	wp_resp_error(&call->resp, 401, "session_ended",
		      "the session has ended; log in again");
	if (in->in_cookie)
		wp_cookie_set(call, "", 0);
	return true;
}

static bool read_in(struct wp_call *call, struct wp_refresh_in *out)
{
	const struct wp_conf *conf = call->ctx->conf;
	struct wp_refresh_token token;
	const char *problem;
	struct wp_text text;

	*out = (struct wp_refresh_in){ .is_there = true };
	if (!wp_call_read_json(call, WP_ACCOUNT_BODY_MAX))
		return false;
	problem = read_body(call);
	if (problem != NULL) {
		wp_call_bad_body(call, "bad_request", problem);
		return false;
	}
	text = (struct wp_text){ call->scratch.data, call->scratch.len };
	if (text.len == 0) {
		switch (wp_cookie_read(call, &text)) {
		case WP_COOKIE_NONE:
			out->is_there = false;
			return true;
		case WP_COOKIE_FOREIGN:
			wp_resp_error(&call->resp, 403, "forbidden",
				      "a cookie counts only from our own page "
				      "or a listed one: see Origin");
			return false;
		case WP_COOKIE_OK:
			out->in_cookie = true;
		}
	}
	if (wp_refresh_token_read(&call->ctx->sessions.refresh_key, text.data,
				  text.len, &token) != WP_OK ||
	    token.partition >= conf->mailbox.partitions) {
		(void)wp_refresh_in_ended(call, out);
		return false;
	}
	out->session.partition = token.partition;
	memcpy(out->sid, token.session, sizeof(out->sid));
	wp_hex_write(out->session.id, token.session, sizeof(token.session));
	out->generation = token.generation;
	return true;
}

bool wp_refresh_in_read(struct wp_call *call, struct wp_refresh_in *out)
{
	bool is_read = read_in(call, out);

	/* Secret as they are, they need not wait for the end of the call. */
	wp_buf_clear(&call->body);
	wp_buf_clear(&call->scratch);
	return is_read;
}
