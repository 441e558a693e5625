/*
 * password.h - what is kept of a password: a hash that is dear to compute, and
 * of no use to who has the file of accounts alone.
 *
 * Argon2id (RFC 9106) with a key that is not in that file. What a hash cost is
 * kept beside it, so that it can be made dearer later. The one place of
 * libargon2.
 */
#ifndef WP_LIB_ACCOUNTS_PASSWORD_H
#define WP_LIB_ACCOUNTS_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum {
	WP_PASSWORD_SALT_LEN = 16,
	WP_PASSWORD_TAG_LEN = 32,
	WP_PASSWORD_PEPPER_LEN = 32,
	WP_PEPPER_MARK_LEN = 32, /* hexadecimal digits */
	/* Of the settings; a row that says more is none of ours. */
	WP_PASSWORD_MEMORY_MIN_KIB = 7168,
	WP_PASSWORD_MEMORY_MAX_KIB = 1024 * 1024,
	WP_PASSWORD_PASSES_MAX = 64,
};

/* What one hash costs. The default is OWASP's second setting. */
struct wp_password_cost {
	uint32_t memory_kib;
	uint32_t passes;
};

/* The key of all hashes; secret, to be zeroed by its owner. */
struct wp_password_pepper {
	uint8_t key[WP_PASSWORD_PEPPER_LEN];
};

/* What is kept. */
struct wp_password {
	struct wp_password_cost cost;
	uint8_t salt[WP_PASSWORD_SALT_LEN];
	uint8_t tag[WP_PASSWORD_TAG_LEN];
};

/* Derive the key from the store's secret (auth.store_secret). */
void wp_password_pepper(struct wp_password_pepper *out,
			const char *store_secret);

/*
 * What tells this pepper from others, and may stand beside the hashes: an HMAC
 * under it. It lets a guess at the store's secret be tried without Argon2, as
 * the refresh token of any client does; that secret is long, and random.
 */
void wp_password_pepper_mark(const struct wp_password_pepper *pepper,
			     char out[WP_PEPPER_MARK_LEN + 1]);

/* How to hash: shared by all passwords of a deployment. Plain data. */
struct wp_password_way {
	struct wp_password_cost cost; /* of new ones */
	struct wp_password_pepper pepper;
};

/*
 * Hash a password under a new salt, at way->cost. Takes its time and memory:
 * behind lib/accounts/hash_gate.h.
 *
 * text:     any bytes; the caller zeroes them
 * Errors:   WP_ERR_NOMEM
 * Threads:  any
 */
enum wp_err wp_password_make(struct wp_password *out,
			     const struct wp_password_way *way,
			     const char *text, size_t len,
			     struct wp_error *err) WP_MUST_USE;

/*
 * Is text the password? Costs the same, whether or not it is, and also where
 * there is none, or one that was hashed when that was cheaper.
 *
 * kept:     NULL, or zeroes: of an account that does not exist, or has no
 *           password. It is wrong then, after as much work as for one at
 *           way->cost
 * Errors:   WP_ERR_NOMEM
 *           WP_ERR_INVAL  kept is damaged
 * Threads:  any
 */
enum wp_err wp_password_check(const struct wp_password *kept,
			      const struct wp_password_way *way,
			      const char *text, size_t len, bool *is_right_out,
			      struct wp_error *err) WP_MUST_USE;

/*
 * What is missing of a hash at `kept` to the work of one at `way`: the cost of
 * another one that takes about as long as the difference, with no more memory.
 *
 * Returns:  false when nothing is missing, or too little to be made up
 */
bool wp_password_cost_rest(const struct wp_password_cost *kept,
			   const struct wp_password_cost *way,
			   struct wp_password_cost *rest_out);

/* Was it hashed at another cost than new ones are? */
bool wp_password_is_old(const struct wp_password *kept,
			const struct wp_password_way *way);

#endif /* WP_LIB_ACCOUNTS_PASSWORD_H */
