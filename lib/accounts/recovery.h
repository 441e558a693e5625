/*
 * recovery.h - the code that gives an account back to who forgot its password:
 * 128 random bits, shown once, of which a digest is kept.
 */
#ifndef WP_LIB_ACCOUNTS_RECOVERY_H
#define WP_LIB_ACCOUNTS_RECOVERY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum {
	WP_RECOVERY_CODE_LEN = 26, /* base32 (RFC 4648 section 6), lower case */
	WP_RECOVERY_TEXT_MAX = 64, /* as somebody may type it */
	WP_RECOVERY_HASH_LEN = 32,
};

/*
 * Make a code, and what is kept of it. It is too random to be guessed from its
 * digest, so that needs no key and no time.
 *
 * code:  with NUL; the caller zeroes it
 */
void wp_recovery_make(char code[WP_RECOVERY_CODE_LEN + 1],
		      uint8_t hash[WP_RECOVERY_HASH_LEN]);

/*
 * What is kept of a code as somebody typed it: in either case, with blanks and
 * hyphens anywhere.
 *
 * Errors:  WP_ERR_INVAL  it is no code
 */
enum wp_err wp_recovery_hash(const char *text, size_t len,
			     uint8_t hash[WP_RECOVERY_HASH_LEN]) WP_MUST_USE;

#endif /* WP_LIB_ACCOUNTS_RECOVERY_H */
