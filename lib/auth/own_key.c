/*
 * own_key.c - see own_key.h.
 */
#include "lib/auth/own_key.h"

#include <string.h>

#include <openssl/crypto.h>

void wp_own_key_make(struct wp_own_key *out, const char *store_secret,
		     const char *purpose)
{
	wp_hmac_sha256(store_secret, strlen(store_secret), purpose,
		       strlen(purpose), out->bytes);
}

void wp_own_key_forget(struct wp_own_key *key)
{
	OPENSSL_cleanse(key, sizeof(*key));
}

void wp_own_mac(const struct wp_own_key *key, const void *data, size_t len,
		uint8_t out[WP_OWN_MAC_LEN])
{
	uint8_t whole[WP_SHA256_LEN];

	wp_hmac_sha256(key->bytes, sizeof(key->bytes), data, len, whole);
	memcpy(out, whole, WP_OWN_MAC_LEN);
	OPENSSL_cleanse(whole, sizeof(whole));
}

bool wp_own_mac_is(const struct wp_own_key *key, const void *data, size_t len,
		   const uint8_t mac[WP_OWN_MAC_LEN])
{
	uint8_t want[WP_OWN_MAC_LEN];
	bool is_it;

	wp_own_mac(key, data, len, want);
	is_it = wp_equal_ct(want, mac, sizeof(want));
	OPENSSL_cleanse(want, sizeof(want));
	return is_it;
}
