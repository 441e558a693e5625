/*
 * own_key.h - keys for what we give away and take back: one for each purpose,
 * made of auth.store_secret, so that what is good for one is good for nothing
 * else. Whoever has the database has none of them.
 */
#ifndef WP_LIB_AUTH_OWN_KEY_H
#define WP_LIB_AUTH_OWN_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/digest.h"

enum { WP_OWN_MAC_LEN = 16 };

/* Plain data, but secret; end with wp_own_key_forget(). */
struct wp_own_key {
	uint8_t bytes[WP_SHA256_LEN];
};

/* purpose: a text of its own for each use, with a version in it */
void wp_own_key_make(struct wp_own_key *out, const char *store_secret,
		     const char *purpose);
void wp_own_key_forget(struct wp_own_key *key);

/* The first half of HMAC-SHA-256: 128 bits (RFC 2104 section 5). */
void wp_own_mac(const struct wp_own_key *key, const void *data, size_t len,
		uint8_t out[WP_OWN_MAC_LEN]);

/* Is that its MAC? In constant time. */
bool wp_own_mac_is(const struct wp_own_key *key, const void *data, size_t len,
		   const uint8_t mac[WP_OWN_MAC_LEN]);

#endif /* WP_LIB_AUTH_OWN_KEY_H */
