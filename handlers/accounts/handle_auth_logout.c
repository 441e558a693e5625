/*
 * handle_auth_logout.c - POST /api/auth/logout: the session of this refresh
 * token ends, whatever became of the token.
 */
#include "handlers/request/call.h"

#include "lib/accounts/accounts.h"

#include "handlers/accounts/account_log.h"
#include "handlers/accounts/cookie.h"
#include "handlers/accounts/refresh_in.h"
#include "handlers/accounts/session.h"
#include "handlers/request/limit.h"
#include "handlers/request/metrics.h"

struct logout {
	struct wp_refresh_in in;
	struct wp_urn user; /* empty: there was no row */
};

static bool fail(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp, "the session may not have ended; "
					 "repeat later");
	return true;
}

static bool on_ended(struct wp_call *call, bool is_done)
{
	struct logout *logout = call->state;

	if (!is_done)
		return fail(call);
	wp_metric_add(call->ctx->shared->metrics, WP_H_SESSION_ENDED, 1);
	wp_account_log(call, WP_EVENT_LOGGED_OUT, &logout->user);
	wp_resp_empty(&call->resp, 204);
	if (logout->in.in_cookie)
		wp_cookie_set(call, "", 0);
	return true;
}

static enum wp_err remove_row(struct wp_call *call,
			      struct wp_accounts *accounts,
			      struct wp_error *err)
{
	struct logout *logout = call->state;
	struct wp_account_session row;
	enum wp_err rc;

	rc = wp_accounts_session_find(accounts, logout->in.sid, &row, NULL,
				      err);
	if (rc != WP_OK)
		return rc;
	wp_username_urn(&row.name, &logout->user);
	return wp_accounts_session_remove(accounts, &row.name, logout->in.sid,
					  err);
}

/*
 * A row that is gone may be half of an end that was cut off. But each of them
 * is an entry in the tables of all who judge, so whoever says it over and over
 * is told to wait; who has something to end never is.
 */
static bool on_removed(struct wp_call *call, enum wp_err result)
{
	struct logout *logout = call->state;

	if (result != WP_OK && result != WP_ERR_NOTFOUND)
		return fail(call);
	if (result == WP_ERR_NOTFOUND &&
	    !wp_limit_session(call, WP_LIMIT_REFRESH,
			      logout->in.session.partition,
			      logout->in.session.id))
		return true;
	return wp_sessions_end(
		call,
		&(struct wp_session_ends){
			.partition = logout->in.session.partition,
			.sids = &logout->in.sid,
			.n = 1,
		},
		on_ended);
}

bool wp_handle_auth_logout(struct wp_call *call)
{
	struct logout *logout;

	wp_call_be_secret(call);
	if (!wp_accounts_are_on(call))
		return true;
	logout = wp_arena_alloc(&call->arena, sizeof(*logout));
	if (logout == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = logout;
	if (!wp_refresh_in_read(call, &logout->in))
		return true;
	if (!logout->in.is_there) {
		wp_resp_error(&call->resp, 400, "bad_request",
			      "refreshToken is missing, and there is no "
			      "cookie");
		return true;
	}
	return wp_session_desk(call, &logout->in.session, remove_row,
			       on_removed);
}
