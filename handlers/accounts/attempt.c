/*
 * attempt.c - count, hash, compare.
 */
#include "handlers/accounts/attempt.h"

#include "lib/accounts/password.h"
#include "lib/auth/device_proof.h"
#include "lib/base/encode.h"
#include "lib/mailbox/login.h"

#include "handlers/accounts/account_log.h"
#include "handlers/request/metrics.h"

/* A client that waits so long for an unlocking is not too eager. */
enum { LOCKED_RETRY_S = 900 };

/* ---- counting ---- */

static void too_many(struct wp_call *call, int64_t wait_s)
{
	const struct wp_account_call *about = call->state;
	char text[WP_DECIMAL_MAX];

	wp_resp_error(&call->resp, 429, "too_many_attempts",
		      "too many attempts; repeat after Retry-After");
	(void)wp_decimal_write(text, wait_s);
	wp_resp_header(&call->resp, "Retry-After", text);
	wp_metric_add(call->ctx->shared->metrics, WP_H_LOGINS_REFUSED, 1);
	wp_account_log(call, WP_EVENT_TOO_MANY, &about->user);
}

static bool cannot_count(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp,
			    "attempts cannot be counted now; repeat later");
	return true;
}

static bool on_counted(struct wp_call *call, const struct wp_reply *reply)
{
	struct wp_account_call *about = call->state;
	struct wp_login_begun begun;

	if (wp_login_begin_parse(reply, &begun) != WP_OK) {
		wp_ctx_log_failure(call->ctx, "login",
				   reply == NULL ? "Redis gave no answer to an "
						   "attempt"
						 : "Redis gave no usable "
						   "answer to an attempt");
		return cannot_count(call);
	}
	if (begun.verdict == WP_LOGIN_GO)
		return about->next(call);
	too_many(call, begun.verdict == WP_LOGIN_WAIT ? begun.wait_s
						      : LOCKED_RETRY_S);
	return true;
}

static void count(struct wp_call *call)
{
	const struct wp_account_call *about = call->state;

	wp_login_begin_build(&call->ctx->cmd, &about->box, about->known_device);
}

bool wp_attempt_count(struct wp_call *call, wp_account_step next)
{
	struct wp_account_call *about = call->state;

	about->next = next;
	return wp_account_call_ask(call, count, on_counted);
}

/* ---- the password ---- */

/* Hashed anew at the present cost. That it failed is nothing to the caller. */
static void renew_hash(struct wp_call *call, struct wp_accounts *accounts)
{
	const struct wp_password_way *way =
		wp_account_desk_way(call->ctx->desk);
	struct wp_account_call *about = call->state;
	struct wp_password password;

	if (wp_password_is_old(&about->account.password, way) &&
	    wp_password_make(&password, way, about->given.password.data,
			     about->given.password.len, NULL) == WP_OK &&
	    wp_accounts_rehash(accounts, &about->account, &password, NULL) ==
		    WP_OK)
		about->account.password = password;
}

/* On a thread of the desk. */
static enum wp_err check(struct wp_call *call, struct wp_accounts *accounts,
			 struct wp_error *err)
{
	struct wp_account_call *about = call->state;
	const struct wp_credential_text *text = &about->given.password;
	const struct wp_password *kept = NULL;
	enum wp_err rc =
		wp_accounts_find(accounts, &about->name, &about->account, err);

	about->is_there = rc == WP_OK;
	if (rc != WP_OK && rc != WP_ERR_NOTFOUND)
		return rc;
	if (about->is_there && about->account.state != WP_ACCOUNT_DELETED)
		kept = &about->account.password;
	rc = wp_password_check(kept, wp_account_desk_way(call->ctx->desk),
			       text->data, text->len, &about->is_right, err);
	/* Only who knows the password is told apart from the others. */
	about->is_right =
		about->is_right && about->account.state == WP_ACCOUNT_ACTIVE;
	if (rc == WP_OK && about->is_right) {
		renew_hash(call, accounts);
		(void)wp_accounts_proved(accounts, NULL);
	}
	return rc;
}

/* What was counted is forgotten. If not, he is let in all the same. */
static bool forget_attempts(struct wp_call *call, bool is_up)
{
	struct wp_account_call *about = call->state;
	struct wp_ctx *ctx = call->ctx;

	if (!is_up)
		return cannot_count(call);
	wp_login_ok_build(&ctx->cmd, &about->box, about->known_device);
	wp_account_call_tell(call);
	return about->next(call);
}

static bool on_checked(struct wp_call *call, enum wp_err result)
{
	struct wp_account_call *about = call->state;

	if (result != WP_OK)
		return wp_account_call_failed(call, result);
	wp_metric_add(call->ctx->shared->metrics,
		      about->is_right ? WP_H_LOGINS_RIGHT : WP_H_LOGINS_WRONG,
		      1);
	if (!about->is_right)
		return wp_account_call_wrong(call);
	about->next = about->right;
	return wp_call_redis(call, WP_LINE_SHORT, forget_attempts);
}

static bool try_password(struct wp_call *call)
{
	return wp_account_call_hash(call, check, on_checked);
}

/* ---- a device that was here before ---- */

static bool on_found(struct wp_call *call, enum wp_err result)
{
	struct wp_account_call *about = call->state;
	const struct wp_credentials *given = &about->given;
	const struct wp_device device = {
		.account = about->account.id,
		.id = given->device_id.data,
		.changed_s = about->account.changed_s,
	};

	if (result != WP_OK && result != WP_ERR_NOTFOUND)
		return wp_account_call_failed(call, result);
	if (result == WP_OK &&
	    wp_device_proof_is(&call->ctx->sessions.proof_key, &device,
			       given->device_proof.data,
			       given->device_proof.len))
		about->known_device = given->device_id.data;
	return wp_attempt_count(call, try_password);
}

bool wp_attempt_password(struct wp_call *call, wp_account_step next)
{
	struct wp_account_call *about = call->state;

	about->right = next;
	/* Whose attempt it is depends on the account, if there is one. */
	if (about->given.device_proof.data != NULL &&
	    about->given.device_id.data != NULL)
		return wp_account_call_find(call, on_found);
	return wp_attempt_count(call, try_password);
}
