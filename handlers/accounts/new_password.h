/*
 * new_password.h - is a password good enough to be set, and what is kept of it?
 */
#ifndef WP_HANDLERS_ACCOUNTS_NEW_PASSWORD_H
#define WP_HANDLERS_ACCOUNTS_NEW_PASSWORD_H

#include <stdbool.h>

#include "handlers/accounts/account_call.h"

/*
 * Judge a new password of about->name, then go on; 400 weak_password with the
 * rule when it is not good enough. Returns: as a step
 *
 * text:  borrowed until next
 */
bool wp_new_password_judge(struct wp_call *call,
			   const struct wp_credential_text *text,
			   wp_account_step next);

/* Hash it into about->password; on a thread of the desk, behind the gate. */
enum wp_err wp_new_password_hash(struct wp_call *call,
				 const struct wp_credential_text *text,
				 struct wp_error *err) WP_MUST_USE;

#endif /* WP_HANDLERS_ACCOUNTS_NEW_PASSWORD_H */
