/*
 * devices.c - waypost push list and push test: the devices of somebody, as
 * the store has them, but never how they are reached; and a push to one.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/encode.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/push.h"
#include "lib/mailbox/scripts.h"
#include "lib/name/box.h"
#include "lib/push/kind.h"
#include "lib/store/device_json.h"
#include "lib/store/push.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"
#include "tools/waypost/cli/table.h"

enum { S_PER_DAY = 86400, MS_PER_S = 1000, DAY_LEN = 10 };

static enum wp_err read_devices(const struct wp_cli *cli,
				const struct wp_push_list *list,
				struct wp_error *err)
{
	char id[WP_STORE_ID_LEN + 1];
	struct wp_store *store = NULL;
	enum wp_err rc =
		wp_deployment_open(&store, cli->redis, &cli->conf, id, err);

	if (rc == WP_OK)
		rc = wp_push_list(store, list, err);
	wp_store_close(&store);
	return rc;
}

static void name_of(const struct wp_push_row *row,
		    char out[WP_DEVICE_ID_TEXT_LEN + 1])
{
	out[wp_base64url_encode(row->id, WP_PUSH_ID_LEN, out)] = '\0';
}

/* ---- list ---- */

struct listing {
	struct wp_cli_table table;
	struct wp_buf out;
	size_t n;
	bool is_json;
};

static void add_result(struct wp_cli_table *table,
		       const struct wp_push_row *row)
{
	char day[WP_RFC3339_LEN];

	if (row->result == WP_PUSH_NO_RESULT) {
		wp_cli_table_text(table, "");
		return;
	}
	wp_cli_time_text(row->result_day * S_PER_DAY * MS_PER_S, day);
	wp_cli_table_printf(table, "%.*s %s", DAY_LEN, day,
			    row->result == WP_PUSH_ACCEPTED ? "accepted"
							    : "failed");
}

static void add_row(struct wp_cli_table *table, const struct wp_push_row *row)
{
	char id[WP_DEVICE_ID_TEXT_LEN + 1];

	name_of(row, id);
	wp_cli_table_text(table, id);
	wp_cli_table_text(table, row->kind);
	wp_cli_table_text(table, wp_device_state(row));
	add_result(table, row);
	wp_cli_table_text(table, row->app);
	wp_cli_table_text(table, row->name);
	wp_cli_table_text(table, row->reason);
}

static void add_device(void *ctx, const struct wp_push_row *row)
{
	struct listing *listing = ctx;

	if (listing->is_json) {
		wp_buf_add_str(&listing->out, listing->n > 0 ? ",\n " : "\n ");
		wp_device_add_json(&listing->out, row);
	} else {
		add_row(&listing->table, row);
	}
	listing->n++;
}

enum wp_err wp_cli_push_list(struct wp_cli *cli, struct wp_error *err)
{
	struct listing listing = { .is_json = cli->args.is_json };
	const struct wp_push_list list = {
		.user = &cli->args.whose,
		.on_row = add_device,
		.ctx = &listing,
	};
	static const struct wp_column columns[] = {
		{ .title = "ID" },     { .title = "KIND" },
		{ .title = "STATE" },  { .title = "LAST RESULT" },
		{ .title = "APP" },    { .title = "NAME" },
		{ .title = "REASON" },
	};
	struct wp_style style;
	enum wp_err rc;

	wp_buf_init(&listing.out, 0);
	wp_style_of(&style, STDOUT_FILENO, false);
	wp_cli_table_begin(&listing.table, &style, columns,
			   sizeof(columns) / sizeof(columns[0]));
	if (listing.is_json)
		wp_buf_add_char(&listing.out, '[');
	rc = read_devices(cli, &list, err);
	wp_cli_table_end(&listing.table, &listing.out);
	if (rc != WP_OK) {
		wp_buf_release(&listing.out);
		return rc;
	}
	if (listing.is_json)
		wp_buf_add_str(&listing.out, listing.n > 0 ? "\n]\n" : "]\n");
	else if (listing.n == 0)
		fprintf(stderr, "waypost: nobody of this name has a device\n");
	return wp_cli_put_out(&listing.out, err);
}

/* ---- test ---- */

struct search {
	const char *wanted; /* an id; NULL: the only one */
	size_t n;           /* that can be told, and are wanted */
	bool is_there;      /* the wanted one, whether or not it can be told */
	char found[WP_DEVICE_ID_TEXT_LEN + 1];
};

/* Pages are devices of no provider: lib/push/kind.h. What nobody has verified
 * is told nothing. */
static bool can_be_told(const struct wp_push_row *row)
{
	enum wp_push_kind kind;

	return row->state != WP_PUSH_GONE && row->state != WP_PUSH_UNVERIFIED &&
	       wp_push_kind_named(row->kind, &kind);
}

static void look_at(void *ctx, const struct wp_push_row *row)
{
	struct search *search = ctx;
	char id[WP_DEVICE_ID_TEXT_LEN + 1];

	name_of(row, id);
	if (search->wanted != NULL && strcmp(search->wanted, id) != 0)
		return;
	search->is_there = true;
	if (!can_be_told(row))
		return;
	search->n++;
	memcpy(search->found, id, sizeof(id));
}

static enum wp_err find(const struct wp_cli *cli, struct search *search,
			struct wp_error *err)
{
	const struct wp_push_list list = {
		.user = &cli->args.whose,
		.on_row = look_at,
		.ctx = search,
	};
	enum wp_err rc = read_devices(cli, &list, err);

	if (rc != WP_OK || search->n == 1)
		return rc;
	if (search->n > 1)
		return wp_error_set(err, WP_ERR_INVAL,
				    "there are %zu devices: say which, by the "
				    "id that push list shows",
				    search->n);
	return search->is_there
		       ? wp_error_set(err, WP_ERR_INVAL,
				      "it cannot be told: push list says why")
		       : wp_error_set(err, WP_ERR_NOTFOUND,
				      "there is no such device");
}

static enum wp_err wake(struct wp_cli *cli, const char *device,
			struct wp_error *err)
{
	char once[WP_PUSH_ONCE_MAX + 1];
	struct wp_reply *reply = NULL;
	struct wp_box box;
	enum wp_err rc;

	wp_push_once_test(once, device);
	wp_box_of(&box, &cli->args.whose, cli->partitions);
	wp_push_wake_build(&cli->cmd, &box, once);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK && wp_script_done(reply) != WP_OK)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis gave no usable answer");
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_cli_push_test(struct wp_cli *cli, struct wp_error *err)
{
	struct search search = { .wanted = cli->args.device };
	enum wp_err rc;

	if (!cli->conf.push.enabled)
		return wp_error_set(err, WP_ERR_INVAL,
				    "push.enabled is false: nobody is told of "
				    "anything here");
	rc = find(cli, &search, err);
	if (rc == WP_OK)
		rc = wake(cli, search.found, err);
	if (rc == WP_OK)
		printf("asked for a push to %s; push list says what comes of "
		       "it\n",
		       search.found);
	return rc;
}
