/* push_forward.c - a cursor, from call to call. */
#include "lib/mailbox/push_forward.h"

#include <stdio.h>
#include <string.h>

#include "lib/mailbox/scripts.h"

enum { MS_PER_S = 1000 };

void wp_push_forward_build(struct wp_cmd *cmd,
			   const struct wp_push_forward *walk, const char *app,
			   uint32_t partitions, uint32_t seed)
{
	wp_cmd_script(cmd, WP_SCRIPT_PUSH_FORWARD, walk->partition);
	wp_cmd_str(cmd, app);
	wp_cmd_str(cmd, walk->cursor[0] != '\0' ? walk->cursor : "0");
	wp_cmd_int(cmd, WP_PUSH_FORWARD_AFTER_MS);
	wp_cmd_int(cmd, WP_PUSH_FORWARD_WITHIN_MS);
	/* Each partition has its part of those that are looked at. */
	wp_cmd_int(cmd, (int64_t)partitions * MS_PER_S / WP_PUSH_FORWARD_PER_S);
	wp_cmd_int(cmd, WP_PUSH_FORWARD_MOST_MS);
	wp_cmd_int(cmd, seed);
}

static bool is_cursor(const struct wp_reply *reply)
{
	size_t len = wp_reply_len(reply);

	return wp_reply_type(reply) == WP_REPLY_STR && len > 0 &&
	       len <= WP_PUSH_FORWARD_CURSOR_MAX &&
	       strspn(wp_reply_str(reply), "0123456789") == len;
}

enum wp_err wp_push_forward_told(struct wp_push_forward *walk,
				 const struct wp_reply *reply)
{
	const struct wp_reply *cursor = wp_reply_at(reply, 0);
	const struct wp_reply *n = wp_reply_at(reply, 1);

	if (wp_reply_type(reply) != WP_REPLY_ARRAY || !is_cursor(cursor) ||
	    wp_reply_type(n) != WP_REPLY_INT || wp_reply_int(n) < 0)
		return WP_ERR_UNAVAIL;
	(void)snprintf(walk->cursor, sizeof(walk->cursor), "%s",
		       wp_reply_str(cursor));
	walk->n += wp_reply_int(n);
	walk->is_over = strcmp(walk->cursor, "0") == 0;
	return WP_OK;
}
