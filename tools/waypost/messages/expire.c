/*
 * expire.c - waypost expire --confirm: expiry is late because nobody knows
 * whether the clock is right, and an operator says that it is.
 *
 * What is confirmed is the time that the clock shows now, and that we print. It
 * stays true whatever the clock does before a worker hears of it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/mailbox/partition.h"
#include "tools/waypost/cli/cli.h"

enum { NONCE_BYTES = 16 };

enum wp_err wp_cli_expire(struct wp_cli *cli, struct wp_error *err)
{
	char nonce[2 * NONCE_BYTES + 1];
	char word[WP_EXPIRE_CONFIRM_MAX + 1];
	char text[WP_RFC3339_LEN];
	struct wp_reply *reply = NULL;
	int64_t wall_ms = 0;
	enum wp_err rc = wp_cli_time(cli, &wall_ms, err);

	if (rc != WP_OK)
		return rc;
	wp_random_hex(nonce, NONCE_BYTES);
	(void)snprintf(word, sizeof(word), "%" PRId64 " %s", wall_ms, nonce);
	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "SET");
	wp_cmd_str(&cli->cmd, WP_EXPIRE_CONFIRM_KEY);
	wp_cmd_str(&cli->cmd, word);
	wp_cmd_str(&cli->cmd, "EX");
	wp_cmd_int(&cli->cmd, WP_EXPIRE_CONFIRM_SECONDS);
	rc = wp_cli_ask(cli, &reply, err);
	wp_reply_free(&reply);
	if (rc != WP_OK)
		return rc;
	wp_rfc3339(wall_ms, text);
	printf("%s by the clock of Redis: workers delete what has expired by "
	       "then\n",
	       text);
	return WP_OK;
}
