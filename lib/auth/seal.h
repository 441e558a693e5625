/*
 * seal.h - secrets of others as they lie on a disk: sealed under a key made of
 * auth.store_secret (lib/auth/own_key.h), so that whoever has the file, or a
 * backup of it, has none of them.
 *
 * A sealed text is a version, a nonce, the text encrypted by AES-256-GCM, and
 * its tag. It opens only beside what it was sealed beside: moved to another row
 * it is of no use.
 * Source: NIST SP 800-38D; nonces are random (section 8.2.2), which is sound
 * for 2^32 texts of one key.
 *
 * Threads: any.
 */
#ifndef WP_LIB_AUTH_SEAL_H
#define WP_LIB_AUTH_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/own_key.h"
#include "lib/base/err.h"

enum {
	WP_SEAL_EXTRA = 1 + 12 + 16, /* so much longer it is than the text */
	WP_SEAL_TEXT_MAX = 1 << 20,
};

/* What it is sealed beside, and is not in it; borrowed. */
struct wp_seal_place {
	const void *data;
	size_t len; /* at most WP_SEAL_TEXT_MAX */
};

/*
 * Seal a text.
 *
 * len:     at most WP_SEAL_TEXT_MAX
 * out:     room for len + WP_SEAL_EXTRA bytes
 * Errors:  WP_ERR_NOMEM
 */
enum wp_err wp_seal(const struct wp_own_key *key,
		    const struct wp_seal_place *place, const void *text,
		    size_t len, uint8_t *out) WP_MUST_USE;

/*
 * Open what was sealed under this key, beside this.
 *
 * out:      room for sealed_len bytes; wiped when it does not open
 * *len_out: of the text
 * Errors:   WP_ERR_DENIED  it was not, or has changed since
 *           WP_ERR_NOMEM
 */
enum wp_err wp_seal_open(const struct wp_own_key *key,
			 const struct wp_seal_place *place, const void *sealed,
			 size_t sealed_len, uint8_t *out,
			 size_t *len_out) WP_MUST_USE;

#endif /* WP_LIB_AUTH_SEAL_H */
