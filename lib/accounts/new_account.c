/*
 * new_account.c - see new_account.h.
 */
#include "lib/accounts/new_account.h"

#include <assert.h>

#include "lib/base/clock.h"

enum { MS_PER_S = 1000 };

size_t wp_password_invent(char text[WP_PASSWORD_MADE_MAX + 1], size_t min_chars)
{
	uint8_t unused[WP_RECOVERY_HASH_LEN];
	size_t len = 0;

	assert(min_chars <= WP_PASSWORD_MADE_MAX);
	do {
		wp_recovery_make(text + len, unused);
		len += WP_RECOVERY_CODE_LEN;
	} while (len < min_chars);
	return len;
}

enum wp_err wp_account_make(struct wp_accounts *accounts,
			    const struct wp_new_account *what,
			    struct wp_account *out,
			    char code[WP_RECOVERY_CODE_LEN + 1],
			    struct wp_error *err)
{
	enum wp_err rc;

	*out = (struct wp_account){
		.name = *what->name,
		.has_recovery = true,
		.created_s = wp_wall_ms() / MS_PER_S,
	};
	wp_recovery_make(code, out->recovery);
	rc = wp_password_make(&out->password, what->way, what->password,
			      what->password_len, err);
	return rc == WP_OK ? wp_accounts_create(accounts, out, err) : rc;
}
