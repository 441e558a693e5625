/*
 * new_account.h - the steps of who makes an account, for himself or for
 * somebody else.
 */
#ifndef WP_HANDLERS_ACCOUNTS_NEW_ACCOUNT_H
#define WP_HANDLERS_ACCOUNTS_NEW_ACCOUNT_H

#include <stdbool.h>

#include "handlers/accounts/account_call.h"

/* May somebody be called about->name? False when call->resp holds the 400. */
bool wp_new_account_may_be(struct wp_call *call);

/*
 * Make the account of about->name with about->given.password, which was judged
 * (new_password.h): about->account and about->recovery_code. Then go on.
 * Returns: as wp_call_desk()
 */
bool wp_new_account_make(struct wp_call *call, wp_account_done step);

/* The answer where it was not made. Returns: true */
bool wp_new_account_failed(struct wp_call *call, enum wp_err result);

#endif /* WP_HANDLERS_ACCOUNTS_NEW_ACCOUNT_H */
