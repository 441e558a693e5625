/*
 * account_log.h - a line in the log of what happens to accounts: what, and to
 * whom, by a mark that only tells one from another.
 *
 * Never a name, a token, a code or a password; the client's address only with
 * accounts.log_addresses, for those who shut addresses out by it.
 */
#ifndef WP_HANDLERS_ACCOUNTS_ACCOUNT_LOG_H
#define WP_HANDLERS_ACCOUNTS_ACCOUNT_LOG_H

#include <stdbool.h>

#include "lib/name/urn.h"

struct wp_call;

enum wp_account_event {
	WP_EVENT_REGISTERED,
	WP_EVENT_LOGGED_IN, /* a session has begun, however */
	WP_EVENT_LOGGED_OUT,
	WP_EVENT_SESSIONS_ENDED, /* by the user, for others of his */
	WP_EVENT_TOKEN_REUSED,   /* of a session, which has ended for it */
	WP_EVENT_PASSWORD_SET,
	WP_EVENT_PASSWORD_RESET, /* by a code */
	WP_EVENT_RECOVERY_SET,
	WP_EVENT_DELETED,
	/* Of a back end: */
	WP_EVENT_MADE,
	WP_EVENT_STATE_SET,
	WP_EVENT_CODE_MADE,
	/* What may come in crowds: */
	WP_EVENT_WRONG_PASSWORD,
	WP_EVENT_WRONG_CODE,
	WP_EVENT_TOO_MANY, /* attempts */
};

/*
 * Write the line, at info (TOKEN_REUSED at warn). Of the last three kinds at
 * most 20 a second and process are written; the next says how many were not.
 *
 * user:  NULL, or empty, when nobody is known
 */
void wp_account_log(struct wp_call *call, enum wp_account_event event,
		    const struct wp_urn *user);

#endif /* WP_HANDLERS_ACCOUNTS_ACCOUNT_LOG_H */
