/*
 * new_password.c - the rules of passwords, on a thread: the list of known ones
 * is a file.
 */
#include "handlers/accounts/new_password.h"

#include "lib/accounts/password_rules.h"

/* On a thread of the desk. */
static enum wp_err judge(struct wp_call *call, struct wp_accounts *accounts,
			 struct wp_error *err)
{
	struct wp_account_call *about = call->state;
	const struct wp_password_rules rules = {
		.min_chars =
			(size_t)call->ctx->conf->accounts.min_password_length,
		.name = &about->name,
		.blocklist = wp_account_desk_blocklist(call->ctx->desk),
	};
	enum wp_err rc;

	(void)accounts;
	rc = wp_password_rules_check(&rules, about->judged->data,
				     about->judged->len, err);
	if (rc == WP_ERR_INVAL)
		about->why = *err;
	return rc;
}

static bool on_judged(struct wp_call *call, enum wp_err result)
{
	struct wp_account_call *about = call->state;

	if (result == WP_ERR_INVAL) {
		wp_resp_error(&call->resp, 400, "weak_password",
			      about->why.msg);
		return true;
	}
	return result == WP_OK ? about->next(call)
			       : wp_account_call_failed(call, result);
}

bool wp_new_password_judge(struct wp_call *call,
			   const struct wp_credential_text *text,
			   wp_account_step next)
{
	struct wp_account_call *about = call->state;

	about->judged = text;
	about->next = next;
	return wp_account_call_desk(call, judge, on_judged);
}

enum wp_err wp_new_password_hash(struct wp_call *call,
				 const struct wp_credential_text *text,
				 struct wp_error *err)
{
	struct wp_account_call *about = call->state;

	return wp_password_make(&about->password,
				wp_account_desk_way(call->ctx->desk),
				text->data, text->len, err);
}
