/*
 * handle_auth_login.c - POST /api/auth/login: a session for who knows the
 * password.
 *
 * Source: docs/identity.md "Users of our own"
 */
#include "handlers/accounts/attempt.h"
#include "handlers/accounts/session.h"
#include "handlers/accounts/session_begin.h"
#include "handlers/request/limit.h"

/*
 * Whoever asks knows the password. Each session that begins ends, and is then
 * an entry in the tables of all who judge (docs/decisions/0036). What an end
 * has left that was cut off ends here: whoever is let in by a new password
 * knows that those of before are out.
 */
static bool begin(struct wp_call *call)
{
	const struct wp_account_call *about = call->state;

	return !wp_limit_user(call, WP_LIMIT_BEGIN, &about->box) ||
	       wp_account_call_known(call, wp_session_begin);
}

bool wp_handle_auth_login(struct wp_call *call)
{
	struct wp_account_call *about = wp_account_call_begin(
		call, WP_C_USERNAME | WP_C_PASSWORD,
		WP_C_DEVICE_ID | WP_C_DEVICE_NAME | WP_C_DEVICE_PROOF |
			WP_C_REFRESH_IN);

	if (about == NULL || !wp_session_may_be_given(call))
		return true;
	about->status = 200;
	return wp_attempt_password(call, begin);
}
