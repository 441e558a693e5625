/*
 * box.c - where the mailbox of a user is.
 *
 * The one place that knows how partitions are dealt out.
 */
#include "lib/name/box.h"

#include <assert.h>
#include <string.h>

/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), four bits at a time: remainder
 * of each nibble under the reflected polynomial 0x82F63B78. A URN has at most
 * 255 bytes, so sixteen entries that can be checked by eye beat a large table
 * or a processor's own instruction.
 */
static const uint32_t crc_table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc32c(const struct wp_urn *user)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < user->len; i++) {
		crc ^= (unsigned char)user->text[i];
		crc = (crc >> 4) ^ crc_table[crc & 0xf];
		crc = (crc >> 4) ^ crc_table[crc & 0xf];
	}
	return ~crc;
}

/* As much as there is of the name, not the room for the longest one. */
static void set_name(struct wp_box *out, const struct wp_urn *user)
{
	out->len = user->len;
	memcpy(out->text, user->text, (size_t)user->len + 1);
}

void wp_box_of(struct wp_box *out, const struct wp_urn *user,
	       uint32_t partitions)
{
	assert(partitions > 0);
	out->partition = crc32c(user) % partitions;
	set_name(out, user);
}

enum wp_err wp_box_reread(struct wp_box *out, uint32_t partition,
			  const char *text, size_t len)
{
	struct wp_urn user;
	enum wp_err rc = wp_urn_reread(&user, text, len);

	if (rc != WP_OK)
		return rc;
	out->partition = partition;
	set_name(out, &user);
	return WP_OK;
}
