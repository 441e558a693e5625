/*
 * crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4), the partition hash.
 */
#ifndef WP_LIB_BASE_CRC32C_H
#define WP_LIB_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Checksum of data; "123456789" gives 0xE3069283. */
uint32_t wp_crc32c(const void *data, size_t len);

#endif /* WP_LIB_BASE_CRC32C_H */
