/*
 * handle_auth_login.c - POST /api/auth/login: a session for who knows the
 * password.
 *
 * Source: docs/identity.md "Users of our own"
 */
#include "handlers/attempt.h"
#include "handlers/session.h"
#include "handlers/session_begin.h"

/*
 * What an end has left that was cut off ends with the next login: whoever is
 * let in by a new password knows that those of before are out.
 */
static bool begin(struct wp_call *call)
{
	return wp_account_call_known(call, wp_session_begin);
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
