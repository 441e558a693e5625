/*
 * waypost: the operator's command line.
 *
 * Life: read the command line, then the settings of the deployment as every
 * program does; connect to its Redis, where that is needed; do one thing; exit.
 * Whatever it changes, it changes through scripts that are safe to run again,
 * or by a file that takes the place of another, so it may be stopped at any
 * moment and started once more.
 */
#include <stdio.h>

#include "lib/base/log.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/check.h"
#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"
#include "tools/waypost/cli/args_read.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/completion.h"
#include "tools/waypost/cli/help.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/copies/secret_find.h"
#include "tools/waypost/view/config.h"

static const struct wp_conf_flag flags[] = {
	{ "--redis", "redis.address" },
	{ NULL, NULL },
};

static const struct wp_conf_section *const sections[] = {
	&wp_conf_log,
	&wp_conf_redis,
	&wp_conf_mailbox,
	&wp_conf_api_keys,
	&wp_conf_revocation,
	&wp_conf_cors,
	&wp_conf_push,
	&wp_conf_store,
	&wp_conf_sqlite,
	&wp_conf_issuers,
	&wp_conf_accounts,
	&wp_conf_accounts_file,
	&wp_conf_accounts_sessions,
	NULL
};

static const struct wp_conf_program about = {
	.name = "waypost",
	.summary = "Looks after dead letters, expiry, keys, accounts, "
		   "sessions and pushes, and hands messages in.",
	.known = wp_conf_sections,
	.sections = sections,
	.judges_all = true,
	.flags = flags,
};

/* Only what hashes passwords may have the secret that they are hashed with. */
static const struct wp_conf_section *const sections_of_accounts[] = {
	&wp_conf_log,           &wp_conf_redis,
	&wp_conf_mailbox,       &wp_conf_store,
	&wp_conf_sqlite,        &wp_conf_store_secret,
	&wp_conf_accounts_file, NULL
};

static const struct wp_conf_program about_accounts = {
	.name = "waypost",
	.summary = "Makes accounts.",
	.known = wp_conf_sections,
	.sections = sections_of_accounts,
	.judges_all = true,
	.flags = flags,
};

/* Only what makes or reads tokens may have the secrets that they are of. */
static const struct wp_conf_section *const sections_of_tokens[] = {
	&wp_conf_log, &wp_conf_tokens, &wp_conf_issuers, &wp_conf_accounts, NULL
};

static const struct wp_conf_program about_tokens = {
	.name = "waypost",
	.summary = "Makes and reads tokens.",
	.known = wp_conf_sections,
	.sections = sections_of_tokens,
	.judges_all = true,
	.flags = flags,
};

static const struct wp_conf_program *about_command(enum wp_cli_command command)
{
	switch (command) {
	case WP_CLI_ACCOUNT_CREATE:
		return &about_accounts;
	case WP_CLI_TOKEN_MAKE:
	case WP_CLI_TOKEN_CHECK:
	case WP_CLI_BENCH:
		return &about_tokens;
	default:
		return &about;
	}
}

/* What needs Redis. */
typedef enum wp_err (*command_fn)(struct wp_cli *cli, struct wp_error *err);
static const command_fn with_redis[WP_CLI_COMMANDS] = {
	[WP_CLI_STATUS] = wp_cli_status,
	[WP_CLI_TOP] = wp_cli_top,
	[WP_CLI_QUEUE_SHOW] = wp_cli_queue_show,
	[WP_CLI_QUEUE_LIST] = wp_cli_queue_list,
	[WP_CLI_TRACE] = wp_cli_trace,
	[WP_CLI_PRESENCE] = wp_cli_presence,
	[WP_CLI_USER_SHOW] = wp_cli_user_show,
	[WP_CLI_DLQ_LIST] = wp_cli_dlq_list,
	[WP_CLI_DLQ_SHOW] = wp_cli_dlq_show,
	[WP_CLI_DLQ_REQUEUE] = wp_cli_dlq_requeue,
	[WP_CLI_DLQ_DROP] = wp_cli_dlq_drop,
	[WP_CLI_SEND] = wp_cli_send,
	[WP_CLI_EXPIRE] = wp_cli_expire,
	[WP_CLI_SESSION_LIST] = wp_cli_session_list,
	[WP_CLI_SESSION_REVOKE] = wp_cli_session_revoke,
	[WP_CLI_STORE_ADOPT] = wp_cli_store_adopt,
	[WP_CLI_UPGRADE_STATUS] = wp_cli_upgrade_status,
	[WP_CLI_UPGRADE_FINISH] = wp_cli_upgrade_finish,
	[WP_CLI_BACKUP] = wp_cli_backup,
	[WP_CLI_ACCOUNT_CREATE] = wp_cli_account_create,
	[WP_CLI_ACCOUNT_LIST] = wp_cli_account_list,
	[WP_CLI_ACCOUNT_ENABLE] = wp_cli_account_enable,
	[WP_CLI_ACCOUNT_DISABLE] = wp_cli_account_disable,
	[WP_CLI_ACCOUNT_DELETE] = wp_cli_account_delete,
	[WP_CLI_ACCOUNT_UNLOCK] = wp_cli_account_unlock,
	[WP_CLI_ACCOUNT_RESET_CODE] = wp_cli_account_reset_code,
	[WP_CLI_INVITE_CREATE] = wp_cli_invite_create,
	[WP_CLI_PUSH_STATUS] = wp_cli_push_status,
	[WP_CLI_PUSH_LIST] = wp_cli_push_list,
	[WP_CLI_PUSH_DLQ] = wp_cli_push_dlq,
	[WP_CLI_PUSH_TEST] = wp_cli_push_test,
	[WP_CLI_PUSH_RESUME] = wp_cli_push_resume,
};

/* What needs the settings only. */
typedef enum wp_err (*plain_fn)(const struct wp_cli *cli, struct wp_error *err);
static const plain_fn without_redis[WP_CLI_COMMANDS] = {
	[WP_CLI_ORIGINS] = wp_cli_origins,
	[WP_CLI_RESTORE] = wp_cli_restore,
	[WP_CLI_CAPACITY] = wp_cli_capacity,
	[WP_CLI_KEY_ADD] = wp_cli_key_add,
	[WP_CLI_KEY_LIST] = wp_cli_key_list,
	[WP_CLI_KEY_REMOVE] = wp_cli_key_remove,
	[WP_CLI_KEYS_LIST] = wp_cli_keys_list,
	[WP_CLI_TOKEN_MAKE] = wp_cli_token_make,
	[WP_CLI_TOKEN_CHECK] = wp_cli_token_check,
	[WP_CLI_BENCH] = wp_cli_bench,
	[WP_CLI_KEYS_ROTATE] = wp_cli_keys_rotate,
	[WP_CLI_PUSH_VAPID_KEY] = wp_cli_push_vapid_key,
};

/* Connect and do what was asked for. */
static enum wp_err run_with_redis(struct wp_cli *cli, bool is_check,
				  struct wp_error *err)
{
	const struct wp_log log = { .component = NULL };
	enum wp_err rc;

	rc = wp_redis_new(&cli->redis, &cli->conf, &wp_scripts, err);
	if (rc == WP_OK)
		rc = wp_cli_connect(cli, err);
	if (rc != WP_OK)
		return rc;
	if (!is_check)
		return with_redis[cli->args.command](cli, err);
	rc = wp_redis_check(cli->redis, &cli->conf, &log, err);
	if (rc == WP_OK)
		printf("waypost: its settings and Redis are in order; each "
		       "program's --check looks at its own\n");
	return rc;
}

static enum wp_err run(struct wp_cli *cli, bool is_check, struct wp_error *err)
{
	enum wp_err rc;

	if (!is_check && without_redis[cli->args.command] != NULL)
		rc = without_redis[cli->args.command](cli, err);
	else
		rc = run_with_redis(cli, is_check, err);
	/* Also after a failure: what was done before has been told. */
	if (fflush(stdout) == EOF && rc == WP_OK)
		rc = wp_error_sys(err, "standard output");
	return rc;
}

/* What needs no settings either. */
static bool is_about_words(enum wp_cli_command command)
{
	return command == WP_CLI_HELP || command == WP_CLI_COMPLETION_BASH ||
	       command == WP_CLI_COMPLETION_ZSH;
}

static enum wp_err say_words(const struct wp_cli_args *args,
			     struct wp_error *err)
{
	struct wp_buf out;
	enum wp_err rc;

	wp_buf_init(&out, 0);
	if (args->command == WP_CLI_COMPLETION_BASH)
		wp_cli_write_bash(&out);
	else if (args->command == WP_CLI_COMPLETION_ZSH)
		wp_cli_write_zsh(&out);
	else
		wp_cli_write_help(&out, args->about, args->n_about);
	rc = wp_cli_put_out(&out, err);
	if (fflush(stdout) == EOF && rc == WP_OK)
		rc = wp_error_sys(err, "standard output");
	return rc;
}

/* Nobody has said what to do: what there is, and that. */
static enum wp_err lack_command(struct wp_error *err)
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_cli_write_commands(&text);
	if (!text.failed)
		(void)fputs(text.data, stderr);
	wp_buf_release(&text);
	return wp_error_set(err, WP_ERR_INVAL,
			    "say what to do; waypost help <command> tells "
			    "more");
}

/* backup --with-secrets: note what settings name, and go on as ever. */
static void look_for_secrets(struct wp_program *program, struct wp_cli *cli,
			     struct wp_secret_names *names)
{
	program->look = wp_secret_names_look;
	program->look_ctx = names;
	cli->secrets = names;
}

/* Do what the command line says; *is_usage_out: it is none of ours. */
static enum wp_err obey(struct wp_program *program, struct wp_cli *cli,
			struct wp_secret_names *names, bool *is_usage_out,
			struct wp_error *err)
{
	enum wp_err rc;

	rc = wp_cli_read_args(&cli->args, program->argc, program->argv, err);
	*is_usage_out = rc != WP_OK;
	if (rc != WP_OK)
		return rc;
	if (is_about_words(cli->args.command))
		return say_words(&cli->args, err);
	if (cli->args.command == WP_CLI_TAIL)
		return wp_cli_tail(&cli->args, err);
	if (cli->args.command == WP_CLI_CONFIG_REFERENCE)
		return wp_cli_config_reference(&cli->args, err);
	program->argc = cli->args.n_before;
	if (cli->args.command == WP_CLI_CONFIG_SHOW ||
	    cli->args.command == WP_CLI_CONFIG_DIFF)
		return wp_cli_config(program, cli, err);
	if (cli->args.command == WP_CLI_DOCTOR)
		return wp_cli_doctor(cli, program->argc, program->argv, err);
	if (cli->args.command == WP_CLI_RESTORE && cli->args.is_secrets) {
		cli->conf.faults = &program->faults;
		return wp_cli_restore_secrets(cli, err);
	}
	if (cli->args.with_secrets)
		look_for_secrets(program, cli, names);
	program->about = about_command(cli->args.command);
	rc = wp_program_load(program, &cli->conf, err);
	if (rc != WP_OK || program->is_over)
		return rc;
	if (!program->is_check && cli->args.command == WP_CLI_NONE) {
		*is_usage_out = true;
		return lack_command(err);
	}
	return run(cli, program->is_check, err);
}

int main(int argc, char **argv)
{
	static struct wp_secret_names names; /* too large for a stack */
	struct wp_cli cli = { .redis = NULL };
	struct wp_program program;
	struct wp_error err = { 0 };
	bool is_usage = false;
	int status;

	if (!wp_program_begin(&program, &about, argc, argv))
		return WP_EXIT_FAILED;
	wp_cmd_init(&cli.cmd);
	status = wp_program_end(
		&program, obey(&program, &cli, &names, &is_usage, &err), &err);
	wp_redis_free(&cli.redis);
	wp_cmd_release(&cli.cmd);
	wp_conf_release(&cli.conf);
	wp_secret_names_release(&names);
	if (is_usage)
		return WP_EXIT_USAGE;
	return status == WP_EXIT_DONE ? cli.status : status;
}
