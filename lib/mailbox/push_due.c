/*
 * push_due.c - two plain commands: they change nothing, so they are no script.
 */
#include "lib/mailbox/push_due.h"

#include <inttypes.h>
#include <stdio.h>

enum { KEY_MAX = 40, SCORE_MAX = 24 };

void wp_push_due_add(struct wp_cmd *group, uint32_t partition, int64_t now_ms)
{
	char key[KEY_MAX], now[SCORE_MAX];

	(void)snprintf(key, sizeof(key), "wp:{%" PRIu32 "}:pushdue", partition);
	(void)snprintf(now, sizeof(now), "%" PRId64, now_ms);
	wp_cmd_str(group, "ZCOUNT");
	wp_cmd_str(group, key);
	wp_cmd_str(group, "-inf");
	wp_cmd_str(group, now);
	wp_cmd_end(group);
	wp_cmd_str(group, "ZRANGEBYSCORE");
	wp_cmd_str(group, key);
	wp_cmd_str(group, "-inf");
	wp_cmd_str(group, now);
	wp_cmd_str(group, "WITHSCORES");
	wp_cmd_str(group, "LIMIT");
	wp_cmd_int(group, 0);
	wp_cmd_int(group, 1);
	wp_cmd_end(group);
}

/* Between the two somebody may have been taken: then nobody is due. */
enum wp_err wp_push_due_parse(const struct wp_reply *answers, size_t i,
			      struct wp_push_due *out)
{
	const struct wp_reply *n =
		wp_reply_at(answers, i * WP_PUSH_DUE_COMMANDS);
	const struct wp_reply *first =
		wp_reply_at(answers, i * WP_PUSH_DUE_COMMANDS + 1);

	*out = (struct wp_push_due){ 0 };
	if (wp_reply_type(n) != WP_REPLY_INT ||
	    wp_reply_type(first) != WP_REPLY_ARRAY)
		return WP_ERR_UNAVAIL;
	out->first_ms = wp_reply_int(wp_reply_at(first, 1));
	if (out->first_ms > 0)
		out->n = wp_reply_int(n);
	return WP_OK;
}
