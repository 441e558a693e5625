/*
 * expire.c - waypost expire --confirm: the clock has jumped, and an operator
 * says that it is right.
 *
 * Each worker takes a value that it has not seen before for one confirmation.
 */
#include <stdio.h>

#include "lib/base/random.h"
#include "lib/mailbox/sweep.h"
#include "tools/waypost/cli.h"

enum { VALUE_BYTES = 16 };

enum wp_err wp_cli_expire(struct wp_cli *cli, struct wp_error *err)
{
	char value[2 * VALUE_BYTES + 1];
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_random_hex(value, VALUE_BYTES);
	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "SET");
	wp_cmd_str(&cli->cmd, WP_EXPIRE_CONFIRM_KEY);
	wp_cmd_str(&cli->cmd, value);
	wp_cmd_str(&cli->cmd, "EX");
	wp_cmd_int(&cli->cmd, WP_EXPIRE_CONFIRM_SECONDS);
	rc = wp_cli_ask(cli, &reply, err);
	wp_reply_free(&reply);
	if (rc == WP_OK)
		printf("workers that wait for it delete what has expired by "
		       "the clock of Redis\n");
	return rc;
}
