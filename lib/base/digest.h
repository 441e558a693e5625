/*
 * digest.h - SHA-1, SHA-256 and HMAC-SHA-256 on OpenSSL.
 */
#ifndef WP_LIB_BASE_DIGEST_H
#define WP_LIB_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum { WP_SHA1_LEN = 20, WP_SHA256_LEN = 32 };

/*
 * Only where a protocol wants it: RFC 6455 section 4.2.2, Redis script names.
 */
void wp_sha1(const void *data, size_t len, uint8_t out[WP_SHA1_LEN]);
void wp_sha256(const void *data, size_t len, uint8_t out[WP_SHA256_LEN]);
void wp_hmac_sha256(const void *key, size_t key_len, const void *data,
		    size_t len, uint8_t out[WP_SHA256_LEN]);

/*
 * SHA-256 of an open file, from where it stands to its end.
 *
 * *bytes_out:  how many those were
 * Returns:     false when it cannot be read; errno says why
 */
bool wp_sha256_file(int fd, int64_t *bytes_out,
		    uint8_t out[WP_SHA256_LEN]) WP_MUST_USE;

/* Compare secrets in constant time. */
bool wp_equal_ct(const void *a, const void *b, size_t len);

#endif /* WP_LIB_BASE_DIGEST_H */
