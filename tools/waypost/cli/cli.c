/*
 * cli.c - asking Redis, and finding the queues that hold dead letters.
 *
 * The number of partitions is the deployment's own, not the configuration's: a
 * look around must neither fix it nor fail because of it.
 */
#include "tools/waypost/cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/mailbox/deployment.h"

enum wp_err wp_cli_ask(struct wp_cli *cli, struct wp_reply **reply_out,
		       struct wp_error *err)
{
	enum wp_err rc = wp_redis_do(cli->redis, &cli->cmd, reply_out, err);

	return rc == WP_OK ? wp_reply_accept(reply_out, err) : rc;
}

enum wp_err wp_cli_connect(struct wp_cli *cli, struct wp_error *err)
{
	struct wp_error why = { 0 };
	enum wp_err rc = wp_redis_connect(cli->redis, &why);

	/* The address is perhaps nobody's choice. */
	if (rc != WP_OK)
		return wp_error_set(err, rc, "%s%s", why.msg,
				    cli->conf.has_file
					    ? ""
					    : " (no configuration file was "
					      "found "
					      "at " WP_CONF_DEFAULT_PATH ")");
	return wp_deployment_partitions(cli->redis, &cli->conf,
					&cli->partitions, err);
}

enum wp_err wp_cli_time(struct wp_cli *cli, int64_t *now_ms_out,
			struct wp_error *err)
{
	enum { MS_PER_S = 1000, US_PER_MS = 1000 };
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "TIME");
	rc = wp_cli_ask(cli, &reply, err);
	if (rc != WP_OK)
		return rc;
	*now_ms_out = wp_reply_int(wp_reply_at(reply, 0)) * MS_PER_S +
		      wp_reply_int(wp_reply_at(reply, 1)) / US_PER_MS;
	if (wp_reply_count(reply) != 2)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis does not tell the time");
	wp_reply_free(&reply);
	return rc;
}

void wp_cli_queues_release(struct wp_cli_queues *queues)
{
	free(queues->list);
	*queues = (struct wp_cli_queues){ 0 };
}

/* All queues of the deployment, or the one asked for. */
static enum wp_err name_queues(const struct wp_cli *cli,
			       struct wp_cli_queues *out, struct wp_error *err)
{
	const struct wp_cli_args *args = &cli->args;
	size_t n = args->has_queue ? 1 : (size_t)cli->partitions + 1;

	if (args->has_queue && !args->queue.is_inbox &&
	    args->queue.partition >= cli->partitions)
		return wp_error_set(err, WP_ERR_INVAL,
				    "this deployment has the partitions 0 to "
				    "%" PRIu32,
				    cli->partitions - 1);
	out->list = calloc(n, sizeof(*out->list));
	if (out->list == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	out->n = n;
	if (args->has_queue) {
		out->list[0] = args->queue;
		return WP_OK;
	}
	for (size_t i = 0; i < cli->partitions; i++)
		out->list[i].partition = (uint32_t)i;
	out->list[n - 1].is_inbox = true;
	return WP_OK;
}

enum wp_err wp_cli_queues_find(struct wp_cli *cli, struct wp_cli_queues *out,
			       struct wp_error *err)
{
	enum wp_err rc;

	*out = (struct wp_cli_queues){ 0 };
	rc = name_queues(cli, out, err);
	return rc == WP_OK
		       ? wp_dlq_keep_full(cli->redis, out->list, &out->n, err)
		       : rc;
}
