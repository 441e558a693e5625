/*
 * username.h - what an account is called, and the mailbox that goes with it.
 */
#ifndef WP_LIB_ACCOUNTS_USERNAME_H
#define WP_LIB_ACCOUNTS_USERNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/urn.h"

enum { WP_USERNAME_MIN = 3, WP_USERNAME_MAX = 32 };

/* A name in its only form, NUL-terminated. Plain data: copy it by value. */
struct wp_username {
	uint8_t len;
	char text[WP_USERNAME_MAX + 1];
};

/*
 * Read a name: letters, digits and . _ - in ASCII, 3 to 32 of them, the first a
 * letter or a digit. Upper case becomes lower case, so Bob is bob.
 *
 * Errors:  WP_ERR_INVAL  err.msg names the rule, without the offending bytes
 */
enum wp_err wp_username_read(struct wp_username *out, const char *text,
			     size_t len, struct wp_error *err) WP_MUST_USE;

/*
 * May nobody be called so? Names that pass for the operator, or for nobody in
 * particular.
 */
bool wp_username_is_reserved(const struct wp_username *name);

/* The user's URN, urn:sm:user:<name>: what the legacy id means as well. */
void wp_username_urn(const struct wp_username *name, struct wp_urn *out);
/* The other way; false when nobody with this URN can have an account here. */
bool wp_username_of(const struct wp_urn *user, struct wp_username *out);

#endif /* WP_LIB_ACCOUNTS_USERNAME_H */
