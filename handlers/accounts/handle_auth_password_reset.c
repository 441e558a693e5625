/*
 * handle_auth_password_reset.c - POST /api/auth/password/reset: another
 * password for who has a code: the recovery code of the account, or one of the
 * operator's.
 *
 * A wrong name and a wrong code take the same way and get the same answer. The
 * password is hashed before the code is used, so that no code is lost to who
 * waited for a hash in vain.
 */
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/mailbox/login.h"
#include "lib/mailbox/scripts.h"

#include "handlers/accounts/account_log.h"
#include "handlers/accounts/attempt.h"
#include "handlers/accounts/new_password.h"
#include "handlers/accounts/session.h"
#include "handlers/accounts/session_begin.h"
#include "handlers/request/limit.h"

enum { MS_PER_S = 1000 };

/* ---- the new password ---- */

/* On a thread of the desk. */
static enum wp_err set(struct wp_call *call, struct wp_accounts *accounts,
		       struct wp_error *err)
{
	struct wp_account_call *about = call->state;
	struct wp_account_change change = {
		.name = &about->name,
		.changed_s = about->account.changed_s,
		.password = &about->password,
		.now_s = wp_wall_ms() / MS_PER_S,
	};
	enum wp_err rc;

	if (about->is_right) {
		change.recovery_was = about->account.recovery;
		wp_recovery_make(about->recovery_code, about->recovery);
		change.recovery = about->recovery;
	}
	rc = wp_accounts_set_password(accounts, &change, err);
	if (rc == WP_OK) {
		about->account.changed_s = change.changed_now_s;
		about->ended = change.ended;
	}
	return rc;
}

/* It was the right one: what was counted is forgotten. */
static void forget_attempts(struct wp_call *call)
{
	const struct wp_account_call *about = call->state;

	wp_login_ok_build(&call->ctx->cmd, &about->box, NULL);
	wp_account_call_tell(call);
}

static bool begin(struct wp_call *call, bool is_up)
{
	if (is_up)
		forget_attempts(call);
	return wp_account_call_end(call, wp_session_begin);
}

static bool on_set(struct wp_call *call, enum wp_err result)
{
	const struct wp_account_call *about = call->state;

	if (result == WP_ERR_STALE)
		return wp_account_call_wrong_code(call);
	if (result != WP_OK)
		return wp_account_call_failed(call, result);
	wp_account_log(call, WP_EVENT_PASSWORD_RESET, &about->user);
	return wp_call_redis(call, WP_LINE_SHORT, begin);
}

static bool change(struct wp_call *call)
{
	return wp_account_call_desk(call, set, on_set);
}

/* ---- the code ---- */

static void take(struct wp_call *call)
{
	const struct wp_account_call *about = call->state;
	struct wp_ctx *ctx = call->ctx;
	struct wp_login_code code;

	wp_login_code_of(&code, about->given.code.data, about->given.code.len,
			 (uint32_t)ctx->conf->mailbox.partitions);
	wp_reset_take_build(&ctx->cmd, &code, about->name.text);
}

static bool on_taken(struct wp_call *call, const struct wp_reply *reply)
{
	const struct wp_account_call *about = call->state;

	switch (wp_script_done(reply)) {
	case WP_OK:
		return about->is_there ? change(call)
				       : wp_account_call_wrong_code(call);
	case WP_ERR_STALE:
		return wp_account_call_wrong_code(call);
	default:
		wp_resp_unavailable(&call->resp, "codes cannot be asked for "
						 "now; repeat later");
		return true;
	}
}

/* On a thread of the desk: is it the recovery code, and what will be kept? */
static enum wp_err look(struct wp_call *call, struct wp_accounts *accounts,
			struct wp_error *err)
{
	struct wp_account_call *about = call->state;
	struct wp_account *account = &about->account;
	uint8_t hash[WP_RECOVERY_HASH_LEN] = { 0 };
	bool is_code = wp_recovery_hash(about->given.code.data,
					about->given.code.len, hash) == WP_OK;
	enum wp_err rc = wp_accounts_find(accounts, &about->name, account, err);

	if (rc != WP_OK && rc != WP_ERR_NOTFOUND)
		return rc;
	about->is_there = rc == WP_OK && account->state == WP_ACCOUNT_ACTIVE;
	about->is_right = wp_equal_ct(hash, account->recovery, sizeof(hash)) &&
			  is_code && about->is_there && account->has_recovery;
	return wp_new_password_hash(call, &about->given.new_password, err);
}

/* He may not begin a session yet; that is in the answer. */
static bool refuse(struct wp_call *call, bool is_up)
{
	if (is_up)
		forget_attempts(call);
	return true;
}

static bool on_looked(struct wp_call *call, enum wp_err result)
{
	struct wp_account_call *about = call->state;

	if (result != WP_OK)
		return wp_account_call_failed(call, result);
	if (!about->is_right)
		return wp_account_call_ask(call, take, on_taken);
	/* Each use of the recovery code gives another one, and a session. An
	 * operator's is used up by now, and he gives the next. */
	return wp_limit_user(call, WP_LIMIT_BEGIN, &about->box)
		       ? change(call)
		       : wp_call_redis(call, WP_LINE_SHORT, refuse);
}

static bool look_at_code(struct wp_call *call)
{
	return wp_account_call_hash(call, look, on_looked);
}

/* Before a code is used: it would be lost to who is told to come again. */
static bool find_sessions(struct wp_call *call)
{
	return wp_account_call_known(call, look_at_code);
}

static bool count(struct wp_call *call)
{
	return wp_attempt_count(call, find_sessions);
}

bool wp_handle_auth_password_reset(struct wp_call *call)
{
	struct wp_account_call *about = wp_account_call_begin(
		call, WP_C_USERNAME | WP_C_CODE | WP_C_NEW_PASSWORD,
		WP_C_DEVICE_ID | WP_C_DEVICE_NAME | WP_C_REFRESH_IN);

	if (about == NULL || !wp_session_may_be_given(call))
		return true;
	about->status = 200;
	return wp_new_password_judge(call, &about->given.new_password, count);
}
