/*
 * scripts.c - finding a script, and beginning a call of one.
 *
 * The list itself is made by tools/embed-scripts.py from lib/mailbox/scripts.
 */
#include "lib/mailbox/scripts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PREFIX_MAX = 24 }; /* wp:{4294967295}: */

_Static_assert((int)WP_SCRIPT_COUNT <= (int)WP_SCRIPT_SET_MAX,
	       "a client takes them all");

const struct wp_script_source *wp_script_source(enum wp_script script)
{
	assert((size_t)script < wp_scripts.n);
	return &wp_scripts.list[script];
}

enum wp_script wp_script_by_name(const char *name)
{
	size_t i = 0;

	while (i < wp_scripts.n && strcmp(wp_scripts.list[i].name, name) != 0)
		i++;
	return (enum wp_script)i;
}

void wp_cmd_script_key(struct wp_cmd *cmd, enum wp_script script,
		       const char *key)
{
	wp_cmd_eval(cmd, wp_script_source(script), key);
}

void wp_cmd_script(struct wp_cmd *cmd, enum wp_script script,
		   uint32_t partition)
{
	char key[PREFIX_MAX];

	snprintf(key, sizeof(key), "wp:{%" PRIu32 "}:", partition);
	wp_cmd_script_key(cmd, script, key);
}
