/*
 * push_dlq.c - the words of a dead letter.
 */
#include "lib/mailbox/push_dlq.h"

static void add_text(struct wp_cmd *cmd, const char *name, const char *text)
{
	wp_cmd_str(cmd, name);
	wp_cmd_str(cmd, text);
}

static void add_int(struct wp_cmd *cmd, const char *name, int64_t value)
{
	wp_cmd_str(cmd, name);
	wp_cmd_int(cmd, value);
}

void wp_push_letter_build(struct wp_cmd *cmd,
			  const struct wp_push_letter *letter)
{
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "XADD");
	wp_cmd_str(cmd, WP_PUSH_DLQ_KEY);
	wp_cmd_str(cmd, "MAXLEN");
	wp_cmd_str(cmd, "~");
	wp_cmd_int(cmd, WP_PUSH_DLQ_MAX);
	wp_cmd_str(cmd, "*");
	add_text(cmd, "device", letter->device);
	add_int(cmd, "partition", letter->partition);
	add_text(cmd, "kind", wp_push_kind_name(letter->kind));
	add_text(cmd, "app", letter->app);
	add_text(cmd, "reason", letter->reason);
	add_int(cmd, "tries", letter->tries);
	add_int(cmd, "at", letter->at_ms);
}
