/*
 * handle_auth_backchannel_logout.c - POST /api/auth/backchannel-logout: a
 * provider says that somebody has logged out there (OpenID Connect Back-Channel
 * Logout 1.0 section 2.5).
 *
 * Nobody is asked who calls: the token in the body proves what it says. 200
 * when Redis has it, and whenever it is said again; 400 when it is no such
 * token; 503 when that cannot be told now, or it cannot be done.
 */
#include "handlers/request/call.h"

#include <stddef.h>

#include "lib/auth/token.h"
#include "lib/base/clock.h"
#include "lib/http/query.h"

#include "handlers/accounts/revoke.h"
#include "handlers/request/limit.h"

enum { KEY_WAIT_MS = 1000 /* for a key of the provider */ };

_Static_assert((int)WP_LOGOUT_KEYS_MAX <= (int)WP_REVOKE_KEYS_MAX,
	       "all that a token says is done at once");

struct logout {
	struct wp_token token; /* in the arena */
	struct wp_revoke_order order;
	size_t issuer;
};

/* Errors: as wp_auth_verify() */
static enum wp_err verify(struct wp_call *call, struct logout *logout,
			  struct wp_error *err)
{
	struct wp_auth *auth = call->ctx->shared->auth;
	struct wp_logout says;
	enum wp_err rc;

	wp_auth_look(auth, wp_mono_ms());
	rc = wp_auth_verify_logout(auth, &logout->token, wp_wall_ms() / 1000,
				   &says, err);
	logout->issuer = says.issuer;
	logout->order = (struct wp_revoke_order){
		.n = says.n,
		.until_s = says.until_s,
		.status = 200,
	};
	for (size_t i = 0; i < says.n; i++)
		logout->order.keys[i] = says.keys[i];
	return rc;
}

static bool conclude(struct wp_call *call, enum wp_err rc,
		     const struct wp_error *err)
{
	struct logout *logout = call->state;

	if (rc == WP_OK)
		return wp_call_revoke(call, &logout->order);
	if (rc == WP_ERR_DENIED)
		wp_resp_error(&call->resp, 400, "invalid_token", err->msg);
	else
		wp_resp_error(&call->resp, 503, "identity_unavailable",
			      err->msg);
	return true;
}

/* Another file has come with the keys of its issuer, or the end. */
static bool on_keys(struct wp_key_waiter *waiter, bool is_over)
{
	struct wp_call *call =
		(struct wp_call *)((char *)waiter -
				   offsetof(struct wp_call, key_waiter));
	struct wp_error err;
	enum wp_err rc = verify(call, call->state, &err);

	if (rc == WP_ERR_NOTFOUND && !is_over)
		return true;
	if (conclude(call, rc, &err))
		wp_call_end(call);
	return false;
}

/* The one member of the form; false when call->resp holds the error. */
static bool read_token(struct wp_call *call, struct wp_token *out)
{
	struct wp_text form, value;

	if (!wp_call_read_form(call, WP_LOGOUT_BODY_MAX))
		return false;
	form = (struct wp_text){ call->body.data, call->body.len };
	switch (wp_query_get(&form, "logout_token", &call->arena, &value,
			     NULL)) {
	case WP_OK:
		*out = (struct wp_token){ value.data, value.len };
		return true;
	case WP_ERR_NOMEM:
		wp_resp_internal(&call->resp);
		return false;
	default:
		wp_resp_error(&call->resp, 400, "bad_request",
			      "the form must have one logout_token");
		return false;
	}
}

bool wp_handle_auth_backchannel_logout(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;
	struct logout *logout;
	struct wp_error err;
	enum wp_err rc;

	if (ctx->conf->auth.issuers.n == 0) {
		wp_resp_error(&call->resp, 404, "not_found",
			      "there is nothing at this path");
		return true;
	}
	logout = wp_arena_alloc(&call->arena, sizeof(*logout));
	if (logout == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = logout;
	if (!read_token(call, &logout->token))
		return true;
	rc = verify(call, logout, &err);
	call->key_waiter.again = on_keys;
	call->key_waiter.is_logout = true;
	if (!wp_limit_from(call, &call->key_waiter.from))
		call->key_waiter.from.len = 0;
	if (rc == WP_ERR_NOTFOUND &&
	    wp_key_wait_add(ctx->key_wait, &call->key_waiter, logout->issuer,
			    KEY_WAIT_MS))
		return false;
	return conclude(call, rc, &err);
}
