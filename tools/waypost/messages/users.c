/*
 * users.c - `waypost presence` and `waypost user show`: who is online, and what
 * is known of somebody. Last seen to the minute, as clients are told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/mailbox/presence.h"
#include "lib/store/push.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"
#include "tools/waypost/messages/mailbox.h"

enum { S_PER_MIN = 60, MS_PER_S = 1000 };

static int64_t to_the_minute(int64_t seen_s)
{
	return seen_s > 0 ? (seen_s - seen_s % S_PER_MIN) * MS_PER_S : 0;
}

static void add_seen(struct wp_cli_table *table, int64_t connections,
		     int64_t seen_s)
{
	if (connections > 0)
		wp_cli_table_text(table, "now");
	else
		wp_cli_table_time(table, to_the_minute(seen_s));
}

/* ---- presence ---- */

static enum wp_err ask(struct wp_cli *cli, const struct wp_urn *user,
		       struct wp_presence_state *out, struct wp_error *err)
{
	const struct wp_box *boxes[1];
	struct wp_reply *reply = NULL;
	struct wp_box box;
	enum wp_err rc;

	wp_box_of(&box, user, cli->partitions);
	boxes[0] = &box;
	wp_presence_query_build(&cli->cmd, boxes, 1);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK && wp_presence_query_parse(reply, 1, out) != WP_OK)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis does not say who is online");
	wp_reply_free(&reply);
	return rc;
}

static void add_user(struct json_object **array, const struct wp_urn *user,
		     const struct wp_presence_state *state)
{
	struct json_object *object = json_object_new_object();

	wp_cli_add_text(&object, "user", user->text);
	wp_cli_add_bool(&object, "online", state->connections > 0);
	wp_cli_add_int(&object, "connections", state->connections);
	wp_cli_add_time(&object, "lastSeen", to_the_minute(state->seen_s));
	wp_cli_append(array, object);
}

enum wp_err wp_cli_presence(struct wp_cli *cli, struct wp_error *err)
{
	static const struct wp_column columns[] = {
		{ .title = "USER" },
		{ .title = "CONNECTIONS", .is_right = true },
		{ .title = "LAST SEEN" },
	};
	struct json_object *array = json_object_new_array();
	struct json_object *object = json_object_new_object();
	struct wp_cli_table table;
	struct wp_style style;
	struct wp_buf out;
	enum wp_err rc;

	wp_buf_init(&out, 0);
	wp_style_of(&style, STDOUT_FILENO, cli->args.is_utc);
	rc = wp_cli_time(cli, &style.now_ms, err);
	wp_cli_table_begin(&table, &style, columns,
			   sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < cli->args.n_users && rc == WP_OK; i++) {
		const struct wp_urn *user = &cli->args.users[i];
		struct wp_presence_state state = { 0 };

		rc = ask(cli, user, &state, err);
		wp_cli_table_text(&table, user->text);
		wp_cli_table_count(&table, state.connections);
		add_seen(&table, state.connections, state.seen_s);
		add_user(&array, user, &state);
	}
	wp_cli_table_end(&table, &out);
	wp_cli_add(&object, "users", array);
	if (cli->args.is_json) {
		wp_buf_clear(&out);
		wp_cli_put_object(&out, &object);
		wp_buf_add_char(&out, '\n');
	}
	json_object_put(object);
	if (rc == WP_OK)
		return wp_cli_put_out(&out, err);
	wp_buf_release(&out);
	return rc;
}

/* ---- user show ---- */

struct devices {
	int64_t n;
	int64_t usable;
};

static void count_device(void *ctx, const struct wp_push_row *row)
{
	struct devices *devices = ctx;

	devices->n++;
	devices->usable +=
		row->state != WP_PUSH_GONE && row->state != WP_PUSH_UNVERIFIED;
}

static enum wp_err count_devices(struct wp_cli *cli, struct devices *out,
				 struct wp_error *err)
{
	const struct wp_push_list list = {
		.user = &cli->args.whose,
		.on_row = count_device,
		.ctx = out,
	};
	struct wp_store *store = NULL;
	enum wp_err rc = wp_cli_open_store(cli, &store, err);

	if (rc == WP_OK && store != NULL)
		rc = wp_push_list(store, &list, err);
	wp_store_close(&store);
	return rc;
}

static void add_lines(struct wp_buf *out, const struct wp_mailbox *mailbox,
		      const struct devices *devices, bool is_utc)
{
	static const struct wp_column columns[] = { { .title = NULL },
						    { .title = NULL } };
	const struct wp_inspect *redis = &mailbox->redis;
	struct wp_cli_table table;
	struct wp_style style;

	wp_style_of(&style, STDOUT_FILENO, is_utc);
	style.now_ms = redis->now_ms;
	wp_cli_table_begin(&table, &style, columns, 2);
	wp_cli_table_text(&table, "user");
	wp_cli_table_text(&table, mailbox->box.text);
	wp_cli_table_text(&table, "partition");
	wp_cli_table_printf(&table, "%" PRIu32, mailbox->box.partition);
	wp_cli_table_text(&table, "connections");
	wp_cli_table_count(&table, redis->connections);
	wp_cli_table_text(&table, "last seen");
	add_seen(&table, redis->connections, redis->seen_s);
	wp_cli_table_text(&table, "sessions of ours");
	wp_cli_table_count(&table, redis->sessions);
	wp_cli_table_text(&table, "devices");
	if (devices != NULL)
		wp_cli_table_printf(&table,
				    "%" PRId64 ", %" PRId64 " can be told",
				    devices->n, devices->usable);
	else
		wp_cli_table_text(&table, "unknown");
	wp_cli_table_text(&table, "messages that wait");
	if (wp_mailbox_total(mailbox) >= 0)
		wp_cli_table_count(&table, wp_mailbox_total(mailbox));
	else
		wp_cli_table_text(&table, "unknown");
	wp_cli_table_end(&table, out);
}

static void add_object(struct wp_buf *out, const struct wp_mailbox *mailbox,
		       const struct devices *devices)
{
	struct json_object *object = json_object_new_object();
	const struct wp_inspect *redis = &mailbox->redis;

	wp_cli_add_text(&object, "user", mailbox->box.text);
	wp_cli_add_int(&object, "partition", mailbox->box.partition);
	wp_cli_add_bool(&object, "online", redis->connections > 0);
	wp_cli_add_int(&object, "connections", redis->connections);
	wp_cli_add_time(&object, "lastSeen", to_the_minute(redis->seen_s));
	wp_cli_add_int(&object, "sessions", redis->sessions);
	wp_cli_add_int(&object, "devices", devices != NULL ? devices->n : -1);
	wp_cli_add_int(&object, "devicesUsable",
		       devices != NULL ? devices->usable : -1);
	wp_cli_add_int(&object, "messages", wp_mailbox_total(mailbox));
	wp_cli_add_int(&object, "bytes", wp_mailbox_total_bytes(mailbox));
	wp_cli_put_object(out, &object);
	wp_buf_add_char(out, '\n');
}

enum wp_err wp_cli_user_show(struct wp_cli *cli, struct wp_error *err)
{
	struct devices devices = { .n = 0 };
	const struct devices *known = NULL;
	struct wp_mailbox mailbox;
	struct wp_buf out;
	enum wp_err rc = wp_mailbox_read(cli, &cli->args.whose, &mailbox, err);

	if (rc != WP_OK)
		return rc;
	/* A store that cannot be read has been told of. */
	if (mailbox.is_read && count_devices(cli, &devices, NULL) == WP_OK)
		known = &devices;
	wp_buf_init(&out, 0);
	if (cli->args.is_json)
		add_object(&out, &mailbox, known);
	else
		add_lines(&out, &mailbox, known, cli->args.is_utc);
	return wp_cli_put_out(&out, err);
}
