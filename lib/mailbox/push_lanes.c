/*
 * push_lanes.c - plain commands on keys that no script knows.
 */
#include "lib/mailbox/push_lanes.h"

#include <string.h>

static const char lanes_key[] = "wp:push:lanes:";

void wp_push_resume_build(struct wp_cmd *group, const char *app,
			  const char *text)
{
	wp_cmd_clear(group);
	wp_cmd_str(group, "HSET");
	wp_cmd_str(group, WP_PUSH_RESUME_KEY);
	wp_cmd_str(group, app);
	wp_cmd_str(group, text);
	wp_cmd_end(group);
	wp_cmd_str(group, "EXPIRE");
	wp_cmd_str(group, WP_PUSH_RESUME_KEY);
	wp_cmd_int(group, WP_PUSH_RESUME_S);
	wp_cmd_end(group);
}

static void add_key(struct wp_cmd *cmd, const char *notifier)
{
	wp_cmd_join(cmd, lanes_key, sizeof(lanes_key) - 1, notifier,
		    strlen(notifier));
}

void wp_push_lanes_build(struct wp_cmd *cmd, const char *notifier,
			 const char *json, size_t len)
{
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "SET");
	add_key(cmd, notifier);
	wp_cmd_add(cmd, json, len);
	wp_cmd_str(cmd, "EX");
	wp_cmd_int(cmd, WP_PUSH_LANES_S);
}

void wp_push_lanes_ask(struct wp_cmd *cmd, const char *notifier)
{
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "GET");
	add_key(cmd, notifier);
}
