/*
 * handle_admin_accounts.c - POST /api/admin/accounts and
 * /api/admin/accounts/state: a back end makes accounts, and says who may log
 * in.
 *
 * Whoever has such a key may know who has an account here; what else
 * registration asks for is asked for here too.
 */
#include <string.h>

#include "lib/accounts/new_account.h"

#include "handlers/accounts/account_log.h"
#include "handlers/accounts/new_account.h"
#include "handlers/accounts/new_password.h"

static bool no_account(struct wp_call *call)
{
	wp_resp_error(&call->resp, 404, "no_account",
		      "nobody has an account of this name, or it is deleted");
	return true;
}

/* ---- POST /api/admin/accounts ---- */

/* What is said this once. */
static void tell(struct wp_call *call)
{
	struct wp_account_call *about = call->state;
	struct wp_buf *body = &call->resp.body;

	wp_account_log(call, WP_EVENT_MADE, &about->user);
	wp_resp_json(&call->resp, 201);
	wp_buf_printf(body,
		      "{\"username\":\"%s\",\"user\":\"%s\","
		      "\"recoveryCode\":\"%s\"",
		      about->name.text, about->user.text, about->recovery_code);
	if (about->made[0] != '\0')
		wp_buf_printf(body, ",\"password\":\"%s\"", about->made);
	wp_buf_add_char(body, '}');
}

static bool on_created(struct wp_call *call, enum wp_err result)
{
	if (result == WP_OK)
		tell(call);
	else
		(void)wp_new_account_failed(call, result);
	return true;
}

static bool create(struct wp_call *call)
{
	return wp_new_account_make(call, on_created);
}

bool wp_handle_admin_accounts(struct wp_call *call)
{
	struct wp_account_call *about = wp_account_call_begin(
		call, WP_C_USERNAME | WP_C_ONLY, WP_C_PASSWORD);

	if (about == NULL || !wp_new_account_may_be(call))
		return true;
	if (about->given.password.data == NULL) {
		about->given.password.data = about->made;
		about->given.password.len = wp_password_invent(
			about->made,
			(size_t)call->ctx->conf->accounts.min_password_length);
	}
	return wp_new_password_judge(call, &about->given.password, create);
}

/* ---- POST /api/admin/accounts/state ---- */

/* As a body has them, by their number in the file. */
static const char *const states[] = {
	[WP_ACCOUNT_ACTIVE] = "active",
	[WP_ACCOUNT_DISABLED] = "disabled",
	[WP_ACCOUNT_DELETED] = "deleted",
};
enum { STATES = sizeof(states) / sizeof(states[0]) };

/* STATES: it is none. */
static enum wp_account_state wanted(const struct wp_account_call *about)
{
	const struct wp_credential_text *text = &about->given.state;
	size_t i = 0;

	while (i < STATES && (strlen(states[i]) != text->len ||
			      memcmp(states[i], text->data, text->len) != 0))
		i++;
	return (enum wp_account_state)i;
}

/* On a thread of the desk. */
static enum wp_err set(struct wp_call *call, struct wp_accounts *accounts,
		       struct wp_error *err)
{
	struct wp_account_call *about = call->state;

	return wp_accounts_set_state(accounts, &about->name, wanted(about),
				     &about->ended, err);
}

static bool done(struct wp_call *call)
{
	const struct wp_account_call *about = call->state;

	wp_account_log(call, WP_EVENT_STATE_SET, &about->user);
	wp_resp_empty(&call->resp, 204);
	return true;
}

static bool on_set(struct wp_call *call, enum wp_err result)
{
	if (result == WP_ERR_NOTFOUND)
		return no_account(call);
	return result == WP_OK ? wp_account_call_end(call, done)
			       : wp_account_call_failed(call, result);
}

static bool set_state(struct wp_call *call)
{
	return wp_account_call_desk(call, set, on_set);
}

/* All of its steps may be repeated; who was cut off anywhere begins anew. */
bool wp_handle_admin_accounts_state(struct wp_call *call)
{
	struct wp_account_call *about = wp_account_call_begin(
		call, WP_C_USERNAME | WP_C_STATE | WP_C_ONLY, 0);
	enum wp_account_state state;

	if (about == NULL)
		return true;
	state = wanted(about);
	if ((size_t)state == STATES) {
		wp_resp_error(&call->resp, 400, "bad_request",
			      "state must be active, disabled or deleted");
		return true;
	}
	if (state == WP_ACCOUNT_ACTIVE)
		return set_state(call);
	about->shuts_out = true;
	return wp_account_call_known(call, set_state);
}
