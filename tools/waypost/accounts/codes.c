/*
 * codes.c - `waypost account unlock`, `account reset-code` and `invite create`:
 * what an operator tells Redis about who wants to come in.
 *
 * A code is printed this once; Redis has its SHA-256.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/accounts/accounts.h"
#include "lib/mailbox/login.h"
#include "lib/name/box.h"
#include "tools/waypost/accounts/leaver.h"
#include "tools/waypost/cli/cli.h"

enum { S_PER_DAY = 86400 };

static void box_of(const struct wp_cli *cli, struct wp_box *out)
{
	struct wp_urn user;

	wp_username_urn(&cli->args.account, &user);
	wp_box_of(out, &user, cli->partitions);
}

/* Is there such an account, for whom it means anything? */
static enum wp_err find(const struct wp_cli *cli, struct wp_error *err)
{
	struct wp_accounts *accounts = NULL;
	struct wp_account account;
	enum wp_err rc = wp_cli_open_accounts(cli, &accounts, err);

	if (rc == WP_OK)
		rc = wp_accounts_find(accounts, &cli->args.account, &account,
				      err);
	if (rc == WP_OK && account.state != WP_ACCOUNT_ACTIVE)
		rc = wp_error_set(err, WP_ERR_NOTFOUND,
				  "the account is disabled or deleted");
	wp_accounts_close(&accounts);
	return rc;
}

/* Send cli->cmd; any answer but an error will do. */
static enum wp_err tell(struct wp_cli *cli, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = wp_cli_ask(cli, &reply, err);

	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_cli_account_unlock(struct wp_cli *cli, struct wp_error *err)
{
	struct wp_box box;
	enum wp_err rc = find(cli, err);

	if (rc != WP_OK)
		return rc;
	box_of(cli, &box);
	wp_login_ok_build(&cli->cmd, &box, NULL);
	rc = tell(cli, err);
	if (rc == WP_OK)
		printf("%s may try again\n", cli->args.account.text);
	return rc;
}

/* Not by stdio, which would keep a copy. */
static enum wp_err show(char code[WP_RECOVERY_CODE_LEN + 1],
			struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	code[WP_RECOVERY_CODE_LEN] = '\n';
	if (write(STDOUT_FILENO, code, WP_RECOVERY_CODE_LEN + 1) !=
	    WP_RECOVERY_CODE_LEN + 1)
		rc = wp_error_sys(err, "standard output");
	return rc;
}

enum wp_err wp_cli_account_reset_code(struct wp_cli *cli, struct wp_error *err)
{
	char text[WP_RECOVERY_CODE_LEN + 1];
	uint8_t unused[WP_RECOVERY_HASH_LEN];
	struct wp_login_code code;
	enum wp_err rc = find(cli, err);

	if (rc != WP_OK)
		return rc;
	wp_recovery_make(text, unused);
	wp_login_code_of(&code, text, WP_RECOVERY_CODE_LEN, cli->partitions);
	wp_reset_put_build(&cli->cmd, &code, cli->args.account.text);
	rc = tell(cli, err);
	if (rc == WP_OK)
		rc = show(text, err);
	explicit_bzero(text, sizeof(text));
	return rc;
}

enum wp_err wp_cli_invite_create(struct wp_cli *cli, struct wp_error *err)
{
	char text[WP_RECOVERY_CODE_LEN + 1];
	uint8_t unused[WP_RECOVERY_HASH_LEN];
	struct wp_login_code code;
	enum wp_err rc;

	wp_recovery_make(text, unused);
	wp_login_code_of(&code, text, WP_RECOVERY_CODE_LEN, cli->partitions);
	wp_invite_put_build(&cli->cmd, &code, cli->args.uses,
			    cli->args.days * S_PER_DAY);
	rc = tell(cli, err);
	if (rc == WP_OK)
		rc = show(text, err);
	explicit_bzero(text, sizeof(text));
	return rc;
}
