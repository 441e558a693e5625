/*
 * cmd.c - writing a command down word by word.
 *
 * Knows the shape of a command, not the protocol: turning words into bytes on a
 * wire is link.c's job.
 */
#include "lib/redis/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCK_FIRST = 256,
	WORDS_FIRST = 16,
	NUMBER_MAX = 24, /* sign, 19 digits, NUL */
};

void wp_cmd_init(struct wp_cmd *cmd)
{
	memset(cmd, 0, sizeof(*cmd));
}

void wp_cmd_release(struct wp_cmd *cmd)
{
	free(cmd->block);
	free(cmd->lens);
	wp_cmd_init(cmd);
}

void wp_cmd_clear(struct wp_cmd *cmd)
{
	cmd->block_len = 0;
	cmd->n = 0;
	cmd->failed = 0;
}

/* Room for one more word and len more bytes. */
static int reserve(struct wp_cmd *cmd, size_t len)
{
	size_t cap;
	void *grown;

	if (cmd->n == cmd->cap) {
		cap = cmd->cap == 0 ? WORDS_FIRST : cmd->cap * 2;
		grown = reallocarray(cmd->lens, cap, sizeof(*cmd->lens));
		if (grown == NULL)
			return 0;
		cmd->lens = grown;
		cmd->cap = cap;
	}
	if (len > SIZE_MAX / 2 - cmd->block_len)
		return 0;
	if (cmd->block_len + len > cmd->block_cap) {
		cap = cmd->block_cap == 0 ? BLOCK_FIRST : cmd->block_cap;
		while (cap < cmd->block_len + len)
			cap *= 2;
		grown = realloc(cmd->block, cap);
		if (grown == NULL)
			return 0;
		cmd->block = grown;
		cmd->block_cap = cap;
	}
	return 1;
}

void wp_cmd_add(struct wp_cmd *cmd, const void *data, size_t len)
{
	if (cmd->failed)
		return;
	if (!reserve(cmd, len)) {
		cmd->failed = 1;
		return;
	}
	if (len > 0)
		memcpy(cmd->block + cmd->block_len, data, len);
	cmd->block_len += len;
	cmd->lens[cmd->n++] = len;
}

void wp_cmd_str(struct wp_cmd *cmd, const char *text)
{
	wp_cmd_add(cmd, text, strlen(text));
}

void wp_cmd_int(struct wp_cmd *cmd, int64_t value)
{
	char text[NUMBER_MAX];
	int len = snprintf(text, sizeof(text), "%" PRId64, value);

	wp_cmd_add(cmd, text, (size_t)len);
}

void wp_cmd_eval(struct wp_cmd *cmd, const struct wp_script_source *script,
		 const char *key)
{
	wp_cmd_clear(cmd);
	wp_cmd_add(cmd, "EVALSHA", 7);
	wp_cmd_add(cmd, script->sha1, 40);
	wp_cmd_add(cmd, "1", 1);
	wp_cmd_str(cmd, key);
}
