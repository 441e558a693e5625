/*
 * args_check.c - what only shows when all words are known: what a command
 * cannot do without, and what does not go together.
 */
#include "tools/waypost/cli/args_check.h"

#include <stddef.h>

#include "lib/auth/scope.h"

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

/* What is for good wants a yes. */
static const char *lacking_yes(const struct wp_cli_args *args)
{
	if (args->is_sure)
		return NULL;
	switch (args->command) {
	case WP_CLI_STORE_ADOPT:
		return "store adopt: what is in the store of before is lost; "
		       "stop all programs, then say --yes if you mean it";
	case WP_CLI_UPGRADE_FINISH:
		return "upgrade finish: the release before cannot come back "
		       "then; say --yes if you mean it";
	case WP_CLI_EXPIRE:
		return "expire: what has expired by the clock of Redis is "
		       "deleted for good; look at that clock, then say "
		       "--confirm";
	default:
		return NULL;
	}
}

/* A name that stands behind the command. */
static const char *lacking_name(const struct wp_cli_args *args)
{
	bool has_file = args->file != NULL, has_user = args->whose.len > 0;

	switch (args->command) {
	case WP_CLI_BACKUP:
		return has_file ? NULL
				: "backup: say where, by a folder that is "
				  "empty or not there";
	case WP_CLI_RESTORE:
		return has_file ? NULL
				: "restore: say which copy, by its folder";
	case WP_CLI_SESSION_LIST:
		return args->account.len > 0 ? NULL
					     : "session list: say whose, by "
					       "the user name";
	case WP_CLI_KEY_REMOVE:
		return args->key_id != NULL
			       ? NULL
			       : "key remove: say which, by its id";
	case WP_CLI_QUEUE_SHOW:
	case WP_CLI_USER_SHOW:
		return has_user ? NULL : "say whose, by a URN or a user name";
	case WP_CLI_PRESENCE:
		return args->n_users > 0 ? NULL
					 : "presence: say of whom, by URNs or "
					   "user names";
	case WP_CLI_TRACE:
		return args->has_msgid ? NULL
				       : "trace: say which message, by its id";
	case WP_CLI_PUSH_LIST:
	case WP_CLI_PUSH_TEST:
		return has_user ? NULL
				: "push: say whose devices, by a URN or a "
				  "user name";
	case WP_CLI_PUSH_RESUME:
		return args->app != NULL ? NULL
					 : "push resume: say which app, as "
					   "push.apps has it";
	default:
		return NULL;
	}
}

static const char *lacking_of_bench(const struct wp_cli_args *args)
{
	if (args->size < WP_CLI_BENCH_SIZE_MIN ||
	    args->size > WP_CLI_BENCH_SIZE_MAX)
		return "bench: --size is 8 to 65536";
	return args->for_s <= WP_CLI_BENCH_MAX_S ? NULL
						 : "bench: --for is 5m at most";
}

static const char *lacking_of_restore(const struct wp_cli_args *args)
{
	if (args->is_secrets && args->redis_dir != NULL)
		return "restore: say --secrets alone first, and --redis-dir "
		       "once the settings are there";
	return args->is_check || args->is_secrets || args->redis_dir != NULL
		       ? NULL
		       : "restore: say --check, or with --redis-dir where "
			 "Redis has its files";
}

/* Options that a command wants, or wants together. */
static const char *lacking_option(const struct wp_cli_args *args)
{
	bool has_one_file = (args->token_files[0] == NULL) !=
			    (args->token_files[1] == NULL);

	switch (args->command) {
	case WP_CLI_CAPACITY:
		return args->users_n > 0 && args->messages > 0
			       ? NULL
			       : "capacity: say for how many, with --users "
				 "and --messages";
	case WP_CLI_RESTORE:
		return lacking_of_restore(args);
	case WP_CLI_SESSION_REVOKE:
		return names_whom(args) ? NULL
					: "session revoke: say --user, or "
					  "--issuer and --subject or "
					  "--session";
	case WP_CLI_TOKEN_MAKE:
		return args->sub != NULL
			       ? NULL
			       : "token make: say for whom, with --sub";
	case WP_CLI_BENCH:
		return lacking_of_bench(args);
	case WP_CLI_DOCTOR:
		return has_one_file ? "doctor: --token-file is said twice, for "
				      "two users"
				    : NULL;
	default:
		return NULL;
	}
}

/* What a command cannot do without. */
static const char *lacking(const struct wp_cli_args *args)
{
	const char *lack = lacking_yes(args);

	if (lack == NULL)
		lack = lacking_name(args);
	return lack != NULL ? lack : lacking_option(args);
}

enum wp_err wp_cli_check_args(const struct wp_cli_args *args,
			      struct wp_error *err)
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
