/*
 * cmd.c - writing a command down word by word, as the server reads it.
 *
 * Source: redis.io/docs/latest/develop/reference/protocol-spec
 */
#include "lib/redis/cmd.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"

enum {
	LENGTH_MAX = 20,                   /* digits of a size_t */
	WORD_MAX = 1 + LENGTH_MAX + 2 + 2, /* $<len>\r\n and \r\n */
};

_Static_assert(WP_CMD_HEAD_MAX >= 1 + LENGTH_MAX + 2, "*<n>\r\n");

void wp_cmd_init(struct wp_cmd *cmd)
{
	wp_buf_init(&cmd->words, 0);
	cmd->n = 0;
	cmd->n_ended = 0;
	cmd->begin = 0;
}

void wp_cmd_release(struct wp_cmd *cmd)
{
	wp_buf_release(&cmd->words);
	wp_cmd_init(cmd);
}

void wp_cmd_wipe(struct wp_cmd *cmd)
{
	if (cmd->words.data != NULL)
		explicit_bzero(cmd->words.data, cmd->words.cap);
	wp_cmd_release(cmd);
}

void wp_cmd_clear(struct wp_cmd *cmd)
{
	wp_buf_clear(&cmd->words);
	cmd->n = 0;
	cmd->n_ended = 0;
	cmd->begin = 0;
}

/* Write <sign><number>\r\n; returns its end. printf would take as long as all
 * the rest. */
static char *put_number(char *at, char sign, size_t number)
{
	char digits[LENGTH_MAX];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	*at++ = sign;
	while (n > 0)
		*at++ = digits[--n];
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

void wp_cmd_add(struct wp_cmd *cmd, const void *data, size_t len)
{
	wp_cmd_join(cmd, "", 0, len > 0 ? data : "", len);
}

void wp_cmd_join(struct wp_cmd *cmd, const void *first, size_t first_len,
		 const void *rest, size_t rest_len)
{
	char *begin, *at;

	if (rest_len > SIZE_MAX - WORD_MAX ||
	    first_len > SIZE_MAX - WORD_MAX - rest_len)
		cmd->words.failed = true;
	begin = wp_buf_reserve(&cmd->words, first_len + rest_len + WORD_MAX);
	if (begin == NULL)
		return;
	at = put_number(begin, '$', first_len + rest_len);
	memcpy(at, first, first_len);
	at += first_len;
	memcpy(at, rest, rest_len);
	at += rest_len;
	*at++ = '\r';
	*at++ = '\n';
	cmd->words.len += (size_t)(at - begin);
	cmd->n++;
}

void wp_cmd_str(struct wp_cmd *cmd, const char *text)
{
	wp_cmd_add(cmd, text, strlen(text));
}

void wp_cmd_int(struct wp_cmd *cmd, int64_t value)
{
	char text[WP_DECIMAL_MAX];

	wp_cmd_add(cmd, text, wp_decimal_write(text, value));
}

void wp_cmd_eval_next(struct wp_cmd *cmd, const struct wp_script_source *script,
		      size_t n_keys)
{
	wp_cmd_add(cmd, "EVALSHA", 7);
	wp_cmd_add(cmd, script->sha1, 40);
	wp_cmd_int(cmd, (int64_t)n_keys);
}

void wp_cmd_eval(struct wp_cmd *cmd, const struct wp_script_source *script,
		 size_t n_keys)
{
	wp_cmd_clear(cmd);
	wp_cmd_eval_next(cmd, script, n_keys);
}

/* Its head goes before its words, now that it is known how many these are. */
void wp_cmd_end(struct wp_cmd *cmd)
{
	struct wp_buf *words = &cmd->words;
	char head[WP_CMD_HEAD_MAX];
	size_t len = (size_t)(put_number(head, '*', cmd->n) - head);
	char *at;

	assert(words->failed || cmd->n > 0);
	if (wp_buf_reserve(words, len) == NULL)
		return;
	at = words->data + cmd->begin;
	memmove(at + len, at, words->len - cmd->begin);
	memcpy(at, head, len);
	words->len += len;
	cmd->begin = words->len;
	cmd->n = 0;
	cmd->n_ended++;
}

size_t wp_cmd_head(const struct wp_cmd *cmd, char head[WP_CMD_HEAD_MAX])
{
	assert(cmd->n_ended == 0 || cmd->n == 0 || cmd->words.failed);
	if (cmd->n_ended > 0)
		return 0;
	return (size_t)(put_number(head, '*', cmd->n) - head);
}

const char *wp_cmd_word(const struct wp_cmd *cmd, size_t i, size_t *len_out)
{
	const char *at = cmd->words.data;

	for (;;) {
		char *text;
		size_t len = strtoull(at + 1, &text, 10);

		if (i-- == 0) {
			*len_out = len;
			return text + 2;
		}
		at = text + 2 + len + 2;
	}
}
