/*
 * new_account.h - an account for who brings a password, and a password for who
 * brings none: the steps of all who make accounts.
 */
#ifndef WP_LIB_ACCOUNTS_NEW_ACCOUNT_H
#define WP_LIB_ACCOUNTS_NEW_ACCOUNT_H

#include <stddef.h>

#include "lib/accounts/accounts.h"
#include "lib/accounts/password.h"
#include "lib/accounts/recovery.h"
#include "lib/accounts/username.h"
#include "lib/base/err.h"

/* Bytes of a password that is made here: whole codes. */
enum { WP_PASSWORD_MADE_MAX = 5 * WP_RECOVERY_CODE_LEN };

/*
 * Make a password that the rules allow: 128 random bits or more.
 *
 * text:       with NUL; the caller zeroes it
 * min_chars:  at most WP_PASSWORD_MADE_MAX, as accounts.min_password_length is
 * Returns:    its length
 */
size_t wp_password_invent(char text[WP_PASSWORD_MADE_MAX + 1],
			  size_t min_chars);

/* Whose account, and what he will log in with. All is borrowed. */
struct wp_new_account {
	const struct wp_username *name; /* none that is reserved */
	const struct wp_password_way *way;
	const char *password; /* that was judged; the caller zeroes it */
	size_t password_len;
};

/*
 * Hash the password and make the account. Takes its time and memory: behind
 * lib/accounts/hash_gate.h.
 *
 * code:     its recovery code, with NUL; the caller zeroes it
 * Errors:   WP_ERR_CONFLICT  the name is or was somebody's
 *           WP_ERR_NOMEM, WP_ERR_UNAVAIL
 */
enum wp_err wp_account_make(struct wp_accounts *accounts,
			    const struct wp_new_account *what,
			    struct wp_account *out,
			    char code[WP_RECOVERY_CODE_LEN + 1],
			    struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_ACCOUNTS_NEW_ACCOUNT_H */
