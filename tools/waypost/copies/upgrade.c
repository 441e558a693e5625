/*
 * upgrade.c - waypost upgrade status and upgrade finish: which numbers what is
 * stored has, and raising them.
 *
 * A release serves what the one before has made, and no start changes that; so
 * that one can come back until an operator says that it will not. The layout of
 * the keys in Redis is one for all that run, and wp_cli_connect() has compared
 * it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/mailbox/deployment.h"
#include "lib/store/store.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/clients.h"
#include "tools/waypost/cli/json_out.h"

static enum wp_err tell_json(int64_t version, int64_t newest,
			     struct wp_error *err)
{
	struct json_object *object = json_object_new_object();
	struct wp_buf out;

	wp_buf_init(&out, 0);
	wp_cli_add_int(&object, "layout", WP_LAYOUT);
	wp_cli_add_int(&object, "storeTables", version);
	wp_cli_add_int(&object, "storeTablesNewest", newest);
	wp_cli_put_object(&out, &object);
	wp_buf_add_char(&out, '\n');
	return wp_cli_put_out(&out, err);
}

static void tell(int64_t version, int64_t newest)
{
	printf("the keys in Redis have layout %d, as this Waypost wants\n",
	       WP_LAYOUT);
	if (version == 0)
		printf("the store is not there yet\n");
	else if (version == newest)
		printf("the store has tables %" PRId64
		       ", as this Waypost makes them\n",
		       version);
	else
		printf("the store has tables %" PRId64
		       ", this Waypost makes %" PRId64
		       "; when nothing older will run any\n"
		       "more: waypost upgrade finish --yes\n",
		       version, newest);
}

enum wp_err wp_cli_upgrade_status(struct wp_cli *cli, struct wp_error *err)
{
	int64_t version, newest;
	enum wp_err rc = wp_store_tables(&cli->conf, &version, &newest, err);

	if (rc != WP_OK)
		return rc;
	if (cli->args.is_json)
		return tell_json(version, newest, err);
	tell(version, newest);
	return WP_OK;
}

/*
 * There is no way back, so it wants all programs to be of this release: an
 * older one would lose its store. If Redis does not tell, an operator knows.
 */
static enum wp_err check_programs(struct wp_cli *cli, struct wp_error *err)
{
	struct wp_clients clients;
	enum wp_err rc = wp_clients_ask(cli, &clients, err);

	for (size_t i = 0; rc == WP_OK && i < clients.n; i++) {
		const struct wp_client_program *one = &clients.list[i];

		if (strcmp(one->version, wp_version) != 0)
			rc = wp_error_set(err, WP_ERR_CONFLICT,
					  "%s %s is connected to Redis; have "
					  "all programs be of %s first",
					  one->name, one->version, wp_version);
	}
	return rc;
}

enum wp_err wp_cli_upgrade_finish(struct wp_cli *cli, struct wp_error *err)
{
	int64_t version, newest;
	enum wp_err rc = wp_store_tables(&cli->conf, &version, &newest, err);

	if (rc != WP_OK)
		return rc;
	if (version == newest) {
		printf("the store has tables %" PRId64 " already\n", newest);
		return WP_OK;
	}
	rc = check_programs(cli, err);
	if (rc == WP_OK)
		rc = wp_store_upgrade(&cli->conf, err);
	if (rc == WP_OK)
		printf("the store has tables %" PRId64
		       " now; older programs refuse it\n",
		       newest);
	return rc;
}
