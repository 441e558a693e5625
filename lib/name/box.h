/*
 * box.h - whose mailbox: its name and the partition it lies in.
 *
 * The two travel together everywhere, so a program makes a box once, at its
 * edge, where it learns who is meant, and passes it on.
 */
#ifndef WP_LIB_NAME_BOX_H
#define WP_LIB_NAME_BOX_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/urn.h"

enum { WP_BOX_MAX = WP_URN_MAX };

/*
 * Keys and rows of a mailbox are named by text, which is the URN of its user.
 * Plain data; pass it by pointer, it is long.
 */
struct wp_box {
	uint32_t partition; /* the user's: it depends on nothing but the URN */
	uint16_t len;
	char text[WP_BOX_MAX + 1]; /* with NUL */
};

/*
 * The mailbox of a user. Its partition is the CRC-32C of the canonical URN
 * modulo partitions.
 *
 * partitions:  of the deployment, > 0
 */
void wp_box_of(struct wp_box *out, const struct wp_urn *user,
	       uint32_t partitions);

/*
 * Read back the name of a mailbox that was found in a partition.
 *
 * Errors:  WP_ERR_INVAL  it is no mailbox' name
 */
enum wp_err wp_box_reread(struct wp_box *out, uint32_t partition,
			  const char *text, size_t len) WP_MUST_USE;

#endif /* WP_LIB_NAME_BOX_H */
