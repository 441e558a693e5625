/*
 * new_account.c - see new_account.h.
 */
#include "handlers/accounts/new_account.h"

#include "lib/accounts/new_account.h"

#include "handlers/request/limit.h"

bool wp_new_account_may_be(struct wp_call *call)
{
	const struct wp_account_call *about = call->state;

	if (!wp_username_is_reserved(&about->name))
		return true;
	wp_resp_error(&call->resp, 400, "invalid_username",
		      "this user name is reserved");
	return false;
}

/* On a thread of the desk. */
static enum wp_err make(struct wp_call *call, struct wp_accounts *accounts,
			struct wp_error *err)
{
	struct wp_account_call *about = call->state;
	const struct wp_new_account what = {
		.name = &about->name,
		.way = wp_account_desk_way(call->ctx->desk),
		.password = about->given.password.data,
		.password_len = about->given.password.len,
	};

	return wp_account_make(accounts, &what, &about->account,
			       about->recovery_code, err);
}

bool wp_new_account_make(struct wp_call *call, wp_account_done step)
{
	return wp_account_call_hash(call, make, step);
}

bool wp_new_account_failed(struct wp_call *call, enum wp_err result)
{
	if (result != WP_ERR_CONFLICT)
		return wp_account_call_failed(call, result);
	wp_limit_charge(call, WP_LIMIT_REGISTER);
	wp_resp_error(&call->resp, 409, "username_taken",
		      "the user name is taken");
	return true;
}
