/*
 * args.c - words to struct wp_cli_args: getopt_long(3) with a table per
 * command.
 *
 * It is asked one word at a time, and only about whole names: it would take
 * "--al" for "--all", and what is asked for here may be for good. Its own
 * messages stay off. Touches nothing but argv: that a name or a file exists is
 * for the command to find out.
 */
#include "tools/waypost/args.h"

#include <getopt.h>
#include <string.h>

#include "lib/auth/scope.h"
#include "lib/base/json.h"
#include "lib/mailbox/login.h"

enum { S_PER_DAY = 86400 };

/* What getopt_long() answers; beyond its own answers, which are characters. */
enum {
	PARTITION = 256,
	LIMIT,
	SHOW_RECIPIENT,
	JSON,
	RAW,
	ALL,
	SURE,
	TO,
	PRIORITY,
	EPHEMERAL,
	KEY,
	DATA,
	NAME,
	SCOPE,
	EXPIRES,
	PASSWORD,
	USES,
	DAYS,
	HOURS,
	USER,
	ISSUER,
	SUBJECT,
	SESSION,
	HELP,
	GLOBAL, /* conf.h reads it */
};

#define VALUE(name, option)                               \
	{                                                 \
		(name), required_argument, NULL, (option) \
	}
#define SWITCH(name, option)                        \
	{                                           \
		(name), no_argument, NULL, (option) \
	}
#define END                      \
	{                        \
		NULL, 0, NULL, 0 \
	}

static const struct option globals[] = {
	SWITCH("help", HELP),
	VALUE("config", GLOBAL),
	VALUE("redis", GLOBAL),
	SWITCH("check", GLOBAL),
	SWITCH("print-config", GLOBAL),
	SWITCH("version", GLOBAL),
	END,
};
static const struct option of_list[] = {
	SWITCH("help", HELP),  VALUE("partition", PARTITION),
	VALUE("limit", LIMIT), SWITCH("show-recipient", SHOW_RECIPIENT),
	SWITCH("json", JSON),  END,
};
static const struct option of_show[] = {
	SWITCH("help", HELP),
	SWITCH("json", JSON),
	SWITCH("raw", RAW),
	END,
};
static const struct option of_requeue[] = {
	SWITCH("help", HELP),
	VALUE("partition", PARTITION),
	SWITCH("all", ALL),
	END,
};
static const struct option of_drop[] = {
	SWITCH("help", HELP),
	VALUE("partition", PARTITION),
	SWITCH("all", ALL),
	SWITCH("yes", SURE),
	END,
};
static const struct option of_send[] = {
	SWITCH("help", HELP),
	VALUE("to", TO),
	VALUE("priority", PRIORITY),
	SWITCH("ephemeral", EPHEMERAL),
	VALUE("key", KEY),
	VALUE("data", DATA),
	END,
};
static const struct option of_expire[] = {
	SWITCH("help", HELP),
	SWITCH("confirm", SURE),
	END,
};
static const struct option of_origins[] = { SWITCH("help", HELP), END };
static const struct option of_keys_list[] = {
	SWITCH("help", HELP),
	SWITCH("json", JSON),
	END,
};
static const struct option of_rotate[] = { SWITCH("help", HELP), END };
static const struct option of_adopt[] = {
	SWITCH("help", HELP),
	SWITCH("yes", SURE),
	END,
};

static const struct option of_key_add[] = {
	SWITCH("help", HELP),
	VALUE("name", NAME),
	VALUE("scope", SCOPE),
	VALUE("expires", EXPIRES),
	END,
};
static const struct option of_key_list[] = {
	SWITCH("help", HELP),
	SWITCH("json", JSON),
	END,
};
static const struct option of_key_remove[] = { SWITCH("help", HELP), END };

static const struct option of_account_create[] = {
	SWITCH("help", HELP),
	SWITCH("json", JSON),
	VALUE("password", PASSWORD),
	END,
};
static const struct option of_account_list[] = {
	SWITCH("help", HELP),
	SWITCH("json", JSON),
	END,
};
static const struct option of_account[] = { SWITCH("help", HELP), END };
static const struct option of_account_delete[] = {
	SWITCH("help", HELP),
	SWITCH("yes", SURE),
	END,
};

static const struct option of_session_list[] = {
	SWITCH("help", HELP),
	SWITCH("json", JSON),
	END,
};

static const struct option of_revoke[] = {
	SWITCH("help", HELP),
	VALUE("user", USER),
	VALUE("issuer", ISSUER),
	VALUE("subject", SUBJECT),
	VALUE("session", SESSION),
	SWITCH("yes", SURE),
	END,
};

static const struct option of_invite_create[] = {
	SWITCH("help", HELP),
	VALUE("uses", USES),
	VALUE("days", DAYS),
	END,
};

static const struct option of_token[] = {
	SWITCH("help", HELP),
	VALUE("hours", HOURS),
	END,
};

static const struct option of_push[] = {
	SWITCH("help", HELP),
	SWITCH("json", JSON),
	END,
};
static const struct option of_push_dlq[] = {
	SWITCH("help", HELP),
	VALUE("limit", LIMIT),
	SWITCH("json", JSON),
	END,
};
static const struct option of_push_test[] = { SWITCH("help", HELP), END };
static const struct option of_push_resume[] = { SWITCH("help", HELP), END };
static const struct option of_vapid_key[] = { SWITCH("help", HELP), END };

/* What a word that is no option names. */
enum names {
	NOTHING,
	LETTER,
	KEY_ID,
	ACCOUNT,
	USER_NAME,
	USER_DEVICE,
	APP_NAME,
	FILE_NAME
};

static const struct command {
	const char *noun; /* NULL: the verb stands alone */
	const char *verb;
	const struct option *options; /* NULL: nothing behind it is read */
	enum wp_cli_command command;
	enum names names;
} commands[] = {
	{ NULL, "help", NULL, WP_CLI_HELP, NOTHING },
	{ "dlq", "list", of_list, WP_CLI_DLQ_LIST, NOTHING },
	{ "dlq", "show", of_show, WP_CLI_DLQ_SHOW, LETTER },
	{ "dlq", "requeue", of_requeue, WP_CLI_DLQ_REQUEUE, LETTER },
	{ "dlq", "drop", of_drop, WP_CLI_DLQ_DROP, LETTER },
	{ NULL, "send", of_send, WP_CLI_SEND, NOTHING },
	{ NULL, "expire", of_expire, WP_CLI_EXPIRE, NOTHING },
	{ NULL, "origins", of_origins, WP_CLI_ORIGINS, NOTHING },
	{ "keys", "list", of_keys_list, WP_CLI_KEYS_LIST, NOTHING },
	{ "keys", "rotate", of_rotate, WP_CLI_KEYS_ROTATE, NOTHING },
	{ "store", "adopt", of_adopt, WP_CLI_STORE_ADOPT, NOTHING },
	{ "key", "add", of_key_add, WP_CLI_KEY_ADD, NOTHING },
	{ "key", "list", of_key_list, WP_CLI_KEY_LIST, NOTHING },
	{ "key", "remove", of_key_remove, WP_CLI_KEY_REMOVE, KEY_ID },
	{ "account", "create", of_account_create, WP_CLI_ACCOUNT_CREATE,
	  ACCOUNT },
	{ "account", "list", of_account_list, WP_CLI_ACCOUNT_LIST, NOTHING },
	{ "account", "enable", of_account, WP_CLI_ACCOUNT_ENABLE, ACCOUNT },
	{ "account", "disable", of_account, WP_CLI_ACCOUNT_DISABLE, ACCOUNT },
	{ "account", "delete", of_account_delete, WP_CLI_ACCOUNT_DELETE,
	  ACCOUNT },
	{ "account", "unlock", of_account, WP_CLI_ACCOUNT_UNLOCK, ACCOUNT },
	{ "account", "reset-code", of_account, WP_CLI_ACCOUNT_RESET_CODE,
	  ACCOUNT },
	{ "invite", "create", of_invite_create, WP_CLI_INVITE_CREATE, NOTHING },
	{ "session", "list", of_session_list, WP_CLI_SESSION_LIST, ACCOUNT },
	{ "session", "revoke", of_revoke, WP_CLI_SESSION_REVOKE, NOTHING },
	{ NULL, "token", of_token, WP_CLI_TOKEN, ACCOUNT },
	{ "push", "status", of_push, WP_CLI_PUSH_STATUS, NOTHING },
	{ "push", "list", of_push, WP_CLI_PUSH_LIST, USER_NAME },
	{ "push", "dlq", of_push_dlq, WP_CLI_PUSH_DLQ, NOTHING },
	{ "push", "test", of_push_test, WP_CLI_PUSH_TEST, USER_DEVICE },
	{ "push", "resume", of_push_resume, WP_CLI_PUSH_RESUME, APP_NAME },
	{ "push", "vapid-key", of_vapid_key, WP_CLI_PUSH_VAPID_KEY, FILE_NAME },
};

static enum wp_err refuse(struct wp_error *err, const char *word,
			  const char *sentence)
{
	enum { NAME_SHOWN = 40 };
	size_t len = strcspn(word, "=");

	return wp_error_set(err, WP_ERR_INVAL, "%.*s: %s",
			    (int)(len < NAME_SHOWN ? len : NAME_SHOWN), word,
			    sentence);
}

static bool is_option(const char *word)
{
	return strncmp(word, "--", 2) == 0;
}

/* Begin at argv[1]. */
static void begin_options(void)
{
	static char nothing[] = "";
	char *none[] = { nothing, NULL };

	optind = 0; /* forget what was read before: getopt(3) */
	opterr = 0;
	(void)getopt_long(1, none, "+:", globals, NULL);
}

/*
 * Take the option at argv[optind], and the word behind it if it needs one.
 *
 * Returns:  its number; ':' it lacks a value, '?' it has one and takes none;
 *           -1 there is no such option, and nothing was taken
 */
static int next_option(int argc, char **argv, const struct option *options)
{
	const char *name = argv[optind] + 2;
	size_t len = strcspn(name, "=");
	const struct option *option = options;

	while (option->name != NULL && (strlen(option->name) != len ||
					memcmp(option->name, name, len) != 0))
		option++;
	if (option->name == NULL)
		return -1;
	return getopt_long(argc, argv, "+:", options, NULL);
}

/* Find where the command begins: argv[out->n_before]. */
static enum wp_err skip_globals(struct wp_cli_args *out, int argc, char **argv,
				struct wp_error *err)
{
	begin_options();
	while (optind < argc && is_option(argv[optind])) {
		const char *word = argv[optind];
		int option = next_option(argc, argv, globals);

		if (option == -1)
			return refuse(err, word,
				      "there is no such option here; try "
				      "--help");
		if (option == HELP) {
			out->command = WP_CLI_HELP;
			break;
		}
	}
	out->n_before = optind < argc ? optind : argc;
	return WP_OK;
}

/* Find the command that argv[*i] begins and step behind it. */
static enum wp_err read_command(const struct command **out, int *i, int argc,
				char **argv, struct wp_error *err)
{
	const char *first = argv[(*i)++];
	const char *second = *i < argc ? argv[*i] : "";

	for (size_t k = 0; k < sizeof(commands) / sizeof(commands[0]); k++) {
		const char *noun = commands[k].noun;

		if (strcmp(first, noun != NULL ? noun : commands[k].verb) != 0)
			continue;
		*out = &commands[0];
		if (noun != NULL && strcmp(second, "--help") == 0)
			return WP_OK;
		if (noun != NULL && strcmp(second, commands[k].verb) != 0)
			continue;
		*i += noun != NULL;
		*out = &commands[k];
		return WP_OK;
	}
	if (strcmp(first, "dlq") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "dlq: say list, show, requeue or drop; try "
				    "--help");
	if (strcmp(first, "keys") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "keys: say list or rotate; try --help");
	if (strcmp(first, "store") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "store: say adopt; try --help");
	if (strcmp(first, "key") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "key: say add, list or remove; try --help");
	if (strcmp(first, "account") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "account: say create, list, enable, "
				    "disable, delete, unlock or reset-code; "
				    "try --help");
	if (strcmp(first, "invite") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "invite: say create; try --help");
	if (strcmp(first, "session") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "session: say list or revoke; try "
				    "--help");
	if (strcmp(first, "push") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "push: say status, list, dlq, test, "
				    "resume or vapid-key; try --help");
	return wp_error_set(err, WP_ERR_INVAL,
			    "there is no such command; try --help");
}

/* Read a whole number in decimal. */
static bool read_number(int64_t min, int64_t max, int64_t *out)
{
	const struct wp_json_slice slice = { .data = optarg,
					     .len = strlen(optarg) };

	return wp_json_integer(&slice, min, max, out);
}

/* An option that is about a key of a back end. */
static enum wp_err set_key_value(struct wp_cli_args *out, int option,
				 const char *word, struct wp_error *err)
{
	size_t len = strlen(optarg);

	if (option == NAME) {
		out->name = optarg;
		return wp_apikey_name_is_valid(optarg, len)
			       ? WP_OK
			       : refuse(err, word,
					"must be 1 to 64 of a-z, 0-9, '.', "
					"'_', '-', and begin with a letter or "
					"digit");
	}
	if (option == SCOPE)
		return wp_scopes_read(optarg, len, &out->scopes)
			       ? WP_OK
			       : refuse(err, word,
					"must be some of " WP_SCOPES_ALL
					", each once, with commas and no "
					"blanks between them");
	return wp_apikey_day_read(optarg, len, &out->expires_s)
		       ? WP_OK
		       : refuse(err, word, "must be a day like 2027-01-31");
}

/* An option whose value is no text. */
static enum wp_err set_value(struct wp_cli_args *out, int option,
			     const char *word, struct wp_error *err)
{
	int64_t number;

	if (option == PARTITION) {
		out->has_queue =
			wp_dlq_queue_parse(&out->queue, optarg, strlen(optarg));
		return out->has_queue ? WP_OK
				      : refuse(err, word,
					       "must be 0 to 65535, or inbox");
	}
	if (option == LIMIT) {
		if (!read_number(1, WP_CLI_LIMIT_MAX, &number))
			return refuse(err, word, "must be 1 to 10000");
		out->limit = (size_t)number;
		return WP_OK;
	}
	if (!read_number(INT32_MIN, INT32_MAX, &number))
		return refuse(err, word,
			      "must be a whole number; 5 and more is urgent");
	out->priority = (int32_t)number;
	return WP_OK;
}

static enum wp_err set_invite(struct wp_cli_args *out, int option,
			      const char *word, struct wp_error *err)
{
	if (option == USES)
		return read_number(1, WP_INVITE_USES_MAX, &out->uses)
			       ? WP_OK
			       : refuse(err, word, "must be 1 to 1000");
	return read_number(1, WP_INVITE_TTL_MAX_S / S_PER_DAY, &out->days)
		       ? WP_OK
		       : refuse(err, word, "must be 1 to 30");
}

static enum wp_err set_option(struct wp_cli_args *out, int option,
			      const char *word, struct wp_error *err)
{
	switch (option) {
	case PARTITION:
	case LIMIT:
	case PRIORITY:
		return set_value(out, option, word, err);
	case NAME:
	case SCOPE:
	case EXPIRES:
		return set_key_value(out, option, word, err);
	case SHOW_RECIPIENT:
		out->show_recipient = true;
		break;
	case JSON:
		out->is_json = true;
		break;
	case RAW:
		out->is_raw = true;
		break;
	case ALL:
		out->is_all = true;
		break;
	case SURE:
		out->is_sure = true;
		break;
	case EPHEMERAL:
		out->is_ephemeral = true;
		break;
	case TO:
		out->to = optarg;
		break;
	case KEY:
		out->key = optarg;
		break;
	case DATA:
		out->data = optarg;
		break;
	case PASSWORD:
		out->password = optarg;
		break;
	case USES:
	case DAYS:
		return set_invite(out, option, word, err);
	case HOURS:
		return read_number(1, WP_CLI_TOKEN_HOURS_MAX, &out->hours)
			       ? WP_OK
			       : refuse(err, word, "must be 1 to 24");
	case USER:
		out->user = optarg;
		break;
	case ISSUER:
		out->issuer = optarg;
		break;
	case SUBJECT:
		out->subject = optarg;
		break;
	case SESSION:
		out->session = optarg;
		break;
	case HELP:
		out->command = WP_CLI_HELP;
		break;
	case ':':
		return refuse(err, word, "needs a value");
	case '?':
		return refuse(err, word, "takes no value");
	default:
		return refuse(err, word,
			      "this command has no such option; those of all "
			      "commands stand before it; try --help");
	}
	return WP_OK;
}

/* A user name, or the mailbox that goes with it. */
static enum wp_err read_account(struct wp_cli_args *out, const char *text,
				struct wp_error *err)
{
	struct wp_urn user;
	enum wp_err rc;

	if (strncmp(text, "urn:", 4) != 0)
		return wp_username_read(&out->account, text, strlen(text), err);
	rc = wp_urn_parse(&user, text, strlen(text), err);
	if (rc == WP_OK && !wp_username_of(&user, &out->account))
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "nobody with this URN has an account here: "
				  "theirs are urn:sm:user:<name>");
	return rc;
}

/* The second word behind a command, or the first one of those with one. */
static bool is_one_too_many(const struct wp_cli_args *out,
			    const struct command *command)
{
	switch (command->names) {
	case NOTHING:
		return true;
	case USER_NAME:
		return out->whose.len > 0;
	case USER_DEVICE:
		return out->device != NULL;
	default:
		return out->has_id || out->key_id != NULL ||
		       out->account.len > 0 || out->file != NULL ||
		       out->app != NULL;
	}
}

static enum wp_err read_whose(struct wp_cli_args *out, const char *text,
			      struct wp_error *err)
{
	if (out->whose.len == 0)
		return wp_urn_parse(&out->whose, text, strlen(text), err);
	out->device = text;
	return strlen(text) == WP_CLI_DEVICE_LEN
		       ? WP_OK
		       : wp_error_set(err, WP_ERR_INVAL,
				      "a device is named by its id, the 22 "
				      "characters that push list shows");
}

static enum wp_err read_id(struct wp_cli_args *out,
			   const struct command *command, const char *text,
			   struct wp_error *err)
{
	if (is_one_too_many(out, command))
		return wp_error_set(err, WP_ERR_INVAL,
				    "there is a word too many; try --help");
	if (command->names == ACCOUNT)
		return read_account(out, text, err);
	if (command->names == USER_NAME || command->names == USER_DEVICE)
		return read_whose(out, text, err);
	if (command->names == APP_NAME) {
		out->app = text;
		return WP_OK;
	}
	if (command->names == FILE_NAME) {
		out->file = text;
		return WP_OK;
	}
	if (command->names == KEY_ID) {
		out->key_id = text;
		return wp_apikey_id_is_valid(text, strlen(text))
			       ? WP_OK
			       : wp_error_set(err, WP_ERR_INVAL,
					      "a key is named by its id, the "
					      "10 characters behind wpk_");
	}
	out->has_id = wp_dlq_id_parse(&out->id, text, strlen(text));
	if (!out->has_id)
		return wp_error_set(err, WP_ERR_INVAL,
				    "a dead letter is named "
				    "<partition>/<entry>, as dlq list shows "
				    "it");
	return WP_OK;
}

/* Read what stands behind the command, which is argv[0]. */
static enum wp_err read_rest(struct wp_cli_args *out,
			     const struct command *command, int argc,
			     char **argv, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	begin_options();
	while (rc == WP_OK && out->command != WP_CLI_HELP && optind < argc) {
		char *word = argv[optind];
		int option;

		if (!is_option(word)) {
			optind++;
			rc = read_id(out, command, word, err);
			continue;
		}
		option = next_option(argc, argv, command->options);
		rc = set_option(out, option, word, err);
	}
	return rc;
}

static enum wp_err check_account(const struct wp_cli_args *args,
				 struct wp_error *err)
{
	if (args->command < WP_CLI_ACCOUNT_CREATE ||
	    args->command > WP_CLI_ACCOUNT_RESET_CODE)
		return WP_OK;
	if (args->account.len == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "account: say whose, by the user name");
	if (args->command == WP_CLI_ACCOUNT_DELETE && !args->is_sure)
		return wp_error_set(err, WP_ERR_INVAL,
				    "account delete: it is gone for good, and "
				    "nobody gets the name again; say --yes if "
				    "you mean it");
	return WP_OK;
}

/* One user, one subject or one session. */
static bool names_whom(const struct wp_cli_args *args)
{
	bool is_of_issuer = args->subject != NULL || args->session != NULL;
	bool is_one = args->subject == NULL || args->session == NULL;

	if (args->user != NULL)
		return args->issuer == NULL && !is_of_issuer;
	return args->issuer != NULL && is_of_issuer && is_one;
}

static enum wp_err check_letters(const struct wp_cli_args *args,
				 struct wp_error *err)
{
	bool changes = args->command == WP_CLI_DLQ_REQUEUE ||
		       args->command == WP_CLI_DLQ_DROP;

	if (args->command == WP_CLI_DLQ_SHOW && !args->has_id)
		return wp_error_set(err, WP_ERR_INVAL,
				    "dlq show: say which dead letter");
	if (changes && args->has_id == args->is_all)
		return wp_error_set(
			err, WP_ERR_INVAL,
			"dlq %s: name one dead letter, or say --all",
			args->command == WP_CLI_DLQ_DROP ? "drop" : "requeue");
	if (changes && args->has_id && args->has_queue)
		return wp_error_set(err, WP_ERR_INVAL,
				    "--partition: goes with --all only");
	if (args->command == WP_CLI_DLQ_DROP && !args->is_sure)
		return wp_error_set(err, WP_ERR_INVAL,
				    "dlq drop: what is dropped is gone for "
				    "good; say --yes if you mean it");
	return WP_OK;
}

/* What a command cannot do without. */
static const char *lacking(const struct wp_cli_args *args)
{
	switch (args->command) {
	case WP_CLI_STORE_ADOPT:
		return args->is_sure ? NULL
				     : "store adopt: what is in the store of "
				       "before is lost; stop all programs, "
				       "then say --yes if you mean it";
	case WP_CLI_EXPIRE:
		return args->is_sure ? NULL
				     : "expire: what has expired by the clock "
				       "of Redis is deleted for good; look at "
				       "that clock, then say --confirm";
	case WP_CLI_SESSION_LIST:
		return args->account.len > 0 ? NULL
					     : "session list: say whose, by "
					       "the user name";
	case WP_CLI_SESSION_REVOKE:
		return names_whom(args) ? NULL
					: "session revoke: say --user, or "
					  "--issuer and --subject or "
					  "--session";
	case WP_CLI_TOKEN:
		return args->account.len > 0
			       ? NULL
			       : "token: say for whom, by the user name";
	case WP_CLI_KEY_REMOVE:
		return args->key_id != NULL
			       ? NULL
			       : "key remove: say which, by its id";
	case WP_CLI_PUSH_LIST:
	case WP_CLI_PUSH_TEST:
		return args->whose.len > 0 ? NULL
					   : "push: say whose devices, by a "
					     "URN or a user name";
	case WP_CLI_PUSH_RESUME:
		return args->app != NULL ? NULL
					 : "push resume: say which app, as "
					   "push.apps has it";
	default:
		return NULL;
	}
}

/* What only shows when all words are known. */
static enum wp_err check(const struct wp_cli_args *args, struct wp_error *err)
{
	const char *lack = lacking(args);
	enum wp_err rc = check_letters(args, err);

	if (rc != WP_OK)
		return rc;
	if (lack != NULL)
		return wp_error_set(err, WP_ERR_INVAL, "%s", lack);
	if (args->command == WP_CLI_SEND && args->to == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "send: say who gets it, with --to");
	if (args->command == WP_CLI_SEND && args->data == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "send: say what to send, with --data");
	if (args->command == WP_CLI_KEY_ADD && args->name == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "key add: say whose it is, with --name");
	if (args->command == WP_CLI_KEY_ADD && args->scopes == WP_SCOPE_NONE)
		return wp_error_set(err, WP_ERR_INVAL,
				    "key add: say what it may do, with "
				    "--scope");
	return check_account(args, err);
}

enum wp_err wp_cli_read_args(struct wp_cli_args *out, int argc, char **argv,
			     struct wp_error *err)
{
	const struct command *command = NULL;
	enum wp_err rc;
	int i;

	*out = (struct wp_cli_args){
		.limit = WP_CLI_LIMIT_DEFAULT,
		.expires_s = WP_APIKEY_FOR_EVER,
		.uses = 1,
		.days = WP_CLI_INVITE_DAYS_DEFAULT,
		.hours = 1,
	};
	rc = skip_globals(out, argc, argv, err);
	if (rc != WP_OK || out->command == WP_CLI_HELP || out->n_before == argc)
		return rc;
	i = out->n_before;
	rc = read_command(&command, &i, argc, argv, err);
	if (rc != WP_OK)
		return rc;
	out->command = command->command;
	rc = read_rest(out, command, argc - i + 1, argv + i - 1, err);
	return rc == WP_OK ? check(out, err) : rc;
}
