/*
 * entry.h - a message as it lies in ingress and in hot queues: the bytes of
 * field m, beside which there is only the time of expiry. What they are, and
 * what scripts read of them, is in scripts/parts/unpack_entry.lua.
 */
#ifndef WP_LIB_MAILBOX_ENTRY_H
#define WP_LIB_MAILBOX_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/name/box.h"
#include "lib/name/msgid.h"

/* What stands before the envelope. */
enum { WP_ENTRY_HEAD = 12, WP_ENTRY_HEAD_MAX = WP_ENTRY_HEAD + WP_BOX_MAX };

/*
 * Write it; the envelope is to follow, of which nothing is said.
 *
 * Returns:  how many bytes
 */
size_t wp_entry_head(char head[WP_ENTRY_HEAD_MAX], const struct wp_box *to,
		     enum wp_band band, bool is_ephemeral);

struct wp_entry {
	enum wp_band band;
	bool is_ephemeral;
	/* Borrowed from what was read. */
	const char *urn; /* no rule has been asked about it */
	size_t urn_len;
	const char *envelope;
	size_t envelope_len;
};

/* Read a field m; false when no send has written that. */
bool wp_entry_read(struct wp_entry *out, const char *m, size_t len);

#endif /* WP_LIB_MAILBOX_ENTRY_H */
