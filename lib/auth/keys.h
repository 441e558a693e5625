/*
 * keys.h - between the files of lib/auth only: the keys that verify tokens,
 * each bound to the one algorithm it may be used with (RFC 8725 section 3.1).
 */
#ifndef WP_LIB_AUTH_KEYS_H
#define WP_LIB_AUTH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/sys/conf.h"

enum wp_alg { WP_ALG_NONE, WP_ALG_HS256, WP_ALG_RS256, WP_ALG_ES256 };

/* Immutable once wp_keys_new() has returned it. */
struct wp_keys;

/*
 * Read every key that conf names.
 *
 * Errors:  WP_ERR_INVAL  as wp_auth_new() says; WP_ERR_NOMEM
 */
enum wp_err wp_keys_new(struct wp_keys **out, const struct wp_conf *conf,
			struct wp_error *err) WP_MUST_USE;
void wp_keys_free(struct wp_keys **keys);

/* Is there a key for alg at all? */
bool wp_keys_have(const struct wp_keys *keys, enum wp_alg alg);

/* What is signed, and how. Borrowed. */
struct wp_signed {
	const void *data;
	size_t len;
	/*
	 * What the token carries: for ES256 both numbers, 32 bytes each (RFC
	 * 7518 section 3.4).
	 */
	const uint8_t *sig;
	size_t sig_len;
};

/*
 * Did one of the keys of alg sign it?
 *
 * Threads:  any number at once
 */
bool wp_keys_verify(const struct wp_keys *keys, enum wp_alg alg,
		    const struct wp_signed *what);

#endif /* WP_LIB_AUTH_KEYS_H */
