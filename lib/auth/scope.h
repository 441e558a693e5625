/*
 * scope.h - what the key of a back end may be used for, one or more of these;
 * and their names, as the file of keys and operators write them.
 */
#ifndef WP_LIB_AUTH_SCOPE_H
#define WP_LIB_AUTH_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"

/* Bits of a set. */
enum wp_scope {
	WP_SCOPE_NONE = 0,
	WP_SCOPE_SEND = 1,
	WP_SCOPE_NOTIFY = 2,
	WP_SCOPE_PRESENCE = 4,
	WP_SCOPE_REVOKE = 8,
	WP_SCOPE_ACCOUNTS = 16,
};

/* Every scope that there is, for sentences. */
#define WP_SCOPES_ALL "send, notify, presence, revoke, accounts"

/*
 * Read a list of names with commas between them, each once.
 *
 * text:     len bytes of any kind
 * Returns:  false when it is no such list, or empty
 */
bool wp_scopes_read(const char *text, size_t len, unsigned int *out);

/* Append the names of a set, as wp_scopes_read() reads them. */
void wp_scopes_add(struct wp_buf *out, unsigned int set);

/* "notify"; scope is one of them. */
const char *wp_scope_name(enum wp_scope scope);

#endif /* WP_LIB_AUTH_SCOPE_H */
