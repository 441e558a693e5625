/*
 * cmd.h - a command on its way to Redis, and the scripts that one may call.
 *
 * Which scripts there are is not known here: whoever makes a client hands their
 * list in, and every connection has them loaded before it is used.
 */
#ifndef WP_LIB_REDIS_CMD_H
#define WP_LIB_REDIS_CMD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum {
	WP_SCRIPT_SET_MAX = 64, /* as many scripts as a list may hold */
	WP_CMD_HEAD_MAX = 24,
};

struct wp_script_source {
	const char *name; /* "send" */
	const char *text; /* NUL-terminated Lua */
	size_t len;
	char sha1[41]; /* lower-case hex, what EVALSHA wants */
};

struct wp_script_set {
	const struct wp_script_source *list;
	size_t n; /* at most WP_SCRIPT_SET_MAX */
};

/*
 * A command on its way to Redis: words with lengths, binary-safe, written down
 * as the server reads them (RESP 2). The words are copied, so the caller's
 * memory need not stay.
 *
 * Or a group: several commands that Redis executes in their order, and answers
 * as one, an array of their answers. Others may be served between them.
 */
struct wp_cmd {
	struct wp_buf words; /* failed: sending it is WP_ERR_NOMEM */
	size_t n;            /* how many, of a group since wp_cmd_end() */
	size_t n_ended;      /* commands of a group; 0: it is none */
	size_t begin;        /* where the words of its next command begin */
};

void wp_cmd_init(struct wp_cmd *cmd);
void wp_cmd_release(struct wp_cmd *cmd);
/* The same for one that held a password. */
void wp_cmd_wipe(struct wp_cmd *cmd);
/* Empty it, keep the memory. */
void wp_cmd_clear(struct wp_cmd *cmd);
void wp_cmd_add(struct wp_cmd *cmd, const void *data, size_t len);
/* A word made of two parts; neither may be NULL. */
void wp_cmd_join(struct wp_cmd *cmd, const void *first, size_t first_len,
		 const void *rest, size_t rest_len);
void wp_cmd_str(struct wp_cmd *cmd, const char *text);
void wp_cmd_int(struct wp_cmd *cmd, int64_t value);

/* Clear cmd and begin EVALSHA <sha> <n_keys>; the keys are to follow. */
void wp_cmd_eval(struct wp_cmd *cmd, const struct wp_script_source *script,
		 size_t n_keys);
/* The same behind the commands of a group that were ended. */
void wp_cmd_eval_next(struct wp_cmd *cmd, const struct wp_script_source *script,
		      size_t n_keys);

/*
 * Make a command of a group of the words since wp_cmd_clear(), or since the
 * command before was ended. There must be some. Each is ended, also the last.
 */
void wp_cmd_end(struct wp_cmd *cmd);

/*
 * What is sent before the words; returns how many bytes. 0 of a group, whose
 * commands have theirs among the words.
 */
size_t wp_cmd_head(const struct wp_cmd *cmd, char head[WP_CMD_HEAD_MAX]);

/* Word i, which must be there, of no group; borrowed until cmd is changed. */
const char *wp_cmd_word(const struct wp_cmd *cmd, size_t i, size_t *len_out);

#endif /* WP_LIB_REDIS_CMD_H */
