/*
 * waypost: the operator's command line.
 *
 * Life: read the command line, then the settings of the deployment as every
 * program does; connect to its Redis; do one thing; exit. Whatever it changes,
 * it changes through scripts that are safe to run again, so it may be stopped
 * at any moment and started once more.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/check.h"
#include "lib/sys/descriptors.h"
#include "tools/waypost/cli.h"

enum { EXIT_USAGE = 2 };

static const struct wp_conf_flag flags[] = {
	{ "--redis", "redis.address" },
	{ NULL, NULL },
};

static struct wp_faults faults; /* of a start or --check */

static const struct wp_conf_program program = {
	.name = "waypost",
	.summary =
		"Looks after dead letters and expiry, and hands messages in.",
	.sections = "run_mode,log,redis,mailbox,cors,store",
	.faults = &faults,
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
	case WP_CLI_STORE_ADOPT:
		return wp_cli_store_adopt(cli, err);
	case WP_CLI_NONE:
	case WP_CLI_HELP:
	case WP_CLI_ORIGINS:
		break;
	}
	return WP_OK;
}

/* Connect and do what was asked for. */
static enum wp_err run_with_redis(struct wp_cli *cli,
				  enum wp_conf_action action,
				  struct wp_error *err)
{
	const struct wp_log log = { .component = NULL };
	enum wp_err rc;

	rc = wp_redis_new(&cli->redis, &cli->conf, &wp_scripts, err);
	if (rc == WP_OK)
		rc = wp_cli_connect(cli, err);
	if (rc != WP_OK)
		return rc;
	if (action != WP_CONF_CHECK)
		return run_command(cli, err);
	rc = wp_redis_check(cli->redis, &cli->conf, &log, err);
	if (rc == WP_OK)
		printf("waypost: its settings and Redis are in order; each "
		       "program's --check looks at its own\n");
	return rc;
}

static enum wp_err run(struct wp_cli *cli, enum wp_conf_action action,
		       struct wp_error *err)
{
	enum wp_err rc;

	if (cli->args.command == WP_CLI_ORIGINS && action == WP_CONF_RUN)
		rc = wp_cli_origins(cli, err);
	else
		rc = run_with_redis(cli, action, err);
	/* Also after a failure: what was done before has been told. */
	if (fflush(stdout) == EOF && rc == WP_OK)
		rc = wp_error_sys(err, "standard output");
	return rc;
}

int main(int argc, char **argv)
{
	struct wp_cli cli = { .redis = NULL };
	struct wp_error err = { 0 };
	enum wp_conf_action action = WP_CONF_RUN;
	int status = EXIT_FAILURE;
	enum wp_err rc;

	if (!wp_descriptors_begin())
		return EXIT_FAILURE;
	(void)signal(SIGPIPE, SIG_IGN);
	wp_cmd_init(&cli.cmd);
	rc = wp_cli_read_args(&cli.args, argc, argv, &err);
	if (rc != WP_OK) {
		status = EXIT_USAGE;
		goto out;
	}
	if (cli.args.command == WP_CLI_HELP) {
		if (fputs(wp_cli_help, stdout) == EOF || fflush(stdout) == EOF)
			rc = wp_error_sys(&err, "standard output");
		goto out;
	}
	rc = wp_conf_load(&cli.conf, &program, cli.args.n_before, argv, &action,
			  &err);
	if (rc != WP_OK || action == WP_CONF_EXIT_OK)
		goto out;
	if (action == WP_CONF_RUN && cli.args.command == WP_CLI_NONE) {
		rc = wp_error_set(&err, WP_ERR_INVAL,
				  "say what to do; try --help");
		status = EXIT_USAGE;
		goto out;
	}
	wp_log_setup(program.name, (enum wp_log_level)cli.conf.log.level);
	rc = run(&cli, action, &err);
out:
	wp_redis_free(&cli.redis);
	wp_cmd_release(&cli.cmd);
	wp_conf_release(&cli.conf);
	if (rc == WP_OK)
		return EXIT_SUCCESS;
	wp_faults_print(&faults, program.name, &err);
	return status;
}
