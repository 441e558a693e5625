/* entry.c - an entry as a word of a call. */
#include "tests/support/entry.h"

#include "lib/mailbox/entry.h"

void wp_test_add_entry(struct wp_cmd *cmd, const struct wp_box *to,
		       const char *text, size_t len)
{
	char head[WP_ENTRY_HEAD_MAX];
	int bits = text[0] - '0';
	size_t head_len = wp_entry_head(
		head, to, (bits & 1) != 0 ? WP_BAND_HIGH : WP_BAND_STANDARD,
		(bits & 2) != 0);

	wp_cmd_join(cmd, head, head_len, text + 1, len - 1);
}
