/*
 * siphash.h - SipHash-2-4: a keyed hash for tables whose keys strangers choose.
 *
 * Who does not know the key cannot find two texts of one hash, so a table may
 * know its entries by the hash alone. For what leaves the process use digest.h.
 */
#ifndef WP_LIB_BASE_SIPHASH_H
#define WP_LIB_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { WP_SIPHASH_KEY_LEN = 16 };

/*
 * key:     random, and of this process only
 * Source:  Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012
 */
uint64_t wp_siphash(const uint8_t key[WP_SIPHASH_KEY_LEN], const void *data,
		    size_t len);

#endif /* WP_LIB_BASE_SIPHASH_H */
