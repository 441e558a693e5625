/*
 * crc32c.c - CRC-32C, four bits at a time.
 *
 * Its input is a URN of at most 255 bytes, so sixteen table entries that can
 * be checked by eye beat a large table or a processor's own instruction.
 */
#include "lib/base/crc32c.h"

/* Remainder of each nibble under the reflected polynomial 0x82F63B78. */
static const uint32_t crc_table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t wp_crc32c(const void *data, size_t len)
{
	const unsigned char *bytes = data;
	uint32_t crc = UINT32_MAX;
	size_t i;

	for (i = 0; i < len; i++) {
		crc ^= bytes[i];
		crc = (crc >> 4) ^ crc_table[crc & 0xf];
		crc = (crc >> 4) ^ crc_table[crc & 0xf];
	}
	return ~crc;
}
