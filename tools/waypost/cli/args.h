/*
 * args.h - what an operator typed: which command, on what, and how.
 *
 *	waypost [options of every program] <command> [options and names]
 *
 * The first word that is no option (nor the value of one) begins the command.
 * What stands before it is the configuration's business (lib/sys/conf.h).
 */
#ifndef WP_TOOLS_WAYPOST_CLI_ARGS_H
#define WP_TOOLS_WAYPOST_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/accounts/username.h"
#include "lib/auth/apikey.h"
#include "lib/base/err.h"
#include "lib/mailbox/dlq.h"
#include "lib/name/msgid.h"
#include "lib/name/urn.h"
#include "lib/sys/conf_tell.h"
#include "tools/waypost/cli/commands.h"

enum {
	WP_CLI_LIMIT_DEFAULT = 100,
	WP_CLI_TOP_DEFAULT = 20,
	WP_CLI_USERS_MAX = 100,
	WP_CLI_LIMIT_MAX = 10000,
	WP_CLI_INVITE_DAYS_DEFAULT = 7,
	WP_CLI_TOKEN_DEFAULT_S = 3600,
	WP_CLI_TOKEN_MAX_S = 24 * 3600,
	WP_CLI_CLAIMS_MAX = 16,
	WP_CLI_BENCH_USERS_MAX = 64, /* senders; receivers as well */
	WP_CLI_BENCH_USERS_DEFAULT = 4,
	WP_CLI_BENCH_DEFAULT_S = 10,
	WP_CLI_BENCH_MAX_S = 300,
	WP_CLI_BENCH_SIZE_MIN = 8,
	WP_CLI_BENCH_SIZE_MAX = 65536,
	WP_CLI_SIZE_DEFAULT = 700,
	WP_CLI_DEVICE_LEN = 22,
};

/* Texts are borrowed from argv. */
struct wp_cli_args {
	enum wp_cli_command command;
	int n_before; /* words of argv in front of the command, its own first */

	bool has_id; /* a dead letter was named */
	struct wp_dlq_id id;
	bool has_queue; /* --partition */
	struct wp_dlq_queue queue;
	size_t limit;
	bool is_all;
	bool is_json;
	bool is_raw;
	bool is_sure; /* --yes, --confirm */
	bool show_recipient;
	bool is_utc;

	char **about;   /* what help is asked for: a noun, perhaps a verb, */
	size_t n_about; /* or nothing, 0 */

	const char *to; /* NULL when not given; likewise below */
	const char *key;
	const char *data; /* a path, or "-" */
	const char *user;
	const char *issuer;
	const char *subject;
	const char *session;
	int32_t priority;
	bool is_ephemeral;

	const char *name; /* of a back end */
	unsigned int scopes;
	int64_t expires_s;
	const char *key_id;

	struct wp_username account; /* len 0: none was named */
	const char *password;       /* a path, or "-" */
	int64_t uses;               /* of an invite */
	int64_t days;

	const char *sub;                       /* of a token */
	int64_t for_s;                         /* how long it lives */
	const char *claims[WP_CLI_CLAIMS_MAX]; /* name=value */
	size_t n_claims;
	const char *token; /* to look at, or "-"; NULL: none was given */

	bool is_strict;
	bool is_deep;
	bool is_slow;
	bool is_canary_only;
	const char *url;
	const char *prom;           /* a file to write */
	const char *token_files[2]; /* of two users; NULL: none were named */

	int64_t senders; /* of a load */
	int64_t receivers;

	struct wp_urn whose; /* devices; len 0: nobody was named */
	struct wp_urn users[WP_CLI_USERS_MAX];
	size_t n_users;
	bool has_msgid;
	struct wp_msgid msgid;
	const char *device; /* WP_CLI_DEVICE_LEN characters; NULL: none */
	const char *app;    /* NULL: none was named */
	const char *file;   /* or folder, to make or read, or "-"; or NULL */

	int64_t users_n; /* what to buy for; 0: not given */
	int64_t messages;
	int64_t size; /* bytes of a message, of this or of a load */

	bool with_secrets;     /* of backup */
	bool is_secrets;       /* of restore */
	bool is_check;         /* likewise */
	const char *redis_dir; /* NULL: not given */

	const char *level; /* of a log, one that there is */
	const char *program;
	const char *request;
	enum wp_conf_form form;
	int64_t every_s;
	int64_t times; /* 0: without an end */
};

#endif /* WP_TOOLS_WAYPOST_CLI_ARGS_H */
