/*
 * keys.h - between the files of lib/auth only: the keys of our own that verify
 * tokens, which the operator gave us as secrets and PEM files.
 */
#ifndef WP_LIB_AUTH_KEYS_H
#define WP_LIB_AUTH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/signature.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

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

size_t wp_keys_count(const struct wp_keys *keys);

/* Is there a key for alg at all? */
bool wp_keys_have(const struct wp_keys *keys, enum wp_alg alg);

/*
 * Did one of the keys of alg sign it?
 *
 * Threads:  any number at once
 */
bool wp_keys_verify(const struct wp_keys *keys, enum wp_alg alg,
		    const struct wp_signed *what);

#endif /* WP_LIB_AUTH_KEYS_H */
