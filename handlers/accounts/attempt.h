/*
 * attempt.h - may somebody try a password, and is it right?
 *
 * An attempt is counted before it is made, for names that exist and for those
 * that do not, and a wrong one costs the same for both: neither the answer nor
 * its time tells which it was.
 */
#ifndef WP_HANDLERS_ACCOUNTS_ATTEMPT_H
#define WP_HANDLERS_ACCOUNTS_ATTEMPT_H

#include <stdbool.h>

#include "handlers/accounts/account_call.h"

/*
 * Count an attempt on the account that the call is about, then go on; 429 when
 * there were too many, 503 when nobody can count it. Returns: as a step
 */
bool wp_attempt_count(struct wp_call *call, wp_account_step next);

/*
 * Count it, and go on when the password that was given is right and the account
 * active; the attempts so far are forgotten then. 401 when it is wrong.
 * Returns: as a step
 */
bool wp_attempt_password(struct wp_call *call, wp_account_step next);

#endif /* WP_HANDLERS_ACCOUNTS_ATTEMPT_H */
