/*
 * password_rules.h - which passwords are good enough to be set.
 *
 * Long ones that are not known and not made of one idea; nothing is asked of
 * their characters. They are judged when they are set and never again.
 *
 * Source: NIST SP 800-63B-4 section 3.1.1.2, OWASP ASVS 5 section 6.2
 */
#ifndef WP_LIB_ACCOUNTS_PASSWORD_RULES_H
#define WP_LIB_ACCOUNTS_PASSWORD_RULES_H

#include <stddef.h>

#include "lib/accounts/blocklist.h"
#include "lib/accounts/username.h"
#include "lib/base/err.h"

enum {
	WP_PASSWORD_CHARS_MAX = 1024,
	WP_PASSWORD_BYTES_MAX = 4 * WP_PASSWORD_CHARS_MAX,
};

struct wp_password_rules {
	size_t min_chars;                     /* at least 1 */
	const struct wp_username *name;       /* borrowed; whose it will be */
	const struct wp_blocklist *blocklist; /* borrowed; NULL: none */
};

/*
 * May this be the password of that user?
 *
 * text:     any bytes, NUL among them; must be UTF-8
 * Errors:   WP_ERR_INVAL    err.msg says which rule is broken
 *           WP_ERR_UNAVAIL  the blocklist cannot be read, or no memory
 * Threads:  any
 */
enum wp_err wp_password_rules_check(const struct wp_password_rules *rules,
				    const char *text, size_t len,
				    struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_ACCOUNTS_PASSWORD_RULES_H */
