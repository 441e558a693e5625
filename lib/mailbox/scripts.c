/*
 * scripts.c - beginning a call of a script, and its plainest answers.
 *
 * The list itself is made by tools/embed-scripts.py from lib/mailbox/scripts.
 */
#include "lib/mailbox/scripts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PREFIX_MAX = 24, NAME_MAX_LEN = 15 }; /* wp:{4294967295}: */

_Static_assert((int)WP_SCRIPT_COUNT <= (int)WP_SCRIPT_SET_MAX,
	       "a client takes them all");

void wp_cmd_script_of(struct wp_cmd *cmd, enum wp_script script, size_t n)
{
	assert((size_t)script < wp_scripts.n);
	wp_cmd_eval(cmd, &wp_scripts.list[script], n);
}

void wp_cmd_prefix(struct wp_cmd *cmd, uint32_t partition)
{
	char key[PREFIX_MAX];

	(void)snprintf(key, sizeof(key), "wp:{%" PRIu32 "}:", partition);
	wp_cmd_str(cmd, key);
}

void wp_cmd_script_key(struct wp_cmd *cmd, enum wp_script script,
		       const char *key)
{
	wp_cmd_script_of(cmd, script, 1);
	wp_cmd_str(cmd, key);
}

void wp_cmd_script(struct wp_cmd *cmd, enum wp_script script,
		   uint32_t partition)
{
	wp_cmd_script_of(cmd, script, 1);
	wp_cmd_prefix(cmd, partition);
}

void wp_cmd_script_next(struct wp_cmd *cmd, enum wp_script script,
			uint32_t partition)
{
	assert((size_t)script < wp_scripts.n);
	wp_cmd_eval_next(cmd, &wp_scripts.list[script], 1);
	wp_cmd_prefix(cmd, partition);
}

enum wp_err wp_script_done(const struct wp_reply *reply)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);

	if (wp_reply_type(reply) == WP_REPLY_INT)
		return wp_reply_int(reply) == 1 ? WP_OK : WP_ERR_STALE;
	if (wp_reply_is(status, "ok"))
		return WP_OK;
	return wp_reply_is(status, "lost") || wp_reply_is(status, "busy")
		       ? WP_ERR_STALE
		       : WP_ERR_UNAVAIL;
}

void wp_cmd_key(struct wp_cmd *cmd, const char *command, uint32_t partition,
		const char *name)
{
	char key[PREFIX_MAX + NAME_MAX_LEN];

	assert(strlen(name) <= NAME_MAX_LEN);
	(void)snprintf(key, sizeof(key), "wp:{%" PRIu32 "}:%s", partition,
		       name);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, command);
	wp_cmd_str(cmd, key);
}
