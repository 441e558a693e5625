/*
 * session_json.h - a session as its owner and the operator are shown it.
 */
#ifndef WP_LIB_ACCOUNTS_SESSION_JSON_H
#define WP_LIB_ACCOUNTS_SESSION_JSON_H

#include "lib/accounts/accounts.h"
#include "lib/base/buf.h"

/* RFC 3339: a second, "2026-11-30T06:00:00Z", and a day, with their NULs. */
enum { WP_SESSION_SECOND_LEN = 21, WP_SESSION_DAY_LEN = 11 };

void wp_session_created(const struct wp_account_session *session,
			char text[WP_SESSION_SECOND_LEN]);
void wp_session_used(const struct wp_account_session *session,
		     char text[WP_SESSION_DAY_LEN]);

/*
 * Append its members, id to lastUsedDay: without braces, and without a comma
 * behind the last. The user's name is not among them.
 */
void wp_session_add_json(struct wp_buf *out,
			 const struct wp_account_session *session);

#endif /* WP_LIB_ACCOUNTS_SESSION_JSON_H */
