/*
 * handle_auth_register.c - POST /api/auth/register: an account, and its first
 * session.
 *
 * The invite is used before the password is hashed, so that a crowd without one
 * costs nothing, and given back when nothing came of it.
 */
#include <string.h>

#include "lib/base/random.h"
#include "lib/mailbox/login.h"
#include "lib/mailbox/scripts.h"

#include "handlers/accounts/account_call.h"
#include "handlers/accounts/account_log.h"
#include "handlers/accounts/new_account.h"
#include "handlers/accounts/new_password.h"
#include "handlers/accounts/session.h"
#include "handlers/accounts/session_begin.h"
#include "handlers/request/limit.h"

static bool refuse(struct wp_call *call)
{
	wp_resp_error(&call->resp, 403, "registration_closed",
		      "this deployment takes nobody in without an invite that "
		      "is good");
	return true;
}

static void code_of(const struct wp_call *call, struct wp_login_code *code)
{
	const struct wp_account_call *about = call->state;

	wp_login_code_of(code, about->given.invite.data,
			 about->given.invite.len,
			 (uint32_t)call->ctx->conf->mailbox.partitions);
}

/* ---- the account ---- */

static bool give_back(struct wp_call *call, bool is_up)
{
	struct wp_account_call *about = call->state;
	struct wp_login_code code;

	if (is_up) {
		code_of(call, &code);
		wp_invite_give_build(&call->ctx->cmd, &code, about->attempt);
		wp_account_call_tell(call);
	}
	return wp_new_account_failed(call, about->result);
}

static bool on_created(struct wp_call *call, enum wp_err result)
{
	struct wp_account_call *about = call->state;

	if (result == WP_OK) {
		wp_account_log(call, WP_EVENT_REGISTERED, &about->user);
		wp_limit_charge(call, WP_LIMIT_REGISTER);
		return wp_session_begin(call);
	}
	about->result = result;
	/* After UNAVAIL it may have been made all the same. */
	if (about->given.invite.data != NULL && result != WP_ERR_UNAVAIL)
		return wp_call_redis(call, WP_LINE_SHORT, give_back);
	return wp_new_account_failed(call, result);
}

static bool make(struct wp_call *call)
{
	return wp_new_account_make(call, on_created);
}

/* ---- the invite ---- */

/*
 * Used by this request and not by the name: another one for the same name,
 * which is refused, must not give back what the first has used.
 */
static void take(struct wp_call *call)
{
	struct wp_account_call *about = call->state;
	struct wp_login_code code;

	code_of(call, &code);
	wp_random_hex(about->attempt, WP_ATTEMPT_BYTES);
	wp_invite_take_build(&call->ctx->cmd, &code, about->attempt);
}

static bool on_taken(struct wp_call *call, const struct wp_reply *reply)
{
	switch (wp_script_done(reply)) {
	case WP_OK:
		return make(call);
	case WP_ERR_STALE:
		return refuse(call);
	default:
		wp_resp_unavailable(&call->resp, "invites cannot be asked for "
						 "now; repeat later");
		return true;
	}
}

/* The password is good. */
static bool go_on(struct wp_call *call)
{
	struct wp_account_call *about = call->state;

	return about->given.invite.data != NULL
		       ? wp_account_call_ask(call, take, on_taken)
		       : make(call);
}

/* ---- the request ---- */

/* Who may register, and as what? Answers when not. */
static bool is_welcome(struct wp_call *call)
{
	struct wp_account_call *about = call->state;
	const struct wp_credential_text *role = &about->given.role;

	/* Nobody makes himself anything else. */
	if (role->data != NULL && strcmp(role->data, "USER") != 0) {
		wp_resp_error(&call->resp, 403, "forbidden",
			      "role: there is only USER");
		return false;
	}
	if (!wp_new_account_may_be(call))
		return false;
	switch (call->ctx->conf->accounts.registration) {
	case WP_REGISTRATION_OPEN:
		/* Not asked for, so not used up either. */
		about->given.invite = (struct wp_credential_text){ 0 };
		return true;
	case WP_REGISTRATION_INVITE:
		return about->given.invite.data != NULL || !refuse(call);
	default:
		return !refuse(call);
	}
}

bool wp_handle_auth_register(struct wp_call *call)
{
	struct wp_account_call *about = wp_account_call_begin(
		call, WP_C_USERNAME | WP_C_PASSWORD,
		WP_C_INVITE | WP_C_DEVICE_ID | WP_C_DEVICE_NAME |
			WP_C_REFRESH_IN | WP_C_ROLE);

	if (about == NULL || !is_welcome(call) ||
	    !wp_session_may_be_given(call))
		return true;
	about->status = 201;
	return wp_new_password_judge(call, &about->given.password, go_on);
}
