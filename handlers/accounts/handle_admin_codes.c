/*
 * handle_admin_codes.c - POST /api/admin/accounts/reset-code and
 * /api/admin/invites: a back end gets codes for people whom it knows, and sends
 * them.
 *
 * A code is told this once; Redis has its SHA-256.
 */
#include "lib/base/json.h"
#include "lib/mailbox/login.h"

#include "handlers/accounts/account_call.h"
#include "handlers/accounts/account_log.h"

enum { DAY_S = 86400, DAYS_DEFAULT = 7 };

/* A code for about->recovery_code; what Redis is told of it. */
static void make_code(struct wp_call *call, struct wp_login_code *code)
{
	struct wp_account_call *about = call->state;

	wp_recovery_make(about->recovery_code, about->recovery);
	wp_login_code_of(code, about->recovery_code, WP_RECOVERY_CODE_LEN,
			 (uint32_t)call->ctx->conf->mailbox.partitions);
}

/* Did Redis do all of it? */
static bool is_kept(struct wp_call *call, const struct wp_reply *reply)
{
	bool is_bad = reply == NULL || wp_reply_type(reply) == WP_REPLY_ERROR;

	for (size_t i = 0; !is_bad && i < wp_reply_count(reply); i++)
		is_bad = wp_reply_type(wp_reply_at(reply, i)) == WP_REPLY_ERROR;
	if (!is_bad)
		return true;
	wp_ctx_log_failure(call->ctx, "code",
			   reply == NULL ? "Redis gave no answer"
					 : "Redis did not keep it");
	wp_resp_unavailable(&call->resp, "no code can be kept now; repeat "
					 "later");
	return false;
}

/* ---- POST /api/admin/accounts/reset-code ---- */

static void put_reset(struct wp_call *call)
{
	const struct wp_account_call *about = call->state;
	struct wp_login_code code;

	make_code(call, &code);
	wp_reset_put_build(&call->ctx->cmd, &code, about->name.text);
}

static bool on_reset(struct wp_call *call, const struct wp_reply *reply)
{
	const struct wp_account_call *about = call->state;

	if (!is_kept(call, reply))
		return true;
	wp_account_log(call, WP_EVENT_CODE_MADE, &about->user);
	wp_resp_json(&call->resp, 201);
	wp_buf_printf(&call->resp.body,
		      "{\"code\":\"%s\",\"expiresInSeconds\":%d}",
		      about->recovery_code, WP_RESET_TTL_S);
	return true;
}

static bool on_found(struct wp_call *call, enum wp_err result)
{
	const struct wp_account_call *about = call->state;

	if (result != WP_OK && result != WP_ERR_NOTFOUND)
		return wp_account_call_failed(call, result);
	if (result == WP_OK && about->account.state == WP_ACCOUNT_ACTIVE)
		return wp_account_call_ask(call, put_reset, on_reset);
	wp_resp_error(&call->resp, 404, "no_account",
		      "nobody of this name may log in");
	return true;
}

bool wp_handle_admin_accounts_reset_code(struct wp_call *call)
{
	if (wp_account_call_begin(call, WP_C_USERNAME | WP_C_ONLY, 0) == NULL)
		return true;
	return wp_account_call_find(call, on_found);
}

/* ---- POST /api/admin/invites ---- */

static void put_invite(struct wp_call *call)
{
	const struct wp_account_call *about = call->state;
	struct wp_login_code code;

	make_code(call, &code);
	wp_invite_put_build(&call->ctx->cmd, &code, about->uses,
			    about->days * DAY_S);
}

static bool on_invite(struct wp_call *call, const struct wp_reply *reply)
{
	const struct wp_account_call *about = call->state;

	if (!is_kept(call, reply))
		return true;
	wp_resp_json(&call->resp, 201);
	wp_buf_printf(&call->resp.body,
		      "{\"invite\":\"%s\",\"uses\":%d,"
		      "\"expiresInSeconds\":%d}",
		      about->recovery_code, (int)about->uses,
		      (int)about->days * DAY_S);
	return true;
}

static void read_number(struct wp_json *js, int64_t max, int64_t *out,
			bool *is_there)
{
	struct wp_json_slice number;

	if (*is_there)
		wp_json_fail(js, "a member is given twice");
	*is_there = true;
	if (wp_json_number(js, &number) &&
	    !wp_json_integer(&number, 1, max, out))
		wp_json_fail(js, "uses may be 1 to 1000, days 1 to 30");
}

/* What is wrong with the body; NULL: nothing. */
static const char *read_invite(struct wp_call *call)
{
	struct wp_account_call *about = call->state;
	bool has_uses = false, has_days = false;
	struct wp_json_slice key;
	struct wp_json js;

	_Static_assert(WP_INVITE_USES_MAX == 1000, "as the sentence says");
	_Static_assert(WP_INVITE_TTL_MAX_S == 30 * DAY_S, "as well");
	about->uses = 1;
	about->days = DAYS_DEFAULT;
	wp_json_init(&js, call->body.data, call->body.len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (wp_json_slice_is(&key, "uses"))
			read_number(&js, WP_INVITE_USES_MAX, &about->uses,
				    &has_uses);
		else if (wp_json_slice_is(&key, "days"))
			read_number(&js, WP_INVITE_TTL_MAX_S / DAY_S,
				    &about->days, &has_days);
		else
			wp_json_fail(&js, "there may be uses and days only");
	}
	wp_json_end(&js);
	return js.err;
}

bool wp_handle_admin_invites(struct wp_call *call)
{
	const char *problem;

	if (wp_account_call_new(call) == NULL ||
	    !wp_call_read_json(call, WP_ADMIN_BODY_MAX))
		return true;
	problem = read_invite(call);
	if (problem != NULL) {
		wp_call_bad_body(call, "bad_request", problem);
		return true;
	}
	return wp_account_call_ask(call, put_invite, on_invite);
}
