/*
 * commands.h - which commands there are, what may stand behind each, and what
 * it is for: the one table that the command line is read by (args_read.c), and
 * that --help, completion and the manual page are made of.
 *
 * To add a command: its number here, a row in commands.c, its function in
 * cli.h and in main.c. To add an option: a number and a row here, and what its
 * value is to be like in args_options.c. Texts are whole paragraphs; whoever
 * prints them breaks the lines.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_COMMANDS_H
#define WP_TOOLS_WAYPOST_CLI_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

enum wp_cli_command {
	WP_CLI_NONE, /* no command was given */
	WP_CLI_HELP,
	WP_CLI_DLQ_LIST,
	WP_CLI_DLQ_SHOW,
	WP_CLI_DLQ_REQUEUE,
	WP_CLI_DLQ_DROP,
	WP_CLI_SEND,
	WP_CLI_EXPIRE,
	WP_CLI_ORIGINS,
	WP_CLI_KEYS_LIST,
	WP_CLI_KEYS_ROTATE,
	WP_CLI_STORE_ADOPT,
	WP_CLI_UPGRADE_STATUS,
	WP_CLI_UPGRADE_FINISH,
	WP_CLI_CAPACITY,
	WP_CLI_BACKUP,
	WP_CLI_RESTORE,
	WP_CLI_KEY_ADD,
	WP_CLI_KEY_LIST,
	WP_CLI_KEY_REMOVE,
	WP_CLI_ACCOUNT_LIST,
	WP_CLI_ACCOUNT_CREATE, /* up to RESET_CODE: of one account */
	WP_CLI_ACCOUNT_ENABLE,
	WP_CLI_ACCOUNT_DISABLE,
	WP_CLI_ACCOUNT_DELETE,
	WP_CLI_ACCOUNT_UNLOCK,
	WP_CLI_ACCOUNT_RESET_CODE,
	WP_CLI_INVITE_CREATE,
	WP_CLI_SESSION_LIST,
	WP_CLI_SESSION_REVOKE,
	WP_CLI_TOKEN_MAKE,
	WP_CLI_TOKEN_CHECK,
	WP_CLI_DOCTOR,
	WP_CLI_BENCH,
	WP_CLI_PUSH_STATUS,
	WP_CLI_PUSH_LIST,
	WP_CLI_PUSH_DLQ,
	WP_CLI_PUSH_TEST,
	WP_CLI_PUSH_RESUME,
	WP_CLI_PUSH_VAPID_KEY,
	WP_CLI_COMPLETION_BASH,
	WP_CLI_COMPLETION_ZSH,
	WP_CLI_CONFIG_SHOW,
	WP_CLI_CONFIG_DIFF,
	WP_CLI_CONFIG_REFERENCE,
	WP_CLI_STATUS,
	WP_CLI_TOP,
	WP_CLI_TAIL,
	WP_CLI_QUEUE_SHOW,
	WP_CLI_QUEUE_LIST,
	WP_CLI_TRACE,
	WP_CLI_PRESENCE,
	WP_CLI_USER_SHOW,
	WP_CLI_COMMANDS /* how many there are */
};

/* Of a command; what one is called, all are. */
enum wp_cli_opt {
	WP_OPT_NONE, /* ends a list */
	WP_OPT_ALL,
	WP_OPT_CHECK,
	WP_OPT_CANARY_ONLY,
	WP_OPT_CLAIM,
	WP_OPT_CONFIRM,
	WP_OPT_DATA,
	WP_OPT_DAYS,
	WP_OPT_DEEP,
	WP_OPT_EPHEMERAL,
	WP_OPT_EVERY,
	WP_OPT_EXPIRES,
	WP_OPT_FORM,
	WP_OPT_FOR,
	WP_OPT_HELP, /* every command has it */
	WP_OPT_ISSUER,
	WP_OPT_JSON,
	WP_OPT_KEY,
	WP_OPT_LEVEL,
	WP_OPT_LIMIT,
	WP_OPT_MESSAGES,
	WP_OPT_NAME,
	WP_OPT_PARTITION,
	WP_OPT_PASSWORD,
	WP_OPT_PRIORITY,
	WP_OPT_PROGRAM,
	WP_OPT_PROM,
	WP_OPT_RAW,
	WP_OPT_RECEIVERS,
	WP_OPT_REDIS_DIR,
	WP_OPT_REQUEST,
	WP_OPT_SCOPE,
	WP_OPT_SECRETS,
	WP_OPT_SENDERS,
	WP_OPT_SESSION,
	WP_OPT_SHOW_RECIPIENT,
	WP_OPT_SIZE,
	WP_OPT_SLOW,
	WP_OPT_STRICT,
	WP_OPT_SUB,
	WP_OPT_SUBJECT,
	WP_OPT_TIMES,
	WP_OPT_TO,
	WP_OPT_TOKEN_FILE,
	WP_OPT_TOP,
	WP_OPT_URL,
	WP_OPT_USER,
	WP_OPT_USERS,
	WP_OPT_USES,
	WP_OPT_UTC,
	WP_OPT_WITH_SECRETS,
	WP_OPT_YES,
	WP_OPT_COUNT
};

struct wp_cli_opt_row {
	const char *name;  /* without the dashes */
	const char *value; /* what stands behind it; NULL: nothing does */
	const char *about;
};
/* By number; that of WP_OPT_NONE is empty. */
extern const struct wp_cli_opt_row wp_cli_opts[WP_OPT_COUNT];

/* What stands before the command; lib/sys/conf.h reads it. */
extern const struct wp_cli_opt_row wp_cli_globals[];
extern const size_t wp_cli_n_globals;

/* What a word that is no option names. */
enum wp_cli_names {
	WP_NAMES_NOTHING,
	WP_NAMES_LETTER, /* a dead letter */
	WP_NAMES_KEY_ID,
	WP_NAMES_ACCOUNT,
	WP_NAMES_USER, /* by URN, or its short form */
	WP_NAMES_USERS,
	WP_NAMES_MESSAGE, /* by its id */
	WP_NAMES_DEVICE,  /* a user, and perhaps one of his devices */
	WP_NAMES_APP,
	WP_NAMES_FILE,
	WP_NAMES_DASH, /* standard input */
	WP_NAMES_TOKEN,
	WP_NAMES_COMMAND, /* any words: what help is asked for */
};

/* What it is for; --help lists them in this order. */
enum wp_cli_purpose {
	WP_FOR_LOOKING,
	WP_FOR_MESSAGES,
	WP_FOR_USERS,
	WP_FOR_PUSHES,
	WP_FOR_KEYS,
	WP_FOR_CARE,
	WP_FOR_COUNT
};
extern const char *const wp_cli_purposes[WP_FOR_COUNT];

enum { WP_CLI_OPTS_MAX = 10 };

struct wp_cli_row {
	const char *noun; /* NULL: the verb stands alone */
	const char *verb;
	enum wp_cli_command command;
	enum wp_cli_purpose purpose;
	enum wp_cli_names names;
	const char *words; /* what is named, as --help says it; or NULL */
	/* What it takes, --help aside, in the order of --help; those in must
	 * cannot be left out. */
	uint8_t must[WP_CLI_OPTS_MAX];
	uint8_t opts[WP_CLI_OPTS_MAX];
	const char *summary; /* half a line, no full stop */
	const char *story;   /* whole sentences; NULL: no more to say */
};
/* Those of one noun stand together. */
extern const struct wp_cli_row wp_cli_rows[];
extern const size_t wp_cli_n_rows;

#endif /* WP_TOOLS_WAYPOST_CLI_COMMANDS_H */
