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
#include "tools/waypost/cli.h"

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

static enum wp_err run_command(struct wp_cli *cli, struct wp_error *err)
{
	switch (cli->args.command) {
	case WP_CLI_DLQ_LIST:
		return wp_cli_dlq_list(cli, err);
	case WP_CLI_DLQ_SHOW:
		return wp_cli_dlq_show(cli, err);
	case WP_CLI_DLQ_REQUEUE:
		return wp_cli_dlq_requeue(cli, err);
	case WP_CLI_DLQ_DROP:
		return wp_cli_dlq_drop(cli, err);
	case WP_CLI_SEND:
		return wp_cli_send(cli, err);
	case WP_CLI_EXPIRE:
		return wp_cli_expire(cli, err);
	case WP_CLI_SESSION_LIST:
		return wp_cli_session_list(cli, err);
	case WP_CLI_SESSION_REVOKE:
		return wp_cli_session_revoke(cli, err);
	case WP_CLI_STORE_ADOPT:
		return wp_cli_store_adopt(cli, err);
	case WP_CLI_ACCOUNT_CREATE:
		return wp_cli_account_create(cli, err);
	case WP_CLI_ACCOUNT_LIST:
		return wp_cli_account_list(cli, err);
	case WP_CLI_ACCOUNT_ENABLE:
		return wp_cli_account_enable(cli, err);
	case WP_CLI_ACCOUNT_DISABLE:
		return wp_cli_account_disable(cli, err);
	case WP_CLI_ACCOUNT_DELETE:
		return wp_cli_account_delete(cli, err);
	case WP_CLI_ACCOUNT_UNLOCK:
		return wp_cli_account_unlock(cli, err);
	case WP_CLI_ACCOUNT_RESET_CODE:
		return wp_cli_account_reset_code(cli, err);
	case WP_CLI_INVITE_CREATE:
		return wp_cli_invite_create(cli, err);
	case WP_CLI_PUSH_STATUS:
		return wp_cli_push_status(cli, err);
	case WP_CLI_PUSH_LIST:
		return wp_cli_push_list(cli, err);
	case WP_CLI_PUSH_DLQ:
		return wp_cli_push_dlq(cli, err);
	case WP_CLI_PUSH_TEST:
		return wp_cli_push_test(cli, err);
	case WP_CLI_PUSH_RESUME:
		return wp_cli_push_resume(cli, err);
	case WP_CLI_NONE:
	case WP_CLI_HELP:
	case WP_CLI_ORIGINS:
	case WP_CLI_KEY_ADD:
	case WP_CLI_KEY_LIST:
	case WP_CLI_KEY_REMOVE:
	case WP_CLI_KEYS_LIST:
	case WP_CLI_KEYS_ROTATE:
	case WP_CLI_TOKEN:
	case WP_CLI_PUSH_VAPID_KEY:
		break;
	}
	return WP_OK;
}

/* What needs the settings only. Returns: false when it is none of these */
static bool run_without_redis(struct wp_cli *cli, enum wp_err *rc,
			      struct wp_error *err)
{
	switch (cli->args.command) {
	case WP_CLI_ORIGINS:
		*rc = wp_cli_origins(cli, err);
		return true;
	case WP_CLI_KEY_ADD:
		*rc = wp_cli_key_add(cli, err);
		return true;
	case WP_CLI_KEY_LIST:
		*rc = wp_cli_key_list(cli, err);
		return true;
	case WP_CLI_KEY_REMOVE:
		*rc = wp_cli_key_remove(cli, err);
		return true;
	case WP_CLI_KEYS_LIST:
		*rc = wp_cli_keys_list(cli, err);
		return true;
	case WP_CLI_TOKEN:
		*rc = wp_cli_token(cli, err);
		return true;
	case WP_CLI_KEYS_ROTATE:
		*rc = wp_cli_keys_rotate(cli, err);
		return true;
	case WP_CLI_PUSH_VAPID_KEY:
		*rc = wp_cli_push_vapid_key(cli, err);
		return true;
	default:
		return false;
	}
}

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
		return run_command(cli, err);
	rc = wp_redis_check(cli->redis, &cli->conf, &log, err);
	if (rc == WP_OK)
		printf("waypost: its settings and Redis are in order; each "
		       "program's --check looks at its own\n");
	return rc;
}

static enum wp_err run(struct wp_cli *cli, bool is_check, struct wp_error *err)
{
	enum wp_err rc;

	if (is_check || !run_without_redis(cli, &rc, err))
		rc = run_with_redis(cli, is_check, err);
	/* Also after a failure: what was done before has been told. */
	if (fflush(stdout) == EOF && rc == WP_OK)
		rc = wp_error_sys(err, "standard output");
	return rc;
}

/* Do what the command line says; *is_usage_out: it is none of ours. */
static enum wp_err obey(struct wp_program *program, struct wp_cli *cli,
			bool *is_usage_out, struct wp_error *err)
{
	enum wp_err rc;

	rc = wp_cli_read_args(&cli->args, program->argc, program->argv, err);
	*is_usage_out = rc != WP_OK;
	if (rc != WP_OK)
		return rc;
	if (cli->args.command == WP_CLI_HELP) {
		if (fputs(wp_cli_help, stdout) == EOF || fflush(stdout) == EOF)
			return wp_error_sys(err, "standard output");
		return WP_OK;
	}
	program->argc = cli->args.n_before;
	if (cli->args.command == WP_CLI_ACCOUNT_CREATE)
		program->about = &about_accounts;
	rc = wp_program_load(program, &cli->conf, err);
	if (rc != WP_OK || program->is_over)
		return rc;
	if (!program->is_check && cli->args.command == WP_CLI_NONE) {
		*is_usage_out = true;
		return wp_error_set(err, WP_ERR_INVAL,
				    "say what to do; try --help");
	}
	return run(cli, program->is_check, err);
}

int main(int argc, char **argv)
{
	struct wp_cli cli = { .redis = NULL };
	struct wp_program program;
	struct wp_error err = { 0 };
	bool is_usage = false;
	int status;

	if (!wp_program_begin(&program, &about, argc, argv))
		return WP_EXIT_FAILED;
	wp_cmd_init(&cli.cmd);
	status = wp_program_end(&program, obey(&program, &cli, &is_usage, &err),
				&err);
	wp_redis_free(&cli.redis);
	wp_cmd_release(&cli.cmd);
	wp_conf_release(&cli.conf);
	return is_usage ? WP_EXIT_USAGE : status;
}
