/*
 * mailbox.c - what is known of one mailbox.
 */
#include "tools/waypost/messages/mailbox.h"

#include <stdio.h>

#include "lib/mailbox/deployment.h"
#include "lib/store/store.h"

enum wp_err wp_cli_open_store(const struct wp_cli *cli, struct wp_store **out,
			      struct wp_error *err)
{
	char id[WP_STORE_ID_LEN + 1];
	struct wp_store_look look;
	enum wp_err rc = wp_store_look(&look, &cli->conf, err);

	*out = NULL;
	if (rc != WP_OK || !look.is_there)
		return rc;
	return wp_deployment_open(out, cli->redis, &cli->conf, id, err);
}

static bool count_row(void *ctx, const struct wp_store_row *row)
{
	struct wp_mailbox *mailbox = ctx;
	struct wp_mailbox_band *band = &mailbox->cold[row->band];

	if (band->n == 0)
		band->first_ms = (int64_t)row->entry.ms;
	band->n++;
	band->bytes += (int64_t)row->json_len;
	return true;
}

/* It has as many rows as the quota allows. */
static enum wp_err read_store(struct wp_cli *cli, struct wp_mailbox *out,
			      struct wp_error *err)
{
	struct wp_store *store = NULL;
	const struct wp_store_read read = {
		.box = &out->box,
		.now_ms = out->redis.now_ms,
		.on_row = count_row,
		.ctx = out,
	};
	enum wp_err rc = wp_cli_open_store(cli, &store, err);

	if (rc == WP_OK && store != NULL)
		rc = wp_store_read(store, &read, err);
	wp_store_close(&store);
	return rc;
}

enum wp_err wp_mailbox_read(struct wp_cli *cli, const struct wp_urn *user,
			    struct wp_mailbox *out, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	struct wp_error why = { 0 };
	enum wp_err rc;

	*out = (struct wp_mailbox){ .is_read = false };
	wp_box_of(&out->box, user, cli->partitions);
	wp_inspect_build(&cli->cmd, out->box.partition, &out->box, NULL);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc != WP_OK)
		return rc;
	rc = wp_inspect_parse(reply, &out->redis);
	wp_reply_free(&reply);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "Redis does not say what waits");
	out->is_read = read_store(cli, out, &why) == WP_OK;
	if (!out->is_read)
		fprintf(stderr,
			"waypost: the store cannot be read, so this is what "
			"Redis has heard of it: %s\n",
			why.msg);
	return WP_OK;
}

int64_t wp_mailbox_total(const struct wp_mailbox *mailbox)
{
	if (mailbox->is_read)
		return mailbox->redis.waiting +
		       mailbox->cold[WP_BAND_STANDARD].n +
		       mailbox->cold[WP_BAND_HIGH].n;
	return mailbox->redis.cold < 0
		       ? -1
		       : mailbox->redis.waiting + mailbox->redis.cold;
}

int64_t wp_mailbox_total_bytes(const struct wp_mailbox *mailbox)
{
	if (mailbox->is_read)
		return mailbox->redis.waiting_bytes +
		       mailbox->cold[WP_BAND_STANDARD].bytes +
		       mailbox->cold[WP_BAND_HIGH].bytes;
	return mailbox->redis.cold_bytes < 0
		       ? -1
		       : mailbox->redis.waiting_bytes +
				 mailbox->redis.cold_bytes;
}
