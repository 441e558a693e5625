/*
 * entry.c - the bytes of field m, written and read. Read are those of whoever
 * may write to Redis: each length is compared with what is there.
 */
#include "lib/mailbox/entry.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/random.h"

enum {
	LAYOUT = 1,
	IS_HIGH = 1,
	IS_EPHEMERAL = 2,
	AT_LAYOUT = 0,
	AT_BITS = 1,
	AT_URN_LEN = 2,
	AT_DEVICE_LEN = 3,
	AT_TRACE = 4,
	TRACE_LEN = WP_ENTRY_HEAD - AT_TRACE,
};

_Static_assert(WP_BOX_MAX <= UINT8_MAX, "its length is one byte");

size_t wp_entry_head(char head[WP_ENTRY_HEAD_MAX], const struct wp_box *to,
		     enum wp_band band, bool is_ephemeral)
{
	head[AT_LAYOUT] = LAYOUT;
	head[AT_BITS] = (char)((band == WP_BAND_HIGH ? IS_HIGH : 0) |
			       (is_ephemeral ? IS_EPHEMERAL : 0));
	head[AT_URN_LEN] = (char)to->len;
	head[AT_DEVICE_LEN] = 0;
	wp_random_bytes(head + AT_TRACE, TRACE_LEN);
	memcpy(head + WP_ENTRY_HEAD, to->text, to->len);
	return WP_ENTRY_HEAD + to->len;
}

bool wp_entry_read(struct wp_entry *out, const char *m, size_t len)
{
	size_t urn_len, head_len;

	*out = (struct wp_entry){ .urn = NULL };
	if (len <= WP_ENTRY_HEAD || m[AT_LAYOUT] != LAYOUT)
		return false;
	urn_len = (uint8_t)m[AT_URN_LEN];
	head_len = WP_ENTRY_HEAD + urn_len + (uint8_t)m[AT_DEVICE_LEN];
	if (urn_len == 0 || len <= head_len)
		return false;
	out->band =
		(m[AT_BITS] & IS_HIGH) != 0 ? WP_BAND_HIGH : WP_BAND_STANDARD;
	out->is_ephemeral = (m[AT_BITS] & IS_EPHEMERAL) != 0;
	out->urn = m + WP_ENTRY_HEAD;
	out->urn_len = urn_len;
	out->envelope = m + head_len;
	out->envelope_len = len - head_len;
	return true;
}
