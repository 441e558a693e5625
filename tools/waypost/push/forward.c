/*
 * forward.c - the second half of waypost push resume: a walk through all
 * partitions, so that whoever was put off is looked at soon. One that was cut
 * off is begun anew: it does no harm twice.
 */
#include "lib/base/random.h"
#include "lib/mailbox/push_forward.h"
#include "tools/waypost/cli/cli.h"

static enum wp_err walk_through(struct wp_cli *cli,
				struct wp_push_forward *walk,
				struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	while (rc == WP_OK && !walk->is_over) {
		struct wp_reply *reply = NULL;

		wp_push_forward_build(&cli->cmd, walk, cli->args.app,
				      cli->partitions,
				      wp_random_below(INT32_MAX));
		rc = wp_cli_ask(cli, &reply, err);
		if (rc == WP_OK && wp_push_forward_told(walk, reply) != WP_OK)
			rc = wp_error_set(err, WP_ERR_UNAVAIL,
					  "Redis gave no usable answer");
		wp_reply_free(&reply);
	}
	return rc;
}

enum wp_err wp_cli_push_forward(struct wp_cli *cli, int64_t *n_out,
				struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	*n_out = 0;
	for (uint32_t p = 0; rc == WP_OK && p < cli->partitions; p++) {
		struct wp_push_forward one = { .partition = p };

		rc = walk_through(cli, &one, err);
		*n_out += one.n;
	}
	return rc;
}
