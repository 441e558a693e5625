/*
 * handle_auth_password.c - POST /api/auth/password, /api/auth/recovery and
 * /api/auth/account/delete: what only who knows the password may do. Who has
 * got hold of a token must not guess it here: such tries count as logins do.
 */
#include "lib/base/clock.h"

#include "handlers/accounts/account_log.h"
#include "handlers/accounts/attempt.h"
#include "handlers/accounts/new_password.h"

enum { MS_PER_S = 1000 };

/* ---- POST /api/auth/password ---- */

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
	enum wp_err rc =
		wp_new_password_hash(call, &about->given.new_password, err);

	if (call->caller.own.is_set)
		change.keep_sid = call->caller.own.sid;
	if (rc == WP_OK)
		rc = wp_accounts_set_password(accounts, &change, err);
	if (rc == WP_OK)
		about->ended = change.ended;
	return rc;
}

static bool done(struct wp_call *call)
{
	const struct wp_account_call *about = call->state;

	wp_account_log(call,
		       about->given.new_password.data != NULL
			       ? WP_EVENT_PASSWORD_SET
			       : WP_EVENT_DELETED,
		       &about->user);
	wp_resp_empty(&call->resp, 204);
	return true;
}

static bool on_ended_rows(struct wp_call *call, enum wp_err result)
{
	/* Somebody else was quicker with another password. */
	if (result == WP_ERR_STALE || result == WP_ERR_NOTFOUND)
		return wp_account_call_wrong(call);
	return result == WP_OK ? wp_account_call_end(call, done)
			       : wp_account_call_failed(call, result);
}

static bool hash(struct wp_call *call)
{
	return wp_account_call_hash(call, set, on_ended_rows);
}

static bool change(struct wp_call *call)
{
	struct wp_account_call *about = call->state;

	if (call->caller.own.is_set)
		about->known.keep = call->caller.own.sid;
	return wp_account_call_known(call, hash);
}

static bool try_old(struct wp_call *call)
{
	return wp_attempt_password(call, change);
}

bool wp_handle_auth_password(struct wp_call *call)
{
	struct wp_account_call *about = wp_account_call_begin(
		call, WP_C_OLD_PASSWORD | WP_C_NEW_PASSWORD, 0);

	if (about == NULL)
		return true;
	return wp_new_password_judge(call, &about->given.new_password, try_old);
}

/* ---- POST /api/auth/recovery ---- */

static enum wp_err set_code(struct wp_call *call, struct wp_accounts *accounts,
			    struct wp_error *err)
{
	struct wp_account_call *about = call->state;

	wp_recovery_make(about->recovery_code, about->recovery);
	return wp_accounts_set_recovery(accounts, &about->account,
					about->recovery, err);
}

static bool on_code(struct wp_call *call, enum wp_err result)
{
	struct wp_account_call *about = call->state;

	if (result == WP_ERR_STALE)
		return wp_account_call_wrong(call);
	if (result != WP_OK)
		return wp_account_call_failed(call, result);
	wp_account_log(call, WP_EVENT_RECOVERY_SET, &about->user);
	wp_resp_json(&call->resp, 200);
	wp_buf_printf(&call->resp.body, "{\"recoveryCode\":\"%s\"}",
		      about->recovery_code);
	return true;
}

static bool renew_code(struct wp_call *call)
{
	return wp_account_call_desk(call, set_code, on_code);
}

bool wp_handle_auth_recovery(struct wp_call *call)
{
	if (wp_account_call_begin(call, WP_C_PASSWORD, 0) == NULL)
		return true;
	return wp_attempt_password(call, renew_code);
}

/* ---- POST /api/auth/account/delete ---- */

static enum wp_err remove_account(struct wp_call *call,
				  struct wp_accounts *accounts,
				  struct wp_error *err)
{
	struct wp_account_call *about = call->state;

	return wp_accounts_set_state(accounts, &about->name, WP_ACCOUNT_DELETED,
				     &about->ended, err);
}

static bool remove_it(struct wp_call *call)
{
	return wp_account_call_desk(call, remove_account, on_ended_rows);
}

static bool delete_account(struct wp_call *call)
{
	struct wp_account_call *about = call->state;

	about->shuts_out = true;
	return wp_account_call_known(call, remove_it);
}

/*
 * Whoever was cut off behind the file has no password any more that could be
 * right, and no other way to end what is left.
 */
static bool on_found(struct wp_call *call, enum wp_err result)
{
	const struct wp_account_call *about = call->state;

	if (result != WP_OK && result != WP_ERR_NOTFOUND)
		return wp_account_call_failed(call, result);
	if (result == WP_OK && about->account.state == WP_ACCOUNT_DELETED &&
	    call->caller.own.is_set)
		return delete_account(call);
	return wp_attempt_password(call, delete_account);
}

bool wp_handle_auth_account_delete(struct wp_call *call)
{
	if (wp_account_call_begin(call, WP_C_PASSWORD, 0) == NULL)
		return true;
	return wp_account_call_find(call, on_found);
}
