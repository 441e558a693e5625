/*
 * session_begin.h - a session of who has just proved who he is, and the answer
 * that gives it to him.
 *
 * Redis is asked first, the file is written next, and Redis told then: the
 * order in which a restored session begins as well (docs/architecture.md
 * "Sessions").
 */
#ifndef WP_HANDLERS_ACCOUNTS_SESSION_BEGIN_H
#define WP_HANDLERS_ACCOUNTS_SESSION_BEGIN_H

#include <stdbool.h>

#include "handlers/accounts/account_call.h"

/*
 * Begin a session of about->account and answer about->status with it. What has
 * to give way to it ends. 401 when the account has another password by now.
 * Returns: as a step
 */
bool wp_session_begin(struct wp_call *call);

#endif /* WP_HANDLERS_ACCOUNTS_SESSION_BEGIN_H */
