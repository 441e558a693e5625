/*
 * store.c - waypost store adopt --yes: the store of the settings becomes the
 * one of this deployment, whatever wp:meta said before.
 *
 * What Redis knows of the other store must go first: hints of rows that this
 * one does not have. Without gates every partition is reconciled with the new
 * store before anything is accepted again (worker/gates.c), as after a loss of
 * Redis' memory; and whatever is known of versions is of a life that is over,
 * also when this store has served the same Redis before: a copy that was put
 * back has the id of the deployment, and counts up to versions again that Redis
 * has heard of. Each step may be cut off and done again; until the last one the
 * old id stands, and programs refuse the new store.
 */
#include <inttypes.h>
#include <stdio.h>

#include "lib/base/random.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/partition.h"
#include "lib/mailbox/scripts.h"
#include "tools/waypost/cli/cli.h"

enum { LIFE_BYTES = 20 }; /* as a run_id of Redis */

static enum wp_err forget_partition(struct wp_cli *cli, uint32_t partition,
				    struct wp_error *err)
{
	/* The gate first: nobody may look while the hints are gone. */
	static const char *const names[] = { "gate", "cold" };
	struct wp_reply *reply = NULL;
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < sizeof(names) / sizeof(names[0]);
	     i++) {
		wp_cmd_key(&cli->cmd, "UNLINK", partition, names[i]);
		rc = wp_cli_ask(cli, &reply, err);
		wp_reply_free(&reply);
	}
	return rc;
}

static enum wp_err note_store(struct wp_cli *cli, const char *id,
			      struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "HSET");
	wp_cmd_str(&cli->cmd, WP_META_KEY);
	wp_cmd_str(&cli->cmd, WP_META_STORE);
	wp_cmd_str(&cli->cmd, id);
	rc = wp_cli_ask(cli, &reply, err);
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err read_id(struct wp_cli *cli, char id[WP_STORE_ID_LEN + 1],
			   struct wp_error *err)
{
	struct wp_store *store = NULL;
	enum wp_err rc = wp_store_open(&store, &cli->conf, err);

	if (rc == WP_OK)
		rc = wp_store_id(store, id, err);
	wp_store_close(&store);
	return rc;
}

/* The store may know Redis' present life, and then nothing else would fence. */
static enum wp_err end_life(struct wp_cli *cli, struct wp_error *err)
{
	char nobody[2 * LIFE_BYTES + 1];
	struct wp_store *store = NULL;
	enum wp_err rc = wp_store_open(&store, &cli->conf, err);

	wp_random_hex(nobody, LIFE_BYTES);
	if (rc == WP_OK)
		rc = wp_store_fence(store, nobody, err);
	wp_store_close(&store);
	return rc;
}

/*
 * An empty store passes for that of a deployment in which nothing was accepted
 * yet, whose clock can be believed. What waits in Redis says otherwise.
 */
static enum wp_err doubt_clock(struct wp_cli *cli, struct wp_error *err)
{
	struct wp_store *store = NULL;
	enum wp_err rc = wp_store_open(&store, &cli->conf, err);

	if (rc == WP_OK)
		rc = wp_store_note_swap(store, WP_STORE_NOTE_MADE, "empty",
					"adopted", err);
	wp_store_close(&store);
	/* Stale: it does not pass for one. */
	return rc == WP_ERR_STALE ? WP_OK : rc;
}

/* A worker that runs would tell Redis again of the store that goes. */
static enum wp_err check_nobody_works(struct wp_cli *cli, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "ZCARD");
	wp_cmd_str(&cli->cmd, WP_WORKERS_KEY);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK && wp_reply_int(reply) > 0)
		rc = wp_error_set(err, WP_ERR_CONFLICT,
				  "nothing was adopted: a worker is running, "
				  "or was a moment ago; stop all programs "
				  "first");
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_cli_store_adopt(struct wp_cli *cli, struct wp_error *err)
{
	char id[WP_STORE_ID_LEN + 1];
	char where[WP_STORE_WHERE_MAX + 1];
	struct wp_error why = { 0 };
	bool is_same;
	enum wp_err rc = read_id(cli, id, err);

	if (rc != WP_OK)
		return rc;
	rc = wp_deployment_match(cli->redis, &cli->conf, id, &why);
	is_same = rc == WP_OK;
	if (!is_same && rc != WP_ERR_INVAL) {
		*err = why;
		return rc;
	}
	/* Also when it is the same by its id: a copy that was put back is. */
	rc = check_nobody_works(cli, err);
	if (rc != WP_OK)
		return rc;
	for (uint32_t p = 0; p < cli->partitions; p++) {
		rc = forget_partition(cli, p, err);
		if (rc != WP_OK)
			return rc;
	}
	rc = end_life(cli, err);
	if (rc == WP_OK && !is_same)
		rc = doubt_clock(cli, err);
	if (rc == WP_OK)
		rc = note_store(cli, id, err);
	if (rc == WP_OK) {
		wp_store_where(&cli->conf, where);
		printf("%s is the store of this deployment now (%.8s…); start "
		       "the programs\n",
		       where, id);
	}
	return rc;
}
